//! Reads maps, lists and texts out of YAML, and goes on after a mistake: one look finds them all.

use std::cell::RefCell;
use std::str::FromStr;

use veris_toe::suggest::nearest;
use veris_toe::yaml::{Entry, Node, Span};

/// Something in a recipe that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Name of the rule that was broken, which never changes.
    pub rule: &'static str,
    pub span: Span,
    /// The key, written as a path from the top of the file; empty for the file itself.
    pub key: String,
    pub problem: String,
    /// What to do.
    pub cure: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

/// Collects what is wrong.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    pub(super) fn add(&self, (rule, span): (&'static str, Span), key: &str, problem: String, cure: impl Into<String>) {
        self.0.borrow_mut().push(Mistake { rule, span, key: key.to_owned(), problem, cure: cure.into() });
    }

    /// In the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|mistake| mistake.span.start);
        mistakes
    }

    /// Our own checks put problem and cure on a line each.
    fn refuse(&self, place: (&'static str, Span), key: &str, message: &str) {
        let (problem, cure) = message.split_once('\n').unwrap_or((message, "correct the value"));
        self.add(place, key, problem.to_owned(), cure);
    }
}

/// A value that may be of any kind, with its path for messages.
pub(super) struct Field<'a> {
    pub(super) mistakes: &'a Mistakes,
    pub(super) path: String,
    pub(super) node: &'a Node<'a>,
}

impl Field<'_> {
    pub(super) fn text<T: FromStr<Err = String>>(&self) -> Option<At<T>> {
        let span = self.node.span;
        let Some(text) = self.node.text().filter(|_| !self.node.is_null()) else {
            self.expected("a text");
            return None;
        };
        match text.parse() {
            Ok(value) => Some(At { value, span }),
            Err(message) => {
                self.mistakes.refuse(("invalid-value", span), &self.path, &message);
                None
            }
        }
    }

    /// Reads the entries of a map. Those that `read` does not ask for are unknown.
    pub(super) fn map<T>(&self, read: impl FnOnce(&Map<'_>) -> T) -> Option<T> {
        let Some(entries) = self.node.entries() else {
            self.expected("a map");
            return None;
        };
        let map = Map { field: self, entries, asked: RefCell::default(), missing: RefCell::default() };
        let value = read(&map);
        map.finish();
        Some(value)
    }

    /// Reads a map whose keys are names of the user's choice. What stands below a refused name is read as well.
    pub(super) fn named<K: FromStr<Err = String>, T>(
        &self,
        read: impl Fn(Option<&K>, &Field<'_>) -> Option<T>,
    ) -> Vec<(K, T)> {
        let Some(entries) = self.node.entries() else {
            self.expected("a map");
            return Vec::new();
        };
        let entry = |Entry { key, span, value }: &Entry<'_>| {
            let name = key.parse::<K>();
            let value = read(name.as_ref().ok(), &self.below(key, value));
            if let Err(message) = &name {
                self.mistakes.refuse(("invalid-value", *span), &self.path, message);
            }
            Some((name.ok()?, value?))
        };
        entries.iter().filter_map(entry).collect()
    }

    pub(super) fn list<T>(&self, read: impl Fn(&Field<'_>) -> Option<T>) -> Vec<T> {
        let Some(items) = self.node.items() else {
            self.expected("a list");
            return Vec::new();
        };
        let item = |(index, node)| {
            let path = format!("{}[{index}]", self.path);
            read(&Field { mistakes: self.mistakes, path, node })
        };
        items.iter().enumerate().filter_map(item).collect()
    }

    fn below<'b>(&'b self, key: &str, node: &'b Node<'b>) -> Field<'b> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Field { mistakes: self.mistakes, path, node }
    }

    fn expected(&self, what: &str) {
        let problem = format!("{} stands where {what} is expected", self.node.kind());
        let cure = match what {
            "a text" => "write the value behind the colon, in the same line",
            "a list" => "begin each entry with `- `",
            _ => "write `key: value` lines below it, indented by two spaces",
        };
        self.mistakes.add(("wrong-type", self.node.span), &self.path, problem, cure);
    }
}

/// A map whose keys are known.
pub(super) struct Map<'a> {
    field: &'a Field<'a>,
    entries: &'a [Entry<'a>],
    asked: RefCell<Vec<&'static str>>,
    missing: RefCell<Vec<&'static str>>,
}

impl Map<'_> {
    pub(super) fn required(&self, key: &'static str) -> Option<Field<'_>> {
        let field = self.optional(key);
        if field.is_none() {
            self.missing.borrow_mut().push(key);
        }
        field
    }

    /// A key without a value counts as absent.
    pub(super) fn optional(&self, key: &'static str) -> Option<Field<'_>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!entry.value.is_null()).then(|| self.field.below(key, &entry.value))
    }

    pub(super) fn text<T: FromStr<Err = String>>(&self, key: &'static str) -> Option<At<T>> {
        self.required(key)?.text()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn refuse(&self, rule: &'static str, problem: &str, cure: &str) {
        self.field.mistakes.add((rule, self.place()), &self.field.path, problem.to_owned(), cure);
    }

    /// Where the map begins: its first key.
    fn place(&self) -> Span {
        self.entries.first().map_or(self.field.node.span, |entry| entry.span)
    }

    fn finish(self) {
        let (asked, missing) = (self.asked.into_inner(), self.missing.into_inner());
        let mistakes = self.field.mistakes;
        let mut meant = Vec::new();
        for Entry { key, span, .. } in self.entries.iter().filter(|entry| !asked.contains(&&*entry.key)) {
            let free = asked.iter().copied().filter(|name| !self.entries.iter().any(|entry| entry.key == *name));
            let nearest = nearest(key, free);
            meant.extend(nearest);
            let cure = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("remove it; the keys here are `{}`", asked.join("`, `")),
            };
            mistakes.add(("unknown-key", *span), &self.field.path, format!("there is no key `{key}`"), cure);
        }
        let place = self.entries.first().map_or(self.field.node.span, |entry| entry.span);
        // A key that is there under a wrong name is one mistake, not two.
        for key in missing.into_iter().filter(|key| !meant.contains(key)) {
            let empty = self.entries.iter().find(|entry| entry.key == key);
            let (span, problem) = match empty {
                Some(entry) => (entry.span, format!("the key `{key}` has no value")),
                None => (place, format!("the key `{key}` is missing")),
            };
            let cure = "add it; `recipes/veris-chat.yaml` of the project's repository shows all of them";
            mistakes.add(("missing-key", span), &self.field.path, problem, cure);
        }
    }
}
