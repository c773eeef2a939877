//! What runs after `CreateImage` has answered: a build instance, an AMI of its disk, and a test instance of that AMI.
//!
//! [`start`] hands an image to a task of the cloud. The task drives [`Bake`] through the stages that EC2 Image Builder has,
//! and records each in the state ([`record`]), where `GetImage` and the workflow operations find it. Whatever ends a bake
//! early, a failing step, somebody's wish or the end of the control plane ([`recover`]), leaves no instance behind.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::state::image_builder::{Ami, ImageStatus, WorkflowKind};

pub mod agent_log;
mod guest;
mod logs;
mod output;
mod plan;
mod record;
mod seed;
mod stop;

use guest::Guest;
use plan::Plan;
use record::{Record, Running};
use seed::Stage;
use stop::Stop;

/// The present, in the milliseconds that Image Builder's dates have.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Builds an image that `CreateImage` has recorded as pending.
pub(crate) fn start(cloud: Arc<Cloud>, image_arn: String) {
    let owner = Arc::clone(&cloud);
    owner.spawn(async move {
        let record = Record::of(&cloud, &image_arn);
        let result = match Plan::read(&cloud.store, &image_arn) {
            Ok(plan) => Bake { cloud: &cloud, record: &record, plan: &plan }.run().await,
            Err(fault) => Err(Stop::from(fault)),
        };
        if let Err(stop) = result {
            tracing::warn!(image = %image_arn, %stop, "bake ended");
            end(&cloud, &record, &stop).await;
        }
    });
}

/// Fails the images that were being built when the control plane stopped, and ends what is left of their instances.
pub async fn recover(cloud: &Cloud) {
    let unfinished: Vec<String> = cloud.store.read(|state| {
        let builds = state.image_builder.images.values();
        let unfinished = builds.filter(|build| !build.image.state.status.is_final());
        unfinished.map(|build| build.image.arn.clone()).collect()
    });
    for arn in unfinished {
        end(cloud, &Record::of(cloud, &arn), &Stop::failed("the local cloud was stopped during the build")).await;
    }
}

/// Records why a bake ended early, and ends its instances.
async fn end(cloud: &Cloud, record: &Record<'_>, stop: &Stop) {
    for instance in record.instances() {
        if matches!(stop, Stop::Failed(_)) && record.keeps_failed_instances() {
            continue;
        }
        if let Err(fault) = cloud.compute.terminate(&instance).await {
            tracing::error!(%instance, %fault, "an instance of a bake could not be terminated");
        }
    }
    if let Err(fault) = record.end(stop) {
        tracing::error!(image = record.image_arn(), %fault, "the end of a bake could not be recorded");
    }
}

/// One build of one image.
struct Bake<'a> {
    cloud: &'a Arc<Cloud>,
    record: &'a Record<'a>,
    plan: &'a Plan,
}

impl Bake<'_> {
    async fn run(&self) -> Result<(), Stop> {
        self.record.status(ImageStatus::Creating)?;
        self.record.status(ImageStatus::Building)?;
        let ami = self.build().await?;
        if self.plan.tests {
            self.record.status(ImageStatus::Testing)?;
            self.test(&ami).await?;
        }
        self.record.status(ImageStatus::Distributing)?;
        output::distribute(&self.cloud.store, self.plan, &ami)?;
        self.record.available(&ami)?;
        Ok(())
    }

    /// Runs the `build` and `validate` phases in an instance of the parent image and makes its disk an AMI.
    async fn build(&self) -> Result<Ami, Stop> {
        let workflow = self.record.begin(WorkflowKind::Build, &BUILD_STEPS)?;
        let mut guest = self.launch(&workflow, "LaunchBuildInstance", Stage::Build).await?;
        workflow.start("ApplyBuildComponents")?;
        guest.follow(&workflow, |log| log.sanitizing).await?;
        workflow.complete("ApplyBuildComponents", None)?;
        workflow.start("RunSanitizeScript")?;
        guest.finish(&workflow).await?;
        workflow.complete("RunSanitizeScript", None)?;
        workflow.start("CreateOutputAMI")?;
        let new = output::new_image(self.plan, now());
        let image = self.cloud.compute.create_image(guest.instance(), new).await?;
        let ami = output::ami(self.plan, &image);
        self.record.output(&ami)?;
        workflow.complete("CreateOutputAMI", Some(&serde_json::json!({"imageId": ami.image})))?;
        self.terminate(&workflow, "TerminateBuildInstance", guest.instance()).await?;
        workflow.end()?;
        Ok(ami)
    }

    /// Runs the `test` phases in an instance of the AMI.
    async fn test(&self, ami: &Ami) -> Result<(), Stop> {
        let workflow = self.record.begin(WorkflowKind::Test, &TEST_STEPS)?;
        let mut guest = self.launch(&workflow, "LaunchTestInstance", Stage::Test(ami.image.clone())).await?;
        workflow.start("ApplyTestComponents")?;
        guest.finish(&workflow).await?;
        workflow.complete("ApplyTestComponents", None)?;
        self.terminate(&workflow, "TerminateTestInstance", guest.instance()).await?;
        workflow.end()?;
        Ok(())
    }

    async fn launch(&self, workflow: &Running<'_>, step: &str, stage: Stage) -> Result<Guest<'_>, Stop> {
        workflow.start(step)?;
        let mut guest = Guest::launch(self.cloud, self.plan, stage).await?;
        workflow.message(&format!("{} is starting", guest.instance()))?;
        guest.follow(workflow, |log| log.position.is_some() || log.sanitizing).await?;
        workflow.complete(step, Some(&serde_json::json!({"instanceId": guest.instance()})))?;
        Ok(guest)
    }

    async fn terminate(&self, workflow: &Running<'_>, step: &str, instance: &str) -> Result<(), Stop> {
        if !self.plan.terminate_on_completion {
            return Ok(workflow.skip(step)?);
        }
        workflow.start(step)?;
        self.cloud.compute.terminate(instance).await?;
        Ok(workflow.complete(step, None)?)
    }
}

/// Steps of Amazon's `build-image` workflow, and their actions.
const BUILD_STEPS: [(&str, &str); 5] = [
    ("LaunchBuildInstance", "LaunchInstance"),
    ("ApplyBuildComponents", "ExecuteComponents"),
    ("RunSanitizeScript", "SanitizeInstance"),
    ("CreateOutputAMI", "CreateImage"),
    ("TerminateBuildInstance", "TerminateInstance"),
];

/// Steps of Amazon's `test-image` workflow, and their actions.
const TEST_STEPS: [(&str, &str); 3] = [
    ("LaunchTestInstance", "LaunchInstance"),
    ("ApplyTestComponents", "ExecuteComponents"),
    ("TerminateTestInstance", "TerminateInstance"),
];
