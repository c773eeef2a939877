//! Cuts bytes into lines as they come, in bounded memory.

/// A longer line is shown in pieces.
const MAX_LINE: usize = 8 * 1024;

#[derive(Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Calls `tell` for every line that became complete, without its end. Bytes that are no UTF-8 are replaced.
    pub(super) fn push(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(&bytes[..end], tell);
            self.emit(self.pending.len(), tell);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes, tell);
    }

    /// Tells what stands after the last line's end.
    pub(super) fn finish(&mut self, tell: &mut impl FnMut(&str)) {
        if !self.pending.is_empty() {
            self.emit(self.pending.len(), tell);
        }
    }

    fn append(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(&str)) {
        while self.pending.len() + bytes.len() > MAX_LINE {
            let (fitting, rest) = bytes.split_at(MAX_LINE - self.pending.len());
            self.pending.extend_from_slice(fitting);
            self.emit(character_boundary(&self.pending), tell);
            bytes = rest;
        }
        self.pending.extend_from_slice(bytes);
    }

    fn emit(&mut self, length: usize, tell: &mut impl FnMut(&str)) {
        let line = &self.pending[..length];
        tell(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)));
        self.pending.drain(..length);
    }
}

/// The end of the last whole character, so that a cut does not fall into one.
fn character_boundary(bytes: &[u8]) -> usize {
    let start = bytes.iter().rposition(|byte| !(0x80..0xc0).contains(byte)).unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(chunks: &[&[u8]]) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let mut lines = Lines::default();
        for chunk in chunks {
            lines.push(chunk, &mut tell);
        }
        lines.finish(&mut tell);
        told
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        assert_eq!(told(&[b"one\nt", b"wo\r\n\nla", b"st"]), ["one", "two", "", "last"]);
        assert_eq!(told(&[b"gr\xc3", b"\xbc\xc3\x9fe\n", b"\xff\n"]), ["grüße", "\u{fffd}"]);
        assert_eq!(told(&[]), [""; 0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_piece_is_long(text in r"([a-é]{0,9}|\n){0,9}", copies in 1..2000usize, cut in 1..9000usize) {
            let text = text.repeat(copies);
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            let told = told(&chunks);
            prop_assert!(told.iter().all(|line| line.len() <= MAX_LINE));
            prop_assert_eq!(told.concat(), text.replace('\n', ""));
        }
    }
}
