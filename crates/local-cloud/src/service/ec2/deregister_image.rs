//! `DeregisterImage`.

use serde::Serialize;

use super::{Answer, Call, images};
use crate::wire::xml::Items;

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
    let image = call.cloud.store.read(|state| images::find(state.images(call.region), id).cloned())?;
    images::owned(&image)?;
    call.ready()?;
    call.cloud.compute.deregister_image(call.region, id, with_snapshot).await?;
    let deleted = DeletedSnapshot { snapshot_id: image.snapshot_id, return_code: "success" };
    let snapshots = with_snapshot.then_some(deleted).into_iter().collect();
    call.answer(&Deregistered { r#return: true, delete_snapshot_result_set: snapshots })
}
