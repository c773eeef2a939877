//! The table of the language's 30 actions. Everything known about an action's name is derived from it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::append_file::AppendFile;
use super::assert::Assert;
use super::copy_and_move::{CopyFile, MoveFile};
use super::copy_and_move_folder::{CopyFolder, MoveFolder};
use super::create_file::CreateFile;
use super::create_folder::CreateFolder;
use super::create_symlink::CreateSymlink;
use super::delete_file::DeleteFile;
use super::delete_folder::DeleteFolder;
use super::execute::{ExecuteBash, ExecuteBinary};
use super::execute_document::ExecuteDocument;
use super::input_error::{self, InputError};
use super::list_files::ListFiles;
use super::ownership::{SetFileOwner, SetFolderOwner};
use super::permissions::{SetFilePermissions, SetFolderPermissions};
use super::read_file::ReadFile;
use super::reboot::Reboot;
use super::s3_download::S3Download;
use super::s3_upload::S3Upload;
use super::set_file_encoding::SetFileEncoding;
use super::update_os::UpdateOs;
use super::web_download::WebDownload;
use super::{Module, Outputs, StepContext};
use crate::action::ActionError;
use crate::suggest::nearest;

static ACTIONS: [Action; 30] = [
    runs("AppendFile", list::<AppendFile>, &[]),
    runs("Assert", single::<Assert>, &[]),
    runs("CopyFile", list::<CopyFile>, &[]),
    runs("CopyFolder", list::<CopyFolder>, &[]),
    runs("CreateFile", list::<CreateFile>, &[]),
    runs("CreateFolder", list::<CreateFolder>, &[]),
    runs("CreateSymlink", list::<CreateSymlink>, &[]),
    runs("DeleteFile", list::<DeleteFile>, &[]),
    runs("DeleteFolder", list::<DeleteFolder>, &[]),
    runs("ExecuteBash", single::<ExecuteBash>, &["stdout"]),
    runs("ExecuteBinary", single::<ExecuteBinary>, &["stdout"]),
    leads("ExecuteDocument", |inputs| input_error::read(inputs).map(Flow::Document), SUMMARY),
    windows("ExecutePowerShell"),
    windows("InstallMSI"),
    runs("ListFiles", list::<ListFiles>, &["files"]),
    runs("MoveFile", list::<MoveFile>, &[]),
    runs("MoveFolder", list::<MoveFolder>, &[]),
    runs("ReadFile", list::<ReadFile>, &["content"]),
    leads("Reboot", |inputs| input_error::read(inputs).map(Flow::Reboot), &[]),
    runs("S3Download", list::<S3Download>, &[]),
    runs("S3Upload", list::<S3Upload>, &[]),
    runs("SetFileEncoding", list::<SetFileEncoding>, &[]),
    runs("SetFileOwner", list::<SetFileOwner>, &[]),
    runs("SetFilePermissions", list::<SetFilePermissions>, &[]),
    runs("SetFolderOwner", list::<SetFolderOwner>, &[]),
    runs("SetFolderPermissions", list::<SetFolderPermissions>, &[]),
    windows("SetRegistry"),
    windows("UninstallMSI"),
    runs("UpdateOS", single::<UpdateOs>, &[]),
    runs("WebDownload", list::<WebDownload>, &["destination"]),
];

/// The name of an action that this version runs.
#[derive(Clone, Copy)]
pub struct ActionName(&'static Action);

/// Why a name is no [`ActionName`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    Unknown { name: String, nearest: Option<&'static str> },
    Windows { name: &'static str },
}

struct Action {
    name: &'static str,
    support: Support,
}

enum Support {
    Runs {
        modules: Build,
        outputs: &'static [&'static str],
    },
    /// By the runner itself.
    Leads {
        flow: fn(&Value) -> Result<Flow, InputError>,
        outputs: &'static [&'static str],
    },
    Windows,
}

/// Actions that decide which step comes next.
pub(crate) enum Flow {
    Document(ExecuteDocument),
    Reboot(Reboot),
}

/// What a nested run leaves.
const SUMMARY: &[&str] = &[
    "executionId",
    "status",
    "failedStepCount",
    "executedStepCount",
    "ignoredFailedStepCount",
    "failureMessage",
    "logUrl",
];

type Modules = Vec<Box<dyn Module>>;
type Build = fn(&Value) -> Result<Modules, InputError>;

impl ActionName {
    pub fn find(name: &str) -> Result<Self, Unusable> {
        let Some(action) = ACTIONS.iter().find(|action| action.name == name) else {
            let nearest = nearest(name, ACTIONS.iter().map(|action| action.name));
            return Err(Unusable::Unknown { name: name.to_owned(), nearest });
        };
        match action.support {
            Support::Runs { .. } | Support::Leads { .. } => Ok(Self(action)),
            Support::Windows => Err(Unusable::Windows { name: action.name }),
        }
    }

    pub fn as_str(self) -> &'static str {
        self.0.name
    }

    /// The names of the values it leaves for later steps.
    pub fn outputs(self) -> &'static [&'static str] {
        match self.0.support {
            Support::Runs { outputs, .. } | Support::Leads { outputs, .. } => outputs,
            Support::Windows => &[],
        }
    }

    /// Whether inputs fit, as far as that shows before their references have values.
    pub(crate) fn check(self, inputs: &Value) -> Result<(), InputError> {
        match self.flow(inputs)? {
            Some(_) => Ok(()),
            None => self.modules(inputs).map(drop),
        }
    }

    /// What the runner has to do itself, where the action is that.
    pub(crate) fn flow(self, inputs: &Value) -> Result<Option<Flow>, InputError> {
        match self.0.support {
            Support::Leads { flow, .. } => flow(inputs).map(Some),
            _ => Ok(None),
        }
    }

    /// Runs the action with inputs whose references were replaced; entries of a list one after the other.
    pub(crate) fn run(self, inputs: &Value, step: &StepContext<'_>) -> Result<Outputs, ActionError> {
        let modules = self.modules(inputs);
        let modules =
            modules.map_err(|error| ActionError::Inputs { action: self.as_str(), message: error.to_string() })?;
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for module in modules {
            step.may_go_on()?;
            for (name, value) in module.run(step)? {
                values.entry(name).or_default().push(value);
            }
        }
        Ok(values.into_iter().map(|(name, values)| (name, values.join("\n"))).collect())
    }

    fn modules(self, inputs: &Value) -> Result<Modules, InputError> {
        match self.0.support {
            Support::Runs { modules, .. } => modules(inputs),
            Support::Leads { .. } | Support::Windows => Err(InputError::whole("the action cannot run here")),
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionName({})", self.as_str())
    }
}

impl PartialEq for ActionName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ActionName {}

const fn runs(name: &'static str, modules: Build, outputs: &'static [&'static str]) -> Action {
    Action { name, support: Support::Runs { modules, outputs } }
}

const fn leads(
    name: &'static str,
    flow: fn(&Value) -> Result<Flow, InputError>,
    outputs: &'static [&'static str],
) -> Action {
    Action { name, support: Support::Leads { flow, outputs } }
}

const fn windows(name: &'static str) -> Action {
    Action { name, support: Support::Windows }
}

fn single<M: Module + DeserializeOwned + 'static>(inputs: &Value) -> Result<Modules, InputError> {
    if !inputs.is_object() {
        return Err(InputError::whole("they are names with values, not a list"));
    }
    Ok(vec![module::<M>(inputs)?])
}

fn list<M: Module + DeserializeOwned + 'static>(inputs: &Value) -> Result<Modules, InputError> {
    let Some(entries) = inputs.as_array() else {
        return Err(InputError::whole("they are a list; begin each entry with `- `"));
    };
    if entries.is_empty() {
        return Err(InputError::whole("the list is empty"));
    }
    let modules =
        entries.iter().enumerate().map(|(index, entry)| module::<M>(entry).map_err(|error| error.in_entry(index)));
    modules.collect()
}

fn module<M: Module + DeserializeOwned + 'static>(inputs: &Value) -> Result<Box<dyn Module>, InputError> {
    Ok(Box::new(input_error::read::<M>(inputs)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_told_apart() {
        assert!(ACTIONS.is_sorted_by_key(|action| action.name));
        assert_eq!(ActionName::find("ExecuteBash").unwrap().as_str(), "ExecuteBash");
        assert_eq!(ActionName::find("InstallMSI"), Err(Unusable::Windows { name: "InstallMSI" }));
        let unknown = Unusable::Unknown { name: "ExecuteBsh".to_owned(), nearest: Some("ExecuteBash") };
        assert_eq!(ActionName::find("ExecuteBsh"), Err(unknown));
    }
}
