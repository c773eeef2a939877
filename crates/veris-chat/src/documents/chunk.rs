//! Cutting pages into chunks.

use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

use super::{Chunk, Page};

/// The embedding model reads so much of a text and no more.
const TOKENS: usize = 512;
/// It refuses texts of more than 2,048 characters.
const CHARACTERS: usize = 2_000;
/// How much the end of a chunk is repeated at the beginning of the next, in tokens.
const OVERLAP: usize = 50;
const LONGEST_HEADING: usize = 80;

/// Chunks in the order of the document, none across two pages.
pub(super) fn split(pages: &[Page]) -> Vec<Chunk> {
    let config = ChunkConfig::new(TOKENS).with_sizer(Size);
    let config = config.with_overlap(OVERLAP).unwrap_or_else(|_| ChunkConfig::new(TOKENS).with_sizer(Size));
    let splitter = TextSplitter::new(config);
    let mut chunks = Vec::new();
    let mut section_header: Option<String> = None;
    for page in pages {
        let text = cleaned(&page.text);
        for piece in splitter.chunks(&text) {
            // The first heading of a chunk stands above most of it.
            section_header = piece.lines().find(|line| is_heading(line)).map(str::to_owned).or(section_header);
            chunks.push(Chunk {
                page: page.number,
                index: u32::try_from(chunks.len()).unwrap_or(u32::MAX),
                section_header: section_header.clone(),
                text: piece.to_owned(),
            });
        }
    }
    chunks
}

/// Both limits as one number of tokens.
struct Size;

impl ChunkSizer for Size {
    fn size(&self, chunk: &str) -> usize {
        tokens(chunk).max((chunk.chars().count() * TOKENS).div_ceil(CHARACTERS))
    }
}

/// At least as many as the model's tokenizer makes: it cuts words into pieces of mostly four letters and more, and makes one
/// token of every other sign. Its own vocabulary would add megabytes to the server to tell a little better.
fn tokens(text: &str) -> usize {
    let mut tokens = 0;
    let mut letters = 0;
    for c in text.chars() {
        if c.is_alphanumeric() && c.is_ascii() {
            tokens += usize::from(letters % 4 == 0);
            letters += 1;
        } else {
            letters = 0;
            tokens += usize::from(!c.is_whitespace());
        }
    }
    tokens
}

/// Without what nobody sees: such characters hide instructions to the model, or break words that a question asks for.
fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut breaks = 0;
    for line in text.lines() {
        let words = line.split_whitespace().map(|word| word.replace(is_hidden, "")).filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        if !clean.is_empty() {
            clean.push_str(if breaks > 0 { "\n\n" } else { "\n" });
        }
        breaks = 0;
        clean.push_str(&line);
    }
    clean
}

/// Control characters, and those that only steer how others are shown.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `2.1 Methods`, or a line of capitals.
fn is_heading(line: &str) -> bool {
    let line = line.trim();
    if line.chars().count() > LONGEST_HEADING || line.ends_with(['.', ',', ';', ':']) {
        return false;
    }
    let (number, title) = line.split_once(' ').unwrap_or(("", line));
    let is_number =
        number.starts_with(|c: char| c.is_ascii_digit()) && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_numbered = is_number && number.len() <= 8 && title.starts_with(char::is_uppercase);
    let capitals = line.chars().filter(|c| c.is_uppercase()).count();
    let is_capitals = capitals >= 4 && !line.chars().any(char::is_lowercase);
    is_numbered || is_capitals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(number: u32, text: &str) -> Page {
        Page { number, text: text.to_owned() }
    }

    #[test]
    fn chunks_keep_their_page_and_their_heading() {
        let pages =
            [page(1, "1 Introduction\nCats sleep.\n"), page(3, "They also hunt."), page(4, "METHODS\nWe watched.")];
        let chunks = split(&pages);
        let told: Vec<_> = chunks.iter().map(|c| (c.index, c.page, c.section_header.as_deref().unwrap())).collect();
        assert_eq!(told, [(0, 1, "1 Introduction"), (1, 3, "1 Introduction"), (2, 4, "METHODS")]);
    }

    #[test]
    fn what_nobody_sees_is_left_out() {
        let hidden = "ig\u{200b}nore\u{202e} \u{0007}this\u{feff}\n\n\n  and\tthat  ";
        assert_eq!(split(&[page(1, hidden)])[0].text, "ignore this\n\nand that");
        assert!(split(&[page(1, " \u{200b}\n\t")]).is_empty());
    }

    #[test]
    fn the_end_of_a_chunk_is_repeated_at_the_beginning_of_the_next() {
        let text: Vec<String> = (0..600).map(|number| format!("word{number}")).collect();
        let text = text.join(" ");
        let chunks = split(&[page(1, &text)]);
        assert!(chunks.len() > 2);
        for pair in chunks.windows(2) {
            let first = pair[1].text.split(' ').next().unwrap();
            assert!(pair[0].text.split(' ').any(|word| word == first), "{first}");
        }
    }

    proptest! {
        #[test]
        fn limits_hold_and_no_word_is_lost(text in "(\\PC{0,30}[ \n]){0,300}") {
            let chunks = split(&[page(1, &text)]);
            for chunk in &chunks {
                prop_assert!(tokens(&chunk.text) <= TOKENS);
                prop_assert!(chunk.text.chars().count() <= CHARACTERS);
                prop_assert!(!chunk.text.trim().is_empty());
            }
            let all = chunks.iter().map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join(" ");
            for word in cleaned(&text).split_whitespace() {
                prop_assert!(all.contains(word), "{word}");
            }
        }
    }
}
