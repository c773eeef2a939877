//! Two operators in a drawn order: one of them goes on at a time, until its next call that matters.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

/// How two operators take turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) seed: u64,
    /// The other goes on after one call of so many.
    pub(super) one_in: u32,
}

struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    random: Rng,
    one_in: u32,
    whose: usize,
    over: [bool; 2],
}

/// One of the two.
pub(super) struct Turn {
    turns: Arc<Turns>,
    me: usize,
}

impl Order {
    pub(super) fn turns(self) -> [Turn; 2] {
        let mut random = Rng::with_seed(self.seed);
        let state = State { whose: random.usize(..2), random, one_in: self.one_in, over: [false; 2] };
        let turns = Arc::new(Turns { state: Mutex::new(state), changed: Condvar::new() });
        [0, 1].map(|me| Turn { turns: Arc::clone(&turns), me })
    }
}

impl Turn {
    /// Answers when this one is to begin.
    pub(super) fn begin(&self) {
        self.wait(self.turns.lock());
    }

    /// Answers when this one is to go on. Only whoever has the turn asks, so that the draws come in one order.
    pub(super) fn go_on(&self) {
        let mut state = self.turns.lock();
        let other = 1 - self.me;
        let one_in = state.one_in;
        if !state.over[other] && state.random.u32(..one_in) == 0 {
            state.whose = other;
            self.turns.changed.notify_all();
        }
        self.wait(state);
    }

    /// Takes no further turn.
    pub(super) fn end(&self) {
        let mut state = self.turns.lock();
        state.over[self.me] = true;
        state.whose = 1 - self.me;
        self.turns.changed.notify_all();
    }

    fn wait(&self, mut state: MutexGuard<'_, State>) {
        while state.whose != self.me {
            state = self.turns.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}
