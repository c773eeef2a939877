//! The tool and its parts as a user meets them, without a guest.

mod command;
mod component;
mod digest;
mod env_file;
mod errors;
mod guest_binary;
mod help;
mod local;
mod recipe;
mod support;
