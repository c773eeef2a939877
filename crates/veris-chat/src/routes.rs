//! One handler a file.

mod chat;
mod chat_stream;
mod delete_session;
mod health;
mod version;

pub(crate) use chat::chat;
pub(crate) use chat_stream::chat_stream;
pub(crate) use delete_session::delete_session;
pub(crate) use health::health;
pub(crate) use version::version;
