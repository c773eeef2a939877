//! Values that name a secret instead of holding it. The server asks for them at each start; here they are only looked for.

use anyhow::Result;
use aws_sdk_ssm::error::ProvideErrorMetadata as _;

use super::EnvFile;
use crate::aws;
use crate::context::Context;
use crate::error::user;

/// The Parameter Store answers so many in one call.
const AT_ONCE: usize = 10;

impl EnvFile {
    /// Each variable that names a parameter, with the parameter's name: `ssm:/veris/…`.
    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| {
            let parameter = value.strip_prefix("ssm:").filter(|parameter| parameter.starts_with('/'))?;
            Some((name.as_str(), parameter))
        })
    }

    /// Refuses parameters that are not there. Whether the instance's role may read them only the instance can tell.
    pub async fn check_references(&self, context: &Context) -> Result<()> {
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
