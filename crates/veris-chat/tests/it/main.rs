//! The chat server from outside: its HTTP surface in process, and the real program.

#![expect(clippy::unwrap_used, reason = "a test's own functions fail the test as well")]

mod chat;
mod completions;
mod components;
mod documents;
mod durable;
mod failures;
mod fake_bedrock;
mod leaving;
mod library;
mod moto;
mod operation;
mod page;
mod pdf;
mod program;
mod python;
mod qdrant;
mod references;
mod server;
mod sessions;
mod settings;
mod stores;
mod web;
