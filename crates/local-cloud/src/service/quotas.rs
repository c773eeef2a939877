//! Service Quotas, in JSON 1.1: how much there can be of a thing.

use serde::Deserialize;
use serde_json::json;

use crate::compute::MOST_ELASTIC_IPS;
use crate::fault::Fault;
use crate::service::json_1_1::{Answer, respond};
use crate::service::{self, Request, Response};
use crate::state::ACCOUNT;

pub fn handle(request: &Request) -> Response {
    respond(match service::operation(request) {
        Some("GetServiceQuota") => get(request),
        _ => Err(Fault::client("UnknownOperationException", "")),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Wanted {
    service_code: String,
    quota_code: String,
}

/// Only loopback addresses are counted here; of everything else there is as much as the machine has.
fn get(request: &Request) -> Answer {
    let wanted: Wanted = serde_json::from_slice(&request.body).map_err(|error| {
        Fault::client("IllegalArgumentException", format!("The request's body cannot be understood: {error}"))
    })?;
    let Wanted { service_code, quota_code } = &wanted;
    if (service_code.as_str(), quota_code.as_str()) != ("ec2", "L-0263D0A3") {
        let message = format!("The local cloud has no quota {quota_code} of {service_code}.");
        return Err(Fault::client("NoSuchResourceException", message));
    }
    let region = &request.region;
    Ok(json!({"Quota": {
        "ServiceCode": service_code,
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": format!("arn:aws:servicequotas:{region}:{ACCOUNT}:ec2/{quota_code}"),
        "QuotaCode": quota_code,
        "QuotaName": "EC2-VPC Elastic IPs",
        "Value": f64::from(MOST_ELASTIC_IPS),
        "Unit": "None",
        "Adjustable": false,
        "GlobalQuota": false,
    }}))
}
