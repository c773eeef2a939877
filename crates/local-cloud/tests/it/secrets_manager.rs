//! Secrets.

use jiff::{SignedDuration, Timestamp};
use local_cloud::state::secrets::{Secret, SecretValue, SecretVersion};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Sandbox, in_session};

fn value(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

/// The value that a secret has now, or had before.
async fn read(client: &Client, id: &str, stage: &str) -> Result<String, String> {
    let answer = client.secrets("GetSecretValue", json!({"SecretId": id, "VersionStage": stage})).await;
    if answer.status != 200 {
        return Err(answer.code());
    }
    Ok(value(&answer)["SecretString"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_secret_is_made_read_and_replaced_and_its_last_value_stays_within_reach() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    let token = "11111111-2222-3333-4444-555555555555";
    let create = json!({"Name": "veris/prod", "SecretString": "first", "ClientRequestToken": token});
    let made = value(&client.secrets("CreateSecret", create.clone()).await);
    let arn = made["ARN"].as_str().unwrap();
    let (partial, suffix) = arn.rsplit_once('-').unwrap();
    assert_eq!((partial, suffix.len()), ("arn:aws:secretsmanager:ap-southeast-2:000000000000:secret:veris/prod", 6));
    assert_eq!(made["VersionId"], token);
    // Its answer may have been lost; another value is another request.
    assert_eq!(value(&client.secrets("CreateSecret", create).await), made);
    let other = json!({"Name": "veris/prod", "SecretString": "other", "ClientRequestToken": token});
    assert_eq!(client.secrets("CreateSecret", other).await.code(), "ResourceExistsException");

    for id in ["veris/prod", arn, partial] {
        assert_eq!(read(&client, id, "AWSCURRENT").await.unwrap(), "first", "{id}");
    }
    assert_eq!(read(&client, "veris/prod", "AWSPREVIOUS").await.unwrap_err(), "ResourceNotFoundException");
    for text in ["second", "third"] {
        let put = value(&client.secrets("PutSecretValue", json!({"SecretId": arn, "SecretString": text})).await);
        assert_eq!(put["VersionStages"], json!(["AWSCURRENT"]));
    }
    assert_eq!(read(&client, "veris/prod", "AWSCURRENT").await.unwrap(), "third");
    assert_eq!(read(&client, "veris/prod", "AWSPREVIOUS").await.unwrap(), "second");
    let first = client.secrets("GetSecretValue", json!({"SecretId": arn, "VersionId": token})).await;
    assert_eq!(first.code(), "ResourceNotFoundException", "a version without a label is gone");
}

#[tokio::test]
async fn a_value_that_is_sent_again_makes_no_version_and_another_one_under_its_token_is_refused() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    value(&client.secrets("CreateSecret", json!({"Name": "key", "SecretString": "first"})).await);
    let put = |text: &str| json!({"SecretId": "key", "SecretString": text, "ClientRequestToken": "t".repeat(32)});
    let one = value(&client.secrets("PutSecretValue", put("second")).await);
    assert_eq!(value(&client.secrets("PutSecretValue", put("second")).await), one);
    assert_eq!(client.secrets("PutSecretValue", put("third")).await.code(), "ResourceExistsException");
    assert_eq!(read(&client, "key", "AWSPREVIOUS").await.unwrap(), "first");
}

#[tokio::test]
async fn a_secret_that_is_marked_for_deletion_can_be_described_and_restored_and_nothing_else() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    value(&client.secrets("CreateSecret", json!({"Name": "key", "SecretString": "x"})).await);
    let deleted = value(&client.secrets("DeleteSecret", json!({"SecretId": "key", "RecoveryWindowInDays": 7})).await);
    let due = deleted["DeletionDate"].as_f64().unwrap();
    let week = Timestamp::now() + SignedDuration::from_hours(7 * 24);
    assert!((due - week.as_duration().as_secs_f64()).abs() < 60.0, "{due}");

    for (operation, input) in [
        ("GetSecretValue", json!({"SecretId": "key"})),
        ("PutSecretValue", json!({"SecretId": "key", "SecretString": "y"})),
        ("DeleteSecret", json!({"SecretId": "key"})),
        ("CreateSecret", json!({"Name": "key", "SecretString": "y"})),
    ] {
        assert_eq!(client.secrets(operation, input).await.code(), "InvalidRequestException", "{operation}");
    }
    let described = value(&client.secrets("DescribeSecret", json!({"SecretId": "key"})).await);
    assert_eq!(described["DeletedDate"], deleted["DeletionDate"]);
    assert_eq!(names(&client.secrets("ListSecrets", json!({})).await), [""; 0]);
    assert_eq!(names(&client.secrets("ListSecrets", json!({"IncludePlannedDeletion": true})).await), ["key"]);
    value(&client.secrets("RestoreSecret", json!({"SecretId": "key"})).await);
    assert_eq!(read(&client, "key", "AWSCURRENT").await.unwrap(), "x");

    value(&client.secrets("DeleteSecret", json!({"SecretId": "key"})).await);
    let at_once = json!({"SecretId": "key", "ForceDeleteWithoutRecovery": true});
    value(&client.secrets("DeleteSecret", at_once.clone()).await);
    assert_eq!(client.secrets("RestoreSecret", json!({"SecretId": "key"})).await.code(), "ResourceNotFoundException");
    // Whoever wants it gone is content.
    value(&client.secrets("DeleteSecret", at_once).await);
    assert_eq!(client.secrets("DeleteSecret", json!({"SecretId": "key"})).await.code(), "ResourceNotFoundException");
    value(&client.secrets("CreateSecret", json!({"Name": "key", "SecretString": "new"})).await);
}

#[tokio::test]
async fn a_secret_is_gone_when_its_window_is_over() {
    let now = Timestamp::now();
    let version = SecretVersion { id: "v".to_owned(), value: SecretValue::Text("x".to_owned()), created: now };
    let secret = Secret {
        name: "key".to_owned(),
        suffix: "abcdef".to_owned(),
        description: None,
        created: now,
        changed: now,
        deletion: Some(now),
        tags: std::collections::BTreeMap::new(),
        current: Some(version),
        previous: None,
    };
    let cloud = Sandbox::with_state(|state| {
        state.secrets.insert("key".to_owned(), secret);
    })
    .await;
    let client = cloud.operator();
    assert_eq!(read(&client, "key", "AWSCURRENT").await.unwrap_err(), "ResourceNotFoundException");
    assert_eq!(names(&client.secrets("ListSecrets", json!({"IncludePlannedDeletion": true})).await), [""; 0]);
    value(&client.secrets("CreateSecret", json!({"Name": "key"})).await);
    assert_eq!(read(&client, "key", "AWSCURRENT").await.unwrap_err(), "ResourceNotFoundException", "it has no value");
}

fn names(answer: &Answer) -> Vec<String> {
    let listed = value(answer);
    listed["SecretList"].as_array().unwrap().iter().map(|it| it["Name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn secrets_are_listed_by_the_beginning_of_their_names_and_without_their_values() {
    let cloud = Sandbox::start().await;
    let client = cloud.operator();
    for name in ["other", "veris/a", "veris/b"] {
        let input = json!({"Name": name, "SecretString": "hunter2", "Tags": [{"Key": "team", "Value": "chat"}]});
        value(&client.secrets("CreateSecret", input).await);
    }
    let filters = json!([{"Key": "name", "Values": ["veris/"]}]);
    let listed = client.secrets("ListSecrets", json!({"Filters": filters})).await;
    assert_eq!(names(&listed), ["veris/a", "veris/b"]);
    assert!(!listed.text().contains("hunter2"));
    assert_eq!(value(&listed)["SecretList"][0]["Tags"], json!([{"Key": "team", "Value": "chat"}]));
    let page = client.secrets("ListSecrets", json!({"MaxResults": 2})).await;
    assert_eq!(names(&page), ["other", "veris/a"]);
    let token = value(&page)["NextToken"].clone();
    assert_eq!(names(&client.secrets("ListSecrets", json!({"NextToken": token})).await), ["veris/b"]);
    let unknown = json!({"Filters": [{"Key": "tag-key", "Values": ["team"]}]});
    assert_eq!(client.secrets("ListSecrets", unknown).await.code(), "InvalidParameterException");
}

#[tokio::test]
async fn a_secret_that_cannot_be_kept_is_refused() {
    let cloud = Sandbox::start().await;
    let client = &cloud.operator();
    let refused = |operation: &'static str, input: Value| async move { client.secrets(operation, input).await.code() };
    for name in ["", "with space", &"x".repeat(513)] {
        assert_eq!(refused("CreateSecret", json!({"Name": name})).await, "ValidationException", "{name}");
    }
    let both = json!({"Name": "a", "SecretString": "x", "SecretBinary": "eA=="});
    assert_eq!(refused("CreateSecret", both).await, "InvalidParameterException");
    let long = json!({"Name": "a", "SecretString": "x".repeat(65_537)});
    assert_eq!(refused("CreateSecret", long).await, "ValidationException");
    assert_eq!(refused("CreateSecret", json!({"Name": "a", "KmsKeyId": "k"})).await, "ValidationException");
    assert_eq!(refused("PutSecretValue", json!({"SecretId": "a"})).await, "InvalidParameterException");
    let nobody = json!({"SecretId": "a", "SecretString": "x"});
    assert_eq!(refused("PutSecretValue", nobody).await, "ResourceNotFoundException");
    assert_eq!(
        refused("DeleteSecret", json!({"SecretId": "a", "RecoveryWindowInDays": 31})).await,
        "InvalidParameterException"
    );
    let unclear = json!({"SecretId": "a", "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true});
    assert_eq!(refused("DeleteSecret", unclear).await, "InvalidParameterException");
    assert_eq!(refused("RotateSecret", json!({"SecretId": "a"})).await, "UnknownOperationException");
}

#[tokio::test]
async fn an_instance_reads_a_secret_and_does_nothing_else_with_it() {
    let cloud = Sandbox::with_state(in_session).await;
    let kept = json!({"Name": "key", "SecretString": "yes"});
    value(&cloud.operator().secrets("CreateSecret", kept.clone()).await);
    let instance = cloud.instance();
    assert_eq!(read(&instance, "key", "AWSCURRENT").await.unwrap(), "yes");
    for (operation, input) in [
        ("CreateSecret", kept),
        ("DescribeSecret", json!({"SecretId": "key"})),
        ("ListSecrets", json!({})),
        ("PutSecretValue", json!({"SecretId": "key", "SecretString": "no"})),
        ("DeleteSecret", json!({"SecretId": "key"})),
        ("RestoreSecret", json!({"SecretId": "key"})),
    ] {
        assert_eq!(instance.secrets(operation, input).await.code(), "AccessDeniedException", "{operation}");
    }
}

#[tokio::test]
async fn a_secret_outlives_a_restart_in_a_file_of_its_owner_and_is_in_no_message() {
    use std::os::unix::fs::PermissionsExt as _;
    let cloud = Sandbox::start().await;
    value(&cloud.operator().secrets("CreateSecret", json!({"Name": "key", "SecretString": "hunter2"})).await);
    let misplaced = json!({"SecretId": "key", "SecretString": "hunter2", "RotationToken": "hunter2"});
    let refused = cloud.operator().secrets("PutSecretValue", misplaced).await;
    assert_eq!(refused.code(), "ValidationException");
    assert!(!refused.text().contains("hunter2"), "{}", refused.text());
    let wrong = json!({"SecretId": "key", "ForceDeleteWithoutRecovery": "hunter2"});
    let refused = cloud.operator().secrets("DeleteSecret", wrong).await;
    assert_eq!(refused.code(), "ValidationException");
    assert!(!refused.text().contains("hunter2"), "{}", refused.text());

    let stopped = cloud.stop().await;
    let mode = fs_err::metadata(stopped.layout.state()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let state: local_cloud::state::State =
        serde_json::from_slice(&fs_err::read(stopped.layout.state()).unwrap()).unwrap();
    assert!(!format!("{:?}", state.secrets).contains("hunter2"));
    let cloud = stopped.start().await;
    assert_eq!(read(&cloud.operator(), "key", "AWSCURRENT").await.unwrap(), "hunter2");
}
