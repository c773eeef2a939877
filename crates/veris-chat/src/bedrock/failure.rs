//! Bedrock's errors, sorted by what has to be done about them.

use std::error::Error;
use std::fmt::{self, Write as _};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;

use crate::model_rule;
use crate::settings::ModelSettings;

/// Why there is no complete answer: one line for the client, and the rest for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// Names cause and cure, and never repeats Bedrock's text, which holds ARNs.
    pub(crate) message: String,
    /// For the log only.
    pub(crate) detail: String,
}

/// The variants' names are also those in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// An explicit deny of the organisation, for the model or a region its profile fans out to.
    PolicyDenied,
    /// The role may not call the model.
    AccessDenied,
    /// The metadata service has no credentials to sign with.
    NoCredentials,
    CredentialsRejected,
    /// The configured model id does not work in the configured region.
    ModelConfiguration,
    ContextTooLong,
    /// Bedrock refuses the conversation for another reason than its length.
    Rejected,
    Throttled,
    Unavailable,
    /// The connection failed, before or in the middle of the answer.
    Unreachable,
    Timeout,
    ModelFailed,
    /// The stream ended before the answer did.
    BrokeOff,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, settings: &ModelSettings, detail: impl Into<String>) -> Self {
        Self { kind, message: kind.message(settings), detail: detail.into() }
    }

    /// Of a call that Bedrock did not accept.
    pub(crate) fn of_call<E, R>(error: &SdkError<E, R>, settings: &ModelSettings) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: fmt::Debug + 'static,
    {
        Self::new(kind(error, error.code()), settings, detail(error))
    }

    /// Of an answer that had begun.
    pub(super) fn of_stream<R>(error: &SdkError<ConverseStreamOutputError, R>, settings: &ModelSettings) -> Self
    where
        R: fmt::Debug + 'static,
    {
        Self::new(kind(error, error.as_service_error().and_then(code_in_stream)), settings, detail(error))
    }
}

impl FailureKind {
    fn message(self, settings: &ModelSettings) -> String {
        let ModelSettings { model_id, region, .. } = settings;
        let fixed = match self {
            Self::PolicyDenied => return denied_by_policy(settings),
            Self::ModelConfiguration => return unknown_model(settings),
            Self::AccessDenied => {
                return format!(
                    "the instance role may not call model `{model_id}`: allow bedrock:InvokeModelWithResponseStream \
                     on its inference profile and its foundation model"
                );
            }
            Self::Unreachable => {
                return format!(
                    "the connection to Bedrock in {region} failed: check the network of the instance, and send the \
                     message again"
                );
            }
            Self::NoCredentials => {
                "the instance has no role credentials to call Bedrock with: attach the instance profile"
            }
            Self::CredentialsRejected => {
                "Bedrock does not accept the credentials of the instance role: check the instance profile and the \
                 clock of the instance"
            }
            Self::ContextTooLong => {
                "the conversation is too long for the model: shorten the message or start a new session"
            }
            Self::Rejected => {
                "Bedrock rejected the conversation: start a new session, and report it with the time if it happens \
                 again"
            }
            Self::Throttled => {
                "Bedrock's quota for this model is used up for the moment: wait and send the message again"
            }
            Self::Unavailable => "Bedrock is not available at the moment: wait and send the message again",
            Self::Timeout => "Bedrock did not answer in time: send the message again",
            Self::ModelFailed => "the model failed while it answered: send the message again",
            Self::BrokeOff => "Bedrock's answer broke off before its end: send the message again",
        };
        fixed.to_owned()
    }

    /// By code first and by message second: "Too many tokens" is throttling and not a long conversation.
    fn of_service(code: &str, message: &str) -> Self {
        match code.trim_end_matches("Exception") {
            "AccessDenied" if message.contains("service control policy") => Self::PolicyDenied,
            "AccessDenied" => Self::AccessDenied,
            "ExpiredToken"
            | "IncompleteSignature"
            | "InvalidSignature"
            | "MissingAuthenticationToken"
            | "UnrecognizedClient" => Self::CredentialsRejected,
            "ResourceNotFound" => Self::ModelConfiguration,
            "Validation" if is_about_model_id(message) => Self::ModelConfiguration,
            "Validation" if is_about_length(message) => Self::ContextTooLong,
            "Validation" => Self::Rejected,
            "ServiceQuotaExceeded" | "Throttling" | "TooManyRequests" => Self::Throttled,
            "InternalServer" | "ModelNotReady" | "ServiceUnavailable" => Self::Unavailable,
            "ModelTimeout" => Self::Timeout,
            _ => Self::ModelFailed,
        }
    }
}

fn kind<E, R>(error: &SdkError<E, R>, code: Option<&str>) -> FailureKind
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    match error {
        SdkError::ServiceError(_) => {
            FailureKind::of_service(code.unwrap_or_default(), error.message().unwrap_or_default())
        }
        SdkError::TimeoutError(_) => FailureKind::Timeout,
        SdkError::DispatchFailure(_) if is_about_credentials(error) => FailureKind::NoCredentials,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => FailureKind::Timeout,
        SdkError::DispatchFailure(_) => FailureKind::Unreachable,
        _ => FailureKind::BrokeOff,
    }
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

fn denied_by_policy(settings: &ModelSettings) -> String {
    let ModelSettings { model_id, region, .. } = settings;
    model_rule::warnings(model_id, region).into_iter().next().unwrap_or_else(|| {
        format!(
            "the organisation's policy denies model `{model_id}` in a region its profile calls: ask its administrator \
             to allow us-east-1, us-east-2 and us-west-2"
        )
    })
}

fn unknown_model(settings: &ModelSettings) -> String {
    let ModelSettings { model_id, region, .. } = settings;
    // The region comes last: from another region even a good id is unknown.
    let cure = model_rule::warnings(model_id, region)
        .pop()
        .unwrap_or_else(|| "set MODEL_ID to an inference profile of this region".to_owned());
    format!("Bedrock does not know model `{model_id}` in {region}: {cure}")
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
