//! A component: an AWSTOE document of the project, rendered and checked before anything is created in a cloud.

use std::path::{Path, PathBuf};

use veris_toe::document::Parameter;

use crate::error::{Failure, user};
use crate::recipe::ServiceName;
use crate::template::{self, Variables};

/// Image Builder's limit for documents that are passed inline.
pub const LONGEST: usize = 16_000;

/// What the bake passes to every document that declares it: values that depend on the digest, and so cannot be rendered into the text.
pub const PASSED: [&str; 3] = ["Version", "Digest", "Commit"];

/// What to do about [`name_problem`].
pub const NAME_CURE: &str = "use up to 60 lower-case letters, digits and `-` before `.yaml`";

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
        let failed = |error| user(format!("failed to read component `{}`", path.display())).source(error);
        let source = fs_err::read_to_string(project.join(path)).map_err(failed)?;
        Self::of(path, &source, service, variables)
    }

    /// Renders and checks a document that was read from `path`.
    pub fn of(path: &Path, source: &str, service: &ServiceName, variables: &Variables) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if let Some(problem) = name_problem(path) {
            return Err(user(format!("component {problem}")).hint(NAME_CURE));
        }
        let text = template::render(&shown, source, variables)
            .map_err(|error| user(format!("failed to render component: {error}")).hint(error.hint()))?;
        let length = text.chars().count();
        if length > LONGEST {
            return Err(user(format!("component `{shown}` is {length} characters long when rendered"))
                .hint(format!("Image Builder takes at most {LONGEST} in a document; split it in two")));
        }
        let parameters = declared_parameters(&shown, &text)?;
        Ok(Self { name: format!("{service}-{stem}"), path: path.to_owned(), text, parameters })
    }
}

/// What Image Builder would do to the component's name, which is the stem of its file.
pub fn name_problem(path: &Path) -> Option<String> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let kept = (1..=60).contains(&stem.len()) && stem.chars().all(is_plain);
    (!kept).then(|| format!("`{}` has a name that Image Builder would change", path.display()))
}

/// Whether the bake has no value for the parameter.
pub fn is_unset(parameter: &Parameter) -> bool {
    parameter.default.is_none() && !PASSED.contains(&parameter.name.as_str())
}

/// Reads the document as a build instance will, so that a mistake is found before anything is paid for.
fn declared_parameters(shown: &str, text: &str) -> Result<Vec<String>, Failure> {
    // Lines are counted where the template's own lines are gone.
    let document = veris_toe::document::parse(text, &format!("{shown} (rendered)")).map_err(|error| {
        let hint = error.cure().unwrap_or_else(|| "correct the document".to_owned());
        user(format!("component {error}")).hint(hint)
    })?;
    if let Some(parameter) = document.parameters.iter().find(|parameter| is_unset(parameter)) {
        let name = &parameter.name;
        return Err(user(format!("component `{shown}` declares the parameter `{name}` without a default"))
            .hint(format!("give it one; only {} are passed by the bake", PASSED.join(", "))));
    }
    Ok(document.parameters.into_iter().map(|parameter| parameter.name).collect())
}
