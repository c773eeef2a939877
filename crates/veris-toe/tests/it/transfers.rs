//! `S3Download` of prefixes and `S3Upload`, against a real S3 on loopback.

use std::fs;
use std::os::unix::fs::symlink;

use insta::assert_snapshot;

use crate::downloads::{KEYS, Server, answer, run};
use crate::s3_server::S3;
use crate::support::{Sandbox, document};

#[test]
fn everything_below_a_prefix_is_downloaded() {
    let s3 = S3::start("bucket");
    for key in ["app/server", "app/conf/a b+c.toml", "app/conf/deep/ü", "apple", "other"] {
        s3.write(&format!("bucket/{key}"), key);
    }
    let sandbox = Sandbox::new();
    for folder in ["some", "all"] {
        fs::create_dir(sandbox.path(folder)).unwrap();
    }
    sandbox.write("some/server", "old");
    let steps = r"
- {name: Some, action: S3Download, inputs: [{source: 's3://bucket/app/*', destination: some}]}
- {name: All, action: S3Download, inputs: [{source: 's3://bucket/*', destination: all/}]}
";
    let ran = run(&sandbox, steps, &s3.variables()).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Some] s3://bucket/app/conf/a b+c.toml is in some/conf/a b+c.toml
    [build] [Some] s3://bucket/app/conf/deep/ü is in some/conf/deep/ü
    [build] [Some] s3://bucket/app/server is in some/server
    [build] [All] s3://bucket/app/conf/a b+c.toml is in all/app/conf/a b+c.toml
    [build] [All] s3://bucket/app/conf/deep/ü is in all/app/conf/deep/ü
    [build] [All] s3://bucket/app/server is in all/app/server
    [build] [All] s3://bucket/apple is in all/apple
    [build] [All] s3://bucket/other is in all/other
    ");
    assert_eq!(sandbox.read("some/server"), "app/server");
    assert_eq!(sandbox.read("some/conf/deep/ü"), "app/conf/deep/ü");
    assert_eq!(sandbox.read("all/app/conf/a b+c.toml"), "app/conf/a b+c.toml");
    assert_eq!(fs::read_dir(sandbox.path("some")).unwrap().count(), 2, "`apple` is not below `app/`");
}

#[test]
fn a_download_of_many_is_refused_before_it_begins() {
    let s3 = S3::start("bucket");
    s3.write("bucket/app/first", "1");
    s3.write("bucket/app/second", "2");
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("here")).unwrap();
    sandbox.write("here/second", "mine");
    let steps = r"
- {name: Protected, action: S3Download, onFailure: Continue, inputs: [{source: 's3://bucket/app/*', destination: here, overwrite: false}]}
- {name: NoFolder, action: S3Download, onFailure: Continue, inputs: [{source: 's3://bucket/app/*', destination: nowhere}]}
- {name: Nothing, action: S3Download, onFailure: Continue, inputs: [{source: 's3://bucket/nothing/*', destination: here}]}
- {name: NoBucket, action: S3Download, onFailure: Continue, inputs: [{source: 's3://absent/app/*', destination: here}]}
";
    let ran = run(&sandbox, steps, &s3.variables()).failed();
    assert_snapshot!(ran.stderr, @r"
    [build] [Protected] failed: here/second exists and `overwrite` is false
    [build] [NoFolder] failed: nowhere is no folder
    [build] [Nothing] failed: no object matches s3://bucket/nothing/*
    [build] [NoBucket] failed: cannot list s3://absent/app/*: the server answered 404 NoSuchBucket
    ");
    assert_eq!(sandbox.read("here/second"), "mine");
    assert!(!sandbox.path("here/first").exists());
}

fn listing(keys: &[&str], token: Option<&str>) -> Vec<u8> {
    let keys: String = keys.iter().flat_map(|key| ["<Contents><Key>", key, "</Key></Contents>"]).collect();
    let (truncated, token) = match token {
        Some(token) => (true, format!("<NextContinuationToken>{token}</NextContinuationToken>")),
        None => (false, String::new()),
    };
    let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
    let body = format!(
        "<ListBucketResult xmlns=\"{xmlns}\"><IsTruncated>{truncated}</IsTruncated>{token}{keys}</ListBucketResult>"
    );
    answer("200 OK", &body)
}

#[test]
fn pages_are_followed_and_the_limit_is_told() {
    let server = Server::start(|request, number| {
        let query = |name: &str| request.query.get(name).map(String::as_str);
        match (query("prefix"), query("continuation-token")) {
            (Some("few/"), None) if number == 1 => answer("503 Slow Down", ""),
            (Some("few/"), None) => listing(&["few/", "few/a", "few/sub/"], Some("next")),
            (Some("few/"), Some("next")) => listing(&["few/sub/b c"], None),
            (Some("many/"), _) => listing(&["many/x"; 400], Some("more")),
            _ => answer("200 OK", &request.path),
        }
    });
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("here")).unwrap();
    let steps = r"
- {name: Few, action: S3Download, inputs: [{source: 's3://bucket/few/*', destination: here, expectedBucketOwner: '000000000000'}]}
- {name: Many, action: S3Download, inputs: [{source: 's3://bucket/many/*', destination: here}]}
";
    let variables = [KEYS.as_slice(), &[("AWS_ENDPOINT_URL_S3", &server.url)]].concat();
    let ran = run(&sandbox, steps, &variables).failed();
    assert_snapshot!(ran.stderr, @r"
    [build] [Few] cannot list s3://bucket/few/*: the server answered 503; trying again
    [build] [Few] s3://bucket/few/a is in here/a
    [build] [Few] s3://bucket/few/sub/b c is in here/sub/b c
    [build] [Many] failed: s3://bucket/many/* matches more than 1000 objects, which is as many as can be downloaded at once; use longer prefixes
    ");
    assert_eq!(sandbox.read("here/sub/b c"), "/bucket/few/sub/b%20c");
    let few = |request: &crate::downloads::Request| {
        !request.query.contains_key("prefix") || request.query["prefix"] == "few/"
    };
    assert!(
        server
            .requests()
            .iter()
            .filter(|request| few(request))
            .all(|request| request.headers["x-amz-expected-bucket-owner"] == "000000000000")
    );
}

#[test]
fn a_key_cannot_leave_the_destination() {
    for key in ["p/../../etc/passwd", "p//etc/passwd", "p/a/./b", "p/link/file", "p/link/folder/", "q/a"] {
        let server = Server::start(move |_, _| listing(&["p/fine", key], None));
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.path("here")).unwrap();
        fs::create_dir(sandbox.path("outside")).unwrap();
        symlink("../outside", sandbox.path("here/link")).unwrap();
        let steps = "- {name: Get, action: S3Download, inputs: [{source: 's3://bucket/p/*', destination: here}]}";
        let variables = [KEYS.as_slice(), &[("AWS_ENDPOINT_URL_S3", &server.url)]].concat();
        let ran = run(&sandbox, steps, &variables).failed();
        let message =
            format!("the key of s3://bucket/{key} is no path below the destination; download the object by its name");
        assert!(ran.failure().ends_with(&message), "{}", ran.failure());
        assert_eq!(server.requests().len(), 1, "nothing was downloaded");
        assert_eq!(fs::read_dir(sandbox.path("outside")).unwrap().count(), 0);
    }
}

#[test]
fn files_patterns_and_folders_are_uploaded() {
    let s3 = S3::start("bucket");
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("reports/deep/er")).unwrap();
    for file in ["reports/a b.xml", "reports/c.xml", "reports/log.txt", "reports/deep/d.xml", "reports/deep/er/e"] {
        sandbox.write(file, file);
    }
    symlink("c.xml", sandbox.path("reports/link.xml")).unwrap();
    symlink("..", sandbox.path("reports/deep/up")).unwrap();
    let steps = r"
- {name: One, action: S3Upload, inputs: [{source: reports/c.xml, destination: 's3://bucket/one/renamed.xml'}, {source: reports/c.xml, destination: 's3://bucket/one/'}, {source: reports/log.txt, destination: 's3://bucket'}]}
- {name: Pattern, action: S3Upload, inputs: [{source: 'reports/*', destination: 's3://bucket/flat/'}, {source: 'reports/*.xml', destination: 's3://bucket/xml', expectedBucketOwner: '000000000000'}]}
- {name: Folder, action: S3Upload, inputs: [{source: reports, destination: 's3://bucket/whole/', recurse: 'true'}, {source: 'rep*', destination: 's3://bucket/matched/', recurse: true}]}
- {name: NotAsked, action: S3Upload, onFailure: Continue, inputs: [{source: reports, destination: 's3://bucket/no/'}]}
- {name: Nothing, action: S3Upload, onFailure: Continue, inputs: [{source: 'reports/*.html', destination: 's3://bucket/no/'}]}
- {name: Missing, action: S3Upload, onFailure: Continue, inputs: [{source: reports/gone, destination: 's3://bucket/no/'}]}
";
    let ran = run(&sandbox, steps, &s3.variables()).failed();
    assert_snapshot!(ran.stderr, @r"
    [build] [One] reports/c.xml is in s3://bucket/one/renamed.xml
    [build] [One] reports/c.xml is in s3://bucket/one/c.xml
    [build] [One] reports/log.txt is in s3://bucket/log.txt
    [build] [Pattern] reports/a b.xml is in s3://bucket/flat/a b.xml
    [build] [Pattern] reports/c.xml is in s3://bucket/flat/c.xml
    [build] [Pattern] reports/link.xml is in s3://bucket/flat/link.xml
    [build] [Pattern] reports/log.txt is in s3://bucket/flat/log.txt
    [build] [Pattern] reports/a b.xml is in s3://bucket/xml/a b.xml
    [build] [Pattern] reports/c.xml is in s3://bucket/xml/c.xml
    [build] [Pattern] reports/link.xml is in s3://bucket/xml/link.xml
    [build] [Folder] reports/a b.xml is in s3://bucket/whole/a b.xml
    [build] [Folder] reports/c.xml is in s3://bucket/whole/c.xml
    [build] [Folder] reports/deep/d.xml is in s3://bucket/whole/deep/d.xml
    [build] [Folder] reports/deep/er/e is in s3://bucket/whole/deep/er/e
    [build] [Folder] reports/link.xml is in s3://bucket/whole/link.xml
    [build] [Folder] reports/log.txt is in s3://bucket/whole/log.txt
    [build] [Folder] reports/a b.xml is in s3://bucket/matched/reports/a b.xml
    [build] [Folder] reports/c.xml is in s3://bucket/matched/reports/c.xml
    [build] [Folder] reports/deep/d.xml is in s3://bucket/matched/reports/deep/d.xml
    [build] [Folder] reports/deep/er/e is in s3://bucket/matched/reports/deep/er/e
    [build] [Folder] reports/link.xml is in s3://bucket/matched/reports/link.xml
    [build] [Folder] reports/log.txt is in s3://bucket/matched/reports/log.txt
    [build] [NotAsked] failed: reports is a folder; say `recurse: true` to upload what lies in it
    [build] [Nothing] failed: no file matches reports/*.html
    [build] [Missing] failed: cannot look at reports/gone: No such file or directory (os error 2)
    ");
    assert_snapshot!(s3.keys("bucket").join("\n"), @r"
    flat/a b.xml
    flat/c.xml
    flat/link.xml
    flat/log.txt
    log.txt
    matched/reports/a b.xml
    matched/reports/c.xml
    matched/reports/deep/d.xml
    matched/reports/deep/er/e
    matched/reports/link.xml
    matched/reports/log.txt
    one/c.xml
    one/renamed.xml
    whole/a b.xml
    whole/c.xml
    whole/deep/d.xml
    whole/deep/er/e
    whole/link.xml
    whole/log.txt
    xml/a b.xml
    xml/c.xml
    xml/link.xml
    ");
    assert_eq!(s3.read("bucket/one/renamed.xml"), "reports/c.xml");
    assert_eq!(s3.read("bucket/whole/deep/er/e"), "reports/deep/er/e");
}

#[test]
fn a_large_file_is_uploaded_in_parts() {
    let s3 = S3::start("bucket");
    let sandbox = Sandbox::new();
    let numbers: Vec<String> = (1_000_000..6_000_000).map(|number| number.to_string()).collect();
    let content = numbers.concat();
    sandbox.write("large", &content);
    let steps = "- {name: Put, action: S3Upload, inputs: [{source: large, destination: 's3://bucket/large'}]}";
    let ran = run(&sandbox, steps, &s3.variables()).succeeded();
    assert_snapshot!(ran.stderr, @r"
    [build] [Put] s3://bucket/large: 16 of 33 MiB sent
    [build] [Put] s3://bucket/large: 32 of 33 MiB sent
    [build] [Put] s3://bucket/large: 33 of 33 MiB sent
    [build] [Put] large is in s3://bucket/large
    ");
    assert!(s3.read("bucket/large") == content, "the parts make up the file");
}

#[test]
fn an_upload_that_fails_is_tried_again_and_then_given_up() {
    let server = Server::start(|request, number| match (request.method.as_str(), request.path.as_str(), number) {
        ("PUT", "/bucket/a", 1) => answer("500 Internal Server Error", ""),
        ("PUT", "/bucket/a", _) => answer("200 OK", ""),
        ("PUT", ..) => answer("403 Forbidden", "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"),
        ("POST", ..) => answer(
            "200 OK",
            "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><UploadId>the-id</UploadId></InitiateMultipartUploadResult>",
        ),
        ("DELETE", ..) if request.query["uploadId"] == "the-id" => {
            b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec()
        }
        _ => answer("400 Bad Request", ""),
    });
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("files")).unwrap();
    for name in ["a", "b", "c"] {
        sandbox.write(&format!("files/{name}"), name);
    }
    fs::File::create(sandbox.path("large")).unwrap().set_len(17 << 20).unwrap();
    let steps = r"
- {name: Some, action: S3Upload, onFailure: Continue, inputs: [{source: 'files/*', destination: 's3://bucket/'}]}
- {name: Large, action: S3Upload, inputs: [{source: large, destination: 's3://bucket/large'}]}
";
    let variables = [KEYS.as_slice(), &[("AWS_ENDPOINT_URL_S3", &server.url)]].concat();
    let ran = run(&sandbox, steps, &variables).failed();
    assert_snapshot!(ran.stderr, @r"
    [build] [Some] cannot upload s3://bucket/a: the server answered 500; trying again
    [build] [Some] files/a is in s3://bucket/a
    [build] [Some] 1 of 3 files were uploaded and stay
    [build] [Some] failed: cannot upload s3://bucket/b: the server answered 403 AccessDenied: No.
    [build] [Large] failed: cannot upload s3://bucket/large: the server answered 403 AccessDenied: No.
    ");
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.as_str()),
        ("DELETE", "/bucket/large"),
        "the parts are not left behind"
    );
}

#[test]
fn logs_are_copied_to_a_bucket_when_the_run_has_ended() {
    let s3 = S3::start("logs");
    let sandbox = Sandbox::new();
    sandbox.write("chat.yaml", &document("- {name: Say, action: ExecuteBash, inputs: {commands: [echo hello]}}"));
    let arguments = ["run", "-d", "chat.yaml", "-b", "logs", "-k", "bakes/1/"];
    let ran = sandbox.finish(sandbox.command(&arguments).envs(s3.variables()).output().unwrap()).succeeded();
    assert!(ran.summary()["logUrl"].as_str().unwrap().starts_with("s3://logs/bakes/1/TOE_"), "{}", ran.stdout);
    let keys = s3.keys("logs");
    assert!(keys.iter().all(|key| key.starts_with("bakes/1/TOE_")), "{keys:?}");
    let names: Vec<&str> = keys.iter().map(|key| key.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["D0__chat.yaml", "application.log", "chaining.json", "console.log", "detailedoutput.json"]);
    let console = s3.read(&format!("logs/{}", keys[3]));
    assert!(console.contains("hello") && console.contains("TOE has completed execution successfully"), "{console}");

    // Nobody gives the runner credentials.
    let ran = sandbox.veris_toe(&arguments).failed();
    assert!(ran.summary()["logUrl"].as_str().unwrap().starts_with("[DIR]"), "they are in their folder only");
    assert!(ran.stderr.contains("to s3://logs/bakes/1/TOE_"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: let the role of this machine put objects there"), "{}", ran.stderr);
}
