//! AMIs.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::tags::{self, TagItem};
use super::{Answer, Call, is_id, time};
use crate::fault::Fault;
use crate::state::{ACCOUNT, Image, ImageState};
use crate::wire::xml::Items;

/// The account that owns the built-in parent image.
const AMAZON: &str = "000000000001";

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
    image_owner_id: &'static str,
    creation_date: String,
    is_public: bool,
    architecture: &'static str,
    image_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_owner_alias: Option<&'static str>,
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
        let is_builtin = image.owner != ACCOUNT;
        let ebs = Ebs {
            snapshot_id: image.snapshot_id.clone(),
            volume_size: image.volume_gib,
            delete_on_termination: true,
            volume_type: "gp3",
            encrypted: false,
        };
        let owner = if is_builtin { "amazon" } else { ACCOUNT };
        Self {
            image_id: image.image_id.clone(),
            image_location: format!("{owner}/{}", image.name),
            image_state: state_name(image.state),
            image_owner_id: if is_builtin { AMAZON } else { ACCOUNT },
            creation_date: time(image.created),
            is_public: is_builtin,
            architecture: "x86_64",
            image_type: "machine",
            image_owner_alias: is_builtin.then_some("amazon"),
            name: image.name.clone(),
            description: image.description.clone(),
            root_device_type: "ebs",
            root_device_name: image.root_device.clone(),
            block_device_mapping: [BlockDevice { device_name: image.root_device.clone(), ebs }].into_iter().collect(),
            virtualization_type: "hvm",
            tag_set: tags::items(&image.tags).into_iter().collect(),
            hypervisor: "xen",
            ena_support: true,
            platform_details: "Linux/UNIX",
            usage_operation: "RunInstances",
            imds_support: "v2.0",
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
    ("owner-id", |image| vec![image.image_owner_id.to_owned()]),
    ("root-device-name", |image| vec![image.root_device_name.clone()]),
    ("root-device-type", |image| vec![image.root_device_type.to_owned()]),
    ("state", |image| vec![image.image_state.to_owned()]),
    ("virtualization-type", |image| vec![image.virtualization_type.to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let form = &call.form;
    let (filters, page) = (Filters::read(form)?, Page::read(form)?);
    let (ids, owners) = (form.list("ImageId"), form.list("Owner"));
    // Nobody shares images here, none is deprecated and none is disabled.
    form.list("ExecutableBy");
    form.ignore(&["IncludeDeprecated", "IncludeDisabled"]);
    call.ready()?;
    let items = call.cloud.store.read(|state| {
        for id in &ids {
            if !state.images.contains_key(*id) {
                return Err(unknown(id));
            }
        }
        let chosen = state.images.values().filter(|image| ids.is_empty() || ids.contains(&image.image_id.as_str()));
        Ok(chosen.map(ImageItem::of).collect::<Vec<_>>())
    })?;
    let owned = |image: &ImageItem| owners.is_empty() || owners.iter().any(|owner| image.is_owned_by(owner));
    let items = items.into_iter().filter(owned).collect();
    let (images, next_token) = page.cut(filters.keep(items, FILTERS, |image| image.tag_set.as_slice())?);
    call.answer(&Described { images_set: images.into_iter().collect(), next_token })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deregistered {
    r#return: bool,
    delete_snapshot_result_set: Items<DeletedSnapshot>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletedSnapshot {
    snapshot_id: String,
    return_code: &'static str,
}

pub(super) async fn deregister(call: &Call<'_>) -> Answer {
    let id = call.form.required("ImageId")?;
    let with_snapshot = call.form.parsed("DeleteAssociatedSnapshots")?.unwrap_or(false);
    let image = call.cloud.store.read(|state| find(&state.images, id).cloned())?;
    if image.owner != ACCOUNT {
        return Err(Fault::new(403, "AuthFailure", format!("Not authorized for image:{id}")));
    }
    call.ready()?;
    call.cloud.compute.deregister_image(id, with_snapshot).await?;
    let deleted = DeletedSnapshot { snapshot_id: image.snapshot_id, return_code: "success" };
    let snapshots = with_snapshot.then_some(deleted).into_iter().collect();
    call.answer(&Deregistered { r#return: true, delete_snapshot_result_set: snapshots })
}

/// The image of that id, or AWS's error.
pub(super) fn find<'a>(images: &'a std::collections::BTreeMap<String, Image>, id: &str) -> Result<&'a Image, Fault> {
    images.get(id).ok_or_else(|| unknown(id))
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
