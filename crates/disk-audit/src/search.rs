//! Byte strings in what streams by.

use aho_corasick::{AhoCorasick, Input};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::options::Canary;

/// What is looked for. Each string has the number of what it stands for.
pub(crate) struct Needles {
    automaton: AhoCorasick,
    numbers: Vec<(usize, Form)>,
    longest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Plain,
    /// As user data and Kubernetes' secrets carry it.
    Base64,
}

/// A place at which one was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub offset: u64,
    pub number: usize,
    pub form: Form,
}

impl Needles {
    /// Each canary as it is, and in Base64 wherever it may begin in what was encoded.
    pub(crate) fn canaries(canaries: &[Canary]) -> Self {
        let mut strings = Vec::new();
        for (number, canary) in canaries.iter().enumerate() {
            strings.push((canary.bytes().to_vec(), (number, Form::Plain)));
            strings.extend((0..3).map(|shift| (base64_inside(canary.bytes(), shift), (number, Form::Base64))));
        }
        Self::new(strings)
    }

    pub(crate) fn plain(strings: &[&str]) -> Self {
        Self::new(strings.iter().zip(0..).map(|(text, number)| (text.as_bytes().to_vec(), (number, Form::Plain))))
    }

    fn new(strings: impl IntoIterator<Item = (Vec<u8>, (usize, Form))>) -> Self {
        let (strings, numbers): (Vec<_>, Vec<_>) = strings.into_iter().unzip();
        let longest = strings.iter().map(Vec::len).max().unwrap_or(0);
        #[expect(clippy::expect_used, reason = "it fails for patterns of some GiB")]
        let automaton = AhoCorasick::new(strings).expect("canaries that fit into memory");
        Self { automaton, numbers, longest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Every place in `bytes` at which one begins.
    fn each(&self, bytes: &[u8], mut found: impl FnMut(usize, usize, (usize, Form))) {
        let mut from = 0;
        while let Some(hit) = self.automaton.find(Input::new(bytes).range(from..)) {
            found(hit.start(), hit.end(), self.numbers[hit.pattern().as_usize()]);
            from = hit.start() + 1;
        }
    }
}

/// Those digits of the encoded string that depend on nothing in front of it or behind it.
fn base64_inside(bytes: &[u8], shift: usize) -> Vec<u8> {
    let padded = [&[0; 2][..shift], bytes].concat();
    let digits = STANDARD_NO_PAD.encode(&padded).into_bytes();
    let (first, last) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    digits[first..last].to_vec()
}

/// A search through pieces. A string that begins in one piece and ends in another is found as well.
pub(crate) struct Search<'a> {
    needles: &'a Needles,
    /// The end of what came before, shorter than the longest string.
    before: Vec<u8>,
    offset: u64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(needles: &'a Needles) -> Self {
        Self { needles, before: Vec::new(), offset: 0 }
    }

    pub(crate) fn feed(&mut self, piece: &[u8], mut found: impl FnMut(Hit)) {
        let Some(overlap) = self.needles.longest.checked_sub(1) else { return };
        let before = self.before.len();
        let start = self.offset - before as u64;
        self.before.extend_from_slice(&piece[..overlap.min(piece.len())]);
        self.needles.each(&self.before, |begin, end, (number, form)| {
            if begin < before && end > before {
                found(Hit { offset: start + begin as u64, number, form });
            }
        });
        let offset = self.offset;
        // Most of a disk may be zeros, and no needle is.
        let inside = if is_zeros(piece) { &[][..] } else { piece };
        self.needles.each(inside, |begin, _, (number, form)| {
            found(Hit { offset: offset + begin as u64, number, form });
        });
        self.offset += piece.len() as u64;
        if piece.len() >= overlap {
            self.before.clear();
            self.before.extend_from_slice(&piece[piece.len() - overlap..]);
        } else {
            self.before.drain(..self.before.len().saturating_sub(overlap));
        }
    }

    /// Zeros that nobody has to look at.
    pub(crate) fn skip(&mut self, length: u64) {
        self.before.clear();
        self.offset += length;
    }
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn hits(needles: &Needles, pieces: &[&[u8]]) -> Vec<Hit> {
        let (mut search, mut hits) = (Search::new(needles), Vec::new());
        for piece in pieces {
            search.feed(piece, |hit| hits.push(hit));
        }
        hits.sort();
        hits
    }

    proptest! {
        #[test]
        fn a_canary_is_found_however_the_pieces_are_cut(
            before in proptest::collection::vec(any::<u8>(), 0..40),
            canary in proptest::collection::vec(any::<u8>(), 8..40).prop_filter("zeros are none", |bytes| bytes.iter().any(|byte| *byte != 0)),
            behind in proptest::collection::vec(any::<u8>(), 0..40),
            size in 1..100_usize,
        ) {
            let needles = Needles::canaries(&[Canary::new("c", canary.clone()).unwrap()]);
            let all = [&before[..], &canary, &behind].concat();
            let whole = hits(&needles, &[&all]);
            let expected = Hit { offset: before.len() as u64, number: 0, form: Form::Plain };
            prop_assert!(whole.contains(&expected));
            prop_assert_eq!(&whole, &hits(&needles, &all.chunks(size).collect::<Vec<_>>()));
            let encoded = STANDARD.encode(&all).into_bytes();
            prop_assert!(hits(&needles, &encoded.chunks(size).collect::<Vec<_>>()).iter().any(|hit| hit.form == Form::Base64));
        }
    }

    #[test]
    fn a_canary_that_a_hole_cuts_is_none() {
        let needles = Needles::canaries(&[Canary::new("c", *b"canaries").unwrap()]);
        let mut search = Search::new(&needles);
        search.feed(b"cana", |_| unreachable!());
        search.skip(4096);
        search.feed(b"ries", |_| unreachable!());
        search.feed(b"canaries", |hit| assert_eq!(hit.offset, 4104));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_looked_for() {
        assert!(Needles::canaries(&[]).is_empty());
        assert_eq!(hits(&Needles::canaries(&[]), &[b"text"]), []);
    }
}
