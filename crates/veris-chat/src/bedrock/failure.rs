//! Bedrock's errors, sorted by what has to be done about them.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::operation::converse_stream::ConverseStreamError;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;

use crate::model_rule;
use crate::settings::ModelSettings;

/// Why there is no complete answer: one line for the client, and the rest for the log.
///
/// The line for the client names cause and cure, and never repeats Bedrock's text, which holds ARNs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
    /// For the log only.
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// An explicit deny of the organisation, for the model or a region its profile fans out to.
    PolicyDenied,
    /// The role may not call the model.
    AccessDenied,
    /// There are no credentials to sign with.
    NoCredentials,
    /// The configured model id does not work here.
    ModelConfiguration,
    /// The conversation does not fit into the model's context.
    ContextTooLong,
    /// Bedrock refuses the request for another reason.
    Rejected,
    Throttled,
    Unavailable,
    Timeout,
    /// The model failed or its answer broke off.
    Model,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: detail.into() }
    }

    /// Of a call that Bedrock did not accept.
    pub(super) fn of_call<R>(error: &SdkError<ConverseStreamError, R>, settings: &ModelSettings) -> Self
    where
        R: fmt::Debug + 'static,
    {
        Self::of(error, error.code(), settings)
    }

    /// Of an answer that had begun.
    pub(super) fn of_stream<R>(error: &SdkError<ConverseStreamOutputError, R>, settings: &ModelSettings) -> Self
    where
        R: fmt::Debug + 'static,
    {
        Self::of(error, error.as_service_error().and_then(code_in_stream), settings)
    }

    fn of<E, R>(error: &SdkError<E, R>, code: Option<&str>, settings: &ModelSettings) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
    {
        let detail = detail(error);
        match error {
            SdkError::ServiceError(_) => {
                Self::of_service(code.unwrap_or_default(), error.message().unwrap_or_default(), settings, detail)
            }
            SdkError::TimeoutError(_) => Self::new(FailureKind::Timeout, BEDROCK_SLOW, detail),
            SdkError::DispatchFailure(_) if is_about_credentials(error) => {
                Self::new(FailureKind::NoCredentials, NO_CREDENTIALS, detail)
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                Self::new(FailureKind::Timeout, BEDROCK_SLOW, detail)
            }
            SdkError::DispatchFailure(_) => Self::new(
                FailureKind::Unavailable,
                format!(
                    "the connection to Bedrock in {} failed: check the network of the instance, and send the message again",
                    settings.region
                ),
                detail,
            ),
            _ => Self::new(FailureKind::Model, BROKE_OFF, detail),
        }
    }

    /// Sorts by code first and by message second.
    fn of_service(code: &str, message: &str, settings: &ModelSettings, detail: String) -> Self {
        let model_id = &settings.model_id;
        let (kind, message) = match code.trim_end_matches("Exception") {
            "AccessDenied" if message.contains("service control policy") => {
                (FailureKind::PolicyDenied, denied_by_policy(settings))
            }
            "AccessDenied" => (
                FailureKind::AccessDenied,
                format!("the instance role may not call model `{model_id}`: allow bedrock:InvokeModelWithResponseStream on its inference profile and foundation model"),
            ),
            "UnrecognizedClient" | "ExpiredToken" | "InvalidSignature" | "IncompleteSignature" | "MissingAuthenticationToken" => {
                (FailureKind::NoCredentials, "Bedrock does not accept the instance role's credentials: check the instance profile and the clock of the instance".to_owned())
            }
            "ResourceNotFound" => (FailureKind::ModelConfiguration, invalid_model(settings)),
            "Validation" if is_about_model_id(message) => (FailureKind::ModelConfiguration, invalid_model(settings)),
            "Validation" if is_about_length(message) => return Self { detail, ..Self::context_too_long() },
            "Validation" => (FailureKind::Rejected, "Bedrock rejected the conversation: start a new session, and report it with the time if it happens again".to_owned()),
            "Throttling" | "TooManyRequests" | "ServiceQuotaExceeded" => {
                (FailureKind::Throttled, "Bedrock's quota for this model is used up for the moment: wait and send the message again".to_owned())
            }
            "ModelTimeout" => (FailureKind::Timeout, BEDROCK_SLOW.to_owned()),
            "ServiceUnavailable" | "InternalServer" | "ModelNotReady" => {
                (FailureKind::Unavailable, "Bedrock is not available at the moment: wait and send the message again".to_owned())
            }
            _ => (FailureKind::Model, "the model failed while it answered: send the message again".to_owned()),
        };
        Self::new(kind, message, detail)
    }

    pub(super) fn context_too_long() -> Self {
        let message = "the conversation is too long for the model: shorten the message or start a new session";
        Self::new(FailureKind::ContextTooLong, message, "the model's context window is exceeded")
    }

    pub(super) fn silent(waited: Duration) -> Self {
        Self::new(FailureKind::Timeout, BEDROCK_SLOW, format!("no event for {} s", waited.as_secs()))
    }

    pub(super) fn truncated() -> Self {
        Self::new(FailureKind::Model, BROKE_OFF, "the stream ended without messageStop")
    }

    pub(super) fn unsendable(error: &impl Error) -> Self {
        Self::new(FailureKind::Rejected, "the conversation cannot be sent: start a new session", error.to_string())
    }
}

const BEDROCK_SLOW: &str = "Bedrock did not answer in time: send the message again";
const BROKE_OFF: &str = "Bedrock's answer broke off before its end: send the message again";
const NO_CREDENTIALS: &str = "the instance has no role credentials to call Bedrock with: attach the instance profile";

fn denied_by_policy(settings: &ModelSettings) -> String {
    let model_id = &settings.model_id;
    match model_rule::warnings(model_id, &settings.region).first() {
        Some(cure) => cure.clone(),
        None => format!(
            "the organisation's policy denies model `{model_id}` in a region its profile calls: ask its administrator to allow us-east-1, us-east-2 and us-west-2"
        ),
    }
}

fn invalid_model(settings: &ModelSettings) -> String {
    let ModelSettings { model_id, region, .. } = settings;
    match model_rule::warnings(model_id, region).pop() {
        Some(cure) => format!("Bedrock does not know model `{model_id}` in {region}: {cure}"),
        None => format!(
            "Bedrock does not know model `{model_id}` in {region}: set MODEL_ID to an inference profile of this region"
        ),
    }
}

fn is_about_model_id(message: &str) -> bool {
    message.contains("model identifier is invalid") || message.contains("on-demand throughput")
}

fn is_about_length(message: &str) -> bool {
    message.contains("too long") || message.contains("context window") || message.contains("too many input tokens")
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(<dyn Error>::is::<CredentialsError>)
}

/// The code of an exception frame, which the SDK knows as a type but does not tell as a code.
fn code_in_stream(error: &ConverseStreamOutputError) -> Option<&'static str> {
    match error {
        ConverseStreamOutputError::InternalServerException(_) => Some("InternalServerException"),
        ConverseStreamOutputError::ServiceUnavailableException(_) => Some("ServiceUnavailableException"),
        ConverseStreamOutputError::ThrottlingException(_) => Some("ThrottlingException"),
        ConverseStreamOutputError::ValidationException(_) => Some("ValidationException"),
        _ => None,
    }
}

fn detail<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    if let (Some(code), Some(message)) = (error.code(), error.message()) {
        return format!("{code}: {message}");
    }
    let mut text = String::new();
    for cause in chain(error) {
        let separator = if text.is_empty() { "" } else { ": " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{cause}");
    }
    text
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}
