//! Substitution and chaining: `{{ Name }}`, `{{ phase.step.outputs.x }}`, `{{ phase.step.inputs[0].x }}`.
//!
//! Pure: text goes in, pieces come out, values are asked of the caller.

use std::fmt;
use std::ops::Range;

use serde_json::Value;

/// Text cut into literal parts and references. Its `Display` is the text it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Reference { source: String, reference: Reference },
}

/// What stands between the braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A parameter or a constant.
    Variable(String),
    /// A value of a step that ran before.
    Chain(Chain),
    /// `{{ loop.index }}`, or the same with a loop's name. Text where no loop of that name goes on.
    Loop { of: String, part: LoopPart },
    /// `{{ env:NAME }}`: a variable of the runner's environment.
    Environment(String),
    /// `{{ context:KEY }}`: a fact about the run; one of [`CONTEXT_KEYS`], or the document is refused.
    Context(String),
    /// `{{ aws:imds:PATH }}`: instance metadata, relative to `meta-data/`.
    InstanceMetadata(String),
    /// `{{ aws:ssm:NAME }}`: the value of a parameter in the Parameter Store.
    SsmParameter(String),
    /// `{{ aws:ssm:resolve(…) }}`: the name of such a parameter; inside are another reference of that kind, without its
    /// braces, or the name of one of the document's parameters.
    SsmName(String),
}

/// What `{{ context:… }}` can ask for.
pub const CONTEXT_KEYS: [&str; 12] = [
    "accountId",
    "date",
    "dateTime",
    "executionId",
    "hostname",
    "osName",
    "osPlatform",
    "osVersion",
    "phase",
    "region",
    "step",
    "uuid",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoopPart {
    /// Counts from 0.
    Index,
    Value,
}

/// `phase.step.outputs.name`, `phase.step.inputs.name` or `phase.step.inputs[index].name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub phase: String,
    pub step: String,
    pub side: Side,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Outputs,
    /// With the 0-based position for modules whose inputs are a list.
    Inputs(Option<usize>),
}

/// Whether there can be a reference at all. Most texts have none, and looking for one byte is many times faster than parsing.
pub(crate) fn has_braces(text: &str) -> bool {
    memchr::memchr(b'{', text.as_bytes()).is_some_and(|first| text[first..].contains("{{"))
}

impl Template {
    /// Never fails: braces that hold no reference (`docker ps --format '{{.Names}}'`) are text.
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(close) = rest.find("}}") {
            let reference = rest[..close].rfind("{{").and_then(|open| {
                let reference = Reference::parse(&rest[open + 2..close])?;
                Some((open, reference))
            });
            let Some((open, reference)) = reference else {
                // One character only: in `}}}` the second and third brace may be the closing pair.
                literal.push_str(&rest[..=close]);
                rest = &rest[close + 1..];
                continue;
            };
            literal.push_str(&rest[..open]);
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Reference { source: rest[open..close + 2].to_owned(), reference });
            rest = &rest[close + 2..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Self { pieces }
    }

    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Reference { reference, .. } => Some(reference),
        })
    }

    /// Each with where it stands in the text, in bytes and with its braces.
    pub(crate) fn placed_references(&self) -> impl Iterator<Item = (Range<usize>, &Reference)> {
        let mut end = 0;
        self.pieces.iter().filter_map(move |piece| {
            let start = end;
            match piece {
                Piece::Text(text) => {
                    end += text.len();
                    None
                }
                Piece::Reference { source, reference } => {
                    end += source.len();
                    Some((start..end, reference))
                }
            }
        })
    }

    /// Where the text has `{{` that begins no reference, in bytes.
    pub(crate) fn literal_braces(&self) -> Option<usize> {
        let mut start = 0;
        self.pieces.iter().find_map(|piece| {
            let offset = start;
            match piece {
                Piece::Text(text) => {
                    start += text.len();
                    text.find("{{").filter(|at| text[*at..].contains("}}")).map(|at| offset + at)
                }
                Piece::Reference { source, .. } => {
                    start += source.len();
                    None
                }
            }
        })
    }

    /// The text with every reference replaced by what `value` answers; `None` leaves it as it is written. Values are
    /// not looked into again.
    pub fn render<E>(&self, mut value: impl FnMut(&Reference) -> Result<Option<String>, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Reference { source, reference } => text.push_str(value(reference)?.as_ref().unwrap_or(source)),
            }
        }
        Ok(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Reference { source, .. } => f.write_str(source),
        })
    }
}

impl Reference {
    fn parse(inner: &str) -> Option<Self> {
        let inner = inner.trim();
        if is_variable_name(inner) {
            return Some(Self::Variable(inner.to_owned()));
        }
        if let Some(reference) = Self::with_prefix(inner) {
            return Some(reference);
        }
        if let Some((of, part)) = inner.split_once('.')
            && let Some(part) = LoopPart::parse(part.trim())
            && is_loop_name(of.trim())
        {
            return Some(Self::Loop { of: of.trim().to_owned(), part });
        }
        let mut segments = inner.split('.').map(str::trim);
        let (phase, step, side, name) = (segments.next()?, segments.next()?, segments.next()?, segments.next()?);
        let complete = segments.next().is_none();
        let named = [phase, step, name].iter().all(|segment| is_chain_name(segment));
        if !complete || !named {
            return None;
        }
        let (phase, step, name) = (phase.to_owned(), step.to_owned(), name.to_owned());
        Some(Self::Chain(Chain { phase, step, side: Side::parse(side)?, name }))
    }
}

/// Of everything outside the document.
impl Reference {
    fn with_prefix(inner: &str) -> Option<Self> {
        let prefixes = ["env:", "context:", "aws:imds:", "aws:ssm:"];
        let (prefix, name) =
            prefixes.into_iter().find_map(|prefix| Some((prefix, inner.strip_prefix(prefix)?.to_owned())))?;
        if name.is_empty() || name.contains(['{', '}', '\n']) {
            return None;
        }
        Some(match (prefix, name.strip_prefix("resolve(").and_then(|inner| inner.strip_suffix(')'))) {
            ("env:", _) => Self::Environment(name),
            ("context:", _) => Self::Context(name),
            ("aws:imds:", _) => Self::InstanceMetadata(name),
            (_, Some(resolved)) => Self::SsmName(resolved.trim().to_owned()),
            (_, None) => Self::SsmParameter(name),
        })
    }
}

impl LoopPart {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "index" => Some(Self::Index),
            "value" => Some(Self::Value),
            _ => None,
        }
    }
}

impl Side {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "outputs" => Some(Self::Outputs),
            "inputs" => Some(Self::Inputs(None)),
            _ => {
                let index = text.strip_prefix("inputs[")?.strip_suffix(']')?;
                index.trim().parse().ok().map(|index| Self::Inputs(Some(index)))
            }
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, step, side, name } = self;
        match side {
            Side::Outputs => write!(f, "{phase}.{step}.outputs.{name}"),
            Side::Inputs(None) => write!(f, "{phase}.{step}.inputs.{name}"),
            Side::Inputs(Some(index)) => write!(f, "{phase}.{step}.inputs[{index}].{name}"),
        }
    }
}

/// The language's rule for parameters and constants: 3 to 128 of `[A-Za-z0-9_-]`.
pub fn is_variable_name(text: &str) -> bool {
    text.len() >= 3 && is_loop_name(text)
}

/// Names of loops, and the `loop` of a loop without one: 1 to 128 of `[A-Za-z0-9_-]`.
pub fn is_loop_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn is_chain_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['{', '}', '\n', '[', ']'])
}

/// Every template in a tree of inputs. Keys hold none.
pub fn templates(inputs: &Value) -> Vec<Template> {
    match inputs {
        Value::String(text) => vec![Template::parse(text)],
        Value::Array(items) => items.iter().flat_map(templates).collect(),
        Value::Object(entries) => entries.values().flat_map(templates).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The tree with every string rendered, as [`Template::render`] does it.
pub fn render<E>(inputs: &Value, value: &mut impl FnMut(&Reference) -> Result<Option<String>, E>) -> Result<Value, E> {
    Ok(match inputs {
        Value::String(text) => Value::String(Template::parse(text).render(&mut *value)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| render(item, value)).collect::<Result<_, E>>()?),
        Value::Object(entries) => {
            let rendered = entries.iter().map(|(key, entry)| Ok((key.clone(), render(entry, value)?)));
            Value::Object(rendered.collect::<Result<_, E>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => inputs.clone(),
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn rendered(text: &str) -> String {
        let shown = |reference: &Reference| -> Result<Option<String>, Infallible> {
            Ok(match reference {
                Reference::Variable(name) => Some(format!("<{name}>")),
                Reference::Chain(chain) => Some(format!("<{chain}>")),
                Reference::Loop { of, .. } if of == "outer" => None,
                Reference::Loop { of, part } => Some(format!("<{of} {part:?}>")),
                other => Some(format!("<{other:?}>")),
            })
        };
        match Template::parse(text).render(shown) {
            Ok(text) => text,
        }
    }

    #[test]
    fn references_are_found() {
        assert_eq!(rendered("{{ Version }} and {{Version}}"), "<Version> and <Version>");
        assert_eq!(rendered("v={{ build.Install it.outputs.stdout }}"), "v=<build.Install it.outputs.stdout>");
        assert_eq!(rendered("{{ build.Get.inputs[ 1 ].source }}"), "<build.Get.inputs[1].source>");
        assert_eq!(rendered("{{{ Version }}}"), "{<Version>}");
        assert_eq!(rendered("{{ loop.index }}{{ files .value }}"), "<loop Index><files Value>");
        assert_eq!(rendered("{{outer.index}}"), "{{outer.index}}");
        assert_eq!(rendered("{{ env:ProgramFiles(x86) }}"), r#"<Environment("ProgramFiles(x86)")>"#);
        assert_eq!(rendered("{{context:osName}}"), r#"<Context("osName")>"#);
        assert_eq!(rendered("{{ aws:imds:placement/region }}"), r#"<InstanceMetadata("placement/region")>"#);
        assert_eq!(rendered("{{ aws:ssm:/my/param }}"), r#"<SsmParameter("/my/param")>"#);
        assert_eq!(rendered("{{ aws:ssm:resolve(aws:ssm:/my/param) }}"), r#"<SsmName("aws:ssm:/my/param")>"#);
    }

    #[test]
    fn other_braces_are_text() {
        for text in [
            "docker ps --format '{{.Names}}'",
            "{{ loop.size }}",
            "{{ .value }}",
            "{{ if }}",
            "{{}}",
            "{{ a b }}",
            "{{ build.Get.inputs[-1].source }}",
            "{{ build.Get.results.source }}",
            "}}}{{{",
            "${x%%}}",
            "{{ Version }",
        ] {
            assert_eq!(rendered(text), text);
            assert_eq!(Template::parse(text).references().count(), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_the_round_trip(text in r"([{}]{1,3}|[ .a-z\n\[\]]{0,4}|é|outputs|inputs\[\d\]|\PC){0,24}") {
            prop_assert_eq!(Template::parse(&text).to_string(), text);
        }

        #[test]
        fn a_name_between_texts_is_replaced(
            before in "[^{}]{0,20}", name in "[A-Za-z0-9_-]{3,128}", after in "[^{}]{0,20}", space in " {0,3}",
        ) {
            let text = format!("{before}{{{{{space}{name}{space}}}}}{after}");
            prop_assert_eq!(rendered(&text), format!("{before}<{name}>{after}"));
        }

        #[test]
        fn values_are_not_looked_into_again(value in r"\PC{0,20}|\{\{ Version \}\}") {
            let answer = Template::parse("a{{ Version }}b").render(|_| Ok::<_, Infallible>(Some(value.clone())));
            prop_assert_eq!(answer, Ok(format!("a{value}b")));
        }
    }
}
