//! The tool and its parts as a user meets them; only `guests` boots machines.

mod command;
mod component;
mod digest;
mod env_file;
mod errors;
mod guest_binary;
mod guests;
mod help;
mod local;
mod recipe;
mod support;
