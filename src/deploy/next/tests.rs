//! Every combination, and every way through them with a kill after each step.

use std::collections::BTreeSet;

use super::*;
use crate::ledger::{Served, Target};

const STATES: [Option<State>; 7] = [
    None,
    Some(State::Pending),
    Some(State::Running),
    Some(State::Stopping),
    Some(State::Stopped),
    Some(State::ShuttingDown),
    Some(State::Terminated),
];

fn tasks() -> Vec<Task> {
    let mut tasks = Vec::new();
    for origin in [Origin::Created, Origin::Stopped, Origin::Running] {
        for promote in [true, false] {
            for keep in [Keep::Running, Keep::Stopped, Keep::None] {
                for from in [None, Some(Served { instance_id: "i-old".to_owned(), version: None })] {
                    let to = Target {
                        version: semver::Version::new(1, 0, 0),
                        image_id: String::new(),
                        digest: String::new(),
                        commit: String::new(),
                        instance_id: None,
                        origin,
                    };
                    tasks.push(Task { from, to, promote, keep });
                }
            }
        }
    }
    tasks
}

fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for course in [Course::Forward, Course::Back, Course::Recover] {
        for proof in [Proof::Nothing, Proof::Own, Proof::Through, Proof::Soaked] {
            for bits in 0..16_u8 {
                let [moved, put_back, marked, retired] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
                runs.push(Run { course, proof, moved, put_back, marked, retired });
            }
        }
    }
    runs
}

#[test]
fn whatever_is_seen_no_step_is_taken_that_could_leave_clients_with_something_unproven() {
    let mut seen_actions = 0;
    for task in tasks() {
        for run in runs() {
            for behind in [Behind::Nobody, Behind::New, Behind::Old, Behind::Other] {
                for (new, old) in STATES.iter().flat_map(|new| STATES.iter().map(move |old| (*new, *old))) {
                    let seen = Observed { behind, new, old };
                    check(&task, seen, run, next(&task, seen, run));
                    seen_actions += 1;
                }
            }
        }
    }
    assert_eq!(seen_actions, 36 * 192 * 4 * 49);
}

fn check(task: &Task, seen: Observed, run: Run, action: Action) {
    let context = format!("{action:?} for {task:?}, {seen:?}, {run:?}");
    match action {
        Action::Move => {
            assert!(run.course == Course::Forward && run.proof == Proof::Own && task.promote, "{context}");
            assert!(matches!(seen.behind, Behind::Old | Behind::Nobody), "{context}");
        }
        Action::PutBack => {
            assert!(run.course != Course::Forward && seen.old == Some(State::Running), "{context}");
            assert!(matches!(seen.behind, Behind::New | Behind::Old) && task.from.is_some(), "{context}");
        }
        Action::Free => assert!(task.from.is_none() && seen.behind == Behind::New, "{context}"),
        Action::StopOld | Action::TerminateOld => {
            assert!(seen.behind == Behind::New && run.proof >= Proof::Through && run.marked, "{context}");
        }
        Action::TerminateNew => {
            assert!(task.to.origin == Origin::Created && run.course != Course::Forward, "{context}");
            assert!(seen.behind != Behind::New, "{context}");
        }
        Action::StopNew => assert!(task.to.origin == Origin::Stopped && seen.behind != Behind::New, "{context}"),
        Action::Run => assert!(task.to.origin == Origin::Created && run.course == Course::Forward, "{context}"),
        Action::End(Ending::Ready) => assert!(!task.promote && run.proof >= Proof::Own, "{context}"),
        Action::End(Ending::Undone) => assert!(seen.behind != Behind::New, "{context}"),
        Action::End(Ending::Live) => assert!(seen.behind == Behind::New, "{context}"),
        Action::End(Ending::Done) => panic!("{context}"),
        Action::StartNew
        | Action::ProveOwn
        | Action::ProveThrough
        | Action::Soak
        | Action::Mark
        | Action::StartOld
        | Action::Fail(_) => {}
    }
}

/// A cloud of two instances and one address, in which each action does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct World {
    seen: Observed,
    run: Run,
}

impl World {
    /// `None` where the deployment has ended.
    fn step(self, task: &Task, fails: bool) -> Option<Self> {
        let mut world = self;
        match next(task, self.seen, self.run) {
            Action::End(_) => return None,
            Action::Fail(_) => world.fail(task),
            Action::ProveOwn | Action::ProveThrough | Action::Soak if fails => world.fail(task),
            Action::Run | Action::StartNew => world.seen.new = Some(State::Running),
            Action::ProveOwn => world.run.proof = Proof::Own,
            Action::Move => (world.seen.behind, world.run.moved) = (Behind::New, true),
            Action::ProveThrough => world.run.proof = Proof::Through,
            Action::Soak => world.run.proof = Proof::Soaked,
            Action::Mark => world.run.marked = true,
            Action::StopOld => (world.seen.old, world.run.retired) = (Some(State::Stopped), true),
            Action::TerminateOld => (world.seen.old, world.run.retired) = (None, true),
            Action::StartOld => world.seen.old = Some(State::Running),
            Action::PutBack => (world.seen.behind, world.run.put_back) = (Behind::Old, true),
            Action::Free => world.seen.behind = Behind::Nobody,
            Action::TerminateNew => world.seen.new = None,
            Action::StopNew => world.seen.new = Some(State::Stopped),
        }
        Some(world)
    }

    fn fail(&mut self, task: &Task) {
        self.run.moved |= self.run.course == Course::Recover && task.promote;
        self.run.course = Course::Back;
    }

    fn killed(self) -> Self {
        Self { run: Run::new(Course::Recover), ..self }
    }
}

#[test]
fn killed_anywhere_and_taken_over_a_deployment_is_finished_or_taken_back() {
    let mut ways = 0;
    for task in tasks() {
        let served = task.from.is_some();
        let new = match task.to.origin {
            Origin::Created => None,
            Origin::Stopped => Some(State::Stopped),
            Origin::Running => Some(State::Running),
        };
        let old = served.then_some(State::Running);
        let behind = if served { Behind::Old } else { Behind::Nobody };
        let mut begin = vec![World { seen: Observed { behind, new, old }, run: Run::new(Course::Forward) }];
        let mut met: Vec<World> = Vec::new();
        while let Some(world) = begin.pop() {
            if met.contains(&world) {
                continue;
            }
            met.push(world);
            assert!(!served || world.seen.behind != Behind::Nobody, "an address that was held is free: {world:?}");
            for fails in [false, true] {
                ends(&task, world, fails);
                ends(&task, world.killed(), fails);
                ways += 2;
                begin.extend(world.step(&task, fails));
            }
            begin.push(world.killed());
        }
    }
    assert!(ways > 1000, "{ways}");
}

fn ends(task: &Task, begin: World, fails: bool) {
    let mut world = begin;
    let mut met = BTreeSet::new();
    while let Some(next) = world.step(task, fails) {
        assert!(met.insert(format!("{next:?}")), "it goes round in circles: {task:?} {next:?}");
        world = next;
    }
    match world.seen.behind {
        Behind::New => {
            assert!(task.promote, "{task:?} {world:?}");
            let was_proven = begin.run.proof >= Proof::Through || begin.run.course == Course::Back;
            let could_return = begin.seen.old.is_some();
            assert!(!fails || was_proven || !could_return, "what fails stays live: {task:?} {begin:?} {world:?}");
        }
        Behind::Old => {
            let left = task.to.origin == Origin::Created && world.seen.new.is_some();
            assert!(!left || !task.promote, "an instance is left: {task:?} {begin:?} {world:?}");
        }
        Behind::Nobody => assert!(task.from.is_none()),
        Behind::Other => panic!("{task:?} {world:?}"),
    }
}

proptest::proptest! {
    #[test]
    fn an_address_that_somebody_moved_by_hand_is_not_touched(steps in 0_usize..12, fails: bool, kind in 0_usize..36) {
        let task = &tasks()[kind];
        let mut world = World {
            seen: Observed {
                behind: if task.from.is_some() { Behind::Old } else { Behind::Nobody },
                new: (task.to.origin != Origin::Created).then_some(State::Running),
                old: task.from.is_some().then_some(State::Running),
            },
            run: Run::new(Course::Forward),
        };
        for _ in 0..steps {
            let Some(next) = world.step(task, fails) else { return Ok(()) };
            world = next;
        }
        world.seen.behind = Behind::Other;
        for _ in 0..20 {
            let action = next(task, world.seen, world.run);
            proptest::prop_assert!(!matches!(action, Action::Move | Action::PutBack | Action::Free), "{action:?}");
            let Some(next) = world.step(task, fails) else { return Ok(()) };
            world = next;
        }
        proptest::prop_assert!(false, "it does not end: {world:?}");
    }
}
