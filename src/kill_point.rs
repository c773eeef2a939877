//! Places at which a test may kill this program, as a crash or a pulled plug would: before each AWS call is sent and before each
//! write of a journal. Only builds with debug assertions can be killed so.
//!
//! Nothing outside of the program changes between two such places but what the first one leads to, so to be killed at the second
//! one is to be killed once the answer of the call has come, or the line has been written.

use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;

/// Counts this place, and ends the process if it is the one that [`crate::env_vars::VERIS_KILL_AT`] names.
#[cfg(debug_assertions)]
pub fn pass() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static LAST: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var(crate::env_vars::VERIS_KILL_AT).ok()?.parse().ok());
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if *LAST == Some(passed) {
        // Nothing of ours runs after this signal; if it cannot be sent, the test notices that we live.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nobody kills a release.
#[cfg(not(debug_assertions))]
pub fn pass() {}

/// Passes a place before each call of a client is sent.
#[derive(Debug, Clone, Copy)]
pub struct EachCall;

impl Intercept for EachCall {
    fn name(&self) -> &'static str {
        "kill points"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        pass();
        Ok(())
    }
}
