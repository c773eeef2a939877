//! What a service answers when it cannot do what was asked: AWS's error code, status and message.

/// An error as AWS would answer it. Each protocol in [`crate::wire`] renders it in its own shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// HTTP status, such as 400.
    pub status: u16,
    /// AWS's error code, such as `InvalidAMIID.NotFound`.
    pub code: String,
    pub message: String,
}

impl Fault {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// The caller's mistake, status 400.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// Our mistake or the host's (no disk space, QEMU missing), status 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// What the Query services answer to an operation they do not know.
    pub fn invalid_action(action: Option<&str>) -> Self {
        match action {
            Some(action) => {
                Self::client("InvalidAction", format!("The action {action} is not valid for this web service."))
            }
            None => Self::client("MissingAction", "The request must contain the parameter Action"),
        }
    }
}
