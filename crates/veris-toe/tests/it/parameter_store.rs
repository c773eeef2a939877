//! `{{ aws:ssm:… }}` against a Parameter Store on loopback.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::downloads::{KEYS, Request, Server, answer};
use crate::support::{Ran, Sandbox, document};

/// Two lines, and characters that JSON escapes.
const SECRET: &str = "sesame-\"open\"\nsecond line";

/// Answers as the service does.
fn store() -> Server {
    Server::start(|request, _| {
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(request.headers["x-amz-target"], "AmazonSSM.GetParameter");
        assert_eq!(asked["WithDecryption"], true);
        let found = |r#type: &str, value: &str| {
            let found = json!({"Parameter": {"Name": asked["Name"], "Type": r#type, "Value": value, "Version": 1}});
            answer("200 OK", &found.to_string())
        };
        match asked["Name"].as_str().unwrap() {
            "/chat/version" => found("String", "1.2.0"),
            "/chat/packages" => found("StringList", "jq,tar"),
            "/chat/key" => found("SecureString", SECRET),
            "/chat/denied" => answer(
                "400 Bad Request",
                r#"{"__type":"AccessDeniedException","Message":"User: a-role is not authorized to perform: ssm:GetParameter"}"#,
            ),
            _ => answer("400 Bad Request", r#"{"__type":"ParameterNotFound"}"#),
        }
    })
}

fn run(sandbox: &Sandbox, server: &Server) -> Ran {
    let mut command = sandbox.command(&["run", "-d", "document.yaml", "-i", "id-1", "-s", "state", "-l", "logs"]);
    sandbox.finish(command.envs(KEYS).env("AWS_ENDPOINT_URL_SSM", &server.url).output().unwrap())
}

/// Every file below it, in one text.
fn files(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { fs::read_to_string(path).unwrap() }).collect()
}

#[track_caller]
fn no_secret(text: &str) {
    for part in ["sesame", "second line"] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn parameters_are_asked_of_the_parameter_store() {
    let (sandbox, server) = (Sandbox::new(), store());
    let steps = r"
- name: Tell
  action: ExecuteBash
  inputs:
    commands:
      - echo {{ aws:ssm:/chat/version }} {{aws:ssm:/chat/packages}} {{ aws:ssm:/chat/version }}
      - echo {{ aws:ssm:resolve(aws:ssm:/chat/version) }} {{ aws:ssm:resolve(Key) }}
";
    let parameters = "parameters:\n  - Key: {type: string, default: 'aws:ssm:/chat/key'}\n";
    sandbox.write("document.yaml", &format!("{parameters}{}", document(steps)));
    let ran = run(&sandbox, &server).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Tell] 1.2.0 jq,tar 1.2.0
    [build] [Tell] /chat/version /chat/key
    ");
    // A step asks once for each.
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    signed(&requests[0]);
}

fn signed(request: &Request) {
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
    let authorization = &request.headers["authorization"];
    let (date, time) = request.headers["x-amz-date"].split_once('T').unwrap();
    assert_eq!((date.len(), time.len()), (8, 7));
    let (scope, rest) = authorization.split_once(", ").unwrap();
    assert_eq!(scope, format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{date}/us-east-1/ssm/aws4_request"));
    let (headers, signature) = rest.split_once(", Signature=").unwrap();
    assert_eq!(headers, "SignedHeaders=content-type;host;x-amz-date;x-amz-target");
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
}

#[test]
fn a_secret_reaches_programs_and_later_steps_but_no_log() {
    let (sandbox, server) = (Sandbox::new(), store());
    let steps = r"
- name: Write
  action: CreateFile
  inputs: [{path: key, content: '{{ aws:ssm:/chat/key }}'}]
- name: Print
  action: ExecuteBash
  inputs: {commands: ['cat key; cat key >&2; echo; echo done']}
- name: Use
  action: CreateFile
  loop: {forEach: ['{{ build.Print.outputs.stdout }}']}
  inputs: [{path: copy, content: '{{ loop.value }}{{ build.Write.inputs[0].content }}'}]
- name: Fail
  action: ExecuteBash
  inputs: {commands: ['cat key >&2; exit 3']}
";
    sandbox.write("document.yaml", &document(steps));
    let ran = run(&sandbox, &server).failed();
    assert_eq!(sandbox.read("key"), SECRET);
    assert_eq!(sandbox.read("copy"), format!("{SECRET}\ndone{SECRET}"));
    assert!(ran.stderr.contains("[build] [Print] ****\n"), "{}", ran.stderr);
    assert!(ran.failure().ends_with("its last lines:\n  ****\n  ****"), "{}", ran.failure());
    no_secret(&ran.stderr);
    no_secret(&ran.stdout);
    let logs = files(&sandbox.path("logs"));
    no_secret(&logs);
    assert!(logs.contains(r#"[{\"path\":\"key\",\"content\":\"****\"}]"#), "{logs}");
}

#[test]
fn a_secret_is_in_no_state_and_not_kept_over_a_reboot() {
    let (sandbox, server) = (Sandbox::new(), store());
    let steps = r#"
- name: Silent
  action: ExecuteBash
  disableLogging: true
  inputs: {commands: ["cat <<'EOF'", '{{ aws:ssm:/chat/key }}', EOF]}
- name: Twice
  action: ExecuteBash
  loop: {forEach: ['{{ aws:ssm:/chat/key }}', other]}
  inputs: {commands: [echo x >> runs, "cat <<'EOF'", '{{ loop.value }}', EOF, 'case $(wc -l < runs) in 2) exit 194;; esac']}
- {name: Again, action: CreateFile, inputs: [{path: key, content: '{{ aws:ssm:/chat/key }}'}]}
- {name: Gone, action: CreateFile, inputs: [{path: copy, content: '{{ build.Silent.outputs.stdout }}'}]}
"#;
    sandbox.write("document.yaml", &document(steps));
    let ran = run(&sandbox, &server);
    assert_eq!(ran.code, 194, "{}", ran.stderr);
    assert!(files(&sandbox.path("state")).contains("****"));
    no_secret(&files(&sandbox.path("state")));
    no_secret(&files(&sandbox.path("logs")));
    let ran = run(&sandbox, &server).failed();
    assert_eq!(sandbox.read("key"), SECRET);
    assert_snapshot!(ran.failure(), @"document document.yaml: phase `build`: step `Gone` (CreateFile): `{{ build.Silent.outputs.stdout }}` has no value: it held a SecureString, which is not kept over a reboot; refer to `aws:ssm:` itself");
    no_secret(&files(&sandbox.path("logs")));
}

#[test]
fn parameters_that_cannot_be_had_are_explained() {
    let (sandbox, server) = (Sandbox::new(), store());
    let step = |name| {
        format!(
            "- {{name: {name}, action: ExecuteBash, onFailure: Ignore, inputs: {{commands: ['echo {{{{ aws:ssm:/chat/{name} }}}}']}}}}\n"
        )
    };
    sandbox.write("document.yaml", &document(&["denied", "missing"].map(step).concat()));
    assert_snapshot!(run(&sandbox, &server).succeeded().stderr, @r"
    [build] [denied] failed (ignored): `{{ aws:ssm:/chat/denied }}` has no value: the Parameter Store refuses it to this instance (AccessDeniedException: User: a-role is not authorized to perform: ssm:GetParameter); allow its role ssm:GetParameter on the parameter, and kms:Decrypt where its key is your own
    [build] [missing] failed (ignored): `{{ aws:ssm:/chat/missing }}` has no value: the Parameter Store has no such parameter in us-east-1; see its name, or create it there
    ");
}
