//! One build or test instance, from its launch until it has powered itself off.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::agent_log::{self, AgentLog, Summary};
use super::plan::{Component, Plan};
use super::record::Running;
use super::seed::{self, Stage};
use super::stop::{Failure, Stop, shortened};
use super::{logs, plan};
use crate::cloud::Cloud;
use crate::compute::{Compute, LaunchRequest};
use crate::fault::Fault;
use crate::state::image_builder::ComponentFailure;

/// How long an instance may run. An emulated processor on a busy machine takes ten times as long as a real one.
const DEADLINE: Duration = Duration::from_mins(30);
/// More reboots than any sensible recipe asks for. The runner allows fifteen to one component.
const MOST_REBOOTS: usize = 30;
/// How often the log of a running instance is read.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// So that a headline and the newest lines of the log fit into the message of a workflow step.
const LINE_LIMIT: usize = 96;
/// How many lines of the log a failure quotes, where there is room.
const TAIL: usize = 12;
/// What EC2 Image Builder takes where the infrastructure configuration names no type.
const DEFAULT_TYPE: &str = "m5.large";

pub(super) struct Guest<'a> {
    cloud: &'a Cloud,
    plan: &'a Plan,
    stage: Stage,
    /// The components that the instance runs, by their index in its seed.
    components: Vec<&'a Component>,
    instance: String,
    off: Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>,
    ended: Option<Result<(), Fault>>,
    /// How often it was powered on again.
    reboots: usize,
}

impl<'a> Guest<'a> {
    pub(super) async fn launch(cloud: &'a Arc<Cloud>, plan: &'a Plan, stage: Stage) -> Result<Self, Stop> {
        let components = stage.components(plan);
        let seed = seed::write(cloud, plan, &stage, &components)?;
        let settings = &plan.infrastructure;
        let mut tags = settings.resource_tags.clone();
        tags.extend(plan.own_tags());
        tags.insert("Name".to_owned(), format!("{} instance for {}", stage.title(), plan.image_name));
        let hop_limit =
            settings.instance_metadata_options.as_ref().and_then(|options| options.http_put_response_hop_limit);
        let instance = cloud
            .compute
            .launch(LaunchRequest {
                image_id: stage.ami(plan).to_owned(),
                instance_type: settings.instance_types.first().map_or(DEFAULT_TYPE, String::as_str).to_owned(),
                key_name: settings.key_pair.clone(),
                security_groups: settings.security_group_ids.clone(),
                instance_profile: Some(settings.instance_profile_name.clone()),
                volume_gib: plan.volume_gib,
                kms_key: plan.kms_key.clone(),
                http_put_response_hop_limit: hop_limit.unwrap_or(1),
                tags,
                agent_seed: Some(seed.path().to_owned()),
                ..LaunchRequest::default()
            })
            .await?
            .instance_id;
        let off = off(&cloud.compute, &instance);
        Ok(Self { cloud, plan, stage, components, instance, off, ended: None, reboots: 0 })
    }

    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Waits until the log has come this far, or the instance has ended well. Meanwhile the workflow's running step says what
    /// the instance is doing.
    pub(super) async fn follow(&mut self, workflow: &Running<'_>, far: impl Fn(&AgentLog) -> bool) -> Result<(), Stop> {
        loop {
            let text = self.cloud.compute.agent_log(&self.instance);
            let log = agent_log::parse(&text);
            if far(&log) {
                return Ok(());
            }
            if log.exit.is_some_and(|status| status != 0) {
                return Err(self.failure(&log, &text));
            }
            if let Some(ended) = self.ended.clone() {
                if ended.is_err() || log.reboots == self.reboots {
                    return self.judge(&log, &text, ended);
                }
                self.reboot(&log, &text).await?;
            }
            self.check_disk(&text)?;
            workflow.message(&self.activity(&log))?;
            tokio::select! {
                ended = &mut self.off => self.ended = Some(ended),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Powers the instance on again, in which a component has asked for a reboot. Its log goes on.
    async fn reboot(&mut self, log: &AgentLog, text: &str) -> Result<(), Stop> {
        if log.reboots > MOST_REBOOTS {
            let what = format!("the components asked for more than {MOST_REBOOTS} reboots");
            return Err(Failure { what, tail: self.tail(text), component: None }.into());
        }
        self.reboots = log.reboots;
        self.cloud.compute.start(&self.instance).await?;
        (self.off, self.ended) = (off(&self.cloud.compute, &self.instance), None);
        Ok(())
    }

    /// Waits until the instance has done all it had to do and is off.
    pub(super) async fn finish(&mut self, workflow: &Running<'_>) -> Result<(), Stop> {
        self.follow(workflow, |_| false).await
    }

    fn judge(&self, log: &AgentLog, text: &str, ended: Result<(), Fault>) -> Result<(), Stop> {
        match ended {
            Ok(()) if log.exit == Some(0) => {
                logs::keep(self.cloud, self.plan, &self.stage, text);
                Ok(())
            }
            Ok(()) => Err(self.failure(log, text)),
            Err(fault) => {
                logs::keep(self.cloud, self.plan, &self.stage, text);
                Err(Failure { what: fault.message, tail: self.tail(text), component: None }.into())
            }
        }
    }

    /// A paused guest would be waited for in vain.
    fn check_disk(&self, text: &str) -> Result<(), Stop> {
        let reason = self.cloud.store.read(|state| {
            let instance = state.instances.get(&self.instance)?;
            instance.state_reason.as_ref().filter(|_| instance.is_out_of_space()).map(|(_, message)| message.clone())
        });
        match reason {
            None => Ok(()),
            Some(what) => Err(Failure { what, tail: self.tail(text), component: None }.into()),
        }
    }

    /// What the instance is doing in the first line, and what it has written last in those below.
    fn activity(&self, log: &AgentLog) -> String {
        let running = match &log.position {
            _ if log.sanitizing => "the clean-up".to_owned(),
            None if log.newest.is_empty() => {
                let console = agent_log::tail(&self.cloud.compute.console(&self.instance), 1);
                return shortened(&format!("{} is booting. {console}", self.instance), LINE_LIMIT);
            }
            None => self.instance.clone(),
            Some(position) => {
                let name = self.components.get(position.component).map_or("", |component| component.name.as_str());
                match &position.step {
                    Some((phase, step)) if !step.is_empty() => format!("{name}, phase {phase}, step {step}"),
                    _ => name.to_owned(),
                }
            }
        };
        let lines = std::iter::once(&running).chain(&log.newest).map(|line| shortened(line, LINE_LIMIT));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Why the instance did not come to a good end.
    fn failure(&self, log: &AgentLog, text: &str) -> Stop {
        logs::keep(self.cloud, self.plan, &self.stage, text);
        let stage = self.stage.title().to_lowercase();
        let position = log.position.as_ref().filter(|_| !log.sanitizing);
        let component = position.and_then(|position| Some((position, *self.components.get(position.component)?)));
        let Some((position, component)) = component else {
            let what = match log.exit {
                Some(status) => {
                    format!("{} of the {stage} instance ended with exit status {status}", activity_name(log))
                }
                None => format!(
                    "the {stage} instance {} went off before it had run its components{}",
                    self.instance,
                    self.broken()
                ),
            };
            return Failure { what, tail: self.tail(text), component: None }.into();
        };
        let failure = failed_component(component, position, log);
        let what = format!("component '{}' failed{}: {}", component.name, place(&failure), failure.error_message);
        Failure { what, tail: self.tail(text), component: Some(failure) }.into()
    }

    /// Why the host has ended the instance, where it has.
    fn broken(&self) -> String {
        let reason = self.cloud.store.read(|state| state.instances.get(&self.instance)?.state_reason.clone());
        match reason {
            Some((code, message)) if code.starts_with("Server.") => format!(": {message}"),
            _ => String::new(),
        }
    }

    /// The end of what the agent has written, or of the console where it has written nothing.
    fn tail(&self, text: &str) -> String {
        let tail = agent_log::tail(text, TAIL);
        if tail.is_empty() { agent_log::tail(&self.cloud.compute.console(&self.instance), TAIL) } else { tail }
    }
}

/// Waits until a guest has powered itself off.
fn off(compute: &Arc<Compute>, instance: &str) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> {
    let (compute, instance) = (Arc::clone(compute), instance.to_owned());
    Box::pin(async move { compute.wait_until_off(&instance, DEADLINE).await })
}

fn activity_name(log: &AgentLog) -> &'static str {
    if log.sanitizing { "the clean-up" } else { "the agent" }
}

fn failed_component(component: &plan::Component, position: &agent_log::Position, log: &AgentLog) -> ComponentFailure {
    let mut failure = ComponentFailure {
        component_arn: component.arn.clone(),
        phase_name: position.step.as_ref().map(|(phase, _)| phase.clone()),
        step_name: position.step.as_ref().map(|(_, step)| step.clone()),
        action: None,
        error_message: "the instance went off while the component ran".to_owned(),
    };
    let Some(status) = log.exit else { return failure };
    let summary = log.summary.as_ref();
    if let Some(step) = summary.and_then(Summary::failed_step) {
        failure.phase_name = Some(step.phase.to_owned());
        failure.step_name = Some(step.step.to_owned());
        failure.action = Some(step.action.to_owned());
        step.error.clone_into(&mut failure.error_message);
    } else {
        let said = summary.map(|summary| summary.failure_message.trim()).filter(|said| !said.is_empty());
        let said = said.map(|said| format!(": {said}")).unwrap_or_default();
        failure.error_message = format!("the component runner ended with exit status {status}{said}");
    }
    failure
}

/// Where in a component it failed.
fn place(failure: &ComponentFailure) -> String {
    let (Some(phase), Some(step)) = (&failure.phase_name, &failure.step_name) else { return String::new() };
    let action = failure.action.as_ref().map(|action| format!(" ({action})")).unwrap_or_default();
    format!(" in phase '{phase}', step '{step}'{action}")
}
