//! The model's patterns and limits.

use crate::fault::Fault;
use crate::state::Tags;

/// A value that a parameter may not have.
pub(super) fn refused(parameter: &str, why: &str) -> Fault {
    Fault::client(
        "InvalidParameterValueException",
        format!("The value supplied for parameter '{parameter}' is not valid. {why}"),
    )
}

/// A resource's name: 3 to 128 letters, digits, `-` and `_`, with spaces between them.
pub(super) fn resource_name(name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let ends = name.starts_with(allowed) && name.ends_with(allowed);
    if ends && (3..=128).contains(&name.len()) && name.chars().all(|c| allowed(c) || c == ' ') {
        return Ok(());
    }
    Err(refused("name", "'name' must match pattern ^[-_A-Za-z-0-9][-_A-Za-z0-9 ]{1,126}[-_A-Za-z-0-9]$"))
}

/// 1 to `longest` characters.
pub(super) fn length(parameter: &str, value: &str, longest: usize) -> Result<(), Fault> {
    if (1..=longest).contains(&value.chars().count()) {
        return Ok(());
    }
    Err(refused(parameter, &format!("'{parameter}' must have 1 to {longest} characters")))
}

/// A member that need not be there, but has 1 to 1024 characters when it is.
pub(super) fn text(parameter: &str, value: Option<&str>) -> Result<(), Fault> {
    value.map_or(Ok(()), |value| length(parameter, value, 1024))
}

/// At most `most` tags, with keys and values of AWS's alphabet.
pub(super) fn tags(parameter: &str, tags: &Tags, most: usize) -> Result<(), Fault> {
    if tags.len() > most {
        return Err(refused(parameter, &format!("'{parameter}' must have at most {most} tags")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_.:/=+-@".contains(c);
    for (key, value) in tags {
        if key.starts_with("aws:") || !(1..=128).contains(&key.len()) || !key.chars().all(allowed) {
            let why = format!(
                "The tag key '{key}' must have 1 to 128 characters of [a-zA-Z0-9\\s_.:/=+\\-@] and not begin with aws:"
            );
            return Err(refused(parameter, &why));
        }
        if value.chars().count() > 256 {
            return Err(refused(parameter, &format!("The value of tag '{key}' must have at most 256 characters")));
        }
    }
    Ok(())
}

/// An AMI's name: 3 to 127 characters, with the build date in it, without which two builds would clash.
pub(super) fn ami_name(parameter: &str, name: &str) -> Result<(), Fault> {
    let middle = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "-_:{}.".contains(c);
    let edge = |c: char| middle(c) && !c.is_ascii_whitespace() && c != ':' && c != '.';
    let shaped = name.starts_with(|c| edge(c) && c != '}') && name.ends_with(|c| edge(c) && c != '{');
    if !shaped || !(3..=127).contains(&name.len()) || !name.chars().all(middle) {
        return Err(refused(
            parameter,
            &format!(
                "'{parameter}' must match pattern ^[-_A-Za-z0-9{{][-_A-Za-z0-9\\s:{{}}\\.]+[-_A-Za-z0-9}}]$ and have at most 127 characters"
            ),
        ));
    }
    if !name.replace(' ', "").contains("{{imagebuilder:buildDate}}") {
        return Err(refused(parameter, &format!("'{parameter}' must contain {{{{ imagebuilder:buildDate }}}}")));
    }
    Ok(())
}
