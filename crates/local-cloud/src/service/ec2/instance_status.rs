//! Status checks. An instance that runs passes them: nobody looks into the guest.

use serde::Serialize;

use super::filters::{Filters, Table};
use super::instances::{StateItem, chosen};
use super::pages::Page;
use super::tags::{self, TagItem};
use super::{Answer, Call};
use crate::state::{Instance, InstanceState};
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    instance_status_set: Items<StatusItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusItem {
    instance_id: String,
    availability_zone: String,
    instance_state: StateItem,
    system_status: Summary,
    instance_status: Summary,
    #[serde(skip)]
    tags: Vec<TagItem>,
}

#[derive(Serialize)]
struct Summary {
    status: &'static str,
    details: Items<Detail>,
}

#[derive(Serialize)]
struct Detail {
    name: &'static str,
    status: &'static str,
}

impl Summary {
    fn of(state: InstanceState) -> Self {
        match state {
            InstanceState::Running => Self::new("ok", Some("passed")),
            InstanceState::Pending => Self::new("initializing", Some("initializing")),
            _ => Self::new("not-applicable", None),
        }
    }

    fn new(status: &'static str, reachability: Option<&'static str>) -> Self {
        let detail = reachability.map(|status| Detail { name: "reachability", status });
        Self { status, details: detail.into_iter().collect() }
    }
}

impl StatusItem {
    fn of(instance: &Instance, zone: &str) -> Self {
        Self {
            instance_id: instance.instance_id.clone(),
            availability_zone: zone.to_owned(),
            instance_state: instance.state.into(),
            system_status: if instance.is_out_of_space() {
                Summary::new("impaired", Some("failed"))
            } else {
                Summary::of(instance.state)
            },
            instance_status: Summary::of(instance.state),
            tags: tags::items(&instance.tags),
        }
    }
}

const FILTERS: &Table<StatusItem> = &[
    ("availability-zone", |item| vec![item.availability_zone.clone()]),
    ("instance-state-name", |item| vec![item.instance_state.name.to_owned()]),
    ("instance-status.status", |item| vec![item.instance_status.status.to_owned()]),
    ("system-status.status", |item| vec![item.system_status.status.to_owned()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, page) = (Filters::read(&call.form)?, Page::read(&call.form)?);
    let ids = call.form.list("InstanceId");
    let all = call.form.parsed("IncludeAllInstances")?.unwrap_or(false);
    call.ready()?;
    let zone = call.zone();
    let items = call.cloud.store.read(|state| {
        let shown = |instance: &&Instance| all || instance.state == InstanceState::Running;
        Ok(chosen(state, &ids)?.into_iter().filter(shown).map(|instance| StatusItem::of(instance, &zone)).collect())
    })?;
    let (items, next_token) = page.cut(filters.keep(items, FILTERS, |item| &item.tags)?);
    call.answer(&Described { instance_status_set: items.into_iter().collect(), next_token })
}
