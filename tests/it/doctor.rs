//! What `veris doctor` tells somebody who may not ask IAM.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::stand_in::Cloud;

/// A way to the cloud that has it refuse each request whose body has one of these words in it: the header is not signed.
fn refusing(cloud: &Cloud, words: &'static [&'static str], place: &Path) {
    let file = fs_err::read(cloud.layout().endpoint()).unwrap();
    let mut endpoint: Value = serde_json::from_slice(&file).unwrap();
    let there = endpoint["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    endpoint["url"] = format!("http://{}", listener.local_addr().unwrap()).into();
    fs_err::write(place.join("endpoint.json"), endpoint.to_string()).unwrap();
    fs_err::copy(cloud.layout().credentials(), place.join("credentials.json")).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let there = there.clone();
            std::thread::spawn(move || pass_on(client, &there, words));
        }
    });
}

/// One request a connection.
fn pass_on(mut client: TcpStream, there: &str, words: &[&str]) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if !line.to_ascii_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body);
    if words.iter().any(|word| text.contains(word)) {
        head.push_str("x-local-cloud-fault: deny\r\n");
    }
    let mut cloud = TcpStream::connect(there)?;
    cloud.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    cloud.write_all(&body)?;
    std::io::copy(&mut cloud, &mut client)?;
    Ok(())
}

/// What is said of permissions where these calls are refused.
fn permissions(cloud: &Cloud, refused: &'static [&'static str]) -> Value {
    let place = tempfile::tempdir().unwrap();
    refusing(cloud, refused, place.path());
    let output = cloud.veris(&["doctor", "--output", "json"]).env("VERIS_LOCAL_DIR", place.path()).output().unwrap();
    let told: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", crate::stand_in::talk(&output)));
    told["checks"].as_array().unwrap().iter().find(|check| check["name"] == "permissions").unwrap().clone()
}

#[test]
fn who_may_not_ask_iam_is_told_what_dry_runs_of_ec2_say() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    cloud.json(&["launch", "--soak", "0"]);
    let instances = cloud.state()["instances"].clone();

    let told = permissions(&cloud, &["SimulatePrincipalPolicy"]);
    let found = told["found"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(found.starts_with("not simulated, because iam:SimulatePrincipalPolicy is not allowed ("), "{found}");
    let allowed = "ec2:DescribeVolumes, ec2:StopInstances, ec2:StartInstances, ec2:CreateTags, ec2:AssociateAddress, \
                   ec2:AuthorizeSecurityGroupIngress";
    assert!(found.contains(&format!("EC2's dry runs allow {allowed}, and of the rest nothing is known")), "{found}");

    let told = permissions(&cloud, &["SimulatePrincipalPolicy", "Action=StopInstances", "Action=AssociateAddress"]);
    let problem = told["problem"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert!(
        problem.contains("EC2's dry runs refuse ec2:StopInstances, ec2:AssociateAddress (IAM cannot be asked"),
        "{problem}"
    );
    assert!(told["cures"].to_string().contains("attach the operators' policy of `veris setup -e local`"), "{told}");
    assert_eq!(cloud.state()["instances"], instances, "a dry run changed something");
}
