//! The chat server from outside: its HTTP surface in process, and the real program.

mod chat;
mod components;
mod failures;
mod fake_bedrock;
mod leaving;
mod program;
mod server;
mod settings;
