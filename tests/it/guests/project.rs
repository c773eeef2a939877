//! Copies of this project with one thing changed, as a user would have it after an edit.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub struct Project {
    directory: TempDir,
}

impl Project {
    /// The baked configuration differs.
    pub fn with_changed_config() -> Self {
        let project = Self::copy();
        project.edit("config/veris-chat.yaml", |text| format!("{text}# A comment more.\n"));
        project
    }

    /// A step of the build phase fails and says why.
    pub fn with_failing_component() -> Self {
        let project = Self::copy();
        project.edit("components/10-base.yaml", |text| {
            text.replacen("set -euo pipefail", "set -euo pipefail; echo 'the disk is made of cheese'; exit 7", 1)
        });
        project
    }

    pub fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    /// The inputs of a bake are copied; the sources are the same ones, so that nothing is compiled twice.
    fn copy() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let original = Path::new(env!("CARGO_MANIFEST_DIR"));
        for inputs in ["recipes", "components", "units", "config"] {
            let to = directory.path().join(inputs);
            std::fs::create_dir(&to).unwrap();
            for entry in std::fs::read_dir(original.join(inputs)).unwrap().flatten() {
                std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
        for shared in ["Cargo.toml", "Cargo.lock", "src", "crates", ".cargo", "rustfmt.toml"] {
            std::os::unix::fs::symlink(original.join(shared), directory.path().join(shared)).unwrap();
        }
        Self { directory }
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path: PathBuf = self.directory.path().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        let after = change(before.clone());
        assert_ne!(before, after, "the edit of {file} changed nothing");
        std::fs::write(path, after).unwrap();
    }
}
