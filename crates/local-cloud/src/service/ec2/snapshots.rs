//! Snapshots: the disks of AMIs.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::pages::Page;
use super::tags::{self, TagItem};
use super::{Answer, Call, is_id, time};
use crate::fault::Fault;
use crate::state::{ACCOUNT, Image, ImageState, Snapshot, State};
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    snapshot_set: Items<SnapshotItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotItem {
    snapshot_id: String,
    /// What AWS writes when the volume is gone, as the volume of a build instance is.
    volume_id: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<String>,
    start_time: String,
    progress: &'static str,
    owner_id: &'static str,
    volume_size: u32,
    description: String,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    tag_set: Items<TagItem>,
    storage_tier: &'static str,
}

impl SnapshotItem {
    /// With the image that the snapshot was made for, which is what is copied.
    fn of(snapshot: &Snapshot, image: Option<&Image>) -> Self {
        let (status, progress) = match image.map(|image| image.state) {
            Some(ImageState::Pending) => ("pending", "0%"),
            Some(ImageState::Failed) => ("error", "0%"),
            Some(ImageState::Available) | None => ("completed", "100%"),
        };
        Self {
            snapshot_id: snapshot.snapshot_id.clone(),
            volume_id: "vol-ffffffff",
            status,
            status_message: image.filter(|_| status == "error").and_then(|image| image.failure.clone()),
            start_time: time(snapshot.created),
            progress,
            owner_id: ACCOUNT,
            volume_size: snapshot.volume_gib,
            description: snapshot.description.clone(),
            encrypted: snapshot.kms_key.is_some(),
            kms_key_id: snapshot.kms_key.clone(),
            tag_set: tags::items(&snapshot.tags).into_iter().collect(),
            storage_tier: "standard",
        }
    }
}

const FILTERS: &Table<SnapshotItem> = &[
    ("description", |snapshot| vec![snapshot.description.clone()]),
    ("encrypted", |snapshot| vec![snapshot.encrypted.to_string()]),
    ("owner-id", |snapshot| vec![snapshot.owner_id.to_owned()]),
    ("snapshot-id", |snapshot| vec![snapshot.snapshot_id.clone()]),
    ("status", |snapshot| vec![snapshot.status.to_owned()]),
    ("volume-size", |snapshot| vec![snapshot.volume_size.to_string()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let form = &call.form;
    let (filters, page) = (Filters::read(form)?, Page::read(form)?);
    let (ids, owners) = (form.list("SnapshotId"), form.list("Owner"));
    form.list("RestorableBy");
    call.ready()?;
    let is_ours = owners.is_empty() || owners.contains(&"self") || owners.contains(&ACCOUNT);
    let items = call.cloud.store.read(|state| {
        for id in &ids {
            find(state, call.region, id)?;
        }
        let snapshots = state.snapshots(call.region).values();
        let chosen = snapshots.filter(|found| ids.is_empty() || ids.contains(&found.snapshot_id.as_str()));
        let item = |snapshot| SnapshotItem::of(snapshot, state.images(call.region).get(&snapshot.image_id));
        Ok(chosen.filter(|_| is_ours).map(item).collect())
    })?;
    let (snapshots, next_token) = page.cut(filters.keep(items, FILTERS, |snapshot| snapshot.tag_set.as_slice())?);
    call.answer(&Described { snapshot_set: snapshots.into_iter().collect(), next_token })
}

pub(super) async fn delete(call: &Call<'_>) -> Answer {
    let id = call.form.required("SnapshotId")?;
    call.cloud.store.read(|state| unused(state, call.region, id))?;
    call.ready()?;
    call.cloud.store.change(|state| {
        unused(state, call.region, id)?;
        state.snapshots_mut(call.region).remove(id);
        Ok(())
    })?;
    call.cloud.compute.collect_disks().await;
    call.answer_true()
}

fn unused(state: &State, region: &str, id: &str) -> Result<(), Fault> {
    find(state, region, id)?;
    match state.images(region).values().find(|image| image.snapshot_id == id) {
        None => Ok(()),
        Some(image) => {
            let message = format!("The snapshot {id} is currently in use by {}", image.image_id);
            Err(Fault::client("InvalidSnapshot.InUse", message))
        }
    }
}

fn find<'a>(state: &'a State, region: &str, id: &str) -> Result<&'a Snapshot, Fault> {
    state.snapshots(region).get(id).ok_or_else(|| {
        if is_id(id, "snap-") {
            Fault::client("InvalidSnapshot.NotFound", format!("The snapshot '{id}' does not exist."))
        } else {
            Fault::client("InvalidSnapshotID.Malformed", format!("Value ({id}) for parameter snapshotId is invalid."))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_as_far_as_the_copy_that_it_belongs_to() {
        let status = |state| {
            let failure = Some("no disk".to_owned());
            let image = Image { state, failure, ..Image::default() };
            let item = SnapshotItem::of(&Snapshot::default(), Some(&image));
            (item.status, item.progress, item.status_message)
        };
        assert_eq!(status(ImageState::Pending), ("pending", "0%", None));
        assert_eq!(status(ImageState::Failed), ("error", "0%", Some("no disk".to_owned())));
        assert_eq!(status(ImageState::Available), ("completed", "100%", None));
        assert_eq!(SnapshotItem::of(&Snapshot::default(), None).status, "completed", "its image is gone");
    }
}
