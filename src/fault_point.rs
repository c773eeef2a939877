//! Places at which a test lets something go wrong: before each AWS call is sent and before each write of a journal. There a
//! program can be killed, as a crash or a pulled plug would, or have the local cloud answer as badly as AWS can. Only builds
//! with debug assertions read what [`crate::env_vars::VERIS_FAULT_AT`] asks for.
//!
//! Nothing outside of the program changes between two such places but what the first one leads to, so to be killed at the second
//! one is to be killed once the answer of the call has come, or the line has been written.

use std::fmt;
use std::sync::Arc;

use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;

/// By which the local cloud is asked for a fault: `crates/local-cloud/SEMANTICS.md` lists them.
const HEADER: &str = "x-local-cloud-fault";

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is never sent, and neither is any later one of these clients, where the test says so.
    Cut,
    /// The local cloud is asked for this.
    Ask(String),
}

/// A call that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// As AWS names it, such as `RunInstances`.
    pub operation: &'a str,
    /// From 1 on; later ones are the SDK's own repetitions.
    pub attempt: u32,
}

impl Call<'_> {
    /// Whether it changes nothing.
    pub fn only_reads(self) -> bool {
        ["Describe", "Get", "Head", "List"].iter().any(|verb| self.operation.starts_with(verb))
    }
}

/// Passes a place before each call of a client is sent.
#[derive(Clone, Default)]
pub struct EachCall(Option<Arc<Choose>>);

type Choose = dyn Fn(Call<'_>) -> Option<Fault> + Send + Sync;

impl EachCall {
    /// Clients whose calls fail as `choose` says, asked before each.
    pub fn choosing(choose: impl Fn(Call<'_>) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(choose)))
    }
}

impl fmt::Debug for EachCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EachCall").field(&self.0.is_some()).finish()
    }
}

impl Intercept for EachCall {
    fn name(&self) -> &'static str {
        "fault points"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let fault = match &self.0 {
            Some(choose) => {
                let operation = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
                let attempt = config.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
                choose(Call { operation, attempt })
            }
            None => process::pass(),
        };
        match fault {
            Some(Fault::Cut) => Err("the test has cut this client off".into()),
            Some(Fault::Ask(fault)) => {
                context.request_mut().headers_mut().insert(HEADER, fault);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Counts a place at which no call is sent: only being killed can happen here.
pub fn pass() {
    let _ = process::pass();
}

/// Nobody disturbs a release.
#[cfg(not(debug_assertions))]
mod process {
    pub(super) fn pass() -> Option<super::Fault> {
        None
    }
}

#[cfg(debug_assertions)]
mod process {
    use std::ops::RangeInclusive;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Fault;

    /// `kill@17`, `lose@17` or, to meet the repetitions of a call as well, `lose@17..19`.
    struct Asked {
        what: String,
        places: RangeInclusive<u64>,
    }

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static ASKED: LazyLock<Option<Asked>> =
        LazyLock::new(|| parse(&std::env::var(crate::env_vars::VERIS_FAULT_AT).ok()?));

    pub(super) fn pass() -> Option<Fault> {
        let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        let asked = ASKED.as_ref().filter(|asked| asked.places.contains(&passed))?;
        if asked.what == "kill" {
            // Nothing of ours runs after this signal; if it cannot be sent, the test notices that we live.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        Some(Fault::Ask(asked.what.clone()))
    }

    fn parse(text: &str) -> Option<Asked> {
        let (what, places) = text.split_once('@')?;
        let (first, last) = places.split_once("..").unwrap_or((places, places));
        Some(Asked { what: what.to_owned(), places: first.parse().ok()?..=last.parse().ok()? })
    }
}
