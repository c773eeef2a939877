//! Follows an image while Image Builder makes it, and shows each step.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use anyhow::Result;
use aws_sdk_imagebuilder::types::{Image, ImageStatus, OutputResources};

use super::baked::{StageTime, rounded};
use super::remove::is_under_way;
use super::timeline::{Event, Step, StepState, Timeline, workflow_kind};
use super::{kept, outcome};
use crate::aws;
use crate::context::Context;
use crate::environment::Target;
use crate::error::{Failure, cloud, is_expiry, user};
use crate::interrupt::Shield;
use crate::printer::{Printer, Stage};

/// How often to look, and for how long. Image Builder has no deadline of its own, and no way to wait.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Pause after a look that saw something new.
    shortest: Duration,
    /// Pause when nothing happens for long.
    longest: Duration,
    /// When to give up.
    deadline: Duration,
}

impl Pace {
    /// Image Builder counts calls per account, so AWS is asked rarely.
    fn of(target: Target) -> Self {
        match target {
            Target::Local => Self {
                shortest: Duration::from_millis(250),
                longest: Duration::from_secs(1),
                deadline: Duration::from_hours(1),
            },
            Target::Aws => Self {
                shortest: Duration::from_secs(5),
                longest: Duration::from_secs(30),
                deadline: Duration::from_hours(3),
            },
        }
    }

    /// The pause after one of `last`: longer and longer while nothing changes.
    fn next(self, last: Duration, changed: bool) -> Duration {
        if changed { self.shortest } else { (last * 3 / 2).min(self.longest) }
    }
}

/// Up to a fifth longer, so that several bakes do not look in step.
fn jittered(pause: Duration) -> Duration {
    let random = std::hash::RandomState::new().build_hasher().finish() % 1000;
    pause + pause * u32::try_from(random).unwrap_or_default() / 5000
}

/// Follows the image until it is available. Returns the AMI's id and how long each step took.
pub(super) async fn until_available(context: &Context, arn: &str, shield: &Shield) -> Result<(String, Vec<StageTime>)> {
    /// Bad looks in a row that are forgiven: a hiccup must not end a bake of half an hour.
    const FORGIVEN: u32 = 4;
    let pace = Pace::of(context.environment.target);
    let (started, mut pause, mut bad_looks) = (Instant::now(), pace.shortest, 0);
    let mut show = Show::new(&context.printer, outcome::last_times(context).await);
    loop {
        let looking = Box::pin(look(context, arn));
        match shield.run(async { Ok(looking.await) }).await? {
            Ok((image, steps)) => {
                bad_looks = 0;
                pause = pace.next(pause, show.tell(steps));
                let status = image.state().and_then(|state| state.status());
                if !is_under_way(status) {
                    let is_good = matches!(status, Some(ImageStatus::Available));
                    if is_good {
                        return show.end(context, &image);
                    }
                    return Err(kept::mention(context, &image, show.failure(context, &image)).await.into());
                }
            }
            Err(error) if bad_looks < FORGIVEN && !is_expiry(&error) => bad_looks += 1,
            Err(error) => return Err(error),
        }
        if started.elapsed() > pace.deadline {
            let minutes = pace.deadline.as_secs() / 60;
            return Err(cloud(format!("{arn} was not ready after {minutes} minutes, so it was given up")).into());
        }
        let pausing = async {
            tokio::time::sleep(jittered(pause)).await;
            Ok(())
        };
        shield.run(pausing).await?;
    }
}

/// The image and every step of its workflows.
async fn look(context: &Context, arn: &str) -> Result<(Image, Vec<Step>)> {
    let client = &context.clients.image_builder;
    let answer = client.get_image().image_build_version_arn(arn).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at {arn}"), &error))?;
    let image = answer.image.ok_or_else(|| cloud(format!("GetImage answered without the image {arn}")))?;
    let executions = client.list_workflow_executions().image_build_version_arn(arn).send().await;
    let executions = executions.map_err(|error| aws::describe(&format!("list the workflows of {arn}"), &error))?;
    let mut steps = Vec::new();
    for execution in executions.workflow_executions() {
        let Some(id) = execution.workflow_execution_id() else { continue };
        let kind = workflow_kind(execution.workflow_build_version_arn().unwrap_or_default());
        let listed = client.list_workflow_step_executions().workflow_execution_id(id).send().await;
        let listed = listed.map_err(|error| aws::describe(&format!("list the steps of {id}"), &error))?;
        steps.extend(listed.steps().iter().map(|step| Step::read(kind, step)));
    }
    Ok((image, steps))
}

/// The stages on the screen.
struct Show<'a> {
    printer: &'a Printer,
    /// Seconds that the steps took the last time, by their titles.
    last: BTreeMap<String, f64>,
    timeline: Timeline,
    /// Shown until the first step begins.
    waiting: Option<Stage>,
    open: Vec<(String, Stage)>,
    times: Vec<StageTime>,
}

impl<'a> Show<'a> {
    fn new(printer: &'a Printer, last: BTreeMap<String, f64>) -> Self {
        let waiting = Some(printer.stage("wait for Image Builder"));
        Self { printer, last, timeline: Timeline::default(), waiting, open: Vec::new(), times: Vec::new() }
    }

    /// Shows what is new; false if nothing is.
    fn tell(&mut self, steps: Vec<Step>) -> bool {
        let events = self.timeline.advance(steps);
        let changed = !events.is_empty();
        for event in events {
            match event {
                Event::Started(step) => self.start(step),
                Event::Said(step) => {
                    if let Some((_, stage)) = self.open.iter_mut().find(|(id, _)| *id == step.id) {
                        stage.update(step.message);
                    }
                }
                Event::Ended { step, unseen } => self.stop(&step, unseen),
            }
        }
        changed
    }

    fn start(&mut self, step: Step) {
        if let Some(waiting) = self.waiting.take() {
            waiting.done("");
        }
        let mut stage = self.printer.stage_again(&step.title, self.last.get(&step.title).copied());
        if step.state == StepState::Running && !step.message.is_empty() {
            stage.update(step.message);
        }
        self.open.push((step.id, stage));
    }

    fn stop(&mut self, step: &Step, unseen: bool) {
        let Some(index) = self.open.iter().position(|(id, _)| *id == step.id) else { return };
        let (_, stage) = self.open.remove(index);
        let seconds = step.seconds.unwrap_or_else(|| stage.elapsed().as_secs_f64());
        self.times
            .push(StageTime { name: step.title.clone(), seconds: rounded(Duration::from_secs_f64(seconds.max(0.0))) });
        match step.state {
            StepState::Failed => stage.fail(""),
            // The clock of a stage that was never seen running shows nothing.
            _ if unseen && seconds >= 0.1 => stage.done_unseen(seconds),
            _ => stage.done(""),
        }
    }

    fn end(mut self, context: &Context, image: &Image) -> Result<(String, Vec<StageTime>)> {
        if let Some(waiting) = self.waiting.take() {
            waiting.done("");
        }
        self.open.drain(..).for_each(|(_, stage)| stage.done(""));
        let amis = image.output_resources().map(OutputResources::amis).unwrap_or_default();
        let here = amis.iter().find(|ami| ami.region() == Some(&context.environment.region));
        let id = here.and_then(|ami| ami.image()).ok_or_else(|| {
            cloud(format!(
                "{} is available, but names no AMI in {}",
                image.arn().unwrap_or("the image"),
                context.environment.region
            ))
        })?;
        Ok((id.to_owned(), self.times))
    }

    /// Why the image failed, in the words of whatever failed first.
    fn failure(&self, context: &Context, image: &Image) -> Failure {
        let what = format!("{} {}", context.recipe.service, version_of(image));
        let state = image.state();
        if matches!(state.and_then(|state| state.status()), Some(ImageStatus::Cancelled)) {
            return cloud(format!("the bake of {what} was cancelled by somebody else"))
                .hint("run the same command again");
        }
        let component = state.and_then(|it| it.failure_context()).and_then(|it| it.component_failure());
        let step = self.timeline.steps().iter().find(|step| step.state == StepState::Failed);
        let failure = if let Some(component) = component {
            let part =
                |name: &str, text: Option<&str>| text.map(|text| format!(", {name} `{text}`")).unwrap_or_default();
            let place = part("phase", component.phase_name()) + &part("step", component.step_name());
            let arn = component.component_arn().unwrap_or("a component");
            let said = component.error_message().unwrap_or("no message");
            user(format!("failed to bake {what}: component `{}`{place}: {said}", component_of(arn)))
        } else if let Some(step) = step {
            let message = format!("failed to bake {what}: {}: {}", step.title, step.message);
            // The user's own documents run in this step and in no other.
            if step.action == "ExecuteComponents" { user(message) } else { cloud(message) }
        } else {
            let reason = state.and_then(|state| state.reason()).unwrap_or("Image Builder gave no reason");
            cloud(format!("failed to bake {what}: {reason}"))
        };
        match context.environment.target {
            Target::Local => failure,
            Target::Aws => failure.hint(log_place(image)),
        }
    }
}

/// `1.0.0`, of which Image Builder makes `1.0.0/1`.
fn version_of(image: &Image) -> &str {
    image.version().and_then(|version| version.split('/').next()).unwrap_or_default()
}

/// `veris-chat-10-install` of `arn:…:component/veris-chat-10-install/1.0.0/1`.
fn component_of(arn: &str) -> &str {
    arn.split("component/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(arn)
}

fn log_place(image: &Image) -> String {
    let name = image.name().unwrap_or_default();
    let build = image.arn().unwrap_or_default().rsplit('/').take(2).collect::<Vec<_>>();
    let stream = build.into_iter().rev().collect::<Vec<_>>().join("/");
    format!("the whole log is in CloudWatch Logs, group `/aws/imagebuilder/{name}`, stream `{stream}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_nothing_happens_and_shrink_again() {
        let pace = Pace::of(Target::Aws);
        let mut pause = pace.shortest;
        for _ in 0..10 {
            pause = pace.next(pause, false);
        }
        assert_eq!(pause, pace.longest);
        assert_eq!(pace.next(pause, true), pace.shortest);
        let jittered = jittered(pause);
        assert!(jittered >= pause && jittered <= pause * 6 / 5);
    }

    #[test]
    fn the_log_is_named_as_cloudwatch_names_it() {
        let arn = "arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.0.0/3";
        let image = Image::builder().name("veris-chat").arn(arn).build();
        assert_eq!(
            log_place(&image),
            "the whole log is in CloudWatch Logs, group `/aws/imagebuilder/veris-chat`, stream `1.0.0/3`"
        );
    }
}
