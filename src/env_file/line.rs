//! One line of a `.env`.

/// Instance credentials come from the instance profile, and the SDK would prefer these over it.
const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Nothing,
    Variable { name: String, value: String },
}

/// What is wrong with one variable. The value is never part of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error(
        "not of the form NAME=VALUE; a value cannot go on in the next line, put it in one line (PEM text as base64)"
    )]
    NoVariable,
    // What stands there may be part of a secret that went on from the line above, so it is not shown.
    #[error("the part before `=` is no name of a variable: letters, digits and `_`, not beginning with a digit")]
    Name,
    #[error("`export` does not belong here; the line begins with the variable's name")]
    Export,
    #[error("the value of `{name}` contains {character}; a value is one line of printable text")]
    Control { name: String, character: &'static str },
    #[error(
        "the value of `{name}` begins with a quote that is not closed; a value cannot go on in the next line, and a quote \
         that belongs to it needs the whole value in quotes of the other kind"
    )]
    Quote { name: String },
    #[error(
        "`{name}` must not be set: the service gets its credentials from the instance profile; remove the line, or leave \
         the value empty"
    )]
    Credentials { name: String },
}

impl Line {
    pub(super) fn parse(content: &str) -> Result<Self, LineError> {
        let content = content.trim_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') {
            return Ok(Self::Nothing);
        }
        let (name, value) = content.split_once('=').ok_or(LineError::NoVariable)?;
        let name = name.trim_end_matches([' ', '\t']);
        if name.starts_with("export ") {
            return Err(LineError::Export);
        }
        check_name(name)?;
        let value = unquote(name, value.trim_start_matches([' ', '\t']))?;
        check(name, value)?;
        Ok(Self::Variable { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Checks a variable wherever it comes from.
pub(super) fn check(name: &str, value: &str) -> Result<(), LineError> {
    check_name(name)?;
    if let Some(character) = value.chars().find(|character| character.is_control()) {
        let character = match character {
            '\n' | '\r' => "a line break",
            '\0' => "a NUL byte",
            '\t' => "a tab",
            _ => "a control character",
        };
        return Err(LineError::Control { name: name.to_owned(), character });
    }
    if CREDENTIALS.contains(&name) && !value.is_empty() {
        return Err(LineError::Credentials { name: name.to_owned() });
    }
    Ok(())
}

/// Quotes only what would not be read back as it is.
pub(super) fn render(name: &str, value: &str) -> String {
    let edge = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    if value.starts_with(edge) || value.ends_with(edge) {
        format!("{name}=\"{value}\"\n")
    } else {
        format!("{name}={value}\n")
    }
}

fn check_name(name: &str) -> Result<(), LineError> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if good { Ok(()) } else { Err(LineError::Name) }
}

fn unquote<'a>(name: &str, value: &'a str) -> Result<&'a str, LineError> {
    for quote in ['"', '\''] {
        let Some(rest) = value.strip_prefix(quote) else { continue };
        return rest.strip_suffix(quote).ok_or_else(|| LineError::Quote { name: name.to_owned() });
    }
    Ok(value)
}
