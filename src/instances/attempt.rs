//! Whether what a failed call asked for may have happened all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_ec2::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::{BoxError, ProvideErrorMetadata as _};
use aws_sdk_ec2::operation::run_instances::RunInstancesError;

/// Remembers whether an attempt of `RunInstances` had an answer from which nothing follows. The SDK repeats such attempts by itself, so
/// that its last answer alone does not tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whether there is no machine of this type in this place, while another place may have one.
pub(super) fn is_short_of_machines(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "InsufficientInstanceCapacity"
                | "InsufficientHostCapacity"
                | "InsufficientFreeAddressesInSubnet"
                // The zone of the subnet has no machines of this type at all.
                | "Unsupported"
        )
    )
}

/// Whether EC2 has certainly made nothing. It refuses a mistake with 4xx, and its own shortness with 5xx.
fn is_refusal(status: u16, code: Option<&str>) -> bool {
    (400..500).contains(&status) || is_short_of_machines(code) || code == Some("RequestLimitExceeded")
}

impl Intercept for Doubt {
    fn name(&self) -> &'static str {
        "doubt"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        let is_definite = match (status, context.output_or_error()) {
            (Some(_), Some(Ok(_))) => true,
            (Some(status), Some(Err(error))) => {
                let error = error.as_operation_error().and_then(|error| error.downcast_ref::<RunInstancesError>());
                error.is_some_and(|error| is_refusal(status, error.code()))
            }
            _ => false,
        };
        if !is_definite {
            self.0.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_ec2_itself_gave_is_a_refusal() {
        for (status, code) in
            [(500, "InsufficientInstanceCapacity"), (400, "Unsupported"), (400, "InvalidAMIID.NotFound")]
        {
            assert!(is_refusal(status, Some(code)), "{status} {code}");
        }
        for (status, code) in [(500, Some("InternalError")), (503, Some("Unavailable")), (502, None)] {
            assert!(!is_refusal(status, code), "{status} {code:?}");
        }
        assert!(!is_short_of_machines(Some("VcpuLimitExceeded")), "a quota is the same everywhere");
    }
}
