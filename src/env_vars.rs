//! Every environment variable the tool reads.

/// Environment to work in when `--environment` is absent.
pub const VERIS_ENVIRONMENT: &str = "VERIS_ENVIRONMENT";

/// Project directory to work in when `--project` is absent.
pub const VERIS_PROJECT: &str = "VERIS_PROJECT";

/// Directory of the local cloud; by default `$XDG_STATE_HOME/veris/local`.
pub const VERIS_LOCAL_DIR: &str = "VERIS_LOCAL_DIR";

/// Directory of what every local cloud of this user shares; by default `$XDG_CACHE_HOME/veris`.
pub const VERIS_CACHE_DIR: &str = "VERIS_CACHE_DIR";

/// Path or URL of the image that guests of the local cloud boot from, when `local up --parent` is absent.
pub const VERIS_LOCAL_PARENT: &str = "VERIS_LOCAL_PARENT";

/// SHA-256 of that image, when `local up --sha256` is absent.
pub const VERIS_LOCAL_PARENT_SHA256: &str = "VERIS_LOCAL_PARENT_SHA256";

/// What to log on stderr, in the syntax of `tracing`'s filters, such as `veris=debug`; nothing by default.
pub const VERIS_LOG: &str = "VERIS_LOG";

/// What a test lets go wrong, and at which call or journal write, counted from 1: `kill@17`, `lose@17..19`. Read by builds with debug
/// assertions.
#[cfg(debug_assertions)]
pub const VERIS_FAULT_AT: &str = "VERIS_FAULT_AT";

/// Base of state directories (XDG Base Directory Specification).
pub const XDG_STATE_HOME: &str = "XDG_STATE_HOME";

/// Base of cache directories (XDG Base Directory Specification).
pub const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";

/// Variables with this prefix would send real AWS calls elsewhere; they are refused outside the local cloud.
pub const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// Set by cargo for the programs it runs; then the user has no `veris` in the `PATH`.
pub const CARGO: &str = "CARGO";
