//! The `.env` file that user data leaves on the instance.
//!
//! One `NAME=VALUE` a line. A line whose first character is `#` is a comment, blank lines are ignored, white space around the
//! line, the name and the value is not part of them, and one pair of single or double quotes around the value is removed. Nothing is
//! escaped or expanded. The tool that writes the file follows the same grammar.

use std::fmt;

/// The settings of the file in their order; a name given twice appears twice, and the later one counts.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Error> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    numbered
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| setting(line).map_err(|problem| Error { line: number, problem }))
        .collect()
}

/// Why a `.env` file was refused. It never repeats the line, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {problem}")]
pub struct Error {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// There is no `=`.
    NoEqualsSign,
    /// The part before `=` is not a name.
    BadName,
    /// The value holds a NUL character.
    NulCharacter,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEqualsSign => "has no `=`: write NAME=VALUE, or begin the line with `#`",
            Self::BadName => {
                "has no valid name before `=`: use letters, digits and `_`, not beginning with a digit, and no `export`"
            }
            Self::NulCharacter => "holds a NUL character: remove it",
        })
    }
}

fn setting(line: &str) -> Result<(String, String), Problem> {
    let (name, value) = line.split_once('=').ok_or(Problem::NoEqualsSign)?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err(Problem::BadName);
    }
    if value.contains('\0') {
        return Err(Problem::NulCharacter);
    }
    Ok((name.to_owned(), unquoted(value.trim()).to_owned()))
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_as_user_data_writes_it() {
        let text = "# Written at first boot\nAWS_REGION=us-east-1\n\nQDRANT_API_KEY=\"a b=c\"\r\nQDRANT_URL='https://q:6333'\nEMPTY=\n";
        let expected =
            [("AWS_REGION", "us-east-1"), ("QDRANT_API_KEY", "a b=c"), ("QDRANT_URL", "https://q:6333"), ("EMPTY", "")];
        assert_eq!(parse(text).unwrap(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn nothing_is_escaped_or_expanded_and_one_pair_of_quotes_is_removed() {
        let values = |text| parse(text).unwrap().into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(values("A=$HOME\\n # no comment"), ["$HOME\\n # no comment"]);
        assert_eq!(values("A=\"'x'\"\nB='\nC=\"x'"), ["'x'", "'", "\"x'"]);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let message = |text| parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(message("A=1\n\nsecret-without-a-name\n"), @"line 3 has no `=`: write NAME=VALUE, or begin the line with `#`");
        insta::assert_snapshot!(message("export A=1"), @"line 1 has no valid name before `=`: use letters, digits and `_`, not beginning with a digit, and no `export`");
        insta::assert_snapshot!(message("A=1\nB=x\0y"), @"line 2 holds a NUL character: remove it");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_with_a_line_of_the_file(text in any::<String>()) {
            if let Err(error) = parse(&text) {
                prop_assert!((1..=text.lines().count()).contains(&error.line));
            }
        }

        #[test]
        fn a_quoted_value_without_line_breaks_comes_back_as_it_was(
            name in "[A-Za-z_][A-Za-z0-9_]{0,20}",
            value in "[^\r\n\0]{0,60}",
            quote in prop::sample::select(vec!['"', '\'']),
        ) {
            let written = format!("{name}={quote}{value}{quote}\n");
            prop_assert_eq!(parse(&written), Ok(vec![(name, value)]));
        }

        #[test]
        fn the_error_never_repeats_the_line(line in "[a-z]{12,30}") {
            prop_assert!(!parse(&line).unwrap_err().to_string().contains(&line));
        }
    }
}
