//! `Filter.N.Name` and `Filter.N.Value.M`: every filter must match, with any of its values.

use super::tags::TagItem;
use crate::fault::Fault;
use crate::wire::query::Form;

/// The filters one kind of resource knows, and the values they look at.
pub(super) type Table<T> = [(&'static str, fn(&T) -> Vec<String>)];

/// The filters of one request.
pub(super) struct Filters<'a>(Vec<Filter<'a>>);

struct Filter<'a> {
    name: &'a str,
    values: Vec<&'a str>,
}

impl<'a> Filters<'a> {
    pub(super) fn read(form: &Form<'a>) -> Result<Self, Fault> {
        let read = |form: &Form<'a>| Ok(Filter { name: form.required("Name")?, values: form.list("Value") });
        form.structures("Filter").iter().map(read).collect::<Result<_, Fault>>().map(Self)
    }

    /// Keeps what matches. A name that is in neither `table` nor is about tags is an error.
    pub(super) fn keep<T>(&self, items: Vec<T>, table: &Table<T>, tags: fn(&T) -> &[TagItem]) -> Result<Vec<T>, Fault> {
        for filter in &self.0 {
            let is_known = filter.tag_key().is_some()
                || filter.name == "tag-key"
                || table.iter().any(|(name, _)| *name == filter.name);
            if !is_known {
                let message = format!("The filter '{}' is invalid", filter.name);
                return Err(Fault::client("InvalidParameterValue", message));
            }
        }
        let matches = |item: &T| self.0.iter().all(|filter| filter.matches(item, table, tags(item)));
        Ok(items.into_iter().filter(matches).collect())
    }
}

impl<'a> Filter<'a> {
    fn tag_key(&self) -> Option<&'a str> {
        self.name.strip_prefix("tag:")
    }

    fn matches<T>(&self, item: &T, table: &Table<T>, tags: &[TagItem]) -> bool {
        let found: Vec<String> = if let Some(key) = self.tag_key() {
            tags.iter().filter(|tag| tag.key == key).map(|tag| tag.value.clone()).collect()
        } else if self.name == "tag-key" {
            tags.iter().map(|tag| tag.key.clone()).collect()
        } else {
            table.iter().filter(|(name, _)| *name == self.name).flat_map(|(_, values)| values(item)).collect()
        };
        found.iter().any(|text| self.values.iter().any(|pattern| is_like(text, pattern)))
    }
}

/// `*` stands for any characters, `?` for one, a backslash takes the next character as it is.
fn is_like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // `reached[n]`: the pattern so far matches the first n characters.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    let mut pattern = pattern.chars();
    while let Some(symbol) = pattern.next() {
        if symbol == '*' {
            for at in 1..reached.len() {
                reached[at] |= reached[at - 1];
            }
            continue;
        }
        let literal = if symbol == '\\' { pattern.next() } else { Some(symbol).filter(|symbol| *symbol != '?') };
        for at in (1..reached.len()).rev() {
            reached[at] = reached[at - 1] && literal.is_none_or(|literal| literal == text[at - 1]);
        }
        reached[0] = false;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn wildcards_match_as_on_aws() {
        for (text, pattern) in [
            ("veris-chat/1.2.0", "veris-chat/*"),
            ("abc", "a?c"),
            ("", "*"),
            ("a*c", "a\\*c"),
            ("aXbYc", "*X*c"),
            ("", ""),
        ] {
            assert!(is_like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in
            [("abc", "ab"), ("abc", "bc"), ("abc", "a\\*c"), ("ac", "a?c"), ("", "?"), ("Abc", "abc")]
        {
            assert!(!is_like(text, pattern), "{text} {pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_is_like_itself_and_like_anything(text in "[a-z/.:-]{0,20}") {
            assert!(is_like(&text, &text));
            assert!(is_like(&text, "*"));
            let unlike = format!("{text}x");
            assert!(!is_like(&text, &unlike));
        }

        #[test]
        fn no_pattern_panics(text in "\\PC{0,12}", pattern in "[a-c*?\\\\]{0,12}") {
            let _ = is_like(&text, &pattern);
        }
    }
}
