//! The lock of a recipe: what a bake takes from elsewhere, pinned for each environment that the recipe declares.
//!
//! `veris update` is its only writer. A bake reads it, so that two bakes of one commit start from the same image.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::environment::EnvironmentName;
use crate::error::{Failure, internal, user};

/// The form of the file that this program writes.
const FORM: u32 = 1;

const HEADER: &str =
    "# Written by `veris update`. Commit it: every bake outside the local cloud starts from what it pins.\n";

/// `recipes/NAME.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    form: u32,
    environments: BTreeMap<String, Pin>,
}

/// What is pinned for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Region of the image: an image has another id in each.
    pub region: String,
    /// What the recipe said when it was pinned, such as `ssm:/aws/service/…`.
    pub parent: String,
    /// Id of the parent image.
    pub image: String,
    /// Name of the parent image, which tells people more than its id.
    pub name: String,
    /// The release of Amazon Linux 2023 in the image, for `dnf --releasever`; absent for other systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { form: FORM, environments: BTreeMap::new() }
    }
}

impl Lock {
    /// The lock that belongs to a recipe.
    pub fn path(recipe: &Path) -> PathBuf {
        recipe.with_extension("lock")
    }

    /// Reads the recipe's lock; one that is not there pins nothing.
    pub fn read(recipe: &Path) -> Result<Self, Failure> {
        let path = Self::path(recipe);
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(user("failed to read the recipe's lock").source(error)),
        };
        let damaged = |problem: String| {
            user(format!("`{}` cannot be understood: {problem}", path.display()))
                .hint("restore it with `git restore`, or remove it and pin anew with `veris update`")
        };
        let lock: Self = serde_yaml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if lock.form != FORM {
            return Err(damaged(format!("it has form {}, and this program knows form {FORM}", lock.form)));
        }
        match lock.environments.values().find(|pin| !is_image_id(&pin.image)) {
            Some(pin) => Err(damaged(format!("`{}` is no AMI id", pin.image))),
            None => Ok(lock),
        }
    }

    /// What is pinned for the environment.
    pub fn pin(&self, environment: &EnvironmentName) -> Option<&Pin> {
        self.environments.get(environment.as_str())
    }

    /// Pins anew, and answers what was pinned before.
    pub fn set(&mut self, environment: &EnvironmentName, pin: Pin) -> Option<Pin> {
        self.environments.insert(environment.to_string(), pin)
    }

    /// Writes the recipe's lock, whole or not at all.
    pub fn write(&self, recipe: &Path) -> Result<(), Failure> {
        let path = Self::path(recipe);
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".lock-").tempfile_in(folder)?;
            let yaml = serde_yaml::to_string(self).map_err(std::io::Error::other)?;
            file.write_all(format!("{HEADER}{yaml}").as_bytes())?;
            // Temporary files are private; this one belongs to the project.
            fs_err::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|error: std::io::Error| internal(format!("failed to write `{}`", path.display())).source(error))
    }
}

fn is_image_id(text: &str) -> bool {
    text.strip_prefix("ami-").is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The release in the name of an image of Amazon Linux 2023: `2023.9.20251117` in `al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64`.
///
/// The number behind the date counts Amazon's builds of the image; the package repositories do not know it.
pub fn release(image_name: &str) -> Option<String> {
    let rest = image_name.strip_prefix("al2023-ami-")?;
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    rest.split('-').find_map(|word| {
        let parts: Vec<&str> = word.split('.').take(3).collect();
        (parts.len() == 3 && parts[0] == "2023" && parts.iter().all(is_number)).then(|| parts.join("."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_off_the_names_that_amazon_gives() {
        let read = |name| release(name).unwrap_or_default();
        assert_eq!(read("al2023-ami-2023.9.20251117.1-kernel-6.1-x86_64"), "2023.9.20251117");
        assert_eq!(read("al2023-ami-minimal-2023.12.20260930.0-kernel-6.12-arm64"), "2023.12.20260930");
        assert_eq!(read("al2023-ami-ecs-hvm-2023.0.20260811-kernel-6.1-x86_64"), "2023.0.20260811");
        assert_eq!(read("amzn2-ami-kernel-5.10-hvm-2.0.20251110.1-x86_64-gp2"), "");
        assert_eq!(read("local-cloud-parent-0011aabbccdd"), "");
    }

    proptest::proptest! {
        #[test]
        fn no_name_is_too_strange(name in "(al2023-ami-)?[-0-9.a-z]{0,40}") {
            if let Some(release) = release(&name) {
                proptest::prop_assert!(name.contains(&release));
            }
        }
    }
}
