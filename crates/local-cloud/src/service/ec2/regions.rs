//! Regions, of which there are as many as names, each with one zone.

use std::collections::BTreeSet;

use serde::Serialize;

use super::filters::{Filters, Table};
use super::{Answer, Call};
use crate::fault::Fault;
use crate::state::{HOME_REGION, is_region};
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Regions {
    region_info: Items<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    region_name: String,
    region_endpoint: String,
    opt_in_status: &'static str,
}

const REGION_FILTERS: &Table<Region> = &[
    ("endpoint", |region| vec![region.region_endpoint.clone()]),
    ("opt-in-status", |region| vec![region.opt_in_status.to_owned()]),
    ("region-name", |region| vec![region.region_name.clone()]),
];

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (filters, names) = (Filters::read(&call.form)?, call.form.list("RegionName"));
    call.form.ignore(&["AllRegions"]);
    call.ready()?;
    if let Some(other) = names.iter().find(|name| !is_region(name)) {
        return Err(Fault::client("InvalidParameterValue", format!("Invalid region provided: {other}")));
    }
    let names: BTreeSet<String> = if names.is_empty() {
        let known = call.cloud.store.read(|state| state.regions.keys().cloned().collect::<Vec<_>>());
        known.into_iter().chain([HOME_REGION.to_owned(), call.region.to_owned()]).collect()
    } else {
        names.into_iter().map(ToOwned::to_owned).collect()
    };
    let regions = names.into_iter().map(|name| Region {
        region_endpoint: format!("ec2.{name}.amazonaws.com"),
        region_name: name,
        opt_in_status: "opt-in-not-required",
    });
    let regions = filters.keep(regions.collect(), REGION_FILTERS, |_| &[])?;
    call.answer(&Regions { region_info: regions.into_iter().collect() })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Zones {
    availability_zone_info: Items<Zone>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Zone {
    opt_in_status: &'static str,
    region_name: String,
    zone_name: String,
    zone_id: String,
    group_name: String,
    network_border_group: String,
    zone_type: &'static str,
    zone_state: &'static str,
}

const ZONE_FILTERS: &Table<Zone> = &[
    ("region-name", |zone| vec![zone.region_name.clone()]),
    ("state", |zone| vec![zone.zone_state.to_owned()]),
    ("zone-id", |zone| vec![zone.zone_id.clone()]),
    ("zone-name", |zone| vec![zone.zone_name.clone()]),
    ("zone-type", |zone| vec![zone.zone_type.to_owned()]),
];

pub(super) fn describe_zones(call: &Call<'_>) -> Answer {
    let filters = Filters::read(&call.form)?;
    let (names, ids) = (call.form.list("ZoneName"), call.form.list("ZoneId"));
    call.form.ignore(&["AllAvailabilityZones"]);
    call.ready()?;
    let zone = Zone {
        opt_in_status: "opt-in-not-required",
        region_name: call.region.to_owned(),
        zone_name: call.zone(),
        zone_id: "local-az1".to_owned(),
        group_name: call.region.to_owned(),
        network_border_group: call.region.to_owned(),
        zone_type: "availability-zone",
        zone_state: "available",
    };
    let unknown_name = names.iter().find(|name| **name != zone.zone_name);
    if let Some(other) = unknown_name.or_else(|| ids.iter().find(|id| **id != zone.zone_id)) {
        return Err(Fault::client("InvalidParameterValue", format!("Invalid availability zone: [{other}]")));
    }
    let zones = filters.keep(vec![zone], ZONE_FILTERS, |_| &[])?;
    call.answer(&Zones { availability_zone_info: zones.into_iter().collect() })
}
