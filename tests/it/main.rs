//! The tool and its parts as a user meets them; only `boots` boots machines, and comes first, because it takes longest.
#![expect(clippy::unwrap_used, reason = "a test's helper fails as its test does")]

mod boots;
mod check;
mod command;
mod component;
mod contents;
mod crashes;
mod day_two;
mod deploy;
mod digest;
mod disk_check;
mod distribution;
mod doctor;
mod env_file;
mod errors;
mod events;
mod firewall;
mod gc;
mod guest_binary;
mod help;
mod local;
mod log_in;
mod moto;
#[path = "../../crates/veris-chat/tests/it/pdf.rs"]
mod pdf;
mod provenance;
mod prune;
#[path = "../../crates/veris-chat/tests/it/python.rs"]
mod python;
mod recipe;
mod release;
mod setup;
mod stand_in;
mod support;
