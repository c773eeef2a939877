//! Documents, as an author writes them, and what becomes of them. Every run is one of the real binary.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test, with its place")]

mod certificates;
mod check;
mod command_line;
mod conditions;
mod corpus;
mod documents;
mod downloads;
mod encodings;
mod features;
mod files;
mod folders;
mod loops;
mod nested;
mod parameter_store;
mod policies;
mod processes;
mod reboots;
mod s3_server;
mod support;
mod transfers;
mod updates;
