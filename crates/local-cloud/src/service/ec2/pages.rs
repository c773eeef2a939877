//! `MaxResults` and `NextToken`: long lists in pieces.

use crate::fault::Fault;
use crate::wire::query::Form;

/// Which piece of a list was asked for.
pub(super) struct Page {
    from: usize,
    length: usize,
}

impl Page {
    pub(super) fn read(form: &Form<'_>) -> Result<Self, Fault> {
        let length = form.parsed::<usize>("MaxResults")?.unwrap_or(usize::MAX);
        let from = form.parsed::<usize>("NextToken")?.unwrap_or(0);
        if length == 0 {
            return Err(Fault::client("InvalidParameterValue", "Value (0) for parameter maxResults is invalid"));
        }
        Ok(Self { from, length })
    }

    /// The piece, and the token of the next one.
    pub(super) fn cut<T>(&self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let end = self.from.saturating_add(self.length);
        let next = (end < items.len()).then(|| end.to_string());
        (items.into_iter().skip(self.from).take(self.length).collect(), next)
    }
}
