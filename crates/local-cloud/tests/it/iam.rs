//! What may be done and how much of it there can be, asked before it is tried.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Sandbox, Unsigned};

fn decisions(text: &str) -> Vec<&str> {
    text.split("<EvalDecision>").skip(1).filter_map(|rest| rest.split('<').next()).collect()
}

#[tokio::test]
async fn a_simulation_decides_as_the_cloud_itself_would() {
    let cloud = Sandbox::start().await;
    let simulate = async |principal: &str, actions: &[&str]| {
        let mut form = format!("Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={principal}");
        for (number, action) in (1..).zip(actions) {
            write!(form, "&ActionNames.member.{number}={action}").unwrap();
        }
        cloud.operator().form("iam", &form).await
    };
    let all = ["ec2:RunInstances", "s3:GetObject", "s3:PutObject", "ssm:GetParameter", "bedrock:InvokeModel"];
    let operator = simulate("arn:aws:iam::000000000000:user/local", &all).await;
    assert_eq!(decisions(&operator.text()), ["allowed"; 5], "{}", operator.text());
    let role = simulate("arn:aws:iam::000000000000:role/local-role", &all).await;
    let told = ["implicitDeny", "allowed", "implicitDeny", "allowed", "allowed"];
    assert_eq!(decisions(&role.text()), told, "{}", role.text());
    let unknown = simulate("arn:aws:iam::000000000000:user/ada", &all).await;
    assert_eq!((unknown.status, unknown.element("Code").as_deref()), (404, Some("NoSuchEntity")));
    let other = cloud.operator().form("iam", "Action=GetRole&RoleName=x&Version=2010-05-08").await;
    assert_eq!(other.element("Code").as_deref(), Some("InvalidAction"));
}

#[tokio::test]
async fn the_one_quota_is_that_of_elastic_addresses() {
    let cloud = Sandbox::start().await;
    let ask = async |code: &str| {
        let body = format!(r#"{{"ServiceCode": "ec2", "QuotaCode": "{code}"}}"#);
        let target = "ServiceQuotasV20190624.GetServiceQuota".to_owned();
        let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target)];
        let body = body.into_bytes();
        let request = Unsigned { service: "servicequotas", method: "POST", target: "/", headers, body };
        cloud.operator().send(request).await
    };
    let addresses: Value = serde_json::from_str(&ask("L-0263D0A3").await.text()).unwrap();
    assert_eq!(addresses["Quota"]["Value"], 508.0, "{addresses}");
    assert_eq!(ask("L-1216C47A").await.code(), "NoSuchResourceException");
}
