//! The `encoding` input: between the text of a document and the bytes of a file.
//!
//! Nothing writes a byte order mark of its own: where one is wanted, the content begins with it (`"\uFEFF…"`). Reading
//! takes one away, and where the name tells no byte order, the mark of the file does.

use std::str::FromStr;

/// U+FEFF at the beginning of a text.
const MARK: char = '\u{feff}';

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    #[default]
    Utf8,
    Utf16(Order),
    Utf32(Order),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
    /// `utf-16` and `utf-32` alone: little-endian unless the file begins with a mark that says otherwise.
    Unsaid,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no encoding `{0}`; use utf-8, utf-16, utf-16-LE, utf-16-BE, utf-32, utf-32-LE or utf-32-BE, in any case"
)]
pub(super) struct UnknownEncoding(String);

/// Bytes that are no text in the encoding, from this one on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes from number {offset} on are no {name}")]
pub(super) struct NotText {
    pub(super) offset: usize,
    pub(super) name: &'static str,
}

impl Encoding {
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let big = self.order() == Some(Order::Big);
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16(_) => {
                text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
            }
            Self::Utf32(_) => {
                let bytes = |unit: u32| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
                text.chars().flat_map(|character| bytes(character.into())).collect()
            }
        }
    }

    /// The text without its byte order mark.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, NotText> {
        let encoding = self.of_file(bytes);
        let text = match encoding {
            Self::Utf8 => str::from_utf8(bytes).map(str::to_owned).map_err(|error| error.valid_up_to()),
            Self::Utf16(order) => decode_utf16(bytes, order == Order::Big),
            Self::Utf32(order) => decode_utf32(bytes, order == Order::Big),
        };
        let text = text.map_err(|offset| NotText { offset, name: encoding.name() })?;
        Ok(text.strip_prefix(MARK).map_or_else(|| text.clone(), str::to_owned))
    }

    /// With the byte order of a file that begins with these bytes, where the name leaves it open.
    pub(super) fn of_file(self, beginning: &[u8]) -> Self {
        match self {
            Self::Utf16(Order::Unsaid) if beginning.starts_with(&[0xfe, 0xff]) => Self::Utf16(Order::Big),
            Self::Utf32(Order::Unsaid) if beginning.starts_with(&[0, 0, 0xfe, 0xff]) => Self::Utf32(Order::Big),
            Self::Utf16(Order::Unsaid) => Self::Utf16(Order::Little),
            Self::Utf32(Order::Unsaid) => Self::Utf32(Order::Little),
            said => said,
        }
    }

    fn order(self) -> Option<Order> {
        match self {
            Self::Utf8 => None,
            Self::Utf16(order) | Self::Utf32(order) => Some(order),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16(Order::Big) => "UTF-16-BE",
            Self::Utf16(_) => "UTF-16-LE",
            Self::Utf32(Order::Big) => "UTF-32-BE",
            Self::Utf32(_) => "UTF-32-LE",
        }
    }
}

/// The error is the offset of the first byte that is no text.
fn decode_utf16(bytes: &[u8], big: bool) -> Result<String, usize> {
    let (pairs, rest) = bytes.as_chunks();
    let units = pairs.iter().map(|pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut offset = 0;
    for character in char::decode_utf16(units) {
        let character = character.map_err(|_| offset)?;
        offset += 2 * character.len_utf16();
        text.push(character);
    }
    if rest.is_empty() { Ok(text) } else { Err(offset) }
}

fn decode_utf32(bytes: &[u8], big: bool) -> Result<String, usize> {
    let (quads, rest) = bytes.as_chunks();
    let units = quads.iter().map(|quad| if big { u32::from_be_bytes(*quad) } else { u32::from_le_bytes(*quad) });
    let characters = units.enumerate().map(|(index, unit)| char::from_u32(unit).ok_or(4 * index));
    let text = characters.collect::<Result<String, usize>>()?;
    if rest.is_empty() { Ok(text) } else { Err(bytes.len() - rest.len()) }
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(text: &str) -> Result<Self, UnknownEncoding> {
        let lower = text.to_ascii_lowercase();
        let (name, order) = match lower.rsplit_once('-') {
            Some((name, "le")) => (name, Order::Little),
            Some((name, "be")) => (name, Order::Big),
            _ => (lower.as_str(), Order::Unsaid),
        };
        match (name, order) {
            ("utf8" | "utf-8", Order::Unsaid) => Ok(Self::Utf8),
            ("utf16" | "utf-16", order) => Ok(Self::Utf16(order)),
            ("utf32" | "utf-32", order) => Ok(Self::Utf32(order)),
            _ => Err(UnknownEncoding(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 14] = [
        "utf8",
        "utf-8",
        "utf16",
        "utf-16",
        "utf16-LE",
        "utf-16-LE",
        "utf16-BE",
        "utf-16-BE",
        "utf32",
        "utf-32",
        "utf32-LE",
        "utf-32-LE",
        "utf32-BE",
        "utf-32-BE",
    ];

    #[test]
    fn every_name_of_the_guide_is_known_in_any_case() {
        for name in NAMES {
            assert!(name.parse::<Encoding>().is_ok(), "{name}");
            assert_eq!(name.to_uppercase().parse::<Encoding>(), name.to_lowercase().parse(), "{name}");
        }
        for wrong in ["", "utf", "utf8-LE", "latin1", "utf-16LE", "utf-16-le-be"] {
            assert!(wrong.parse::<Encoding>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_those_of_the_standard() {
        let bytes = |name: &str| name.parse::<Encoding>().unwrap().encode("a😀");
        assert_eq!(bytes("utf-16"), [0x61, 0, 0x3d, 0xd8, 0x00, 0xde]);
        assert_eq!(bytes("utf-16-BE"), [0, 0x61, 0xd8, 0x3d, 0xde, 0x00]);
        assert_eq!(bytes("utf-32"), [0x61, 0, 0, 0, 0x00, 0xf6, 0x01, 0]);
        assert_eq!(bytes("utf-32-BE"), [0, 0, 0, 0x61, 0, 0x01, 0xf6, 0x00]);
    }

    #[test]
    fn a_mark_tells_the_order_where_the_name_does_not() {
        let marked = Encoding::Utf16(Order::Big).encode("\u{feff}hi");
        assert_eq!(Encoding::Utf16(Order::Unsaid).decode(&marked), Ok("hi".to_owned()));
        assert_eq!(Encoding::Utf8.decode(b"\xef\xbb\xbfhi"), Ok("hi".to_owned()));
        let other_order = Encoding::Utf16(Order::Little).decode(&marked).unwrap();
        assert_ne!(other_order, "hi");
    }

    #[test]
    fn what_is_no_text_is_located() {
        let refused = |encoding: Encoding, bytes: &[u8]| encoding.decode(bytes).unwrap_err().to_string();
        assert_eq!(refused(Encoding::Utf8, b"ab\xff"), "the bytes from number 2 on are no UTF-8");
        assert_eq!(refused(Encoding::Utf16(Order::Unsaid), b"a\0b"), "the bytes from number 2 on are no UTF-16-LE");
        assert_eq!(refused(Encoding::Utf16(Order::Big), b"\xd8\x3d\0a"), "the bytes from number 0 on are no UTF-16-BE");
        assert_eq!(
            refused(Encoding::Utf32(Order::Little), b"a\0\0\0\0\0\xff\xff"),
            "the bytes from number 4 on are no UTF-32-LE"
        );
    }

    proptest! {
        #[test]
        fn every_text_survives_every_encoding(text in r"[^\u{feff}]\PC{0,20}", name in prop::sample::select(&NAMES[..])) {
            let encoding: Encoding = name.parse().unwrap();
            prop_assert_eq!(encoding.decode(&encoding.encode(&text)), Ok(text));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), name in prop::sample::select(&NAMES[..])) {
            let _ = name.parse::<Encoding>().unwrap().decode(&bytes);
        }
    }
}
