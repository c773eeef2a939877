//! A report for people: each finding with its line and a caret under the defect.

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Serialize, Serializer};

use super::finding::{Finding, Report, Severity, Summary};

/// A report that displays as text and serializes as it is.
#[derive(Debug)]
pub struct Text<'a>(pub &'a Report);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0.findings {
            writeln!(f, "{finding}\n")?;
        }
        writeln!(f, "{}", self.0.summary)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.rule.as_str());
        let group = match (self.line, &self.source) {
            (Some(line), Some(source)) => {
                let snippet = Snippet::source(source.as_str()).line_start(line).path(self.file.as_str());
                title.element(snippet.annotation(AnnotationKind::Primary.span(self.bytes(source))))
            }
            (line, _) => {
                let origin = Origin::path(self.file.as_str());
                title.element(match line {
                    Some(line) => origin.line(line).char_column(self.column.unwrap_or(1)),
                    None => origin,
                })
            }
        };
        let cure = self.cure.as_ref().map(|cure| Level::HELP.with_name("hint").message(cure.as_str()));
        let groups: [Group<'_>; 1] = [group.elements(cure)];
        f.write_str(&Renderer::plain().decor_style(DecorStyle::Ascii).render(&groups))
    }
}

impl Finding {
    /// The marked part of the line, in bytes. Without an end it is one character.
    fn bytes(&self, source: &str) -> std::ops::Range<usize> {
        let byte = |column: usize| source.char_indices().nth(column - 1).map_or(source.len(), |(byte, _)| byte);
        let column = self.column.unwrap_or(1);
        byte(column)..byte(self.end_column.unwrap_or(column + 1))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let files = counted(self.files, "file");
        match (self.errors, self.warnings) {
            (0, 0) => write!(f, "{files} checked, nothing found")?,
            (errors, 0) => write!(f, "{files} checked: {}", counted(errors, "error"))?,
            (0, warnings) => write!(f, "{files} checked: {}", counted(warnings, "warning"))?,
            (errors, warnings) => {
                write!(f, "{files} checked: {}, {}", counted(errors, "error"), counted(warnings, "warning"))?;
            }
        }
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, " ({} of another kind skipped)", counted(skipped, "file")),
        }
    }
}
