//! An open implementation of the AWSTOE component language.
//!
//! A component document is YAML: phases made of steps, each step an action module with inputs. This crate reads one
//! strictly ([`document::parse`]) and runs it in place, on the machine it runs on ([`execute::run`]).
//!
//! ```
//! use veris_toe::{check, document};
//!
//! let text = "
//! schemaVersion: 1.0
//! phases:
//!   - name: build
//!     steps:
//!       - name: Greet
//!         action: ExecuteBsh
//!         inputs: {commands: [echo hello]}
//! ";
//! let findings = check::check(text, "greet.yaml");
//! assert_eq!(findings[0].location.map(|at| at.line), Some(7));
//! assert_eq!(findings[0].cure.as_deref(), Some("did you mean `ExecuteBash`?"));
//!
//! let document = document::parse(&text.replace("Bsh", "Bash"), "greet.yaml")?;
//! assert_eq!(document.phases[0].steps[0].name, "Greet");
//! # Ok::<(), document::ParseError>(())
//! ```
//!
//! - [`document`]: text to [`document::Document`]; whatever is wrong is found here, before anything runs
//! - [`check`]: everything that is wrong with a document, at its line and with its cure
//! - [`expression`]: `{{ … }}` in step inputs
//! - [`condition`]: `if` and `Assert`
//! - [`action`]: the action modules
//! - [`execute`]: phases in document order, failure policy, attempts, timeouts
//! - [`report`]: what AWSTOE writes about a run
//! - [`yaml`], [`pasted_secrets`], [`suggest`]: what other checks of text files want, too
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
pub mod pasted_secrets;
mod process;
pub mod report;
pub mod request;
mod s3;
mod secrets;
pub mod suggest;
pub mod yaml;
