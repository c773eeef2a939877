//! The tool's parts as a user meets them, without a cloud.

mod component;
mod digest;
mod guest_binary;
mod recipe;
mod support;
