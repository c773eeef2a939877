//! What a bake writes into the state: the image's status, its workflow executions and their steps.

use serde_json::Value;

use super::now;
use super::stop::{MESSAGE_LIMIT, REASON_LIMIT, Stop, shortened};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::state::image_builder::{
    Ami, Build, FailureContext, ImageState, ImageStatus, Step, StepStatus, Workflow, WorkflowKind, WorkflowStatus,
};
use crate::state::{InstanceState, State};
use crate::store::Store;

/// The record of one image.
pub(super) struct Record<'a> {
    store: &'a Store,
    image_arn: &'a str,
}

impl<'a> Record<'a> {
    pub(super) fn of(cloud: &'a Cloud, image_arn: &'a str) -> Self {
        Self { store: &cloud.store, image_arn }
    }

    pub(super) fn image_arn(&self) -> &str {
        self.image_arn
    }

    fn change<T>(&self, change: impl FnOnce(&mut Build) -> T) -> Result<T, Fault> {
        self.store.change(|state| {
            let lost = || Fault::internal(format!("the image '{}' does not exist any more", self.image_arn));
            Ok(change(state.image_builder.images.get_mut(self.image_arn).ok_or_else(lost)?))
        })
    }

    /// Moves the image on, unless somebody has asked to cancel it.
    pub(super) fn status(&self, status: ImageStatus) -> Result<(), Stop> {
        self.check_cancelled()?;
        Ok(self.change(|build| build.image.state = status.into())?)
    }

    pub(super) fn check_cancelled(&self) -> Result<(), Stop> {
        let cancel = self.store.read(|state| state.image_builder.images.get(self.image_arn).map(|build| build.cancel));
        if cancel == Some(true) { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Names the AMI, which exists from now on whatever becomes of the image.
    pub(super) fn output(&self, ami: &Ami) -> Result<(), Fault> {
        self.change(|build| build.image.output_resources.amis = vec![ami.clone()])
    }

    pub(super) fn available(&self, ami: &Ami) -> Result<(), Fault> {
        self.change(|build| {
            build.image.output_resources.amis = vec![ami.clone()];
            build.image.state = ImageStatus::Available.into();
        })
    }

    /// The instances of this image that are not terminated.
    pub(super) fn instances(&self) -> Vec<String> {
        self.store.read(|state| {
            let instances = state.instances.values().filter(|instance| {
                instance.state != InstanceState::Terminated
                    && instance.agent
                    && instance.tags.get("Ec2ImageBuilderArn").map(String::as_str) == Some(self.image_arn)
            });
            instances.map(|instance| instance.instance_id.clone()).collect()
        })
    }

    pub(super) fn keeps_failed_instances(&self) -> bool {
        self.store.read(|state| {
            let build = state.image_builder.images.get(self.image_arn);
            let settings = build.map(|build| &build.image.infrastructure_configuration.settings);
            settings.and_then(|settings| settings.terminate_instance_on_failure) == Some(false)
        })
    }

    /// Begins a workflow whose steps are all known.
    pub(super) fn begin(&self, kind: WorkflowKind, steps: &[(&str, &str)]) -> Result<Running<'a>, Fault> {
        let id = format!("wf-{}", ids::uuid());
        let steps = steps.iter().map(|(name, action)| Step {
            step_execution_id: format!("step-{}", ids::uuid()),
            name: (*name).to_owned(),
            action: (*action).to_owned(),
            status: StepStatus::Pending,
            message: None,
            outputs: None,
            start_time: None,
            end_time: None,
        });
        let steps = steps.collect();
        self.store.change(|state| {
            let region = state.image_builder.images.get(self.image_arn).map(|build| build.region.clone());
            let workflow = Workflow {
                workflow_build_version_arn: format!(
                    "arn:aws:imagebuilder:{}:aws:{}",
                    region.unwrap_or_default(),
                    kind.path()
                ),
                workflow_execution_id: id.clone(),
                image_build_version_arn: self.image_arn.to_owned(),
                kind,
                status: WorkflowStatus::Running,
                message: None,
                start_time: now(),
                end_time: None,
                steps,
            };
            state.image_builder.workflows.insert(id.clone(), workflow);
            Ok(())
        })?;
        Ok(Running { store: self.store, image_arn: self.image_arn, id })
    }

    /// Ends the image, and whatever of its workflows still runs.
    pub(super) fn end(&self, stop: &Stop) -> Result<(), Fault> {
        self.store.change(|state| {
            let running = end_workflows(state, self.image_arn, stop);
            let Some(build) = state.image_builder.images.get_mut(self.image_arn) else { return Ok(()) };
            let image_status = build.image.state.status;
            build.image.state = match stop {
                Stop::Cancelled => ImageStatus::Cancelled.into(),
                Stop::Failed(failure) => {
                    let place = match &running.failed_step {
                        Some(name) => format!("{image_status}: {name}: "),
                        None => format!("{image_status}: "),
                    };
                    ImageState {
                        status: ImageStatus::Failed,
                        reason: Some(failure.text(&place, REASON_LIMIT)),
                        failure_context: Some(FailureContext {
                            image_status,
                            component_failure: failure.component.clone(),
                            ..running
                        }),
                    }
                }
            };
            Ok(())
        })
    }
}

/// Ends the running workflow of an image and answers which step it was in.
fn end_workflows(state: &mut State, image_arn: &str, stop: &Stop) -> FailureContext {
    let mut context = FailureContext {
        image_status: ImageStatus::Failed,
        workflow_execution_id: None,
        workflow_arn: None,
        step_execution_id: None,
        failed_step: None,
        component_failure: None,
    };
    let (workflow_status, step_status) = match stop {
        Stop::Cancelled => (WorkflowStatus::Cancelled, StepStatus::Cancelled),
        Stop::Failed(_) => (WorkflowStatus::Failed, StepStatus::Failed),
    };
    let workflows = state.image_builder.workflows.values_mut();
    for workflow in workflows.filter(|workflow| workflow.image_build_version_arn == image_arn) {
        if workflow.status != WorkflowStatus::Running {
            continue;
        }
        workflow.status = workflow_status;
        workflow.end_time = Some(now());
        context.workflow_execution_id = Some(workflow.workflow_execution_id.clone());
        context.workflow_arn = Some(workflow.workflow_build_version_arn.clone());
        for step in &mut workflow.steps {
            match step.status {
                StepStatus::Running => {
                    step.status = step_status;
                    step.end_time = Some(now());
                    context.step_execution_id = Some(step.step_execution_id.clone());
                    context.failed_step = Some(step.name.clone());
                    if let Stop::Failed(failure) = stop {
                        step.message = Some(failure.text("", MESSAGE_LIMIT));
                        workflow.message = Some(failure.text(&format!("{}: ", step.name), MESSAGE_LIMIT));
                    }
                }
                StepStatus::Pending => step.status = StepStatus::Skipped,
                _ => {}
            }
        }
    }
    context
}

/// A workflow that is being executed.
pub(super) struct Running<'a> {
    store: &'a Store,
    image_arn: &'a str,
    id: String,
}

impl Running<'_> {
    fn change(&self, change: impl FnOnce(&mut Workflow)) -> Result<(), Fault> {
        self.store.change(|state| {
            let lost = || Fault::internal(format!("the workflow execution '{}' does not exist any more", self.id));
            change(state.image_builder.workflows.get_mut(&self.id).ok_or_else(lost)?);
            Ok(())
        })
    }

    fn step(&self, name: &str, change: impl FnOnce(&mut Step)) -> Result<(), Fault> {
        self.change(|workflow| {
            if let Some(step) = workflow.steps.iter_mut().find(|step| step.name == name) {
                change(step);
            }
        })
    }

    /// Begins a step, unless somebody has asked to cancel the image.
    pub(super) fn start(&self, name: &str) -> Result<(), Stop> {
        Record { store: self.store, image_arn: self.image_arn }.check_cancelled()?;
        Ok(self.step(name, |step| {
            step.status = StepStatus::Running;
            step.start_time = Some(now());
        })?)
    }

    /// Says what the running step is doing.
    pub(super) fn message(&self, text: &str) -> Result<(), Stop> {
        Record { store: self.store, image_arn: self.image_arn }.check_cancelled()?;
        let message = shortened(text, MESSAGE_LIMIT);
        Ok(self.change(|workflow| {
            if let Some(step) = workflow.steps.iter_mut().find(|step| step.status == StepStatus::Running) {
                step.message = Some(message);
            }
        })?)
    }

    pub(super) fn complete(&self, name: &str, outputs: Option<&Value>) -> Result<(), Fault> {
        self.step(name, |step| {
            step.status = StepStatus::Completed;
            step.end_time = Some(now());
            // It said what the step was doing.
            step.message = None;
            step.outputs = outputs.map(Value::to_string);
        })
    }

    pub(super) fn skip(&self, name: &str) -> Result<(), Fault> {
        self.step(name, |step| step.status = StepStatus::Skipped)
    }

    /// Ends a workflow whose steps are all done.
    pub(super) fn end(&self) -> Result<(), Fault> {
        self.change(|workflow| {
            workflow.status = WorkflowStatus::Completed;
            workflow.end_time = Some(now());
        })
    }
}
