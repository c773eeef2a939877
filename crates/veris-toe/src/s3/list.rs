//! The objects below a prefix.

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Method, S3Action};

use super::{ATTEMPTS, Location, Request, S3Error, Session};
use crate::action::{ActionError, StepContext};
use crate::http;

/// The language's limit for one download.
pub(crate) const MAX_OBJECTS: usize = 1000;

/// Keys in S3's order, page by page.
pub(crate) fn keys(session: &Session, prefix: &Location, step: &StepContext<'_>) -> Result<Vec<String>, ActionError> {
    let name = format!("{prefix}*");
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let page = http::patiently(ATTEMPTS, step, || page(session, prefix, &name, token.as_deref(), step))?;
        keys.extend(page.contents.into_iter().map(|object| object.key));
        token = page.next_continuation_token;
        if keys.len() > MAX_OBJECTS || (keys.len() == MAX_OBJECTS && token.is_some()) {
            return Err(S3Error::TooManyObjects { name, limit: MAX_OBJECTS }.into());
        }
        if token.is_none() {
            return Ok(keys);
        }
    }
}

fn page(
    session: &Session,
    prefix: &Location,
    name: &str,
    token: Option<&str>,
    step: &StepContext<'_>,
) -> Result<rusty_s3::actions::ListObjectsV2Response, ActionError> {
    let doing = "list";
    let mut action = session.bucket().list_objects_v2(Some(session.credentials()));
    // Not every server encodes the keys it says it encodes, and XML can hold all but control characters.
    action.query_mut().remove("encoding-type");
    action.with_prefix(prefix.key.as_str());
    if let Some(token) = token {
        action.with_continuation_token(token);
    }
    let (url, limit) = (session.sign(action), step.deadline.remaining());
    let request = Request { doing, name, method: Method::Get, url, limit };
    let answer = session.exchange(request, None, step)?;
    let unreadable =
        |reason: &dyn ToString| S3Error::Answer { doing, name: name.to_owned(), reason: reason.to_string() };
    ListObjectsV2::parse_response(&answer.body).map_err(|error| unreadable(&error).into())
}
