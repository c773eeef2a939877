//! A component: an AWSTOE document of the project, rendered and checked before anything is created in a cloud.

use std::path::{Path, PathBuf};

use crate::error::{Failure, user};
use crate::recipe::ServiceName;
use crate::template::{self, Variables};

/// Image Builder's limit for documents that are passed inline.
const LONGEST: usize = 16_000;

/// A rendered component document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name in Image Builder: the service's name and the file's stem.
    pub name: String,
    /// The file it was rendered from, relative to the project.
    pub path: PathBuf,
    /// The document as it is sent.
    pub text: String,
    /// Names of the parameters that it declares.
    pub parameters: Vec<String>,
}

impl Component {
    /// Reads, renders and checks the document at `path`, which is relative to `project`.
    pub fn load(project: &Path, path: &Path, service: &ServiceName, variables: &Variables) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let source = fs_err::read_to_string(project.join(path))
            .map_err(|error| user(format!("failed to read component `{shown}`")).source(error))?;
        let text = template::render(&shown, &source, variables)
            .map_err(|error| user(format!("failed to render component: {error}")).hint(error.hint()))?;
        let length = text.chars().count();
        if length > LONGEST {
            return Err(user(format!("component `{shown}` is {length} characters long when rendered"))
                .hint(format!("Image Builder takes at most {LONGEST} in a document; split it in two")));
        }
        let parameters = declared_parameters(&shown, &text)?;
        let stem = path.file_stem().unwrap_or_default().display();
        Ok(Self { name: format!("{service}-{stem}"), path: path.to_owned(), text, parameters })
    }
}
