//! What only the demo needs: preparing the host, chatting, and keeping the time.

pub mod chat;
pub mod earlier;
pub mod host;
pub mod timeline;
