//! What downloads and S3 have in common: time limits of a request, and trying again what may pass by itself.

use std::io::ErrorKind;
use std::time::Duration;

use ureq::tls::TlsConfig;

use crate::action::{ActionError, StepContext};
use crate::explain::explain;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the first byte of an answer, and between two pieces of what is sent or received.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// As much of an error's body as is looked at.
pub(crate) const MAX_ERROR_BODY: u64 = 4096;

#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// Signed requests must not follow a redirect.
    pub(crate) redirects: u32,
    pub(crate) verify_certificates: bool,
    /// For the whole exchange; `None` without a limit.
    pub(crate) limit: Option<Duration>,
}

pub(crate) fn agent(rules: Rules) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(STALL_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT))
        .timeout_per_write(Some(STALL_TIMEOUT))
        .timeout_global(rules.limit)
        .max_redirects(rules.redirects)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().disable_verification(!rules.verify_certificates).build())
        .build()
        .new_agent()
}

/// Attempts up to `attempts` times, with growing pauses, as long as the failure [may pass](ActionError::may_pass).
pub(crate) fn patiently<T>(
    attempts: u32,
    step: &StepContext<'_>,
    mut attempt: impl FnMut() -> Result<T, ActionError>,
) -> Result<T, ActionError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..attempts {
        match attempt() {
            Err(error) if error.may_pass() => {
                step.may_go_on()?;
                step.voice.line(&format!("{}; trying again", explain(&error)));
            }
            other => return other,
        }
        step.interrupt.pause(step.deadline.remaining().map_or(pause, |left| left.min(pause)));
        step.may_go_on()?;
        pause *= 2;
    }
    attempt()
}

/// Whether a server that answered so may answer otherwise later.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}

/// Whether a connection that failed may hold another time. A certificate that was refused stays what it is.
pub(crate) fn may_hold(error: &ureq::Error) -> bool {
    !matches!(error, ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData)
}

/// What S3's error document says, for the end of a sentence.
pub(crate) fn describe(body: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim().replace(char::is_control, " "))
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!(" {code}: {message}"),
        (Some(code), None) => format!(" {code}"),
        _ => String::new(),
    }
}
