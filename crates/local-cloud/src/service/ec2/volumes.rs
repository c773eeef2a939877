//! Volumes: the root volumes of instances.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::tags::{self, TagItem};
use super::{Answer, Call, time};
use crate::fault::Fault;
use crate::state::{Instance, State};
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    volume_set: Items<VolumeItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VolumeItem {
    volume_id: String,
    size: u32,
    snapshot_id: String,
    availability_zone: String,
    status: &'static str,
    create_time: String,
    attachment_set: Items<Attachment>,
    tag_set: Items<TagItem>,
    volume_type: &'static str,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    multi_attach_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    volume_id: String,
    instance_id: String,
    device: String,
    status: &'static str,
    attach_time: String,
    delete_on_termination: bool,
}

impl VolumeItem {
    fn of(state: &State, instance: &Instance, zone: &str) -> Self {
        let image = state.find_image(&instance.image_id);
        let attachment = Attachment {
            volume_id: instance.volume_id.clone(),
            instance_id: instance.instance_id.clone(),
            device: image.map_or("/dev/xvda", |image| &image.root_device).to_owned(),
            status: "attached",
            attach_time: time(instance.launched),
            delete_on_termination: true,
        };
        Self {
            volume_id: instance.volume_id.clone(),
            size: instance.volume_gib,
            snapshot_id: image.map(|image| image.snapshot_id.clone()).unwrap_or_default(),
            availability_zone: zone.to_owned(),
            status: "in-use",
            create_time: time(instance.launched),
            attachment_set: [attachment].into_iter().collect(),
            tag_set: tags::items(&instance.volume_tags).into_iter().collect(),
            volume_type: "gp3",
            encrypted: instance.kms_key.is_some(),
            kms_key_id: instance.kms_key.clone(),
            multi_attach_enabled: false,
        }
    }

    fn instance_id(&self) -> Vec<String> {
        self.attachment_set.as_slice().iter().map(|attachment| attachment.instance_id.clone()).collect()
    }
}

const FILTERS: &Table<VolumeItem> = &[
    ("attachment.instance-id", VolumeItem::instance_id),
    ("availability-zone", |volume| vec![volume.availability_zone.clone()]),
    ("encrypted", |volume| vec![volume.encrypted.to_string()]),
    ("size", |volume| vec![volume.size.to_string()]),
    ("snapshot-id", |volume| vec![volume.snapshot_id.clone()]),
    ("status", |volume| vec![volume.status.to_owned()]),
    ("volume-id", |volume| vec![volume.volume_id.clone()]),
    ("volume-type", |volume| vec![volume.volume_type.to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    let ids = call.form.list("VolumeId");
    call.ready()?;
    let zone = call.zone();
    let items: Vec<_> = call.cloud.store.read(|state| {
        let live = state.instances.values().filter(|instance| instance.terminated.is_none());
        live.map(|instance| VolumeItem::of(state, instance, &zone)).collect()
    });
    if let Some(id) = ids.iter().find(|id| !items.iter().any(|volume| volume.volume_id == **id)) {
        return Err(Fault::client("InvalidVolume.NotFound", format!("The volume '{id}' does not exist.")));
    }
    let items = items.into_iter().filter(|volume| ids.is_empty() || ids.contains(&volume.volume_id.as_str())).collect();
    let (volumes, next_token) = page.cut(filters.keep(items, FILTERS, |volume| volume.tag_set.as_slice())?);
    call.answer(&Described { volume_set: volumes.into_iter().collect(), next_token })
}
