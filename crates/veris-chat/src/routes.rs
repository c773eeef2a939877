//! One handler a file.

mod chat;
mod chat_stream;
mod chunk;
mod completions;
mod delete_session;
mod documentation;
mod health;
mod metrics;
mod models;
mod page;
mod ready;
mod version;

pub(crate) use chat::chat;
pub(crate) use chat_stream::chat_stream;
pub(crate) use completions::completions;
pub(crate) use delete_session::delete_session;
pub(crate) use documentation::{docs, openapi};
pub(crate) use health::health;
pub(crate) use metrics::metrics;
pub(crate) use models::{models, one_model};
pub(crate) use page::page;
pub(crate) use ready::ready;
pub(crate) use version::version;
