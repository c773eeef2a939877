//! Settings that are kept in the account: the server asks for them at each start, with the role of its instance, and does not start
//! without them.

use veris::user_data::UserData;

use super::cloud::Cloud;

const PARAMETER: &str = "/veris/veris-chat/local/sessions";
const SECRET: &str = "veris/veris-chat/local/settings";

/// Keeps two settings with the stock AWS CLI, and answers the lines of `.env` that name them; none where there is no AWS CLI.
pub(crate) fn keep(cloud: &Cloud) -> String {
    let sessions = "sqlite:///var/lib/veris-chat/sessions.db";
    let parameter = ["ssm", "put-parameter", "--type", "SecureString", "--name", PARAMETER, "--value", sessions];
    if cloud.aws(&parameter).is_none() {
        return String::new();
    }
    let settings = r#"{"ON_DISCONNECT":"drain"}"#;
    cloud.aws(&["secretsmanager", "create-secret", "--name", SECRET, "--secret-string", settings]).unwrap();
    format!("SESSION_STORE=ssm:{PARAMETER}\nON_DISCONNECT=secretsmanager:{SECRET}#ON_DISCONNECT\n")
}

/// The instance's user data says where the settings are, and nothing of what they are.
pub(crate) fn are_named_only(cloud: &Cloud, instance_id: &str) {
    let ask = ["ec2", "describe-instance-attribute", "--instance-id", instance_id, "--attribute", "userData"];
    let Some(answer) = cloud.aws(&ask) else { return };
    let user_data = UserData::from_base64(answer["UserData"]["Value"].as_str().unwrap().to_owned());
    let env = user_data.env().unwrap().render();
    assert!(env.contains(&format!("ssm:{PARAMETER}")) && env.contains(&format!("secretsmanager:{SECRET}#")), "{env}");
    assert!(!env.contains("sessions.db") && !env.contains("drain"), "{env}");
}
