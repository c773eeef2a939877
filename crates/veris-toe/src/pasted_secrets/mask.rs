//! What may be shown of a text.

use std::borrow::Cow;

use super::PastedSecret;

/// Shorter pieces of a longer secret tell nothing, and stand in any words.
const SHORTEST_PIECE: usize = 4;

/// A text without its secrets: in the place of each stand as many stars.
pub struct Mask<'a> {
    lines: Vec<&'a str>,
    /// What must not be shown, with its line, in the order of the text.
    pieces: Vec<(usize, &'a str)>,
}

impl<'a> Mask<'a> {
    /// `secrets` are those that [`find`](super::find) found in the text.
    pub fn new(text: &'a str, secrets: &[PastedSecret<'a>]) -> Self {
        let pieces = |secret: &PastedSecret<'a>| {
            let lines = (secret.span.start.line..).zip(secret.value.lines().map(str::trim));
            lines.filter(|(_, piece)| !piece.is_empty()).collect::<Vec<_>>()
        };
        Self { lines: text.lines().collect(), pieces: secrets.iter().flat_map(pieces).collect() }
    }

    /// A line, counted from 1.
    pub fn line(&self, number: usize) -> Option<Cow<'a, str>> {
        let line = *self.lines.get(number.checked_sub(1)?)?;
        let first = self.pieces.partition_point(|(at, _)| *at < number);
        let inside = self.pieces[first..].iter().take_while(|(at, _)| *at == number);
        Some(without(line, inside.map(|(_, piece)| *piece)))
    }

    /// Any words about the text, which may quote it.
    pub fn words<'w>(&self, words: &'w str) -> Cow<'w, str> {
        without(words, self.pieces.iter().map(|(_, piece)| *piece).filter(|piece| piece.len() >= SHORTEST_PIECE))
    }
}

fn without<'w, 'a>(words: &'w str, pieces: impl Iterator<Item = &'a str>) -> Cow<'w, str> {
    pieces.fold(Cow::Borrowed(words), |words, piece| {
        if words.contains(piece) { Cow::Owned(words.replace(piece, &"*".repeat(piece.chars().count()))) } else { words }
    })
}
