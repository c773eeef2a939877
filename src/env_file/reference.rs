//! Values that name a secret instead of holding it. The server asks for them at each start; here they are only looked for.

use anyhow::Result;
use aws_sdk_ssm::error::ProvideErrorMetadata as _;
use serde::Deserialize;
use serde_json::json;

use super::EnvFile;
use crate::aws;
use crate::context::Context;
use crate::error::{Failure, cloud, user};

/// The Parameter Store answers so many in one call.
const AT_ONCE: usize = 10;

impl EnvFile {
    /// Refuses what is not there. Whether the instance's role may read it only the instance can tell.
    pub async fn check_references(&self, context: &Context) -> Result<()> {
        self.check_parameters(context).await?;
        for (name, secret) in self.secrets() {
            check_secret(context, name, secret).await?;
        }
        Ok(())
    }

    /// Each variable that names a parameter, with the parameter's name: `ssm:/veris/…`.
    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
            let parameter = value.strip_prefix("ssm:").filter(|parameter| parameter.starts_with('/'))?;
            Some((name.as_str(), parameter))
        })
    }

    /// Each variable that names a secret, with the secret's name or ARN: `secretsmanager:veris/prod#KEY`.
    fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
            let secret = value.strip_prefix("secretsmanager:").filter(|secret| !secret.is_empty())?;
            Some((name.as_str(), secret.split_once('#').map_or(secret, |(secret, _)| secret)))
        })
    }

    async fn check_parameters(&self, context: &Context) -> Result<()> {
        let parameters: Vec<_> = self.parameters().collect();
        for some in parameters.chunks(AT_ONCE) {
            let mut names: Vec<String> = some.iter().map(|(_, parameter)| (*parameter).to_owned()).collect();
            names.sort();
            names.dedup();
            let answer = match context.clients.ssm.get_parameters().set_names(Some(names)).send().await {
                Ok(answer) => answer,
                // Operators need not be allowed to read what the service reads.
                Err(error) if error.code() == Some("AccessDeniedException") => continue,
                Err(error) => return Err(aws::describe("look for the parameters that `.env` names", &error).into()),
            };
            let missing = |(_, parameter): &&(&str, &str)| answer.invalid_parameters().iter().any(|it| it == parameter);
            if let Some((name, parameter)) = some.iter().find(missing) {
                let region = &context.environment.region;
                return Err(user(format!(
                    "`{name}` names the parameter `{parameter}`, which is not there in {region}"
                ))
                .hint(format!("make it: `aws ssm put-parameter --type SecureString --name {parameter} --value …`"))
                .into());
            }
        }
        Ok(())
    }
}

/// What is told of a secret, and of a refusal.
#[derive(Debug, Default, Deserialize)]
struct Described {
    #[serde(rename = "DeletedDate")]
    deleted: Option<f64>,
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// Asks for no value: operators need not know it.
async fn check_secret(context: &Context, name: &str, secret: &str) -> Result<(), Failure> {
    let answer = context.clients.signed.secrets("DescribeSecret", &json!({"SecretId": secret})).await?;
    let told: Described = serde_json::from_str(&answer.body).unwrap_or_default();
    let region = &context.environment.region;
    match told.code.rsplit('#').next().unwrap_or_default() {
        _ if answer.is_good() && told.deleted.is_none() => Ok(()),
        _ if answer.is_good() => {
            Err(user(format!("`{name}` names the secret `{secret}`, which is marked for deletion in {region}"))
                .hint(format!("restore it: `aws secretsmanager restore-secret --secret-id {secret}`")))
        }
        "AccessDeniedException" => Ok(()),
        "ResourceNotFoundException" => {
            Err(user(format!("`{name}` names the secret `{secret}`, which is not there in {region}"))
                .hint(format!("make it: `aws secretsmanager create-secret --name {secret} --secret-string …`")))
        }
        code => {
            let problem = format!("failed to look for the secret `{secret}` that `{name}` names");
            Err(cloud(format!("{problem}: {} {code} {}", answer.status, told.message)))
        }
    }
}
