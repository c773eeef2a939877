//! Workflow executions and their steps, as a build records them.

use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision};
use super::call::Call;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::refused;
use crate::fault::Fault;
use crate::state::image_builder::{Step, StepStatus, Workflow};

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let parameter = "imageBuildVersionArn";
    let arn = request.image_build_version_arn.as_deref().unwrap_or_default();
    let arn = Arn::expect(parameter, arn, Kind::Image, Precision::Build)?;
    let entries = call.cloud.store.read(|state| {
        if !state.image_builder.images.contains_key(&arn.to_string()) {
            return Err(arn.not_found());
        }
        let workflows = state.image_builder.workflows.values();
        let ours = workflows.filter(|workflow| workflow.image_build_version_arn == arn.to_string());
        let shown = ours.map(|workflow| {
            let key = format!("{:015} {}", workflow.start_time.as_millisecond(), workflow.workflow_execution_id);
            let mut summary = shown(workflow);
            summary.as_object_mut().map(|members| members.remove(parameter));
            Entry { key, summary }
        });
        Ok(shown.collect())
    })?;
    let mut answer = request.page("workflowExecutions", &[], entries)?;
    answer[parameter] = json!(arn.to_string());
    Ok(answer)
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    find(call, call.query("workflowExecutionId")?).map(|workflow| shown(&workflow))
}

/// A workflow without its steps, but with their counts.
fn shown(workflow: &Workflow) -> Value {
    let mut shown = summary(workflow, &["steps"]);
    shown["totalStepCount"] = json!(workflow.steps.len());
    shown["totalStepsSucceeded"] = json!(workflow.count(StepStatus::Completed));
    shown["totalStepsFailed"] = json!(workflow.count(StepStatus::Failed));
    shown["totalStepsSkipped"] = json!(workflow.count(StepStatus::Skipped));
    shown
}

pub(super) fn list_steps(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let workflow = find(call, request.workflow_execution_id.as_deref().unwrap_or_default())?;
    let steps = workflow.steps.iter().enumerate().filter(|(_, step)| step.status != StepStatus::Pending);
    let entries = steps.map(|(index, step)| Entry { key: format!("{index:04}"), summary: record_value(step) });
    let mut answer = request.page("steps", &[], entries.collect())?;
    answer["workflowBuildVersionArn"] = json!(workflow.workflow_build_version_arn);
    answer["workflowExecutionId"] = json!(workflow.workflow_execution_id);
    answer["imageBuildVersionArn"] = json!(workflow.image_build_version_arn);
    Ok(answer)
}

pub(super) fn get_step(call: &Call) -> Result<Value, Fault> {
    let id = call.query("stepExecutionId")?;
    let found: Option<(Workflow, Step)> = call.cloud.store.read(|state| {
        state.image_builder.workflows.values().find_map(|workflow| {
            let step = workflow.steps.iter().find(|step| step.step_execution_id == id)?;
            Some((workflow.clone(), step.clone()))
        })
    });
    let (workflow, step) = found.ok_or_else(|| not_found("step execution", id))?;
    let mut shown = record_value(&step);
    shown["workflowBuildVersionArn"] = json!(workflow.workflow_build_version_arn);
    shown["workflowExecutionId"] = json!(workflow.workflow_execution_id);
    shown["imageBuildVersionArn"] = json!(workflow.image_build_version_arn);
    shown["onFailure"] = json!("Abort");
    Ok(shown)
}

fn find(call: &Call, id: &str) -> Result<Workflow, Fault> {
    if !id.starts_with("wf-") {
        return Err(refused("workflowExecutionId", "'workflowExecutionId' must match pattern ^wf-[0-9a-fA-F]{8}-…$"));
    }
    let found = call.cloud.store.read(|state| state.image_builder.workflows.get(id).cloned());
    found.ok_or_else(|| not_found("workflow execution", id))
}

fn not_found(what: &str, id: &str) -> Fault {
    Fault::new(404, "ResourceNotFoundException", format!("The {what} '{id}' cannot be found."))
}
