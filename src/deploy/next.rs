//! The next thing to do, from what the journal says and what the cloud shows. It makes no call and waits for nothing, so every
//! combination can be tested.

use crate::instances::State;
use crate::ledger::{Ending, Keep, Origin, Task};

/// What the cloud shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Observed {
    pub(super) behind: Behind,
    /// The instance that is to serve; `None` where it does not exist.
    pub(super) new: Option<State>,
    /// The instance that served when the deployment began.
    pub(super) old: Option<State>,
}

/// Who is behind the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Nobody,
    New,
    Old,
    /// An instance that this deployment knows nothing of.
    Other,
}

/// What this run has done and seen. A run that takes over from another begins with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and every combination is tested")]
pub(super) struct Run {
    pub(super) course: Course,
    pub(super) proof: Proof,
    /// Whether a move of the address to the new instance was asked for, whatever came of it.
    pub(super) moved: bool,
    pub(super) put_back: bool,
    pub(super) marked: bool,
    pub(super) retired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Forward,
    /// Take back what was done.
    Back,
    /// Somebody else has left it: finish it where the address has moved and the new instance answers, take it back otherwise.
    Recover,
}

/// How far the new instance has proven itself to this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    Nothing,
    /// It answers on its own address, as the image that it should be.
    Own,
    /// It answers through the address that clients know.
    Through,
    /// It went on doing so for a while.
    Soaked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Run,
    StartNew,
    ProveOwn,
    Move,
    ProveThrough,
    Soak,
    /// Tags, and the parameter that names the live image.
    Mark,
    StopOld,
    TerminateOld,
    StartOld,
    PutBack,
    /// Takes the new instance from behind an address that nobody held before.
    Free,
    TerminateNew,
    StopNew,
    End(Ending),
    Fail(Cause),
}

/// Why it cannot go forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The new instance ended, was stopped, or is not there.
    Gone,
    /// Somebody put another instance behind the address.
    MovedByHand,
}

impl Run {
    pub(super) fn new(course: Course) -> Self {
        Self { course, proof: Proof::Nothing, moved: false, put_back: false, marked: false, retired: false }
    }
}

pub(super) fn next(task: &Task, seen: Observed, run: Run) -> Action {
    match run.course {
        Course::Forward => forward(task, seen, run),
        Course::Recover if seen.behind == Behind::New && is_up(seen.new) => serve(task, seen, run),
        Course::Back | Course::Recover => back(task, seen, run),
    }
}

fn forward(task: &Task, seen: Observed, run: Run) -> Action {
    match seen.new {
        None if task.to.origin == Origin::Created && run.proof == Proof::Nothing => return Action::Run,
        Some(State::Stopped) if task.to.origin == Origin::Stopped && run.proof == Proof::Nothing => {
            return Action::StartNew;
        }
        Some(State::Pending | State::Running) => {}
        _ => return Action::Fail(Cause::Gone),
    }
    if run.proof < Proof::Own {
        return Action::ProveOwn;
    }
    if !task.promote {
        return Action::End(Ending::Ready);
    }
    match seen.behind {
        Behind::New => serve(task, seen, run),
        Behind::Old | Behind::Nobody if run.proof == Proof::Own => Action::Move,
        Behind::Old | Behind::Nobody | Behind::Other => Action::Fail(Cause::MovedByHand),
    }
}

/// The new instance is behind the address.
fn serve(task: &Task, seen: Observed, run: Run) -> Action {
    if run.proof < Proof::Through {
        return Action::ProveThrough;
    }
    if run.proof < Proof::Soaked && run.course == Course::Forward {
        return Action::Soak;
    }
    if !run.marked {
        return Action::Mark;
    }
    match (task.keep, seen.old) {
        (Keep::Stopped, Some(State::Pending | State::Running)) if !run.retired => Action::StopOld,
        (Keep::None, Some(_)) if !run.retired => Action::TerminateOld,
        _ => Action::End(Ending::Live),
    }
}

fn back(task: &Task, seen: Observed, run: Run) -> Action {
    // What was asked of the address may not be seen yet; so a move is answered by a move, whatever is seen.
    let may_have_moved = run.moved || (run.course == Course::Recover && task.promote);
    match seen.behind {
        Behind::New | Behind::Old if may_have_moved && task.from.is_some() => match seen.old {
            _ if run.put_back && seen.behind == Behind::Old => {}
            Some(State::Running) => return Action::PutBack,
            Some(State::Pending | State::Stopping | State::Stopped) if run.moved || seen.behind == Behind::New => {
                return Action::StartOld;
            }
            _ => {}
        },
        Behind::New if may_have_moved && task.from.is_none() => return Action::Free,
        _ => {}
    }
    match seen.behind {
        // Nobody is left to put there: what does not prove itself is still more than nothing.
        Behind::New => Action::End(Ending::Live),
        _ => match (task.to.origin, seen.new) {
            (Origin::Created, Some(_)) => Action::TerminateNew,
            (Origin::Stopped, Some(State::Pending | State::Running)) => Action::StopNew,
            _ => Action::End(Ending::Undone),
        },
    }
}

fn is_up(state: Option<State>) -> bool {
    matches!(state, Some(State::Pending | State::Running))
}

#[cfg(test)]
mod tests;
