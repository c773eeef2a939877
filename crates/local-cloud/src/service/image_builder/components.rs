//! Components: versioned AWSTOE documents.

use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision, newest};
use super::call::Call;
use super::document::Document;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::{self, refused};
use super::version::Version;
use crate::bake;
use crate::fault::Fault;
use crate::layout::Layout;
use crate::state::image_builder::{Component, ImageBuilder, Platform};
use crate::state::{ACCOUNT, Tags};

/// The most characters of a document in a request.
const INLINE_LIMIT: usize = 16_000;
/// The most bytes of a document in S3.
const STORED_LIMIT: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Create {
    name: String,
    semantic_version: String,
    platform: Platform,
    description: Option<String>,
    change_description: Option<String>,
    #[serde(default)]
    supported_os_versions: Vec<String>,
    data: Option<String>,
    uri: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: Tags,
}

pub(super) fn create(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("CreateComponent")?;
    let wanted: Create = mutation.parse()?;
    validate::resource_name(&wanted.name)?;
    validate::text("description", wanted.description.as_deref())?;
    validate::text("changeDescription", wanted.change_description.as_deref())?;
    validate::tags("tags", &wanted.tags, 50)?;
    let version = Version::parse("semanticVersion", &wanted.semantic_version)?;
    if wanted.supported_os_versions.len() > 25 {
        return Err(refused("supportedOsVersions", "At most 25 versions may be given"));
    }
    let data = content(&call.cloud.layout, wanted.data.as_deref(), wanted.uri.as_deref())?;
    let document = Document::parse(&data)?;
    let name = Arn::ours(call.region(), Kind::Component, &wanted.name).with_version(version);
    let applied = mutation.apply(call, |state| {
        let builder = &mut state.image_builder;
        let latest = newest(&name, &builder.components);
        let build = match &latest {
            Some((arn, component)) if component.data == data => return Err(arn.exists()),
            Some((arn, _)) => arn.build.unwrap_or_default() + 1,
            None => 1,
        };
        let arn = name.clone().with_build(build);
        let component = Component {
            arn: arn.to_string(),
            name: wanted.name,
            version: version.to_string(),
            description: wanted.description,
            change_description: wanted.change_description,
            kind: document.kind,
            platform: wanted.platform,
            supported_os_versions: wanted.supported_os_versions,
            parameters: document.parameters,
            owner: ACCOUNT.to_owned(),
            data,
            kms_key_id: wanted.kms_key_id,
            encrypted: true,
            date_created: bake::now(),
            tags: wanted.tags,
        };
        builder.components.insert(arn.to_string(), component);
        Ok(json!({"componentBuildVersionArn": arn.to_string(), "latestVersionReferences": arn.latest_versions()}))
    })?;
    Ok(applied.answer)
}

/// The document, from the request or from S3.
fn content(layout: &Layout, data: Option<&str>, uri: Option<&str>) -> Result<String, Fault> {
    match (data, uri) {
        (Some(data), None) => {
            validate::length("data", data, INLINE_LIMIT)?;
            Ok(data.to_owned())
        }
        (None, Some(uri)) => stored(layout, uri),
        _ => Err(Fault::client(
            "InvalidParameterCombinationException",
            "You must provide exactly one of the parameters 'data' and 'uri'.",
        )),
    }
}

fn stored(layout: &Layout, uri: &str) -> Result<String, Fault> {
    let bad = |why: String| refused("uri", &why);
    let object = uri.strip_prefix("s3://").and_then(|object| object.split_once('/'));
    let (bucket, key) = object.ok_or_else(|| bad(format!("'{uri}' must look like s3://BUCKET/KEY")))?;
    let plain = |name: &str| !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if bucket.contains('/') || !plain(bucket) || !plain(key) {
        return Err(bad(format!("'{uri}' must look like s3://BUCKET/KEY")));
    }
    let path = layout.buckets().join(bucket).join(key);
    let bytes = fs_err::read(path).map_err(|_| bad(format!("There is no object '{uri}'")))?;
    if bytes.len() > STORED_LIMIT {
        return Err(bad(format!("The document '{uri}' is larger than {STORED_LIMIT} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| bad(format!("The document '{uri}' is not UTF-8")))
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    let wanted = expect(call, Precision::PatternOrBuild)?;
    call.cloud.store.read(|state| {
        let (arn, component) = find(&wanted, &state.image_builder)?;
        let mut shown = record_value(component);
        shown["state"] = json!({"status": "ACTIVE"});
        Ok(json!({"component": shown, "latestVersionReferences": arn.latest_versions()}))
    })
}

/// The component that a recipe or request means.
pub(super) fn find<'a>(wanted: &Arn, builder: &'a ImageBuilder) -> Result<(Arn, &'a Component), Fault> {
    newest(wanted, &builder.components).ok_or_else(|| wanted.not_found())
}

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let ours = request.of_ours()?;
    let entries = call.cloud.store.read(|state| {
        let mut entries: Vec<Entry> = Vec::new();
        for (arn, component) in in_region(call, &state.image_builder).filter(|_| ours) {
            let mut summary =
                summary(component, &["data", "parameters", "kmsKeyId", "encrypted", "tags", "changeDescription"]);
            summary["arn"] = json!(arn.version_arn().to_string());
            summary["status"] = json!("ACTIVE");
            let key = if request.by_name { arn.name.clone() } else { arn.version_arn().sort_key() };
            // Builds come in ascending order: the newest one describes its version, or its name.
            match entries.last_mut() {
                Some(last) if last.key == key => last.summary = summary,
                _ => entries.push(Entry { key, summary }),
            }
        }
        entries
    });
    request.page("componentVersionList", &["name", "description", "platform", "type", "version"], entries)
}

pub(super) fn list_builds(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let wanted = request
        .component_version_arn
        .as_deref()
        .map(|arn| Arn::expect("componentVersionArn", arn, Kind::Component, Precision::Version))
        .transpose()?;
    let entries = call.cloud.store.read(|state| {
        in_region(call, &state.image_builder)
            .filter(|(arn, _)| wanted.as_ref().is_none_or(|wanted| wanted.means(arn)))
            .map(|(arn, component)| {
                let mut summary = summary(component, &["data", "parameters", "kmsKeyId", "encrypted"]);
                summary["state"] = json!({"status": "ACTIVE"});
                Entry { key: arn.sort_key(), summary }
            })
            .collect()
    });
    request.page("componentSummaryList", &[], entries)
}

/// The components of the request's region, oldest build first.
fn in_region<'a>(call: &Call, builder: &'a ImageBuilder) -> impl Iterator<Item = (Arn, &'a Component)> {
    let region = call.region().to_owned();
    let mut found: Vec<_> = builder
        .components
        .iter()
        .filter_map(|(arn, component)| Some((Arn::parse(arn)?, component)))
        .filter(move |(arn, _)| arn.region == region)
        .collect();
    found.sort_by_key(|(arn, _)| (arn.name.clone(), arn.age()));
    found.into_iter()
}

pub(super) fn delete(call: &Call) -> Result<Value, Fault> {
    let wanted = expect(call, Precision::Build)?;
    call.cloud.store.change(|state| {
        let builder = &mut state.image_builder;
        find(&wanted, builder)?;
        let users: Vec<&str> = builder
            .recipes
            .values()
            .filter(|recipe| {
                recipe
                    .components
                    .iter()
                    .any(|used| Arn::parse(&used.component_arn).is_some_and(|used| used.means(&wanted)))
            })
            .map(|recipe| recipe.arn.as_str())
            .collect();
        if !users.is_empty() {
            return Err(wanted.depended_on(&users));
        }
        builder.components.remove(&wanted.to_string());
        Ok(json!({"componentBuildVersionArn": wanted.to_string()}))
    })
}

fn expect(call: &Call, precision: Precision) -> Result<Arn, Fault> {
    Arn::expect("componentBuildVersionArn", call.query("componentBuildVersionArn")?, Kind::Component, precision)
}
