//! Telling systemd that the server has started, that it lives, and that it stops.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;

/// Outside systemd these do nothing.
pub(crate) fn started() {
    tell(&[NotifyState::Ready]);
}

pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Sends a sign of life in time, from the threads that serve connections: when they hang, the signs end. Never returns.
pub(crate) async fn stay_alive() -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut signs = tokio::time::interval(Duration::max(limit / 3, Duration::from_millis(100)));
    loop {
        signs.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("systemd cannot be told how the server is: {error}");
    }
}
