//! The words in which each protocol turns a signature away.

use crate::fault::Fault;
use crate::sigv4::Rejection;
use crate::wire::Protocol;

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. \
                        Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

pub(super) fn fault(protocol: Protocol, rejection: &Rejection) -> Fault {
    match protocol {
        Protocol::Ec2Query => ec2(rejection),
        Protocol::Query => coded(rejection, 403, &QUERY_CODES),
        Protocol::Json11 => coded(rejection, 400, &JSON_CODES),
        Protocol::RestJson => coded(rejection, 403, &JSON_CODES),
        Protocol::RestXml => s3(rejection),
    }
}

/// Error codes for: nothing signed, unreadable, unknown key, expired token, wrong signature.
type Codes = [&'static str; 5];

const QUERY_CODES: Codes = [
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "ExpiredToken",
    "SignatureDoesNotMatch",
];

const JSON_CODES: Codes = [
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidSignatureException",
];

const VERSION_2: &str = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";

fn coded(rejection: &Rejection, status: u16, [unsigned, incomplete, unknown, expired, mismatch]: &Codes) -> Fault {
    let (code, message) = match rejection {
        Rejection::Unsigned => (unsigned, "Missing Authentication Token"),
        Rejection::Version2 => (incomplete, VERSION_2),
        Rejection::Incomplete(message) => (incomplete, message.as_str()),
        Rejection::UnknownKey | Rejection::WrongToken => {
            (unknown, "The security token included in the request is invalid.")
        }
        Rejection::ExpiredToken => (expired, "The security token included in the request is expired"),
        Rejection::Skewed(message) => (mismatch, message.as_str()),
        Rejection::WrongSignature => (mismatch, MISMATCH),
    };
    let status = if matches!(rejection, Rejection::Incomplete(_)) { 400 } else { status };
    Fault::new(status, *code, message)
}

fn ec2(rejection: &Rejection) -> Fault {
    let not_validated = "AWS was not able to validate the provided access credentials";
    match rejection {
        Rejection::Unsigned => Fault::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
        Rejection::Version2 => Fault::client("IncompleteSignature", VERSION_2),
        Rejection::Incomplete(message) => Fault::client("IncompleteSignature", message),
        Rejection::ExpiredToken => Fault::client("RequestExpired", "Request has expired."),
        Rejection::Skewed(message) => Fault::client("RequestExpired", format!("Request has expired. {message}")),
        Rejection::UnknownKey | Rejection::WrongToken => Fault::new(401, "AuthFailure", not_validated),
        Rejection::WrongSignature => Fault::new(403, "SignatureDoesNotMatch", MISMATCH),
    }
}

fn s3(rejection: &Rejection) -> Fault {
    match rejection {
        Rejection::Unsigned => Fault::new(403, "AccessDenied", "Access Denied"),
        Rejection::Version2 => Fault::client("InvalidRequest", VERSION_2),
        Rejection::Incomplete(message) => Fault::client("AuthorizationHeaderMalformed", message),
        Rejection::UnknownKey => {
            Fault::new(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
        }
        Rejection::WrongToken => Fault::client("InvalidToken", "The provided token is malformed or otherwise invalid."),
        Rejection::ExpiredToken => Fault::client("ExpiredToken", "The provided token has expired."),
        Rejection::Skewed(message) => Fault::new(
            403,
            "RequestTimeTooSkewed",
            format!("The difference between the request time and the current time is too large. {message}"),
        ),
        Rejection::WrongSignature => Fault::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ),
    }
}
