//! Turns what Image Builder says about its steps, look by look, into what is worth telling.

use aws_sdk_imagebuilder::types::{WorkflowStepExecutionStatus, WorkflowStepMetadata};
use jiff::Timestamp;

/// One step as one look saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Its execution id.
    pub id: String,
    /// Workflow and step, for example `build: LaunchInstance`.
    pub title: String,
    /// What kind of step it is.
    pub action: String,
    /// How far it is.
    pub state: StepState,
    /// What Image Builder says about it.
    pub message: String,
    /// When it began, as text that orders by time.
    pub started: String,
    /// How long it took, as far as Image Builder tells.
    pub seconds: Option<f64>,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepState {
    /// It did not begin, or was left out.
    Idle,
    Running,
    Done,
    /// Failed or cancelled.
    Failed,
}

/// A change since the look before.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// The step began.
    Started(Step),
    /// It says something new.
    Said(Step),
    /// It ended, well or badly. `unseen` if it had not been seen running.
    Ended { step: Step, unseen: bool },
}

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    told: Vec<Step>,
}

impl Timeline {
    /// What is new in this look.
    pub(super) fn advance(&mut self, mut steps: Vec<Step>) -> Vec<Event> {
        steps.sort_by(|a, b| a.started.cmp(&b.started));
        steps.into_iter().filter(|step| step.state != StepState::Idle).flat_map(|step| self.tell(step)).collect()
    }

    /// Every step that began, in the order of their beginning.
    pub(super) fn steps(&self) -> &[Step] {
        &self.told
    }

    fn tell(&mut self, step: Step) -> Vec<Event> {
        let ended = matches!(step.state, StepState::Done | StepState::Failed);
        let Some(before) = self.told.iter_mut().find(|told| told.id == step.id) else {
            self.told.push(step.clone());
            let start = Event::Started(step.clone());
            return if ended { vec![start, Event::Ended { step, unseen: true }] } else { vec![start] };
        };
        let was = std::mem::replace(before, step.clone());
        if ended && was.state == StepState::Running {
            vec![Event::Ended { step, unseen: false }]
        } else if !ended && was.message != step.message {
            vec![Event::Said(step)]
        } else {
            Vec::new()
        }
    }
}

impl Step {
    /// Reads a step of the workflow execution that runs `workflow`.
    pub(super) fn read(workflow: &str, step: &WorkflowStepMetadata) -> Self {
        use WorkflowStepExecutionStatus as Status;
        let state = match step.status() {
            Some(Status::Running) => StepState::Running,
            Some(Status::Completed) => StepState::Done,
            Some(Status::Failed | Status::Cancelled) => StepState::Failed,
            _ => StepState::Idle,
        };
        let time = |text: Option<&str>| text.and_then(|text| text.parse::<Timestamp>().ok());
        let seconds = match (time(step.start_time()), time(step.end_time())) {
            (Some(start), Some(end)) => Some(end.duration_since(start).as_secs_f64()),
            _ => None,
        };
        let text = |text: Option<&str>| text.unwrap_or_default().trim().to_owned();
        Self {
            id: text(step.step_execution_id()),
            title: format!("{workflow}: {}", step.name().unwrap_or("step")),
            action: text(step.action()),
            state,
            message: text(step.message()),
            started: text(step.start_time()),
            seconds,
        }
    }
}

/// `build` of `arn:aws:imagebuilder:…:workflow/build/build-image/1.0.0/1`.
pub(super) fn workflow_kind(arn: &str) -> &str {
    arn.split("workflow/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("workflow")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, state: StepState, message: &str, started: &str) -> Step {
        Step {
            id: format!("step-{name}"),
            title: format!("build: {name}"),
            action: name.to_owned(),
            state,
            message: message.to_owned(),
            started: started.to_owned(),
            seconds: None,
        }
    }

    fn told(events: Vec<Event>) -> Vec<String> {
        let tell = |event| match event {
            Event::Started(step) => format!("{} starts", step.title),
            Event::Said(step) => format!("{}: {}", step.title, step.message),
            Event::Ended { step, unseen } => {
                format!("{} {:?}{}", step.title, step.state, if unseen { ", unseen" } else { "" })
            }
        };
        events.into_iter().map(tell).collect()
    }

    #[test]
    fn a_bake_is_told_step_by_step_and_nothing_twice() {
        use StepState::{Done, Failed, Idle, Running};
        let mut timeline = Timeline::default();
        let mut look = |steps: &[Step]| told(timeline.advance(steps.to_vec()));
        let launch = step("Launch", Running, "", "10:00:00");
        assert_eq!(look(&[launch.clone(), step("Execute", Idle, "", "")]), ["build: Launch starts"]);
        assert_eq!(look(&[launch]), Vec::<String>::new());
        let launch = step("Launch", Done, "", "10:00:00");
        let execute = step("Execute", Running, "step Install", "10:00:09");
        assert_eq!(look(&[execute, launch.clone()]), ["build: Launch Done", "build: Execute starts"]);
        let execute = step("Execute", Running, "step Verify", "10:00:09");
        assert_eq!(look(&[execute, launch.clone()]), ["build: Execute: step Verify"]);
        let execute = step("Execute", Failed, "it broke", "10:00:09");
        let end = step("Terminate", Done, "", "10:00:20");
        assert_eq!(
            look(&[end, execute, launch]),
            ["build: Execute Failed", "build: Terminate starts", "build: Terminate Done, unseen"]
        );
        assert_eq!(timeline.steps().len(), 3);
    }

    #[test]
    fn a_step_knows_its_duration_once_it_ended() {
        let metadata = WorkflowStepMetadata::builder()
            .name("LaunchInstance")
            .status(WorkflowStepExecutionStatus::Completed)
            .start_time("2026-11-23T10:00:00Z")
            .end_time("2026-11-23T10:00:12.5Z");
        let step = Step::read(
            workflow_kind("arn:aws:imagebuilder:x:aws:workflow/build/build-image/1.0.0/1"),
            &metadata.build(),
        );
        assert_eq!((step.title.as_str(), step.seconds), ("build: LaunchInstance", Some(12.5)));
    }
}
