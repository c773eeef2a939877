//! Faults that a client asks for.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Sandbox;

#[tokio::test]
async fn each_service_fails_in_its_own_words() {
    let cloud = Sandbox::with_faults().await;
    let mut table = String::new();
    for service in ["ec2", "imagebuilder", "s3", "ssm", "sts"] {
        write!(table, "{service}:").unwrap();
        for fault in ["error", "throttle", "deny", "expire"] {
            let answer = cloud.operator().unlucky(service, fault).await.unwrap();
            write!(table, " {} {},", answer.status, answer.code()).unwrap();
        }
        let calm = cloud.operator().unlucky(service, "slow=0").await.unwrap();
        writeln!(table, " {}", calm.status).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn an_answer_that_is_lost_was_given() {
    let cloud = Sandbox::with_faults().await;
    for service in ["ec2", "imagebuilder", "s3", "ssm", "sts"] {
        assert!(cloud.operator().unlucky(service, "lose").await.is_none(), "{service}");
    }
    let began = Instant::now();
    cloud.operator().unlucky("ec2", "slow=80").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn what_was_written_a_moment_ago_is_not_seen_yet() {
    let cloud = Sandbox::with_faults().await;
    let operator = cloud.operator();
    let names = async |fault: &str| {
        let answer = operator.unlucky("ssm", fault).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        answer["Parameters"].as_array().unwrap().len()
    };
    let before = names("stale=0").await;
    let put = json!({"Name": "/one", "Value": "1", "Type": "String"});
    assert_eq!(operator.ssm("PutParameter", put).await.status, 200);
    assert_eq!(names("stale=60000").await, before);
    assert_eq!(names("stale=0").await, before + 1);
    assert_eq!(names("unseen").await, before);
    let put = json!({"Name": "/two", "Value": "2", "Type": "String"});
    assert_eq!(operator.ssm("PutParameter", put).await.status, 200);
    assert_eq!(names("unseen").await, before + 1, "the call before the last one is seen");
}

#[tokio::test]
async fn a_cloud_that_injects_nothing_says_so() {
    let cloud = Sandbox::start().await;
    let answer = cloud.operator().unlucky("ec2", "throttle").await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "FaultsNotEnabled"));
    let cloud = Sandbox::with_faults().await;
    let answer = cloud.operator().unlucky("ssm", "rain").await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "UnknownFault"));
}
