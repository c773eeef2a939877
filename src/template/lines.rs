//! Where each line of a rendered document comes from.
//!
//! Before a second rendering, every line of the template gets one invisible character that holds its number. Whatever the blocks
//! and loops make of the lines, the characters travel with them; taken out again, they say which line became which.

/// Private characters of Unicode, one for each line: U+F0000 and up.
const FIRST_MARK: u32 = 0xF_0000;
const LAST_MARK: u32 = 0xF_FFFD;

/// The way back from a rendered text to its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    template: Vec<String>,
    rendered: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    /// Line of the template, counted from 1.
    from: usize,
    /// Characters before the mark, here and in the template; `None` where the line goes on from the one above.
    mark: Option<(usize, usize)>,
}

impl Lines {
    /// The way back, if `render` gives the marked template the same text as the plain one.
    pub(super) fn trace(template: &str, rendered: &str, render: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let marked = render(&mark(template)?)?;
        let template: Vec<String> = template.lines().map(ToOwned::to_owned).collect();
        let mut from = 1;
        let mut lines = Vec::new();
        for line in marked.lines() {
            let mark = line.chars().enumerate().find_map(|(position, c)| Some((position, number(c)?)));
            if let Some((_, number)) = mark {
                from = number;
            }
            let source = template.get(from - 1)?;
            let mark = mark.and_then(|(position, _)| Some((position, source[..content(source)?].chars().count())));
            lines.push(Line { text: line.chars().filter(|c| number(*c).is_none()).collect(), from, mark });
        }
        let same = rendered.lines().eq(lines.iter().map(|line| line.text.as_str()));
        same.then_some(Self { template, rendered: lines })
    }

    /// Line and column of the template for those of the rendered text, all counted from 1.
    ///
    /// What was written as it is found again to the letter. Inside of a value the column is that where it was put in.
    pub fn origin(&self, line: usize, column: usize) -> (usize, usize) {
        let Some(rendered) = self.rendered.get(line.saturating_sub(1)).or(self.rendered.last()) else { return (1, 1) };
        let Some((here, there)) = rendered.mark else { return (rendered.from, 1) };
        let position = column.saturating_sub(1);
        if position < here {
            return (rendered.from, there + 1);
        }
        let made: Vec<char> = rendered.text.chars().skip(here).collect();
        let source: Vec<char> = self.template[rendered.from - 1].chars().skip(there).collect();
        let position = position - here;
        let same_from_left = made.iter().zip(&source).take_while(|(made, source)| made == source).count();
        let same_from_right = made.iter().rev().zip(source.iter().rev()).take_while(|(a, b)| a == b).count();
        let within = if position < same_from_left || made == source {
            position
        } else if position + same_from_right >= made.len() {
            source.len() - made.len().saturating_sub(position).min(source.len())
        } else {
            same_from_left
        };
        (rendered.from, there + within + 1)
    }
}

/// The template with its marks; `None` if it has more lines than there are marks, or holds such characters itself.
fn mark(template: &str) -> Option<String> {
    if template.chars().any(|c| number(c).is_some()) {
        return None;
    }
    let mut marked = String::with_capacity(template.len() * 2);
    let mut open = None;
    for (index, line) in template.split_inclusive('\n').enumerate() {
        let mark = char::from_u32(FIRST_MARK + u32::try_from(index).ok()?).filter(|mark| number(*mark).is_some())?;
        let inside = open;
        open = still_open(line, inside);
        match content(line) {
            Some(at) if inside.is_none() => {
                marked.push_str(&line[..at]);
                marked.push(mark);
                marked.push_str(&line[at..]);
            }
            _ => marked.push_str(line),
        }
    }
    Some(marked)
}

/// The line that a mark stands for.
fn number(c: char) -> Option<usize> {
    let code = u32::from(c);
    (FIRST_MARK..=LAST_MARK).contains(&code).then(|| (code - FIRST_MARK) as usize + 1)
}

/// Where the text of a line begins, in bytes: behind white space and leading tags, which would trim differently with a mark
/// before them. `None` if there is none.
fn content(line: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &line[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &line[at..];
        let end = match rest.get(..2) {
            Some("<%") => "%>",
            Some("<#") => "#>",
            _ if rest.is_empty() || rest.starts_with("<{-") => return None,
            _ => return Some(at),
        };
        at += rest.find(end)? + end.len();
    }
}

/// The end that a tag still waits for behind this line.
fn still_open(line: &str, mut open: Option<&'static str>) -> Option<&'static str> {
    let mut rest = line;
    loop {
        if let Some(end) = open {
            let Some(closed) = rest.find(end) else { return open };
            rest = &rest[closed + end.len()..];
        }
        let tags = [("<%", "%>"), ("<#", "#>"), ("<{", "}>")];
        let next = tags.iter().filter_map(|(begin, end)| Some((rest.find(begin)?, *end))).min()?;
        rest = &rest[next.0 + 2..];
        open = Some(next.1);
    }
}
