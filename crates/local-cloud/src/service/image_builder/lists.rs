//! What all List operations share: owner, filters and pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::validate::refused;
use crate::fault::Fault;

/// The members of List requests. Each operation takes those that its model has, see [`ListRequest::allow`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct ListRequest {
    pub owner: Option<String>,
    filters: Vec<Filter>,
    pub by_name: bool,
    include_deprecated: Option<bool>,
    max_results: Option<usize>,
    next_token: Option<String>,
    pub component_version_arn: Option<String>,
    pub image_version_arn: Option<String>,
    pub image_build_version_arn: Option<String>,
    pub workflow_execution_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    name: String,
    values: Vec<String>,
}

/// One entry of a list: the key it is sorted by, and what is answered.
pub(super) struct Entry {
    pub key: String,
    pub summary: Value,
}

impl ListRequest {
    /// Whether the list is about resources of this account; of others' there are none.
    pub(super) fn of_ours(&self) -> Result<bool, Fault> {
        match self.owner.as_deref() {
            None | Some("Self") => Ok(true),
            Some("Shared" | "Amazon" | "ThirdParty" | "AWSMarketplace") => Ok(false),
            Some(other) => Err(refused("owner", &format!("'{other}' is not an owner"))),
        }
    }

    /// Filters the entries and answers the page that was asked for, below `name`.
    pub(super) fn page(&self, name: &str, filters: &[&str], mut entries: Vec<Entry>) -> Result<Value, Fault> {
        for filter in &self.filters {
            if !filters.contains(&filter.name.as_str()) {
                let why =
                    format!("'{}' is not a filter of this operation; it has: {}", filter.name, filters.join(", "));
                return Err(refused("filters", &why));
            }
            entries.retain(|entry| filter.matches(&entry.summary));
        }
        let size = self.max_results.unwrap_or(25);
        if !(1..=100).contains(&size) {
            return Err(refused("maxResults", "'maxResults' must be between 1 and 100"));
        }
        let after = self.next_token.as_deref().map(read_token).transpose()?;
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        entries.retain(|entry| after.as_ref().is_none_or(|after| entry.key > *after));
        let next = (entries.len() > size).then(|| URL_SAFE_NO_PAD.encode(&entries[size - 1].key));
        entries.truncate(size);
        let mut answer = Map::new();
        answer.insert(name.to_owned(), entries.into_iter().map(|entry| entry.summary).collect());
        if let Some(token) = next {
            answer.insert("nextToken".to_owned(), json!(token));
        }
        Ok(Value::Object(answer))
    }
}

impl Filter {
    /// Whether the member of the filter's name has one of its values; `*` stands for anything at either end.
    fn matches(&self, summary: &Value) -> bool {
        let Some(actual) = summary[&self.name].as_str() else { return false };
        self.values.iter().any(|value| match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(_), Some(_)) => actual.contains(value.trim_matches('*')),
            (Some(end), None) => actual.ends_with(end),
            (None, Some(start)) => actual.starts_with(start),
            (None, None) => actual == value,
        })
    }
}

fn read_token(token: &str) -> Result<String, Fault> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| {
        Fault::client("InvalidPaginationTokenException", format!("The pagination token '{token}' is not valid."))
    })
}

/// A resource's record without some of its members, as lists show it.
pub(super) fn summary(record: &impl serde::Serialize, hidden: &[&str]) -> Value {
    let mut summary = record_value(record);
    if let Value::Object(members) = &mut summary {
        members.retain(|name, _| !hidden.contains(&name.as_str()));
    }
    summary
}

/// A record as it is answered. Records have string keys only, so this cannot fail.
pub(super) fn record_value(record: &impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap_or_default()
}
