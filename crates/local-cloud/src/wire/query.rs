//! The form of the Query protocols: `Filter.1.Value.2=running` and the like, read as typed values.
//!
//! A form remembers which of its fields were read. [`Form::done`] refuses the rest, so that nobody believes a parameter
//! had an effect that the local cloud does not know.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fault::Fault;
use crate::service::Request;

struct Field {
    name: String,
    value: String,
    read: AtomicBool,
}

/// Every field of a request's form.
pub struct Fields(Vec<Field>);

impl Fields {
    /// The body's fields, or the query string's where the body is empty.
    pub fn parse(request: &Request) -> Self {
        let pairs = if request.body.is_empty() {
            request.query.clone()
        } else {
            url::form_urlencoded::parse(&request.body).into_owned().collect()
        };
        let is_signature = |name: &str| name.starts_with("X-Amz-");
        let fields = pairs.into_iter().filter(|(name, _)| !is_signature(name));
        Self(fields.map(|(name, value)| Field { name, value, read: AtomicBool::new(false) }).collect())
    }

    pub fn form(&self) -> Form<'_> {
        Form { fields: &self.0, prefix: String::new() }
    }
}

/// The fields below one prefix.
#[derive(Clone)]
pub struct Form<'a> {
    fields: &'a [Field],
    prefix: String,
}

impl<'a> Form<'a> {
    /// A field's value; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// A field's value, which may be empty.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let full = format!("{}{name}", self.prefix);
        let field = self.fields.iter().find(|field| field.name == full)?;
        field.read.store(true, Ordering::Relaxed);
        Some(&field.value)
    }

    pub fn required(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name).ok_or_else(|| {
            let name = format!("{}{name}", self.prefix);
            Fault::client("MissingParameter", format!("The request must contain the parameter {name}"))
        })
    }

    /// A number, `true`, `false`, an IPv4 address …
    pub fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Fault::client(
                "InvalidParameterValue",
                format!("Value ({text}) for parameter {}{name} is invalid", self.prefix),
            )
        })
    }

    /// `Name.1`, `Name.2` …
    pub fn list(&self, name: &str) -> Vec<&'a str> {
        self.indices(name).into_iter().filter_map(|index| self.text(&format!("{name}.{index}"))).collect()
    }

    /// The structure `Name.…`.
    #[must_use]
    pub fn structure(&self, name: &str) -> Form<'a> {
        Form { fields: self.fields, prefix: format!("{}{name}.", self.prefix) }
    }

    /// The structures `Name.1.…`, `Name.2.…`.
    pub fn structures(&self, name: &str) -> Vec<Form<'a>> {
        self.indices(name).into_iter().map(|index| self.structure(&format!("{name}.{index}"))).collect()
    }

    /// Marks parameters as known though they change nothing here.
    pub fn ignore(&self, names: &[&str]) {
        for name in names {
            let _ = self.raw(name);
        }
    }

    /// Fails when a field was never asked for.
    pub fn done(&self) -> Result<(), Fault> {
        let unread = self.fields.iter().find(|field| !field.read.load(Ordering::Relaxed));
        unread.map_or(Ok(()), |field| {
            let message = format!("The local cloud does not know the parameter {} of this action", field.name);
            Err(Fault::client("UnknownParameter", message))
        })
    }

    fn indices(&self, name: &str) -> BTreeSet<u32> {
        let prefix = format!("{}{name}.", self.prefix);
        let rests = self.fields.iter().filter_map(|field| field.name.strip_prefix(&prefix));
        rests.filter_map(|rest| rest.split('.').next()?.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::parse(&Request {
            method: hyper::Method::POST,
            path: "/".to_owned(),
            query: Vec::new(),
            headers: hyper::HeaderMap::new(),
            body: text.to_owned().into(),
            caller: crate::service::Caller::Operator,
            region: "us-east-1".to_owned(),
        })
    }

    #[test]
    fn lists_keep_the_order_of_their_numbers() {
        let fields = fields("Id.10=c&Id.2=b&Id.1=a&Tag.1.Key=k&Tag.1.Value=a%20%26+b");
        let form = fields.form();
        assert_eq!(form.list("Id"), ["a", "b", "c"]);
        let tag = &form.structures("Tag")[0];
        assert_eq!((tag.text("Key"), tag.text("Value")), (Some("k"), Some("a & b")));
        assert_eq!(form.done(), Ok(()));
    }

    #[test]
    fn a_parameter_nobody_asked_for_is_refused_by_name() {
        let fields = fields("Action=RunInstances&Placement.Tenancy=host");
        let form = fields.form();
        assert_eq!(form.text("Action"), Some("RunInstances"));
        let fault = form.done().unwrap_err();
        assert!(fault.message.contains("Placement.Tenancy"), "{fault}");
    }

    proptest::proptest! {
        #[test]
        fn no_form_makes_the_reader_panic(text in "[A-Za-z0-9.=&%+]{0,80}") {
            let fields = fields(&text);
            let form = fields.form();
            let _ = (form.list("Id"), form.parsed::<u32>("N"), form.structures("Tag").len(), form.done());
        }
    }
}
