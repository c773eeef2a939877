//! Everything that is wrong with a template, not only the first thing.

use std::ops::Range;

use minijinja::ErrorKind;
use veris_toe::suggest::nearest;
use veris_toe::yaml::{Location, Span};

use super::{KNOWN, Lines, SYNTAX, Variables, try_render};

/// So many values of one template are looked at; each costs a rendering.
const MOST_MISTAKES: usize = 50;

/// Something that is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateMistake {
    /// Name of the rule that was broken, which never changes.
    pub rule: &'static str,
    pub span: Option<Span>,
    pub problem: String,
    /// What to do.
    pub cure: String,
}

/// What came out of a template.
#[derive(Debug)]
pub struct Checked {
    pub mistakes: Vec<TemplateMistake>,
    /// The document, with `0` for every unknown value; `None` if a mistake left no document.
    pub rendered: Option<String>,
    /// The way back to the template, where it could be found.
    pub lines: Option<Lines>,
}

/// Renders the template in `text` and goes on behind every unknown value. `path` is its name.
pub fn check(path: &str, text: &str, variables: &Variables) -> Checked {
    let mut text = text.to_owned();
    let mut mistakes = Vec::new();
    loop {
        let error = match try_render(path, &text, variables) {
            Ok(rendered) => {
                let lines = Lines::trace(&text, &rendered, |marked| try_render(path, marked, variables).ok());
                return Checked { mistakes, rendered: Some(rendered), lines };
            }
            Err(error) => error,
        };
        mistakes.push(mistake(&text, &error));
        let value = error.range().filter(|_| error.kind() == ErrorKind::UndefinedError);
        match value.and_then(|range| value_tag(&text, range)) {
            Some(inside) if mistakes.len() < MOST_MISTAKES => {
                let blank = format!("{:1$}", "0", inside.len());
                text.replace_range(inside, &blank);
            }
            _ => return Checked { mistakes, rendered: None, lines: None },
        }
    }
}

fn mistake(text: &str, error: &minijinja::Error) -> TemplateMistake {
    let range = error.range().filter(|range| text.get(range.clone()).is_some());
    let span = range.clone().map(|range| span(text, range));
    let span = span.or(error.line().map(|line| Span::point(line, 1)));
    if error.kind() == ErrorKind::UndefinedError {
        let name = range.map_or("a value", |range| text[range].trim());
        let cure = nearest_name(name).map_or_else(|| KNOWN.to_owned(), |nearest| format!("did you mean `{nearest}`?"));
        return TemplateMistake { rule: "undefined-value", span, problem: format!("`{name}` is not defined"), cure };
    }
    let problem = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    TemplateMistake { rule: "template-syntax", span, problem, cure: SYNTAX.to_owned() }
}

/// What stands between `<{` and `}>` around the range, in bytes, if that is one line.
fn value_tag(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let start = text.get(..range.start)?.rfind("<{")? + 2;
    let end = range.end + text.get(range.end..)?.find("}>")?;
    let inside = text.get(start..end)?;
    (!inside.is_empty() && !inside.contains('\n') && !inside.contains("%>")).then_some(start..end)
}

fn nearest_name(name: &str) -> Option<String> {
    const TOP: [&str; 7] = ["service", "artifact", "units", "files", "env_file", "port", "release"];
    const ARTIFACT: [&str; 3] = ["uri", "sha256", "install_path"];
    const ENTRY: [&str; 5] = ["name", "path", "uri", "sha256", "mode"];
    match name.rsplit_once('.') {
        None => nearest(name, TOP).map(ToOwned::to_owned),
        Some(("artifact", field)) => nearest(field, ARTIFACT).map(|field| format!("artifact.{field}")),
        Some((holder, field)) => nearest(field, ENTRY).map(|field| format!("{holder}.{field}")),
    }
}

fn span(text: &str, range: Range<usize>) -> Span {
    Span { start: location(text, range.start), end: location(text, range.end) }
}

fn location(text: &str, offset: usize) -> Location {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Location { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::tests::variables;

    const TEMPLATE: &str = "\
<# A comment
   of two lines. -#>
<% set folder = \"/var/tmp/\" ~ service -%>
name: <{ service }>
source: '<{ artifact.uri }>' # to <{ folder }>
units:
<% for unit in units %>
  - <{ unit.name }> in <{ folder }>: yes
<% endfor %>
<% if port > 1 %>port: <{ port }><% endif %>

last: true
";

    /// Each line of the rendered text beside the line and column of the template where its word `at` came from.
    fn origins(template: &str) -> String {
        let checked = check("components/x.yaml", template, &variables());
        let (rendered, lines) = (checked.rendered.unwrap(), checked.lines.unwrap());
        let line = |(index, line): (usize, &str)| {
            let columns = [1, 4, line.chars().count()].map(|column| {
                let (line, column) = lines.origin(index + 1, column);
                format!("{line}:{column}")
            });
            format!("{line:<60} {}\n", columns.join(" "))
        };
        rendered.lines().enumerate().map(line).collect()
    }

    #[test]
    fn every_rendered_line_leads_back_to_its_template() {
        insta::assert_snapshot!(origins(TEMPLATE), @r#"
        name: chat                                                   4:1 4:4 4:7
        source: 's3://bucket/chat/artifacts/aa/chat' # to /var/tmp/chat 5:1 5:4 5:10
        units:                                                       6:1 6:4 6:6
          - chat.service in /var/tmp/chat: yes                       8:3 8:4 8:40
        port: 8000                                                   10:18 10:21 10:24
        last: true                                                   12:1 12:4 12:10
        "#);
    }

    #[test]
    fn every_mistake_is_found_in_one_look() {
        let text = "a: <{ artifact.url }>\nb: <{ servce }> <{ colour }>\n<% for unit in units %>\nc: <{ unit.nam }>\n<% endfor %>\n<% if prot %>\n";
        let found = |text: &str| {
            let checked = check("components/x.yaml", text, &variables());
            let place = |span: Option<Span>| {
                span.map(|it| format!("{}:{}-{:?}", it.start.line, it.start.column, it.end_column()))
            };
            let mistakes =
                checked.mistakes.iter().map(|it| format!("{:?} {} ({:.40})\n", place(it.span), it.problem, it.cure));
            mistakes.collect::<String>()
        };
        insta::assert_snapshot!(found(&format!("{text}<% endif %>\n")), @r#"
        Some("1:7-Some(19)") `artifact.url` is not defined (did you mean `artifact.uri`?)
        Some("2:7-Some(13)") `servce` is not defined (did you mean `service`?)
        Some("2:20-Some(26)") `colour` is not defined (a template knows `service`, `artifact.{u)
        Some("4:7-Some(15)") `unit.nam` is not defined (did you mean `unit.name`?)
        Some("6:7-Some(11)") `prot` is not defined (did you mean `port`?)
        "#);
        insta::assert_snapshot!(found(text), @r#"
        Some("6:12-Some(14)") syntax error: unexpected end of input, expected end of block (values are written `<{ value }>`, blocks)
        "#);
        insta::assert_snapshot!(found("a: 1\nb: <{ service \n"), @r#"
        Some("2:7-Some(14)") syntax error: unexpected end of input, expected end of variable block (values are written `<{ value }>`, blocks)
        "#);
    }

    proptest! {
        #[test]
        fn marks_never_change_what_is_rendered(
            template in r"(<%-? if port %>|<% endif -?%>|<\{-? service -?\}>|<# x\n? #>|[a-c:]{1,3}|  ?|\n){0,30}",
        ) {
            let checked = check("x", &template, &variables());
            if let Some(rendered) = checked.rendered {
                prop_assert_eq!(try_render("x", &template, &variables()).unwrap(), rendered.clone());
                if let Some(lines) = checked.lines {
                    let most = template.lines().count().max(1);
                    for line in 1..=rendered.lines().count() {
                        prop_assert!((1..=most).contains(&lines.origin(line, 1).0));
                    }
                }
            }
        }
    }
}
