//! The guest's own sshd lets in whoever EC2 Instance Connect was told of.

use serde_json::Value;

use super::cloud::Cloud;

pub(crate) fn shows_the_instance_and_its_journal(cloud: &Cloud) {
    let live = cloud.json(&["status"])["live"]["instanceId"].as_str().unwrap().to_owned();
    let told = cloud.text(&["ssh", "--", "id -un; cat /sys/class/dmi/id/board_asset_tag"]);
    assert_eq!(told, format!("ec2-user\n{live}\n"));
    let journal = cloud.text(&["logs", "--lines", "5", "--output", "json"]);
    let entries: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!entries.is_empty() && entries.len() <= 5, "{journal}");
    assert!(entries.iter().all(|entry| entry["unit"] == "veris-chat.service"), "{journal}");
}
