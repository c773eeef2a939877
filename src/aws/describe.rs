//! An SDK error in one line: what was attempted, AWS's code and message, the request's id, and a cure where one is known.

use std::error::Error;

use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId as _;

use crate::error::{Failure, cloud};

/// `attempted` is a verb phrase such as "describe the images of veris-chat".
pub fn describe<E>(attempted: &str, error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let Some(code) = error.code() {
        let message = error.message().unwrap_or("no message");
        let request = error.meta().request_id().or_else(|| error.request_id());
        let request = request.map(|id| format!(" (request {id})")).unwrap_or_default();
        let mut failure = cloud(format!("failed to {attempted}: {code}: {message}{request}"));
        if matches!(code, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired") {
            failure = failure.expired();
        }
        return match cure(code) {
            Some(cure) => failure.hint(cure),
            None => failure,
        };
    }
    let chain = DisplayErrorContext(error).to_string();
    let failure = cloud(format!("failed to {attempted}: {}", causes(error)));
    if chain.contains("ExpiredToken") || chain.contains("token has expired") || chain.contains("SsoToken") {
        return failure.expired().hint("the SSO session is over: run `aws sso login`, then the same command again");
    }
    match error {
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() || dispatch.is_timeout() => {
            failure.hint("check the network; for the local cloud `veris local status` tells whether it runs")
        }
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            failure.hint("check the AWS credentials: `aws sts get-caller-identity` must work")
        }
        _ => failure,
    }
}

fn cure(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" => {
            "the credentials expired: run `aws sso login`, then the same command again"
        }
        // EC2's word for it.
        "RequestExpired" => {
            "the credentials expired, or this machine's clock is wrong: run `aws sso login`, then the same command again"
        }
        "RequestTimeTooSkewed" => "this machine's clock is wrong: set it, then run the same command again",
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            "the operator's role lacks this permission; ask the account's administrator"
        }
        "AuthFailure" | "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => {
            "the credentials do not belong to this account or cloud: check AWS_PROFILE and AWS_ACCESS_KEY_ID"
        }
        "AddressLimitExceeded" => "the region's quota of Elastic IPs (5 by default) is used up; release one",
        "VcpuLimitExceeded" | "InstanceLimitExceeded" => {
            "the account's quota is used up; terminate instances or ask for more"
        }
        "InsufficientInstanceCapacity" | "InsufficientHostCapacity" => {
            "AWS has no machine of this type free there; try again in minutes, or name several below `instance_types` and `subnets` \
             of the recipe: they are tried in order"
        }
        _ => return None,
    })
}

/// Every cause once: the SDK's errors repeat each other at times.
fn causes(error: &dyn Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}
