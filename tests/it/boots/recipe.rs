//! The project's recipe with one input exchanged, as a user would have it after an edit.

use std::path::Path;

use tempfile::NamedTempFile;

pub(crate) struct Recipe {
    file: NamedTempFile,
}

impl Recipe {
    /// Takes `other` where the recipe takes `other_than`; both are paths in the project.
    pub(crate) fn with(other_than: &str, other: &str) -> Self {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/veris-chat.yaml");
        let before = std::fs::read_to_string(original).unwrap();
        let after = before.replace(other_than, other);
        assert_ne!(before, after, "the recipe does not take {other_than}");
        let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        std::fs::write(file.path(), after).unwrap();
        Self { file }
    }

    pub(crate) fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }
}
