//! YAML in which every value knows its place, so that a message can point at it.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

/// More values than any file of a project has; aliases could multiply them without end.
const MOST_VALUES: usize = 10_000;
const DEEPEST: usize = 32;

/// Where a value stands. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub line: usize,
    pub column: usize,
    /// The column behind the last character, if that is in the same line.
    pub end: Option<usize>,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

/// What was written. A scalar stays the text that it is in the file: `0644` and `1.10` are not numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`, without quotes.
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The key of an entry, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub span: Span,
    pub text: String,
}

/// Why a text could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct YamlError {
    pub span: Span,
    problem: String,
}

impl Span {
    fn new(span: saphyr_parser::Span) -> Self {
        let (start, end) = (span.start, span.end);
        let same_line = start.line() == end.line() && end.col() > start.col();
        Self { line: start.line(), column: start.col() + 1, end: same_line.then(|| end.col() + 1) }
    }

    /// The place itself, without an extent.
    fn point(self) -> Self {
        Self { end: None, ..self }
    }
}

impl Value {
    /// What messages call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Reads the only document of `text`.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: BTreeMap::new(), values: 0 };
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => {
                return Ok(Node { span: Span { line: 1, column: 1, end: None }, value: Value::Null });
            }
            first => {
                let node = reader.node(first, span, 0)?;
                return reader.end().map(|()| node);
            }
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, Span::new(span))),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Ok((Event::StreamEnd, Span { line: 1, column: 1, end: None })),
        }
    }

    /// A second document would never be read.
    fn end(&mut self) -> Result<(), YamlError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), span) => return refuse(span, "a second document begins here".to_owned()),
                _ => {}
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return refuse(
                span,
                format!("the file holds more than {MOST_VALUES} values, or its aliases multiply them"),
            );
        }
        if depth > DEEPEST {
            return refuse(span, format!("more than {DEEPEST} values are nested in each other"));
        }
        let (anchor, node) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, _) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                (anchor, Node { span, value })
            }
            Event::SequenceStart(anchor, _) => (anchor, Node { span: span.point(), value: self.list(depth)? }),
            Event::MappingStart(anchor, _) => (anchor, Node { span: span.point(), value: self.map(depth)? }),
            _ => return refuse(span, "the file ends in the middle of a value".to_owned()),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, YamlError> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return refuse(span, "the alias names the value that it stands in".to_owned());
        };
        self.values += count(&node);
        Ok(Node { span, ..node })
    }

    fn list(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, YamlError> {
        let mut entries = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Map(entries)),
                (Event::Scalar(text, ..), span) => Key { span, text: text.into_owned() },
                (_, span) => return refuse(span, "a key is a text, not a list, a map or an alias".to_owned()),
            };
            let (event, span) = self.next()?;
            entries.push((key, self.node(event, span, depth + 1)?));
        }
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, node)| count(node)).sum::<usize>(),
    }
}

fn refuse<T>(span: Span, problem: String) -> Result<T, YamlError> {
    Err(YamlError { span, problem })
}

fn scan_error(error: &ScanError) -> YamlError {
    let marker = error.marker();
    let span = Span { line: marker.line().max(1), column: marker.col() + 1, end: None };
    YamlError { span, problem: error.info().to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places(node: &Node, found: &mut Vec<String>) {
        let Span { line, column, end } = node.span;
        let end = end.map(|end| format!("-{end}")).unwrap_or_default();
        match &node.value {
            Value::Scalar(text) => found.push(format!("{line}:{column}{end} {text:?}")),
            Value::Null => found.push(format!("{line}:{column}{end} null")),
            Value::List(items) => items.iter().for_each(|item| places(item, found)),
            Value::Map(entries) => {
                for (key, node) in entries {
                    found.push(format!("{}:{} {}:", key.span.line, key.span.column, key.text));
                    places(node, found);
                }
            }
        }
    }

    #[test]
    fn every_value_is_the_text_it_was_written_as_and_knows_its_place() {
        let node =
            parse("# top\nmode: 0644\nlist:\n  - \"a b\"\n  - é: 1.10 # end\n  - {x: ~, y: 'null'}\nnone:\n").unwrap();
        let mut found = Vec::new();
        places(&node, &mut found);
        insta::assert_snapshot!(found.join("\n"), @r#"
        2:1 mode:
        2:7-11 "0644"
        3:1 list:
        4:5-10 "a b"
        5:5 é:
        5:8-12 "1.10"
        6:6 x:
        6:9-10 null
        6:12 y:
        6:15-21 "null"
        7:1 none:
        7:5 null
        "#);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        let refused = |text: &str| {
            let error = parse(text).unwrap_err();
            format!("{}:{} {error}", error.span.line, error.span.column)
        };
        let bomb: String =
            (0..9).map(|n| format!("a{}: &a{} [{}]\n", n + 1, n + 1, format!("*a{n},").repeat(9))).collect();
        insta::assert_snapshot!([
            refused("a: [1, 2\n"),
            refused("a: 1\n b: 2\n"),
            refused("a: 1\n---\nb: 2\n"),
            refused("[a]: 1\n"),
            refused("a: &x [*x]\n"),
            refused("a: *unknown\n"),
            refused(&format!("a0: &a0 x\n{bomb}")),
            refused(&"[".repeat(100)),
        ]
        .join("\n"), @r#"
        2:1 while parsing a flow sequence, expected ',' or ']'
        2:3 mapping values are not allowed in this context
        2:1 a second document begins here
        1:1 a key is a text, not a list, a map or an alias
        1:8 the alias names the value that it stands in
        1:4 while parsing node, found unknown anchor
        6:14 the file holds more than 10000 values, or its aliases multiply them
        1:34 more than 32 values are nested in each other
        "#);
    }

    #[test]
    fn an_empty_file_is_nothing() {
        assert_eq!(parse("# only a comment\n").unwrap().value, Value::Null);
        assert_eq!(parse("").unwrap().value, Value::Null);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"([a-c]{1,2}|: |- |\n *|[\[\]{},&*!|>#'\x22%~é]){0,40}") {
            let _ = parse(&text);
        }
    }
}
