//! Parameters.

use serde_json::json;

use crate::support::{Answer, Client, Sandbox, baked, in_session};

/// The answer with its times blotted out.
fn shown(answer: &Answer) -> String {
    let mut value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    blot(&mut value);
    format!("{} {}", answer.status, serde_json::to_string_pretty(&value).unwrap())
}

fn blot(value: &mut serde_json::Value) {
    if let Some(time) = value.get_mut("LastModifiedDate") {
        assert!(time.as_f64().unwrap() > 1.7e9, "{time}");
        *time = json!("…");
    }
    match value {
        serde_json::Value::Object(members) => members.values_mut().for_each(blot),
        serde_json::Value::Array(items) => items.iter_mut().for_each(blot),
        _ => {}
    }
}

#[tokio::test]
async fn the_newest_amazon_linux_is_found_by_its_public_parameter() {
    let cloud = Sandbox::start().await;
    let name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let found = cloud.operator().ssm("GetParameter", json!({"Name": name})).await;
    insta::assert_snapshot!(shown(&found), @r#"
    200 {
      "Parameter": {
        "ARN": "arn:aws:ssm:ap-southeast-2:000000000000:parameter/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "DataType": "aws:ec2:image",
        "LastModifiedDate": "…",
        "Name": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        "Type": "String",
        "Value": "ami-00112233445566778",
        "Version": 1
      }
    }
    "#);
    let images = cloud.operator().ec2("DescribeImages", "ImageId.1=ami-00112233445566778").await;
    assert_eq!(images.element("name").as_deref(), Some("local-cloud-parent-001122334455"));
}

#[tokio::test]
async fn a_parameter_gets_versions_when_it_is_overwritten() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    let put = |value: &str, overwrite: bool| {
        let input = json!({"Name": "/veris/ami", "Value": value, "Type": "String", "Overwrite": overwrite});
        let client = cloud.operator();
        async move { client.ssm("PutParameter", input).await }
    };
    assert_eq!(put("ami-1", false).await.text(), r#"{"Tier":"Standard","Version":1}"#);
    assert_eq!(put("ami-2", false).await.code(), "ParameterAlreadyExists");
    assert_eq!(put("ami-2", true).await.text(), r#"{"Tier":"Standard","Version":2}"#);

    let newest = client.ssm("GetParameter", json!({"Name": "/veris/ami", "WithDecryption": true})).await;
    insta::assert_snapshot!(shown(&newest), @r#"
    200 {
      "Parameter": {
        "ARN": "arn:aws:ssm:ap-southeast-2:000000000000:parameter/veris/ami",
        "DataType": "text",
        "LastModifiedDate": "…",
        "Name": "/veris/ami",
        "Type": "String",
        "Value": "ami-2",
        "Version": 2
      }
    }
    "#);
    let first = client.ssm("GetParameters", json!({"Names": ["/veris/ami:1", "/veris/ami:7", "/absent"]})).await;
    insta::assert_snapshot!(shown(&first), @r#"
    200 {
      "InvalidParameters": [
        "/veris/ami:7",
        "/absent"
      ],
      "Parameters": [
        {
          "ARN": "arn:aws:ssm:ap-southeast-2:000000000000:parameter/veris/ami",
          "DataType": "text",
          "LastModifiedDate": "…",
          "Name": "/veris/ami",
          "Selector": ":1",
          "Type": "String",
          "Value": "ami-1",
          "Version": 1
        }
      ]
    }
    "#);
    let by_path = client.ssm("GetParametersByPath", json!({"Path": "/veris"})).await;
    assert_eq!(names(&by_path), ["/veris/ami"]);
    let filter = json!([{"Key": "Name", "Option": "BeginsWith", "Values": ["/veris"]}]);
    let described = client.ssm("DescribeParameters", json!({"ParameterFilters": filter})).await;
    assert_eq!(names(&described), ["/veris/ami"]);

    assert_eq!(client.ssm("DeleteParameter", json!({"Name": "/veris/ami"})).await.text(), "{}");
    assert_eq!(client.ssm("DeleteParameter", json!({"Name": "/veris/ami"})).await.code(), "ParameterNotFound");
    assert_eq!(client.ssm("GetParameter", json!({"Name": "/veris/ami"})).await.code(), "ParameterNotFound");
}

fn names(answer: &Answer) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    value["Parameters"].as_array().unwrap().iter().map(|found| found["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    let cloud = Sandbox::with_state(baked).await;
    let client: &Client = &cloud.operator();
    let refused = |input: serde_json::Value| async move { client.ssm("PutParameter", input).await.code() };
    assert_eq!(refused(json!({"Name": "/aws/mine", "Value": "x", "Type": "String"})).await, "AccessDeniedException");
    assert_eq!(refused(json!({"Name": "no spaces", "Value": "x", "Type": "String"})).await, "ValidationException");
    assert_eq!(refused(json!({"Name": "/a", "Value": "x"})).await, "ValidationException");
    assert_eq!(refused(json!({"Name": "/a", "Value": "x", "Type": "Blob"})).await, "UnsupportedParameterType");
    assert_eq!(
        refused(json!({"Name": "/a", "Value": "x", "Type": "String", "Policies": "[]"})).await,
        "ValidationException"
    );
    let image = json!({"Name": "/a", "Value": "ami-0", "Type": "String", "DataType": "aws:ec2:image"});
    assert_eq!(refused(image).await, "ValidationException");
    assert_eq!(client.ssm("SendCommand", json!({})).await.code(), "UnknownOperationException");
}

#[tokio::test]
async fn parameters_are_found_by_name_type_and_data_type_and_removed_together() {
    let cloud = Sandbox::with_state(baked).await;
    let client = cloud.operator();
    for (name, value, kind, data_type) in [
        ("/veris/ami", "ami-0a0a0a0a0a0a0a0a0", "String", "aws:ec2:image"),
        ("/veris/hosts", "a,b", "StringList", "text"),
        ("/other", "x", "String", "text"),
    ] {
        let put = json!({"Name": name, "Value": value, "Type": kind, "DataType": data_type});
        assert_eq!(client.ssm("PutParameter", put).await.status, 200);
    }
    let found = |key: &str, option: &str, value: &str| {
        let filters = json!([{"Key": key, "Option": option, "Values": [value]}]);
        let client = cloud.operator();
        async move { client.ssm("DescribeParameters", json!({"ParameterFilters": filters})).await }
    };
    assert_eq!(names(&found("Name", "Contains", "eris").await), ["/veris/ami", "/veris/hosts"]);
    assert_eq!(names(&found("Type", "Equals", "StringList").await), ["/veris/hosts"]);
    assert!(names(&found("DataType", "Equals", "aws:ec2:image").await).contains(&"/veris/ami".to_owned()));
    assert_eq!(found("Tier", "Equals", "Standard").await.code(), "InvalidFilterKey");

    let removed = client.ssm("DeleteParameters", json!({"Names": ["/veris/ami", "/absent", "/other"]})).await;
    assert_eq!(removed.text(), r#"{"DeletedParameters":["/veris/ami","/other"],"InvalidParameters":["/absent"]}"#);
}

#[tokio::test]
async fn an_instance_reads_parameters_by_their_names_only() {
    let cloud = Sandbox::with_state(in_session).await;
    let kept = json!({"Name": "/kept", "Value": "yes", "Type": "String"});
    assert_eq!(cloud.operator().ssm("PutParameter", kept.clone()).await.status, 200);
    let instance = cloud.instance();
    assert_eq!(instance.ssm("GetParameter", json!({"Name": "/kept"})).await.status, 200);
    assert_eq!(names(&instance.ssm("GetParameters", json!({"Names": ["/kept"]})).await), ["/kept"]);
    for (operation, input) in [
        ("GetParametersByPath", json!({"Path": "/"})),
        ("DescribeParameters", json!({})),
        ("PutParameter", kept),
        ("DeleteParameter", json!({"Name": "/kept"})),
    ] {
        assert_eq!(instance.ssm(operation, input).await.code(), "AccessDeniedException", "{operation}");
    }
}

#[tokio::test]
async fn a_secret_is_stored_and_read_like_any_string_and_is_in_no_message() {
    let cloud = Sandbox::start().await;
    let secret = json!({"Name": "/secret", "Value": "hunter2", "Type": "SecureString"});
    assert_eq!(cloud.operator().ssm("PutParameter", secret).await.status, 200);
    let read = cloud.operator().ssm("GetParameter", json!({"Name": "/secret"})).await;
    assert!(read.text().contains(r#""Type":"SecureString","Value":"hunter2""#), "{}", read.text());
    let misplaced = json!({"Name": "/secret", "Value": "x", "Type": "SecureString", "Overwrite": "hunter2"});
    let refused = cloud.operator().ssm("PutParameter", misplaced).await;
    assert_eq!(refused.code(), "ValidationException");
    assert!(!refused.text().contains("hunter2"), "{}", refused.text());
}

#[tokio::test]
async fn there_is_one_tier_and_no_labels_policies_or_history() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let put = json!({"Name": "/a", "Value": "x", "Type": "String"});
    for (member, value) in [("Tier", "Advanced"), ("Policies", "[]"), ("Value", &"x".repeat(4097))] {
        let mut asked = put.clone();
        asked[member] = json!(value);
        assert_eq!(client.ssm("PutParameter", asked).await.code(), "ValidationException", "{member}");
    }
    for operation in ["LabelParameterVersion", "GetParameterHistory"] {
        assert_eq!(client.ssm(operation, json!({"Name": "/a"})).await.code(), "UnknownOperationException");
    }
}
