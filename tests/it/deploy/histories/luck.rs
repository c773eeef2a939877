//! What goes wrong while a command runs, at a place that does not depend on time.
//!
//! A wait looks as often as it takes, and looks that are made at the same time come in any order. So a place is told by the calls
//! that change something, which come one after the other, and by the first read of a kind between two of them. There everything is
//! waited for that is on its way in the cloud.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;
use veris::fault_point::{Call, EachCall, Fault};

use super::draw::choose;
use super::turns::Turn;
use crate::stand_in::Cloud;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Calm,
    /// This happens to a call, and to its repetitions up to so many in all.
    Fault {
        mode: &'static str,
        place: Place,
        attempts: u32,
    },
    /// The operator's machine dies before this call.
    Dies {
        place: Place,
    },
}

/// A call of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The one that changes something after so many others did.
    Change(u64),
    /// The first of this operation after so many that changed something.
    Read(&'static str, u64),
}

const MODES: [&str; 7] = ["error", "throttle", "deny", "expire", "lose", "slow=150", "unseen"];

const READS: [&str; 7] = [
    "DescribeAddresses",
    "DescribeImages",
    "DescribeInstances",
    "DescribeInstanceStatus",
    "GetCallerIdentity",
    "GetParameter",
    "GetParametersByPath",
];

/// More changes than any command makes where all goes well, but for a few.
const CHANGES: u64 = 14;

impl Luck {
    pub(super) fn draw(random: &mut Rng) -> Self {
        let place = Place::draw(random);
        match random.u32(..10) {
            0..4 => Self::Calm,
            4..8 => Self::Fault { mode: choose(random, &MODES), place, attempts: choose(random, &[1, 1, 3]) },
            _ => Self::Dies { place },
        }
    }

    /// Who dies beside another leaves work that the other may find and take over, which is a history of its own.
    pub(super) fn survivable(self) -> Self {
        if matches!(self, Self::Dies { .. }) { Self::Calm } else { self }
    }
}

impl Place {
    fn draw(random: &mut Rng) -> Self {
        let after = random.u64(..CHANGES);
        if random.bool() { Self::Change(after) } else { Self::Read(choose(random, &READS), after) }
    }

    fn is(self, call: Call<'_>, changes: u64) -> bool {
        match self {
            Self::Change(after) => !call.only_reads() && changes == after,
            Self::Read(operation, after) => call.operation == operation && changes >= after,
        }
    }
}

/// An operator who gives one command.
pub(super) struct Conduct {
    name: &'static str,
    luck: Luck,
    turn: Option<Arc<Turn>>,
    /// Where the cloud keeps its state.
    state: PathBuf,
    /// Calls of other threads are renewals, which come with time.
    thread: ThreadId,
    progress: Mutex<Progress>,
    told: Arc<Mutex<Vec<String>>>,
}

#[derive(Default)]
struct Progress {
    /// Calls that changed something, or would have.
    changes: u64,
    /// Whether something was read since the last of them.
    has_looked: bool,
    is_dead: bool,
    /// Whether the fault has happened.
    was_met: bool,
    /// The operation whose call has met it, until it is called anew.
    meets: Option<String>,
}

impl Conduct {
    /// Of an operator on this thread. What it changes is told to `told`.
    pub(super) fn new(
        cloud: &Cloud,
        name: &'static str,
        luck: Luck,
        turn: Option<Arc<Turn>>,
        told: Arc<Mutex<Vec<String>>>,
    ) -> Self {
        let (state, thread) = (cloud.layout().state(), std::thread::current().id());
        Self { name, luck, turn, state, thread, progress: Mutex::default(), told }
    }

    pub(super) fn each_call(self) -> EachCall {
        EachCall::choosing(move |call| self.before(call))
    }

    fn before(&self, call: Call<'_>) -> Option<Fault> {
        if std::thread::current().id() != self.thread {
            return self.progress().is_dead.then_some(Fault::Cut);
        }
        if call.attempt == 1 && !(call.only_reads() && self.progress().has_looked) {
            if let Some(turn) = &self.turn {
                turn.go_on();
            }
            settle(&self.state);
        }
        let fault = self.progress().fault(self.luck, call);
        if call.attempt == 1 && (fault.is_some() || !call.only_reads()) {
            let fault = fault.as_ref().map(|fault| format!(", {fault:?}")).unwrap_or_default();
            let line = format!("    {}: {}{fault}", self.name, call.operation);
            self.told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        fault
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn fault(&mut self, luck: Luck, call: Call<'_>) -> Option<Fault> {
        let fault = match luck {
            Luck::Calm => None,
            Luck::Dies { place } => {
                self.is_dead |= place.is(call, self.changes);
                self.is_dead.then_some(Fault::Cut)
            }
            Luck::Fault { mode, place, attempts } => {
                if call.attempt == 1 {
                    self.meets = (!self.was_met && place.is(call, self.changes)).then(|| call.operation.to_owned());
                    self.was_met |= self.meets.is_some();
                }
                let meets = call.attempt <= attempts && self.meets.as_deref() == Some(call.operation);
                meets.then(|| Fault::Ask(mode.to_owned()))
            }
        };
        if call.attempt == 1 {
            self.has_looked = call.only_reads();
            self.changes += u64::from(!call.only_reads());
        }
        fault
    }
}

/// Waits until no instance is on its way from one state to another.
pub(super) fn settle(state: &std::path::Path) {
    let began = Instant::now();
    loop {
        let now: Value = serde_json::from_slice(&fs_err::read(state).unwrap()).unwrap();
        let mut instances = now["instances"].as_object().unwrap().values();
        let is_on_its_way =
            |it: &Value| ["pending", "stopping", "shutting-down"].iter().any(|state| it["state"] == *state);
        if !instances.any(is_on_its_way) {
            return;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "an instance stays on its way");
        std::thread::sleep(Duration::from_millis(5));
    }
}
