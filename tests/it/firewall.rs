//! Ports that are opened for an operator's address, and close by themselves.

use aws_sdk_ec2::types::{IpPermission, IpRange};
use serde_json::{Value, json};
use veris::aws::Clients;
use veris::environment::Environment;

use crate::stand_in::Cloud;

const GROUP: &str = "sg-00000000000000000";

/// Source and description of each rule of the group, in order.
fn rules(cloud: &Cloud) -> Vec<(String, String)> {
    let state = cloud.state();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rules = state["security_group_rules"].as_object().unwrap().values();
    let mut rules: Vec<_> = rules.map(|rule| (text(&rule["source"]), text(&rule["description"]))).collect();
    rules.sort();
    rules
}

/// What another tool, or this one long ago, has left in the group.
fn by_hand(cloud: &Cloud, port: i32, source: &str, description: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clients = Clients::of_local_cloud(&cloud.layout(), &Environment::local()).await.unwrap();
        let range = IpRange::builder().cidr_ip(source).description(description).build();
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port).ip_ranges(range);
        let call = clients.ec2.authorize_security_group_ingress().group_id(GROUP).ip_permissions(permission.build());
        call.send().await.unwrap();
    });
}

#[test]
fn an_operator_opens_the_ports_for_a_while_and_closes_them() {
    let Some(cloud) = Cloud::up() else { return };
    let changes = |told: &Value| {
        let ports = told["ports"].as_array().unwrap().iter();
        ports.map(|it| format!("{} {}", it["port"], it["change"].as_str().unwrap())).collect::<Vec<_>>().join(", ")
    };
    let told = cloud.json(&["allow-ip"]);
    assert_eq!((&told["source"], &told["group"]), (&json!("127.0.0.1/32"), &json!(GROUP)));
    assert_eq!(changes(&told), "22 opened, 8000 opened");
    let opened = rules(&cloud);
    assert!(
        opened.len() == 2 && opened.iter().all(|rule| rule.1.starts_with("veris: user/local since ")),
        "{opened:?}"
    );

    // What is open already is no error, and gets the end that was asked for last.
    assert_eq!(changes(&cloud.json(&["allow-ip"])), "22 as-before, 8000 as-before");
    assert_eq!(rules(&cloud), opened);
    assert_eq!(changes(&cloud.json(&["allow-ip", "127.0.0.1", "--for", "8h"])), "22 renewed, 8000 renewed");
    assert!(rules(&cloud).len() == 2 && rules(&cloud).iter().all(|rule| rule.1.contains(" until 20")));
    assert_eq!(changes(&cloud.json(&["allow-ip", "2001:db8::/48"])), "22 opened, 8000 opened");

    let listed = cloud.json(&["allow-ip", "--list"]);
    let rows = listed["rules"].as_array().unwrap();
    let of = |source: &str| rows.iter().filter(|rule| rule["source"] == source).collect::<Vec<_>>();
    assert_eq!((of("127.0.0.1/32").len(), of("2001:db8::/48").len(), rows.len()), (2, 2, 4), "{listed:#}");
    assert_eq!((&of("2001:db8::/48")[0]["by"], &of("2001:db8::/48")[0]["until"]), (&json!("user/local"), &json!(null)));
    assert_eq!(listed["others"][0]["source"], "127.0.0.0/8", "what the group has from the beginning is shown, too");

    assert_eq!(cloud.json(&["allow-ip", "--revoke"])["closed"].as_array().unwrap().len(), 2);
    assert_eq!(cloud.json(&["allow-ip", "--revoke"])["closed"], json!([]));
    assert_eq!(rules(&cloud).iter().map(|rule| rule.0.as_str()).collect::<Vec<_>>(), ["2001:db8::/48"; 2]);

    cloud.json(&["allow-ip", "--for", "1s"]);
    cloud.wait_until("the rules have ended by themselves", || {
        cloud.json(&["allow-ip", "--list"])["rules"].as_array().unwrap().len() == 2
    });
}

#[test]
fn every_later_command_closes_what_is_over_and_nothing_that_others_made() {
    let Some(cloud) = Cloud::with_versions(&["1.0.0"]) else { return };
    let settings = cloud.project.write("one.env", "PLAIN=1\n").display().to_string();
    let others =
        [("198.51.100.0/24", "office, for veris: user/ada until 2020-01-01T00:00:00Z"), ("203.0.113.7/32", "by hand")];
    for (source, description) in others {
        by_hand(&cloud, 22, source, description);
    }
    let others = rules(&cloud);
    let over = "veris: user/ada since 2019-12-31T16:00:00Z until 2020-01-01T00:00:00Z";
    for command in [
        &["launch", "--env-file", &settings, "--soak", "0"] as &[&str],
        &["gc"],
        &["allow-ip", "--list"],
        &["allow-ip", "--revoke", "192.0.2.1"],
    ] {
        by_hand(&cloud, 22, "192.0.2.7/32", over);
        cloud.json(command);
        assert_eq!(rules(&cloud), others, "{command:?}");
    }
    // Neither is a rule of somebody else taken for ours when the same is asked for.
    let told = cloud.json(&["allow-ip", "203.0.113.7", "--for", "1h"]);
    assert_eq!((&told["ports"][0]["change"], &told["ports"][1]["change"]), (&json!("by-others"), &json!("opened")));
    cloud.json(&["allow-ip", "203.0.113.7", "--revoke"]);
    assert_eq!(rules(&cloud), others);
    let gone = cloud.json(&["gc", "--dry-run"]);
    assert_eq!(gone["closed"], json!([]));
}

#[test]
fn blocks_that_cannot_be_meant_are_refused() {
    let Some(cloud) = Cloud::up() else { return };
    for everybody in ["0.0.0.0/0", "::/0", "128.0.0.0/1"] {
        assert!(cloud.fails(2, &["allow-ip", everybody]).contains("add `--force`"));
    }
    assert!(cloud.fails(2, &["allow-ip", "203.0.113.7/24"]).contains("203.0.113.0/24 for the block"));
    assert!(cloud.fails(2, &["allow-ip", "--for", "8"]).contains("such as 30m, 8h or 2d"));
    assert_eq!(rules(&cloud), []);
    cloud.json(&["allow-ip", "0.0.0.0/0", "--force"]);
    assert_eq!(rules(&cloud).len(), 2);
}
