//! User data: a cloud-config document that writes the service's `.env` and does nothing else.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::env_file::EnvFile;
use crate::error::{Failure, cloud, user};

/// EC2's limit, before base64.
const LIMIT: usize = 16_384;

/// User data in the form the API takes: base64. It holds secrets, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData(String);

impl UserData {
    /// Writes `env` to `path` in the instance at its first boot, readable by root alone.
    ///
    /// The directory comes with the image as 0700: cloud-init writes a file before it narrows its permissions.
    pub fn new(env: &EnvFile, path: &str) -> Result<Self, Failure> {
        let document = document(&env.render(), path);
        if document.len() > LIMIT {
            return Err(user(format!(
                "the service's environment is too large: user data would have {} bytes, and EC2 takes {LIMIT}",
                document.len()
            ))
            .hint("move large values out of `.env`, for example to S3, and keep only their names in it"));
        }
        Ok(Self(STANDARD.encode(document)))
    }

    /// User data of another instance, as the API answers it.
    pub fn from_base64(encoded: String) -> Self {
        Self(encoded)
    }

    /// The settings that it writes.
    pub fn env(&self) -> Result<EnvFile, Failure> {
        let foreign = || cloud("the instance's user data is not what this tool writes, so its settings cannot be read");
        let decode = |text: &str| STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let document = decode(&self.0).ok_or_else(foreign)?;
        let content = document.lines().find_map(|line| line.trim_start().strip_prefix("content: "));
        let env = content.and_then(decode).ok_or_else(foreign)?;
        EnvFile::parse(&env, Path::new("the instance's .env")).map_err(|error| foreign().source(error))
    }

    pub fn as_base64(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserData({} characters of base64)", self.0.len())
    }
}

/// base64 leaves YAML and cloud-init nothing to interpret; the path was validated with the recipe.
fn document(content: &str, path: &str) -> String {
    format!(
        "#cloud-config\nwrite_files:\n- path: {path}\n  owner: root:root\n  permissions: '0600'\n  encoding: b64\n  content: {}\n",
        STANDARD.encode(content)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_writes_the_env_file_and_nothing_else() {
        let env = EnvFile::parse("API_KEY=s3cret\nAWS_REGION=us-east-1\n", Path::new(".env")).unwrap();
        let data = UserData::new(&env, "/etc/veris-chat/.env").unwrap();
        let document = String::from_utf8(STANDARD.decode(data.as_base64()).unwrap()).unwrap();
        insta::assert_snapshot!(document, @r"
        #cloud-config
        write_files:
        - path: /etc/veris-chat/.env
          owner: root:root
          permissions: '0600'
          encoding: b64
          content: QVBJX0tFWT1zM2NyZXQKQVdTX1JFR0lPTj11cy1lYXN0LTEK
        ");
        assert!(!format!("{data:?}").contains("QVBJ"));
        assert_eq!(UserData::from_base64(data.as_base64().to_owned()).env().unwrap(), env);
        assert!(UserData::from_base64("I2Nsb3VkLWNvbmZpZwo=".to_owned()).env().is_err());
    }

    #[test]
    fn an_environment_above_the_limit_is_refused_before_any_call() {
        let env = EnvFile::parse(&format!("BIG={}", "x".repeat(13_000)), Path::new(".env")).unwrap();
        let error = UserData::new(&env, "/etc/veris-chat/.env").unwrap_err();
        insta::assert_snapshot!(error, @"the service's environment is too large: user data would have 17465 bytes, and EC2 takes 16384");
    }
}
