//! Our own templating of component documents.
//!
//! AWSTOE has variables of its own, written `{{ … }}`, which must reach Image Builder untouched. So ours are `<{ value }>`,
//! `<% block %>` and `<# comment #>`, and a value that is not there is an error.

mod lines;
mod mistake;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, context};

pub use self::lines::Lines;
pub use self::mistake::{Checked, TemplateMistake, check};

/// What a template can say about the bake.
#[derive(Debug, Clone)]
pub struct Variables {
    /// Name of the service: `service`.
    pub service: String,
    /// The binary: `artifact.uri`, `artifact.sha256`, `artifact.install_path`.
    pub artifact: Artifact,
    /// systemd units: `units`, each with `name`, `uri` and `sha256`.
    pub units: Vec<Unit>,
    /// Other files: `files`, each with `path`, `uri`, `sha256` and `mode`.
    pub files: Vec<File>,
    /// Path of the `.env` in the image: `env_file`.
    pub env_file: String,
    /// Port of the service: `port`.
    pub port: u16,
    /// Release of Amazon Linux in the parent image, for `dnf --releasever`: `release`; false on other systems.
    pub release: Option<String>,
}

/// The binary of the service, as templates see it.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Where the build instance downloads it.
    pub uri: String,
    /// Its digest in hexadecimal digits.
    pub sha256: String,
    /// Where it lies in the image.
    pub install_path: String,
}

/// A systemd unit, as templates see it.
#[derive(Debug, Clone)]
pub struct Unit {
    /// File name, for example `veris-chat.service`.
    pub name: String,
    /// Where the build instance downloads it.
    pub uri: String,
    /// Its digest in hexadecimal digits.
    pub sha256: String,
}

/// A file of the image, as templates see it.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it lies in the image.
    pub path: String,
    /// Where the build instance downloads it.
    pub uri: String,
    /// Its digest in hexadecimal digits.
    pub sha256: String,
    /// Four octal digits.
    pub mode: String,
}

const KNOWN: &str = "a template knows `service`, `artifact.{uri,sha256,install_path}`, `units` (each with `name`, `uri`, `sha256`), `files` \
     (each with `path`, `uri`, `sha256`, `mode`), `env_file`, `port` and `release`; AWSTOE's own variables are written `{{ Name }}`";
const SYNTAX: &str = "values are written `<{ value }>`, blocks `<% block %>` and comments `<# comment #>`";

/// Why a template could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("{path}{}: {problem}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct TemplateError {
    path: String,
    line: Option<usize>,
    problem: String,
    undefined: bool,
}

impl TemplateError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        if self.undefined { KNOWN.to_owned() } else { SYNTAX.to_owned() }
    }
}

/// Renders the template in `text`; `path` is its name in errors.
pub fn render(path: &str, text: &str, variables: &Variables) -> Result<String, TemplateError> {
    let refuse = |error: &minijinja::Error| TemplateError {
        path: path.to_owned(),
        line: error.line(),
        problem: match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        },
        undefined: error.kind() == ErrorKind::UndefinedError,
    };
    try_render(path, text, variables).map_err(|error| refuse(&error))
}

fn try_render(path: &str, text: &str, variables: &Variables) -> Result<String, minijinja::Error> {
    environment()?.render_named_str(path, text, variables.as_context())
}

pub(crate) fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let syntax = SyntaxConfig::builder()
        .variable_delimiters("<{", "}>")
        .block_delimiters("<%", "%>")
        .comment_delimiters("<#", "#>")
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Errors then know the columns.
    environment.set_debug(true);
    // A document is YAML whatever its file is called; nothing is escaped.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    Ok(environment)
}

impl Variables {
    fn as_context(&self) -> Value {
        let units =
            self.units.iter().map(|unit| context! { name => &unit.name, uri => &unit.uri, sha256 => &unit.sha256 });
        let files = self
            .files
            .iter()
            .map(|file| context! { path => &file.path, uri => &file.uri, sha256 => &file.sha256, mode => &file.mode });
        let artifact = context! {
            uri => &self.artifact.uri,
            sha256 => &self.artifact.sha256,
            install_path => &self.artifact.install_path,
        };
        context! {
            service => &self.service,
            artifact => artifact,
            units => units.collect::<Value>(),
            files => files.collect::<Value>(),
            env_file => &self.env_file,
            port => self.port,
            release => &self.release,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Variables of a small bake.
    pub(crate) fn variables() -> Variables {
        Variables {
            service: "chat".to_owned(),
            artifact: Artifact {
                uri: "s3://bucket/chat/artifacts/aa/chat".to_owned(),
                sha256: "aa".to_owned(),
                install_path: "/opt/chat/chat".to_owned(),
            },
            units: vec![Unit {
                name: "chat.service".to_owned(),
                uri: "s3://bucket/u".to_owned(),
                sha256: "bb".to_owned(),
            }],
            files: vec![],
            env_file: "/etc/chat/.env".to_owned(),
            port: 8000,
            release: None,
        }
    }

    #[test]
    fn our_values_are_filled_in_and_those_of_awstoe_are_left_alone() {
        let text = "\
<# Only for readers of the source. #>
version: '{{ Version }}'
source: <{ artifact.uri }>
units:
  <% for unit in units %>
  - /etc/systemd/system/<{ unit.name }>
  <% endfor %>
port: <{ port }>
";
        insta::assert_snapshot!(render("components/chat.yaml", text, &variables()).unwrap(), @"
        version: '{{ Version }}'
        source: s3://bucket/chat/artifacts/aa/chat
        units:
          - /etc/systemd/system/chat.service
        port: 8000
        ");
    }

    #[test]
    fn a_mistake_is_named_with_its_file_and_line() {
        let refused = |text| render("components/chat.yaml", text, &variables()).unwrap_err().to_string();
        insta::assert_snapshot!([
            refused("name: chat\nsource: <{ artifact.url }>\n"),
            refused("name: <{ name }>\n"),
            refused("a: 1\nb: 2\n<% for unit in units %>\n"),
            refused("a: <{ port \n"),
            refused("a: <% include 'other.yaml' %>\n"),
        ]
        .join("\n"), @"
        components/chat.yaml:2: undefined value: `artifact.url` is undefined
        components/chat.yaml:1: undefined value: `name` is undefined
        components/chat.yaml:3: syntax error: unexpected end of input, expected end of block
        components/chat.yaml:1: syntax error: unexpected end of input, expected end of variable block
        components/chat.yaml:1: template not found: tried to include non-existing template 'other.yaml'
        ");
    }
}
