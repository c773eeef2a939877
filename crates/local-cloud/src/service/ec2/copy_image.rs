//! `CopyImage`: what was asked for is checked and written down here, the disk follows when the request is answered.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Answer, Call, images, launch, tags};
use crate::compute::check_name;
use crate::fault::Fault;
use crate::ids;
use crate::service::kms_keys;
use crate::state::{ACCOUNT, Image, ImageState, Snapshot, Source, State, Tags, is_region};

/// The most tags that a resource may have.
const MOST_TAGS: usize = 50;

/// What a copy is to be.
struct Request<'a> {
    name: &'a str,
    description: &'a str,
    source: &'a str,
    source_region: &'a str,
    with_tags: bool,
    encrypted: Option<bool>,
    key: Option<&'a str>,
    tags: Tags,
    snapshot_tags: Tags,
    client_token: Option<String>,
}

enum Copy {
    /// The one that was made when the client token was new.
    Earlier(String),
    New(Box<Image>, Snapshot),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Copied {
    image_id: String,
}

pub(super) fn copy(call: &Call<'_>) -> Answer {
    let request = Request::read(call)?;
    call.cloud.store.read(|state| request.copy(state, call.region).map(|_| ()))?;
    call.ready()?;
    let (image_id, is_new) = call.cloud.store.change(|state| match request.copy(state, call.region)? {
        Copy::Earlier(image_id) => Ok((image_id, false)),
        Copy::New(image, snapshot) => {
            let image_id = image.image_id.clone();
            state.snapshots_mut(call.region).insert(snapshot.snapshot_id.clone(), snapshot);
            state.images_mut(call.region).insert(image_id.clone(), *image);
            Ok((image_id, true))
        }
    })?;
    if is_new {
        let (compute, copied) = (Arc::clone(&call.cloud.compute), image_id.clone());
        call.cloud.spawn(async move { compute.finish_copy(&copied).await });
    }
    call.answer(&Copied { image_id })
}

impl<'a> Request<'a> {
    fn read(call: &Call<'a>) -> Result<Self, Fault> {
        let form = &call.form;
        let kinds = ["image", "snapshot"];
        let request = Self {
            name: form.required("Name")?,
            description: form.text("Description").unwrap_or_default(),
            source: form.required("SourceImageId")?,
            source_region: form.required("SourceRegion")?,
            with_tags: form.parsed("CopyImageTags")?.unwrap_or(false),
            encrypted: form.parsed("Encrypted")?,
            key: form.text("KmsKeyId"),
            tags: tags::specification(form, "image", &kinds)?,
            snapshot_tags: tags::specification(form, "snapshot", &kinds)?,
            client_token: launch::client_token(form)?,
        };
        images::check_text(request.name, request.description)?;
        if !is_region(request.source_region) {
            let message = format!("Invalid source region: {}", request.source_region);
            return Err(Fault::client("InvalidParameterValue", message));
        }
        Ok(request)
    }

    /// Tells requests with the same client token apart.
    fn digest(&self) -> String {
        let Self { name, description, source, source_region, with_tags, encrypted, key, tags, snapshot_tags, .. } =
            self;
        let facts = serde_json::json!([
            name,
            description,
            source,
            source_region,
            with_tags,
            encrypted,
            key,
            tags,
            snapshot_tags
        ]);
        hex::encode(Sha256::digest(facts.to_string()))
    }

    fn copy(&self, state: &State, region: &str) -> Result<Copy, Fault> {
        let digest = self.digest();
        if let Some(first) = self.made_before(state, region, &digest)? {
            return Ok(Copy::Earlier(first));
        }
        let source = images::find(state.images(self.source_region), self.source)?;
        if source.owner != ACCOUNT {
            return Err(Fault::client(
                "InvalidRequest",
                "You do not have permission to access the storage of this ami",
            ));
        }
        if source.state != ImageState::Available {
            return Err(images::unavailable(self.source));
        }
        check_name(state, region, self.name)?;
        let kms_key = self.kms_key(source, region)?;
        let failure = kms_key.as_deref().is_some_and(|key| kms_keys::region_of(key) != Some(region));
        let image = Image {
            image_id: ids::resource("ami"),
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            state: ImageState::Pending,
            created: Timestamp::now(),
            snapshot_id: ids::resource("snap"),
            root_device: source.root_device.clone(),
            volume_gib: source.volume_gib,
            owner: ACCOUNT.to_owned(),
            parent: source.parent.clone(),
            tags: self.all_tags(source)?,
            source: Some(Source {
                image_id: source.image_id.clone(),
                region: self.source_region.to_owned(),
                client_token: self.client_token.clone(),
                request_digest: digest,
            }),
            // AWS looks for the key when the request is answered.
            failure: failure.then(|| "Given key ID is not accessible".to_owned()),
            shared_with: std::collections::BTreeSet::new(),
            kms_key,
        };
        let snapshot = self.snapshot(&image, source);
        Ok(Copy::New(Box::new(image), snapshot))
    }

    fn made_before(&self, state: &State, region: &str, digest: &str) -> Result<Option<String>, Fault> {
        let Some(token) = self.client_token.as_deref() else { return Ok(None) };
        let mut sources = state.images(region).iter().filter_map(|(id, image)| Some((id, image.source.as_ref()?)));
        match sources.find(|(_, source)| source.client_token.as_deref() == Some(token)) {
            Some((_, source)) if source.request_digest != digest => {
                let message =
                    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
                Err(Fault::client("IdempotentParameterMismatch", message))
            }
            first => Ok(first.map(|(id, _)| id.clone())),
        }
    }

    /// The copy of what is encrypted is encrypted. Where no key is named it has the same one, or the default key in another
    /// region, where the same one is not to be had.
    fn kms_key(&self, source: &Image, region: &str) -> Result<Option<String>, Fault> {
        let own = source.kms_key.clone();
        let own = if self.source_region == region { own } else { own.map(|_| kms_keys::default_key(region)) };
        kms_keys::chosen(self.encrypted, self.key, own.as_ref(), region)
    }

    fn all_tags(&self, source: &Image) -> Result<Tags, Fault> {
        let own = source.tags.iter().filter(|(key, _)| self.with_tags && !key.starts_with("aws:"));
        let mut all: Tags = own.map(|(key, value)| (key.clone(), value.clone())).collect();
        all.extend(self.tags.clone());
        if all.len() > MOST_TAGS {
            return Err(Fault::client("TagLimitExceeded", format!("More than {MOST_TAGS} tags specified")));
        }
        Ok(all)
    }

    fn snapshot(&self, image: &Image, source: &Image) -> Snapshot {
        Snapshot {
            snapshot_id: image.snapshot_id.clone(),
            image_id: image.image_id.clone(),
            volume_gib: image.volume_gib,
            created: image.created,
            description: format!(
                "Copied for DestinationAmi {} from SourceAmi {} for SourceSnapshot {}. Task created on {}.",
                image.image_id,
                source.image_id,
                source.snapshot_id,
                thousands(image.created.as_millisecond())
            ),
            tags: self.snapshot_tags.clone(),
            kms_key: image.kms_key.clone(),
        }
    }
}

/// `1,574,953,209,148`, as EC2 writes the time of a copy.
fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
