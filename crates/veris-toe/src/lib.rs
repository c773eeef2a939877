//! An open implementation of the AWSTOE component language.
//!
//! A component document is YAML: phases made of steps, each step an action module with inputs. This crate reads one
//! strictly ([`document::parse`]) and runs it in place, on the machine it runs on ([`execute::run`]).
//!
//! - [`document`]: text to [`document::Document`]; whatever is wrong is found here, before anything runs
//! - [`expression`]: `{{ … }}` in step inputs
//! - [`condition`]: `if` and `Assert`
//! - [`action`]: the action modules
//! - [`execute`]: phases in document order, failure policy, attempts, timeouts
//! - [`report`]: what AWSTOE writes about a run
//!
#![doc = include_str!("../FEATURES.md")]

pub mod action;
pub mod check;
pub mod condition;
pub mod console;
mod deadline;
pub mod document;
mod download;
pub mod environment;
pub mod execute;
pub mod explain;
pub mod expression;
mod http;
pub mod interrupt;
pub mod log_directory;
pub mod orphans;
mod parameter_store;
mod process;
pub mod report;
pub mod request;
mod s3;
mod secrets;
mod suggest;
mod yaml;
