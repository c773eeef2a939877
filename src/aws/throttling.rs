//! Image Builder throttles with a status and a code that the SDK does not retry by itself.

use aws_sdk_imagebuilder::config::interceptors::InterceptorContext;
use aws_sdk_imagebuilder::config::retry::{ClassifyRetry, RetryAction};

/// Retries HTTP 429 (`CallRateLimitExceededException`), slowly.
#[derive(Debug)]
pub(super) struct TooManyRequests;

impl ClassifyRetry for TooManyRequests {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(429) => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "HTTP 429"
    }
}
