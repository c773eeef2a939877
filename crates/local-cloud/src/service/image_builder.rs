//! EC2 Image Builder's REST-JSON API. One file per resource; the builds themselves are driven by [`crate::bake`].

use std::sync::Arc;

use serde_json::Value;

use super::{Request, Response};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::wire::Protocol;

mod arn;
mod call;
mod components;
mod distributions;
mod document;
mod images;
mod infrastructure;
mod lists;
mod parent;
mod recipes;
mod tags;
mod validate;
mod version;
mod workflows;

pub(crate) use document::phases;

use call::Call;

/// Answers one operation.
#[expect(clippy::unused_async, reason = "every service's handler is asynchronous")]
pub async fn handle(cloud: &Arc<Cloud>, request: Request) -> Response {
    let call = Call { cloud, request: &request };
    match dispatch(&call) {
        Ok(Value::Object(mut members)) => {
            let id = ids::uuid();
            if !request.path.starts_with("/tags/") {
                members.insert("requestId".to_owned(), id.clone().into());
            }
            super::answer(200, "application/json", &id, Value::Object(members).to_string())
        }
        Ok(other) => super::json(200, &other),
        Err(fault) => Protocol::RestJson.fault(&fault),
    }
}

fn dispatch(call: &Call) -> Result<Value, Fault> {
    let path = call.request.path.as_str();
    if let Some(arn) = path.strip_prefix("/tags/") {
        return tags::handle(call, arn);
    }
    match (call.request.method.as_str(), path) {
        ("PUT", "/CreateComponent") => components::create(call),
        ("GET", "/GetComponent") => components::get(call),
        ("POST", "/ListComponents") => components::list(call),
        ("POST", "/ListComponentBuildVersions") => components::list_builds(call),
        ("DELETE", "/DeleteComponent") => components::delete(call),
        ("PUT", "/CreateImageRecipe") => recipes::create(call),
        ("GET", "/GetImageRecipe") => recipes::get(call),
        ("POST", "/ListImageRecipes") => recipes::list(call),
        ("DELETE", "/DeleteImageRecipe") => recipes::delete(call),
        ("PUT", "/CreateInfrastructureConfiguration") => infrastructure::create(call),
        ("GET", "/GetInfrastructureConfiguration") => infrastructure::get(call),
        ("PUT", "/UpdateInfrastructureConfiguration") => infrastructure::update(call),
        ("POST", "/ListInfrastructureConfigurations") => infrastructure::list(call),
        ("DELETE", "/DeleteInfrastructureConfiguration") => infrastructure::delete(call),
        ("PUT", "/CreateDistributionConfiguration") => distributions::create(call),
        ("GET", "/GetDistributionConfiguration") => distributions::get(call),
        ("PUT", "/UpdateDistributionConfiguration") => distributions::update(call),
        ("POST", "/ListDistributionConfigurations") => distributions::list(call),
        ("DELETE", "/DeleteDistributionConfiguration") => distributions::delete(call),
        ("PUT", "/CreateImage") => images::create(call),
        ("GET", "/GetImage") => images::get(call),
        ("POST", "/ListImages") => images::list(call),
        ("POST", "/ListImageBuildVersions") => images::list_builds(call),
        ("PUT", "/CancelImageCreation") => images::cancel(call),
        ("DELETE", "/DeleteImage") => images::delete(call),
        ("POST", "/ListWorkflowExecutions") => workflows::list(call),
        ("GET", "/GetWorkflowExecution") => workflows::get(call),
        ("POST", "/ListWorkflowStepExecutions") => workflows::list_steps(call),
        ("GET", "/GetWorkflowStepExecution") => workflows::get_step(call),
        (method, path) => Err(Fault::new(
            404,
            "UnknownOperationException",
            format!("The local cloud's Image Builder has no operation {method} {path}"),
        )),
    }
}
