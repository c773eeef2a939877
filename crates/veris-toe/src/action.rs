//! The action modules: which there are, what inputs they take, and how each runs.

mod accounts;
mod append_file;
mod assert;
mod copy_and_move;
mod copy_and_move_folder;
mod create_file;
mod create_folder;
mod create_symlink;
mod delete_file;
mod delete_folder;
mod encoding;
mod error;
mod execute;
mod execute_document;
mod input_error;
mod list_files;
mod ownership;
mod permissions;
mod read_file;
mod reboot;
mod registry;
mod replace;
mod replica;
mod resolve;
mod s3_download;
mod s3_upload;
mod set_file_encoding;
mod setting;
mod tree;
mod update_os;
mod web_download;
mod wildcard;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::ActionError;
pub(crate) use execute_document::{ExecuteDocument, Source};
pub use input_error::{InputError, InputKey};
pub(crate) use registry::Flow;
pub use registry::{ActionName, Unusable};

use crate::console::Voice;
use crate::deadline::Deadline;
use crate::environment::Aws;
use crate::interrupt::Interrupt;

/// What a step leaves for later ones: `{{ phase.step.outputs.<name> }}`.
pub type Outputs = BTreeMap<String, String>;

/// One entry of a step's inputs, ready to run.
pub(crate) trait Module {
    fn run(&self, step: &StepContext<'_>) -> Result<Outputs, ActionError>;
}

/// What a module may use while it runs.
pub(crate) struct StepContext<'a> {
    pub(crate) voice: Voice,
    pub(crate) deadline: Deadline,
    /// A private folder that is removed after the step.
    pub(crate) scratch: &'a Path,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) aws: &'a Aws,
}

impl StepContext<'_> {
    /// Modules call this between pieces of work, so that a step ends in time and at a signal.
    pub(crate) fn may_go_on(&self) -> Result<(), ActionError> {
        if let Some(signal) = self.interrupt.signal() {
            return Err(ActionError::Interrupted { signal });
        }
        if self.deadline.has_passed() {
            return Err(ActionError::TimedOut { limit: self.deadline.limit() });
        }
        Ok(())
    }
}
