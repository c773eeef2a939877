//! The serial console.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::instances::find;
use super::{Answer, Call, time};

/// AWS keeps the last 64 KiB.
const KEPT: usize = 64 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    instance_id: String,
    timestamp: String,
    output: String,
}

pub(super) fn output(call: &Call<'_>) -> Answer {
    let id = call.form.required("InstanceId")?;
    call.form.ignore(&["Latest"]);
    call.cloud.store.read(|state| find(state, id).map(|_| ()))?;
    call.ready()?;
    let console = call.cloud.compute.console(id);
    let bytes = console.as_bytes();
    let newest = &bytes[bytes.len().saturating_sub(KEPT)..];
    call.answer(&Output {
        instance_id: id.to_owned(),
        timestamp: time(Timestamp::now()),
        output: STANDARD.encode(newest),
    })
}
