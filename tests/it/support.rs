//! A small project in a temporary directory.

use std::path::{Path, PathBuf};

use veris::error::{Failure, Report};
use veris::recipe::{Recipe, RecipeError};

pub(crate) const RECIPE: &str = "\
service: chat
version: 1.2.3
parent:
  ssm_parameter: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
glibc: \"2.34\"
artifact:
  package: chat
  install_path: /opt/chat/chat
units:
  - units/chat.service
files:
  - source: config/chat.yaml
    path: /etc/chat/config.yaml
    mode: \"0644\"
components:
  - components/10-base.yaml
  - components/20-chat.yaml
volume:
  device: /dev/xvda
  size_gib: 30
  type: gp3
port: 8000
env_file: /etc/chat/.env
environments:
  prod:
    region: ap-southeast-2
    instance_type: t3.large
    instance_profile: workload
    security_groups: [sg-0fed3f02e16c4f50e]
    key_pair: race_lits_server
    address: 192.0.2.21
    bucket: images-prod
    build:
      instance_type: t3.medium
      instance_profile: workload
    env:
      AWS_REGION: us-east-1
";

pub(crate) struct Project {
    directory: tempfile::TempDir,
}

impl Project {
    /// A project with the recipe above and every file that it names.
    pub(crate) fn new() -> Self {
        let project = Self { directory: tempfile::tempdir().unwrap() };
        project.write("recipes/chat.yaml", RECIPE);
        for file in ["units/chat.service", "config/chat.yaml", "components/10-base.yaml", "components/20-chat.yaml"] {
            project.write(file, "# empty\n");
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    pub(crate) fn load(&self) -> Result<Recipe, RecipeError> {
        Recipe::load(self.path(), &self.path().join("recipes/chat.yaml"))
    }

    /// What a user sees after this part of the recipe was replaced.
    pub(crate) fn complaint(&self, from: &str, to: &str) -> String {
        assert!(RECIPE.contains(from), "the recipe has no `{from}`");
        self.write("recipes/chat.yaml", &RECIPE.replacen(from, to, 1));
        shown(self.load().unwrap_err())
    }
}

/// An error as the tool prints it.
pub(crate) fn shown(error: impl Into<Failure>) -> String {
    Report::new(&anyhow::Error::from(error.into())).to_string()
}
