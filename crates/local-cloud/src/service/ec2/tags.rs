//! Tags: given at creation or later, to everything that has an id.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::{Answer, Call};
use crate::fault::Fault;
use crate::state::{State, Tags};
use crate::wire::query::Form;
use crate::wire::xml::Items;

/// One tag in an answer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct TagItem {
    pub(super) key: String,
    pub(super) value: String,
}

pub(super) fn items(tags: &Tags) -> Vec<TagItem> {
    tags.iter().map(|(key, value)| TagItem { key: key.clone(), value: value.clone() }).collect()
}

/// `TagSpecification.N`: the tags for resources of `kind`. Other kinds than those in `known` are refused.
pub(super) fn specification(form: &Form<'_>, kind: &str, known: &[&str]) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for specification in form.structures("TagSpecification") {
        let resource = specification.required("ResourceType")?;
        if !known.contains(&resource) {
            let message = format!("'{resource}' is not a valid taggable resource type for this operation.");
            return Err(Fault::client("InvalidParameterValue", message));
        }
        let read = read(&specification)?;
        if resource == kind {
            tags.extend(read);
        }
    }
    Ok(tags)
}

pub(super) fn create(call: &Call<'_>) -> Answer {
    let (ids, tags) = (call.form.list("ResourceId"), read(&call.form)?);
    if ids.is_empty() || tags.is_empty() {
        let missing = if ids.is_empty() { "ResourceId" } else { "Tag" };
        return Err(Fault::client("MissingParameter", format!("The request must contain the parameter {missing}")));
    }
    call.ready()?;
    call.cloud.store.change(|state| {
        for id in ids {
            let all = of_resource(state, call.region, id)?;
            all.extend(tags.clone());
            if all.len() > 50 {
                return Err(Fault::client("TagLimitExceeded", "More than 50 tags specified"));
            }
        }
        Ok(())
    })?;
    call.answer_true()
}

pub(super) fn delete(call: &Call<'_>) -> Answer {
    let ids = call.form.list("ResourceId");
    let tags: Vec<(String, Option<String>)> = call
        .form
        .structures("Tag")
        .iter()
        .map(|tag| Ok((tag.required("Key")?.to_owned(), tag.raw("Value").map(ToOwned::to_owned))))
        .collect::<Result<_, Fault>>()?;
    call.ready()?;
    call.cloud.store.change(|state| {
        for id in ids {
            let all = of_resource(state, call.region, id)?;
            let is_named = |key: &str, value: &str| {
                tags.iter().any(|(name, only)| name == key && only.as_deref().is_none_or(|only| only == value))
            };
            all.retain(|key, value| !tags.is_empty() && !is_named(key, value));
        }
        Ok(())
    })?;
    call.answer_true()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    tag_set: Items<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    resource_id: String,
    resource_type: &'static str,
    key: String,
    value: String,
    #[serde(skip)]
    tag: [TagItem; 1],
}

const FILTERS: &Table<Description> = &[
    ("key", |tag| vec![tag.key.clone()]),
    ("resource-id", |tag| vec![tag.resource_id.clone()]),
    ("resource-type", |tag| vec![tag.resource_type.to_owned()]),
    ("value", |tag| vec![tag.value.clone()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    call.ready()?;
    let all = call.cloud.store.read(|state| {
        let images = state.images(call.region).iter().map(|(id, image)| (id, "image", &image.tags));
        let snapshots = state.snapshots(call.region).iter().map(|(id, snapshot)| (id, "snapshot", &snapshot.tags));
        let instances = state.instances.iter().map(|(id, instance)| (id, "instance", &instance.tags));
        let volumes = state.instances.values().filter(|instance| instance.terminated.is_none());
        let volumes = volumes.map(|instance| (&instance.volume_id, "volume", &instance.volume_tags));
        let addresses = state.addresses.iter().map(|(id, address)| (id, "elastic-ip", &address.tags));
        let rules = state.security_group_rules.iter().map(|(id, rule)| (id, "security-group-rule", &rule.tags));
        let resources = images.chain(snapshots).chain(instances).chain(volumes).chain(addresses).chain(rules);
        resources.flat_map(|(id, kind, tags)| items(tags).into_iter().map(|tag| description(id, kind, tag))).collect()
    });
    let (tags, next_token) = page.cut(filters.keep(all, FILTERS, |tag| &tag.tag)?);
    call.answer(&Described { tag_set: tags.into_iter().collect(), next_token })
}

fn description(id: &str, resource_type: &'static str, tag: TagItem) -> Description {
    Description {
        resource_id: id.to_owned(),
        resource_type,
        key: tag.key.clone(),
        value: tag.value.clone(),
        tag: [tag],
    }
}

/// `Tag.N.Key` and `Tag.N.Value`.
fn read(form: &Form<'_>) -> Result<Tags, Fault> {
    let invalid = |message: String| Err(Fault::client("InvalidParameterValue", message));
    let mut tags = Tags::new();
    for tag in form.structures("Tag") {
        let (key, value) = (tag.required("Key")?, tag.raw("Value").unwrap_or_default());
        if key.starts_with("aws:") {
            return invalid(format!("Tag keys starting with 'aws:' are reserved for internal use: {key}"));
        }
        if key.chars().count() > 128 || value.chars().count() > 256 {
            return invalid(format!("A tag's key may be 128 and its value 256 characters long: {key}"));
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return invalid(format!("A tag may not contain control characters: {}", key.escape_debug()));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return invalid(format!("Duplicate tag key '{key}' specified."));
        }
    }
    if tags.len() > 50 {
        return Err(Fault::client("TagLimitExceeded", "More than 50 tags specified"));
    }
    Ok(tags)
}

fn of_resource<'a>(state: &'a mut State, region: &str, id: &str) -> Result<&'a mut Tags, Fault> {
    let prefix = id.split_once('-').map_or("", |(prefix, _)| prefix);
    let found = match prefix {
        "ami" => state.images_mut(region).get_mut(id).map(|image| &mut image.tags),
        "snap" => state.snapshots_mut(region).get_mut(id).map(|snapshot| &mut snapshot.tags),
        "i" => state.instances.get_mut(id).map(|instance| &mut instance.tags),
        "eipalloc" => state.addresses.get_mut(id).map(|address| &mut address.tags),
        "sgr" => state.security_group_rules.get_mut(id).map(|rule| &mut rule.tags),
        "vol" => {
            let mut live = state.instances.values_mut().filter(|instance| instance.terminated.is_none());
            live.find(|instance| instance.volume_id == id).map(|instance| &mut instance.volume_tags)
        }
        _ => return Err(Fault::client("InvalidID", format!("The ID '{id}' is not valid"))),
    };
    let (code, what) = match prefix {
        "ami" => ("InvalidAMIID.NotFound", "image id"),
        "snap" => ("InvalidSnapshot.NotFound", "snapshot"),
        "i" => ("InvalidInstanceID.NotFound", "instance ID"),
        "eipalloc" => ("InvalidAllocationID.NotFound", "allocation ID"),
        "sgr" => ("InvalidSecurityGroupRuleId.NotFound", "security group rule ID"),
        _ => ("InvalidVolume.NotFound", "volume"),
    };
    found.ok_or_else(|| Fault::client(code, format!("The {what} '{id}' does not exist")))
}
