//! Tags of Image Builder's resources, whatever their kind.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{Arn, Kind};
use super::call::Call;
use super::validate;
use crate::fault::Fault;
use crate::state::Tags;
use crate::state::image_builder::ImageBuilder;

/// The most tags of a resource.
const MOST: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    tags: Tags,
}

/// Answers `/tags/{resourceArn}`, with the ARN percent-encoded.
pub(super) fn handle(call: &Call, encoded: &str) -> Result<Value, Fault> {
    let arn = percent_decoded(encoded);
    let arn = arn.as_deref().and_then(Arn::parse).ok_or_else(|| {
        let message = format!("The value supplied for parameter 'resourceArn' is not valid: '{encoded}'");
        Fault::client("InvalidParameterException", message)
    })?;
    match call.request.method.as_str() {
        // There is one way to find tags, and it may change them; nothing is written where nothing has changed.
        "GET" => call.cloud.store.change(|state| Ok(json!({"tags": of(&arn, &mut state.image_builder)?}))),
        "POST" => add(call, &arn),
        "DELETE" => remove(call, &arn),
        method => Err(Fault::new(404, "UnknownOperationException", format!("There is no operation {method} on tags"))),
    }
}

fn add(call: &Call, arn: &Arn) -> Result<Value, Fault> {
    let Tag { tags: added } = call.body()?;
    validate::tags("tags", &added, MOST)?;
    call.cloud.store.change(|state| {
        let tags = of(arn, &mut state.image_builder)?;
        tags.extend(added);
        validate::tags("tags", tags, MOST)?;
        Ok(json!({}))
    })
}

fn remove(call: &Call, arn: &Arn) -> Result<Value, Fault> {
    let keys: Vec<&str> =
        call.request.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    call.cloud.store.change(|state| {
        of(arn, &mut state.image_builder)?.retain(|key, _| !keys.contains(&key.as_str()));
        Ok(json!({}))
    })
}

fn of<'a>(arn: &Arn, builder: &'a mut ImageBuilder) -> Result<&'a mut Tags, Fault> {
    let key = arn.to_string();
    let found = match arn.kind {
        Kind::Component => builder.components.get_mut(&key).map(|component| &mut component.tags),
        Kind::ImageRecipe => builder.recipes.get_mut(&key).map(|recipe| &mut recipe.tags),
        Kind::InfrastructureConfiguration => builder.infrastructure.get_mut(&key).map(|record| &mut record.tags),
        Kind::DistributionConfiguration => builder.distributions.get_mut(&key).map(|record| &mut record.tags),
        Kind::Image => builder.images.get_mut(&key).map(|build| &mut build.image.tags),
    };
    found.ok_or_else(|| arn.not_found())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.extend(hex::decode(digits).ok()?);
    }
    String::from_utf8(bytes).ok()
}
