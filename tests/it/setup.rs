//! What an administrator is asked for is enough for all that the tool does, and no more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::command::Sandbox;
use crate::log_in::Ssh;
use crate::python;
use crate::stand_in::Cloud;
use crate::support::RECIPE;

/// The template for the environment `prod`.
fn template(sandbox: &Sandbox) -> String {
    let output = sandbox.veris("setup -e prod").output().unwrap();
    assert!(output.status.success(), "{}", sandbox.shown(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn allowed(template: &str) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    let operator = template.split("OperatorPolicy:").nth(1).unwrap();
    for line in operator.lines().map(|line| line.trim().trim_start_matches("- ").trim_start_matches("Action: ")) {
        let is_action = |text: &str| {
            let services = "ebs ec2 ec2-instance-connect iam imagebuilder s3 secretsmanager servicequotas ssm sts";
            services.split(' ').any(|it| text.strip_prefix(it).is_some_and(|rest| rest.starts_with(':')))
        };
        if is_action(line) && !line.contains(' ') {
            actions.insert(line.to_owned());
        }
    }
    actions.retain(|action| !action.ends_with(':'));
    actions
}

/// The actions of IAM that the calls in the local cloud's log need.
fn called(log: &str) -> BTreeSet<String> {
    let field = |line: &str, name: &str| {
        let rest = line.split(&format!("{name}=")).nth(1)?;
        Some(rest.split_whitespace().next()?.trim_matches('"').to_owned())
    };
    let action = |line: &str| {
        let (service, operation) = (field(line, "service")?, field(line, "operation"));
        if let Some(operation) = operation {
            return Some(format!("{service}:{operation}"));
        }
        let (method, path) = (field(line, "method")?, field(line, "path")?);
        let operation = match (service.as_str(), method.as_str()) {
            ("imagebuilder", _) if path.starts_with("/tags/") => "TagResource".to_owned(),
            ("imagebuilder", _) => path.trim_start_matches('/').to_owned(),
            ("ebs", _) if path.ends_with("/blocks") => "ListSnapshotBlocks".to_owned(),
            ("ebs", _) => "GetSnapshotBlock".to_owned(),
            ("s3", _) if path.trim_matches('/').split('/').count() == 1 => match method.as_str() {
                // In AWS the bucket is the administrator's.
                "PUT" => return None,
                _ => "ListBucket".to_owned(),
            },
            ("s3", "GET" | "HEAD") => "GetObject".to_owned(),
            ("s3", "PUT") => "PutObject".to_owned(),
            ("s3", "DELETE") => "DeleteObject".to_owned(),
            _ => return None,
        };
        Some(format!("{service}:{operation}"))
    };
    log.lines().filter_map(action).collect()
}

#[test]
fn the_operators_policy_allows_what_the_tool_calls_and_hardly_more() {
    let Some(cloud) = Cloud::up() else { return };
    let settings = cloud.project.write("one.env", "PLAIN=1\n").display().to_string();
    let launch = |version: &str| cloud.json(&["launch", version, "--env-file", &settings, "--soak", "0"]);
    assert_eq!(cloud.json(&["doctor"])["good"], true);
    for version in ["0.9.0", "1.0.0", "1.1.0", "1.2.0"] {
        cloud.json(&["bake", "--version", version]);
    }
    launch("1.0.0");
    launch("1.1.0");
    let named = cloud.project.write("named.env", "KEY=secretsmanager:veris/chat/local/key\n").display().to_string();
    assert!(!cloud.veris(&["launch", "1.2.0", "--env-file", &named]).output().unwrap().status.success());
    cloud.json(&["rollback"]);
    cloud.json(&["history"]);
    cloud.json(&["status"]);
    cloud.json(&["restart"]);
    cloud.json(&["resize", "t3.small"]);
    cloud.json(&["allow-ip", "--for", "1h"]);
    cloud.json(&["allow-ip"]);
    cloud.json(&["allow-ip", "--revoke"]);
    cloud.json(&["console"]);
    Ssh::new(&cloud).json(&["ssh", "--", "uptime"]);
    cloud.json(&["env", "diff", "--env-file", &settings]);
    cloud.json(&["verify-image", "1.2.0"]);
    cloud.json(&["show", "1.2.0"]);
    cloud.json(&["prune", "--keep", "1"]);
    cloud.json(&["gc", "--older-than", "0"]);
    cloud.json(&["terminate", "--all"]);

    let sandbox = Sandbox::new();
    // As in the local cloud, where the address is allocated.
    let recipe = RECIPE.replace("address: 192.0.2.21", "address: allocate");
    sandbox.project.write("recipes/chat.yaml", &recipe);
    let allowed = allowed(&template(&sandbox));
    let called = called(&cloud.log());
    assert!(called.len() > 40, "the log is not understood: {called:#?}");
    let missing: Vec<_> = called.difference(&allowed).collect();
    assert_eq!(missing, [""; 0], "the tool calls what its policy does not allow");
    // What only a failure or another setting of the recipe leads to.
    let unseen: Vec<_> = allowed.difference(&called).map(String::as_str).collect();
    insta::assert_snapshot!(unseen.join("\n"));
}

#[test]
fn cloudformation_understands_the_template() {
    let python = match python::with("cfn-lint", "cfnlint") {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let sandbox = Sandbox::new();
    let mut templates = vec![template(&sandbox)];
    // Another profile for the build instances, and an address that is allocated.
    let recipe = RECIPE.replace("      instance_profile: workload", "      instance_profile: builders");
    sandbox.project.write("recipes/chat.yaml", &recipe.replace("address: 192.0.2.21", "address: allocate"));
    templates.push(template(&sandbox));
    let encrypted = RECIPE.replace("  type: gp3\n", "  type: gp3\n  encrypted: true\n  kms_key_id: alias/veris\n");
    let everywhere = "distribution:\n  regions: [us-west-2, eu-central-1]\n  accounts: [\"111122223333\"]\nport: 8000";
    sandbox.project.write("recipes/chat.yaml", &encrypted.replace("port: 8000", everywhere));
    templates.push(template(&sandbox));
    let shared = RECIPE.replace("    bucket:", "    image_owner: \"111122223333\"\n    bucket:");
    sandbox.project.write("recipes/chat.yaml", &shared);
    templates.push(template(&sandbox));
    for (number, text) in templates.iter().enumerate() {
        let path = sandbox.project.write(&format!("template-{number}.yaml"), text);
        let mut lint = std::process::Command::new(python.with_file_name("cfn-lint"));
        let output = lint.args(["--regions", "ap-southeast-2", "--"]).arg(path).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(templates[1].contains("BuildRole") && templates[1].contains("ec2:AllocateAddress"));
    assert!(templates[0].contains("InstanceRole") && !templates[0].contains("ec2:AllocateAddress"));
    assert!(
        !templates[0].contains("DistributionPolicy") && templates[2].contains("arn:${AWS::Partition}:ec2:us-west-2::")
    );
    assert!(templates[3].contains("ec2:Owner: \"111122223333\""));
}

#[test]
fn a_doctor_names_what_is_missing_and_its_cure() {
    let Some(cloud) = Cloud::up() else { return };
    let told = cloud.json(&["doctor"]);
    let check = |name: &str| {
        let checks = told["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap_or(&Value::Null).clone()
    };
    assert_eq!(check("bucket")["found"], "s3://veris-local will be made by the first bake");
    assert_eq!(check("images")["found"], "none is baked yet");
    assert_eq!(check("address")["found"], "one will be allocated by the first launch");
    assert!(check("clock")["found"].as_str().unwrap().starts_with("right"), "{told}");
    assert!(check("permissions")["found"].as_str().unwrap().contains("of the operators' policy are allowed"), "{told}");
    assert_eq!(check("address quota")["found"], "0 of 508 Elastic IPs are used");
    let processors = "0 virtual processors of standard instances are used, and there is no quota of them";
    assert_eq!(check("vCPU quota")["found"], processors);
    assert!(check("build network")["found"].as_str().unwrap().starts_with("the default network vpc-"), "{told}");
    assert!(check("launching")["found"].as_str().unwrap().contains("is allowed"), "{told}");
    assert_eq!(told["good"], json!(true));
    // A parent that is not there any more.
    let recipe = RECIPE.replace("  ssm_parameter: /aws/service/", "  ssm_parameter: /aws/nothing/");
    cloud.project.write("recipes/chat.yaml", &recipe);
    let examined = cloud.veris(&["doctor"]).output().unwrap();
    assert_eq!(examined.status.code(), Some(1));
    let told = String::from_utf8(examined.stdout).unwrap();
    assert!(told.contains("✗ parent image") && told.contains("hint: correct `parent.ssm_parameter`"), "{told}");
}
