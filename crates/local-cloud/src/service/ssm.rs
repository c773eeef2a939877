//! SSM's Parameter Store, in JSON 1.1.

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::json_1_1::{Answer, input, output, respond};
use crate::service::{self, Request, Response};

mod read;
mod write;

pub fn handle(cloud: &Cloud, request: &Request) -> Response {
    respond(match service::operation(request) {
        Some("DeleteParameter") => write::delete(cloud, request),
        Some("DeleteParameters") => write::delete_all(cloud, request),
        Some("DescribeParameters") => read::describe(cloud, request),
        Some("GetParameter") => read::get(cloud, request),
        Some("GetParameters") => read::get_all(cloud, request),
        Some("GetParametersByPath") => read::get_by_path(cloud, request),
        Some("PutParameter") => write::put(cloud, request),
        _ => Err(Fault::client("UnknownOperationException", "")),
    })
}

fn not_found() -> Fault {
    Fault::client("ParameterNotFound", "")
}
