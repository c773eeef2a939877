//! The chat server that lives in the image.
//!
//! It answers from Bedrock with the instance role's credentials, streams server-sent events in the contract its clients already
//! speak and in OpenAI's, keeps conversations, and says through `/version` which bake it came from. [`Settings`] are read once;
//! [`app`] is the whole HTTP surface; [`serve`] listens until it is told to stop and then lets running answers finish.
//!
//! An answer is a task of its own (`answer/writer.rs`): it takes its session's turn, asks Bedrock, and hands each step through a
//! short queue to the route, which puts it into the words of its contract.

mod access;
mod answer;
mod api_error;
mod app;
pub mod bedrock;
mod behind;
mod chat_request;
mod completion_request;
mod config_file;
pub mod documents;
pub mod env_file;
mod library;
mod metrics;
mod model_rule;
mod observe;
mod prompt;
mod readiness;
mod references;
mod release;
mod routes;
mod server;
mod sessions;
mod settings;
mod shutdown;
mod sse;
mod tls;
mod variables;
mod watchdog;

pub use access::ApiKey;
pub use app::{AppState, StartError, app};
pub use config_file::ConfigFileError;
pub use library::{LibraryStore, QdrantCollection, StoreFailure};
pub use model_rule::warnings as model_rule_warnings;
pub use references::{Reference, ReferenceError};
pub use release::{Release, ReleaseError};
pub use server::serve;
pub use sessions::{SessionStore, StoreError, Table};
pub use settings::{
    AccessSettings, DocumentSettings, LibrarySettings, ModelSettings, OnDisconnect, SessionSettings, Settings,
    SettingsError, Timeouts,
};
