//! What Markdown begins at a character, as far as it can lead somewhere, or is code in which nothing does.
//!
//! A renderer may see code where this module does not, never the other way round: what is taken for code is shown as it is.

/// Characters at which something can begin.
pub(super) const STARTS: [char; 5] = ['[', ']', '<', '`', '~'];

/// What has no end within so many bytes is not waited for.
const LONGEST_MARKER: usize = 40;
const LONGEST_TARGET: usize = 2_000;
const LONGEST_SPAN: usize = 200;

/// What begins where a text does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It depends on what comes next.
    Unclear,
    /// Text like any other, of so many bytes.
    Plain(usize),
    /// Numbers in brackets, of so many bytes.
    Marker(usize, Vec<usize>),
    /// `](`, and a target that ends after so many bytes.
    Link(usize, String),
    /// A character that gets a backslash behind it, or else Markdown would read the next one.
    BreakAfter,
    /// A character that gets a backslash before it.
    BreakBefore,
}

/// Code as far as the text was read.
#[derive(Debug)]
pub(super) struct Code {
    block: Block,
    /// Whether a backtick was seen whose partner is not known, so that no other can be told from it.
    is_lost: bool,
    /// The last character that was read.
    last: char,
    is_escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Outside,
    /// Within a fence of so many of these characters, which began at the start of a line: no list or quotation holds it.
    Inside(char, usize),
}

impl Code {
    pub(super) fn new() -> Self {
        Self { block: Block::Outside, is_lost: false, last: '\n', is_escaped: false }
    }

    /// The last character that was read.
    pub(super) fn last(&self) -> char {
        self.last
    }

    pub(super) fn read(&mut self, text: &str) {
        for c in text.chars() {
            self.is_escaped = c == '\\' && !self.is_escaped;
            self.last = c;
        }
    }

    /// `text` begins with one of [`STARTS`], and ends where the answer does if `is_end`; then everything is clear.
    pub(super) fn look(&mut self, text: &str, is_end: bool) -> Found {
        let first = text.chars().next().unwrap_or_default();
        match self.begin(text, first, is_end) {
            Found::Unclear if is_end && first == '`' => {
                self.lose();
                Found::Plain(run(text, first))
            }
            Found::Unclear if is_end => Found::Plain(1),
            found => found,
        }
    }

    fn begin(&mut self, text: &str, first: char, is_end: bool) -> Found {
        match first {
            '`' | '~' => self.fence(text, first, is_end),
            _ if self.block != Block::Outside => Found::Plain(1),
            '[' => opening(text),
            ']' => closing(text),
            _ => self.tag(text),
        }
    }

    fn fence(&mut self, text: &str, of: char, is_end: bool) -> Found {
        let run = run(text, of);
        let rest = &text[run..];
        let line = rest.split_once('\n').map(|(line, _)| line);
        match self.block {
            _ if rest.is_empty() && !is_end => return Found::Unclear,
            Block::Inside(mark, length) if of == mark && run >= length && self.last == '\n' => match line {
                None if rest.trim().is_empty() => return Found::Unclear,
                Some(line) if line.trim().is_empty() => self.block = Block::Outside,
                _ => {}
            },
            // It may be an indented end of the block.
            Block::Inside(mark, length) if of == mark && run >= length => self.lose(),
            Block::Inside(..) => {}
            Block::Outside if run >= 3 && self.last == '\n' && !self.is_lost => match line {
                None if rest.len() <= LONGEST_SPAN => return Found::Unclear,
                Some(line) if !line.contains(of) => self.block = Block::Inside(of, run),
                _ => self.lose(),
            },
            Block::Outside if run >= 3 => self.lose(),
            Block::Outside if of == '~' || self.is_lost => {}
            Block::Outside if self.is_escaped => self.lose(),
            Block::Outside => match span(text, run, is_end) {
                Found::Plain(length) if length == run => self.lose(),
                found => return found,
            },
        }
        Found::Plain(run)
    }

    fn lose(&mut self) {
        self.block = Block::Outside;
        self.is_lost = true;
    }

    /// HTML, or an address in angle brackets. An answer has no use for either.
    fn tag(&self, text: &str) -> Found {
        match text[1..].chars().next() {
            None => Found::Unclear,
            Some(c) if !self.is_escaped && (c.is_ascii_alphabetic() || "/!?".contains(c)) => Found::BreakBefore,
            Some(_) => Found::Plain(1),
        }
    }
}

/// How many times the text begins with this character.
fn run(text: &str, of: char) -> usize {
    text.len() - text.trim_start_matches(of).len()
}

/// Code between two runs of backticks of the same length, on one line.
fn span(text: &str, run: usize, is_end: bool) -> Found {
    let line = text.split('\n').next().unwrap_or_default();
    let mut end = run;
    while let Some(start) = line[end..].find('`').map(|start| end + start) {
        end = line.len() - line[start..].trim_start_matches('`').len();
        match end - start == run {
            true if end == text.len() && !is_end => return Found::Unclear,
            true if end <= LONGEST_SPAN => return Found::Plain(end),
            true => return Found::Plain(run),
            false => {}
        }
    }
    if line.len() == text.len() && text.len() <= LONGEST_SPAN { Found::Unclear } else { Found::Plain(run) }
}

fn opening(text: &str) -> Found {
    let label = &text[1..];
    let end = label.find(|c: char| !c.is_ascii_digit() && c != ',' && c != ' ').unwrap_or(label.len());
    if end == label.len() && end <= LONGEST_MARKER {
        return Found::Unclear;
    }
    let numbers = label[..end].split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<usize>>>();
    match numbers {
        Some(numbers) if label[end..].starts_with(']') => Found::Marker(end + 2, numbers),
        _ => Found::Plain(1),
    }
}

/// The end of a link's words, or of the name of a target that other links use.
fn closing(text: &str) -> Found {
    match text[1..].chars().next() {
        None => Found::Unclear,
        Some('(') => target(text),
        Some(':') => definition(&text[2..]),
        Some(_) => Found::Plain(1),
    }
}

fn target(text: &str) -> Found {
    let mut depth = 0_usize;
    for (place, c) in text.char_indices().skip(1) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let target = text[2..place].trim_start();
            let target = match target.strip_prefix('<') {
                Some(target) => target.split('>').next(),
                None => target.split_whitespace().next(),
            };
            let target = target.unwrap_or_default();
            return if is_harmless(target) { Found::Plain(2) } else { Found::Link(place + 1, target.to_owned()) };
        }
        if place > LONGEST_TARGET {
            return Found::BreakAfter;
        }
    }
    Found::Unclear
}

fn definition(rest: &str) -> Found {
    let target = rest.trim_start();
    let end = target.find(char::is_whitespace);
    match end {
        _ if !is_harmless(&target[..end.unwrap_or(target.len())]) => Found::BreakAfter,
        None if rest.len() <= LONGEST_TARGET => Found::Unclear,
        _ => Found::Plain(1),
    }
}

/// It leads nowhere but to another path of the same server: `x` of `f[0](x)`.
fn is_harmless(target: &str) -> bool {
    target.chars().all(|c| c.is_alphanumeric() || "_-.,+#'\"".contains(c))
}
