//! A signal to the runner ends the step that runs, all of its processes, and then the run.

use std::sync::mpsc::Sender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::process::Event;

/// Shared between the thread that hears signals and the one that runs steps.
#[derive(Default)]
pub struct Interrupt {
    state: Mutex<State>,
    requested: Condvar,
}

#[derive(Default)]
struct State {
    signal: Option<i32>,
    running: Option<(Pid, Sender<Event>)>,
}

/// While it lives, a signal kills the process group.
pub(crate) struct Watched<'a>(&'a Interrupt);

impl Interrupt {
    /// Asks the run to end because of `signal`.
    pub fn request(&self, signal: i32) {
        let mut state = self.lock();
        state.signal = Some(signal);
        if let Some((group, events)) = &state.running {
            // The group may be ending by itself right now, which is as good.
            let _ = kill_process_group(*group, Signal::KILL);
            let _ = events.send(Event::Interrupted);
        }
        self.requested.notify_all();
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        self.lock().signal
    }

    /// Waits out a pause, shorter when a signal comes.
    pub(crate) fn pause(&self, length: Duration) {
        let waited = self.requested.wait_timeout_while(self.lock(), length, |state| state.signal.is_none());
        drop(waited);
    }

    /// The group has to be that of a child which was not waited for, so that its number cannot be another's.
    pub(crate) fn watch(&self, group: Pid, events: Sender<Event>) -> Watched<'_> {
        let mut state = self.lock();
        if state.signal.is_some() {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = events.send(Event::Interrupted);
        }
        state.running = Some((group, events));
        Watched(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.lock().running = None;
    }
}
