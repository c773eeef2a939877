//! AMIs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::tags::{self, TagItem};
use super::{Answer, Call, is_id, time};
use crate::fault::Fault;
use crate::state::{ACCOUNT, AMAZON, Image, ImageState};
use crate::wire::xml::Items;

/// Instances of every image take version 2 of the metadata service alone, also those of a copy.
pub(super) const IMDS_SUPPORT: &str = "v2.0";

/// The account behind [`AMAZON`].
const AMAZONS_ACCOUNT: &str = "000000000001";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    images_set: Items<ImageItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageItem {
    image_id: String,
    image_location: String,
    image_state: &'static str,
    image_owner_id: String,
    creation_date: String,
    is_public: bool,
    architecture: &'static str,
    image_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_owner_alias: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_image_region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<StateReason>,
    name: String,
    description: String,
    root_device_type: &'static str,
    root_device_name: String,
    block_device_mapping: Items<BlockDevice>,
    virtualization_type: &'static str,
    tag_set: Items<TagItem>,
    hypervisor: &'static str,
    ena_support: bool,
    platform_details: &'static str,
    usage_operation: &'static str,
    imds_support: &'static str,
    #[serde(skip)]
    shared_with: BTreeSet<String>,
}

#[derive(Clone, Serialize)]
struct StateReason {
    code: &'static str,
    message: String,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct BlockDevice {
    device_name: String,
    ebs: Ebs,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ebs {
    snapshot_id: String,
    volume_size: u32,
    delete_on_termination: bool,
    volume_type: &'static str,
    encrypted: bool,
}

impl ImageItem {
    fn of(image: &Image) -> Self {
        let is_builtin = image.owner == AMAZON;
        let ebs = Ebs {
            snapshot_id: image.snapshot_id.clone(),
            volume_size: image.volume_gib,
            delete_on_termination: true,
            volume_type: "gp3",
            encrypted: image.kms_key.is_some(),
        };
        let source = image.source.as_ref();
        let failure = image.failure.clone().filter(|_| image.state == ImageState::Failed);
        Self {
            image_id: image.image_id.clone(),
            image_location: format!("{}/{}", image.owner, image.name),
            image_state: state_name(image.state),
            image_owner_id: if is_builtin { AMAZONS_ACCOUNT.to_owned() } else { image.owner.clone() },
            creation_date: time(image.created),
            is_public: is_builtin,
            architecture: "x86_64",
            image_type: "machine",
            image_owner_alias: is_builtin.then_some(AMAZON),
            source_image_id: source.map(|source| source.image_id.clone()),
            source_image_region: source.map(|source| source.region.clone()),
            state_reason: failure.map(|message| StateReason { code: "Client.InternalError", message }),
            name: image.name.clone(),
            description: image.description.clone(),
            root_device_type: "ebs",
            root_device_name: image.root_device.clone(),
            block_device_mapping: [BlockDevice { device_name: image.root_device.clone(), ebs }].into_iter().collect(),
            virtualization_type: "hvm",
            // Nobody sees the tags that another account has given.
            tag_set: tags::items(&image.tags).into_iter().filter(|_| image.owner == ACCOUNT).collect(),
            hypervisor: "xen",
            ena_support: true,
            platform_details: "Linux/UNIX",
            usage_operation: "RunInstances",
            imds_support: IMDS_SUPPORT,
            shared_with: image.shared_with.clone(),
        }
    }

    /// Whether somebody may launch the image who was allowed to: everybody, this account or another one.
    fn is_executable_by(&self, who: &str) -> bool {
        match who {
            "all" => self.is_public,
            "self" => self.shared_with.contains(ACCOUNT),
            account => self.shared_with.contains(account),
        }
    }

    fn is_owned_by(&self, owner: &str) -> bool {
        match owner {
            "self" => self.image_owner_id == ACCOUNT,
            alias => self.image_owner_alias == Some(alias) || self.image_owner_id == alias,
        }
    }
}

const FILTERS: &Table<ImageItem> = &[
    ("architecture", |image| vec![image.architecture.to_owned()]),
    ("creation-date", |image| vec![image.creation_date.clone()]),
    ("description", |image| vec![image.description.clone()]),
    ("image-id", |image| vec![image.image_id.clone()]),
    ("image-type", |image| vec![image.image_type.to_owned()]),
    ("is-public", |image| vec![image.is_public.to_string()]),
    ("name", |image| vec![image.name.clone()]),
    ("owner-alias", |image| image.image_owner_alias.iter().map(ToString::to_string).collect()),
    ("owner-id", |image| vec![image.image_owner_id.clone()]),
    ("root-device-name", |image| vec![image.root_device_name.clone()]),
    ("root-device-type", |image| vec![image.root_device_type.to_owned()]),
    ("source-image-id", |image| image.source_image_id.iter().cloned().collect()),
    ("source-image-region", |image| image.source_image_region.iter().cloned().collect()),
    ("state", |image| vec![image.image_state.to_owned()]),
    ("virtualization-type", |image| vec![image.virtualization_type.to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let form = &call.form;
    let (filters, page) = (Filters::read(form)?, Page::read(form)?);
    let (ids, owners) = (form.list("ImageId"), form.list("Owner"));
    let executable_by = form.list("ExecutableBy");
    // None is deprecated and none is disabled.
    form.ignore(&["IncludeDeprecated", "IncludeDisabled"]);
    call.ready()?;
    let items = call.cloud.store.read(|state| {
        for id in &ids {
            find(state.images(call.region), id)?;
        }
        let chosen = state.images(call.region).values();
        let chosen = chosen.filter(|image| ids.is_empty() || ids.contains(&image.image_id.as_str()));
        Ok(chosen.map(ImageItem::of).collect::<Vec<_>>())
    })?;
    let owned = |image: &ImageItem| owners.is_empty() || owners.iter().any(|owner| image.is_owned_by(owner));
    let executable =
        |image: &ImageItem| executable_by.is_empty() || executable_by.iter().any(|who| image.is_executable_by(who));
    let items = items.into_iter().filter(owned).filter(executable).collect();
    let (images, next_token) = page.cut(filters.keep(items, FILTERS, |image| image.tag_set.as_slice())?);
    call.answer(&Described { images_set: images.into_iter().collect(), next_token })
}

/// The image of that id, or AWS's error.
pub(super) fn find<'a>(images: &'a std::collections::BTreeMap<String, Image>, id: &str) -> Result<&'a Image, Fault> {
    images.get(id).ok_or_else(|| unknown(id))
}

/// Amazon's own images are nobody's to change.
pub(super) fn owned(image: &Image) -> Result<(), Fault> {
    if image.owner == ACCOUNT {
        return Ok(());
    }
    Err(Fault::new(403, "AuthFailure", format!("Not authorized for image:{}", image.image_id)))
}

/// The name and the description of an AMI that is to be.
pub(super) fn check_text(name: &str, description: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&name.len()) || !name.chars().all(allowed) {
        let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
                       '(', ')', '.', '-', '/' and '_'";
        return Err(Fault::client("InvalidAMIName.Malformed", message));
    }
    check_description(description)
}

pub(super) fn check_description(description: &str) -> Result<(), Fault> {
    if description.chars().count() <= 255 {
        return Ok(());
    }
    Err(Fault::client("InvalidParameterValue", "The description of an AMI is at most 255 characters long"))
}

pub(super) fn unavailable(id: &str) -> Fault {
    Fault::client("InvalidAMIID.Unavailable", format!("The image ID '{id}' is not available"))
}

fn unknown(id: &str) -> Fault {
    if is_id(id, "ami-") {
        Fault::client("InvalidAMIID.NotFound", format!("The image id '[{id}]' does not exist"))
    } else {
        Fault::client("InvalidAMIID.Malformed", format!("Invalid id: \"{id}\" (expecting \"ami-...\")"))
    }
}

fn state_name(state: ImageState) -> &'static str {
    match state {
        ImageState::Pending => "pending",
        ImageState::Available => "available",
        ImageState::Failed => "failed",
    }
}
