//! Faults that a client asks for, so that it can be seen how it fares when the cloud is at its worst.
//!
//! A cloud that was started to inject faults looks at the header `x-local-cloud-fault` of each request whose signature holds. The
//! header itself need not be signed.

use std::time::Duration;

use hyper::HeaderMap;

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::Response;
use crate::wire::Protocol;

const HEADER: &str = "x-local-cloud-fault";

/// What is to go wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Injection {
    /// It is refused, and nothing is done.
    Refuse(Refusal),
    /// It is done, and the connection ends without an answer.
    Lose,
    /// It is done after this time.
    Slow(Duration),
    /// It is answered from what was there this time ago, where it only reads.
    Stale(Duration),
    /// It is answered from what was there before the last call that could change anything, where it only reads.
    Unseen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The service fails; a client may try again.
    Error,
    /// The client asks too often; it may try again later.
    Throttle,
    /// The caller may not do this.
    Deny,
    /// The caller's credentials have expired.
    Expire,
}

/// In the extensions of a response that its client must not get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lost;

impl Injection {
    /// What the request asks for. A cloud that injects nothing refuses it, so that nobody believes to have tested something.
    pub(super) fn asked(cloud: &Cloud, headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let Some(value) = headers.get(HEADER) else { return Ok(None) };
        let value = value.to_str().unwrap_or_default();
        if !cloud.injects_faults {
            let message = format!("{HEADER}: this local cloud was started without `--faults`");
            return Err(Fault::client("FaultsNotEnabled", message));
        }
        let unknown = || {
            let message =
                format!("{HEADER} is error, throttle, deny, expire, lose, slow=MS, stale=MS or unseen, not `{value}`");
            Fault::client("UnknownFault", message)
        };
        Self::parse(value).map(Some).ok_or_else(unknown)
    }

    fn parse(value: &str) -> Option<Self> {
        let (name, milliseconds) = match value.split_once('=') {
            Some((name, digits)) => (name, Some(Duration::from_millis(digits.parse::<u32>().ok()?.into()))),
            None => (value, None),
        };
        Some(match (name, milliseconds) {
            ("error", None) => Self::Refuse(Refusal::Error),
            ("throttle", None) => Self::Refuse(Refusal::Throttle),
            ("deny", None) => Self::Refuse(Refusal::Deny),
            ("expire", None) => Self::Refuse(Refusal::Expire),
            ("lose", None) => Self::Lose,
            ("slow", Some(time)) => Self::Slow(time),
            ("stale", Some(time)) => Self::Stale(time),
            ("unseen", None) => Self::Unseen,
            _ => return None,
        })
    }

    /// Does what was asked for, with `answer` as the request's own answer.
    pub(super) async fn around(
        self,
        cloud: &Cloud,
        (protocol, action): (Protocol, &str),
        answer: impl Future<Output = Response>,
    ) -> Response {
        tracing::info!(fault = ?self, action, "a fault was asked for");
        match self {
            Self::Refuse(refusal) => protocol.fault(&refusal.fault(protocol)),
            Self::Lose => {
                let mut response = answer.await;
                response.extensions_mut().insert(Lost);
                response
            }
            Self::Slow(time) => {
                tokio::time::sleep(time).await;
                answer.await
            }
            Self::Stale(time) if only_reads(action) => cloud.store.as_it_was(time, answer).await,
            Self::Unseen if only_reads(action) => cloud.store.as_it_was_before_the_last_call(answer).await,
            Self::Stale(_) | Self::Unseen => answer.await,
        }
    }
}

/// Whether a request with this action changes nothing.
pub(super) fn only_reads(action: &str) -> bool {
    ["Describe", "Get", "List"].iter().any(|verb| action.starts_with(verb))
}

impl Refusal {
    /// In each service's own words: clients tell these apart by code and status.
    fn fault(self, protocol: Protocol) -> Fault {
        use Protocol::{Ec2Query, Json11, Query, RestJson, RestXml};
        let (status, code) = match (self, protocol) {
            (Self::Error, Ec2Query | RestXml) => (500, "InternalError"),
            (Self::Error, Query) => (500, "InternalFailure"),
            (Self::Error, Json11) => (500, "InternalServerError"),
            (Self::Error, RestJson) => (500, "ServiceException"),
            (Self::Throttle, Ec2Query) => (503, "RequestLimitExceeded"),
            (Self::Throttle, RestXml) => (503, "SlowDown"),
            (Self::Throttle, Query) => (400, "Throttling"),
            (Self::Throttle, Json11) => (400, "ThrottlingException"),
            (Self::Throttle, RestJson) => (429, "CallRateLimitExceededException"),
            (Self::Deny, Ec2Query) => (403, "UnauthorizedOperation"),
            (Self::Deny, RestXml | Query) => (403, "AccessDenied"),
            (Self::Deny, Json11) => (400, "AccessDeniedException"),
            (Self::Deny, RestJson) => (403, "AccessDeniedException"),
            (Self::Expire, Ec2Query) => (400, "RequestExpired"),
            (Self::Expire, RestXml) => (400, "ExpiredToken"),
            (Self::Expire, Query) => (403, "ExpiredToken"),
            (Self::Expire, Json11) => (400, "ExpiredTokenException"),
            (Self::Expire, RestJson) => (403, "ExpiredTokenException"),
        };
        Fault::new(status, code, format!("The request asked for this with {HEADER}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_fault_is_refused() {
        assert_eq!(Injection::parse("stale=1500"), Some(Injection::Stale(Duration::from_millis(1500))));
        for unknown in ["", "stale", "stale=", "stale=-1", "lose=3", "unseen=1", "Error", "slow=99999999999"] {
            assert_eq!(Injection::parse(unknown), None, "{unknown}");
        }
    }
}
