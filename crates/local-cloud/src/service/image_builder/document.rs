//! As much of a component document as Image Builder itself needs: its parameters, phases and the names of its actions. What the
//! steps mean is known to the component runner alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::validate::refused;
use crate::fault::Fault;
use crate::state::image_builder::{ComponentKind, ParameterDetail};

/// AWSTOE's action modules.
const ACTIONS: [&str; 30] = [
    "AppendFile",
    "Assert",
    "CopyFile",
    "CopyFolder",
    "CreateFile",
    "CreateFolder",
    "CreateSymlink",
    "DeleteFile",
    "DeleteFolder",
    "ExecuteBash",
    "ExecuteBinary",
    "ExecuteDocument",
    "ExecutePowerShell",
    "InstallMSI",
    "ListFiles",
    "MoveFile",
    "MoveFolder",
    "ReadFile",
    "Reboot",
    "S3Download",
    "S3Upload",
    "SetFileEncoding",
    "SetFileOwner",
    "SetFilePermissions",
    "SetFolderOwner",
    "SetFolderPermissions",
    "SetRegistry",
    "UninstallMSI",
    "UpdateOS",
    "WebDownload",
];

/// The phases in which Image Builder runs something.
const PHASES: [&str; 4] = ["build", "validate", "test", "container-host-test"];

/// A component document that Image Builder accepts.
#[derive(Debug)]
pub(super) struct Document {
    pub kind: ComponentKind,
    pub parameters: Vec<ParameterDetail>,
    phases: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: serde_yaml::Value,
    #[serde(default)]
    parameters: Vec<BTreeMap<String, RawParameter>>,
    phases: Vec<RawPhase>,
}

#[derive(Deserialize)]
struct RawParameter {
    #[serde(rename = "type")]
    kind: String,
    default: Option<serde_yaml::Value>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct RawPhase {
    name: String,
    #[serde(default)]
    steps: Vec<RawStep>,
}

#[derive(Deserialize)]
struct RawStep {
    name: String,
    action: String,
}

impl Document {
    /// Reads a document, or says why Image Builder would refuse it.
    pub(super) fn parse(data: &str) -> Result<Self, Fault> {
        let bad = |why: String| refused("data", &why);
        let raw: Raw =
            serde_yaml::from_str(data).map_err(|error| bad(format!("The document cannot be parsed: {error}")))?;
        let schema = match &raw.schema_version {
            serde_yaml::Value::Number(number) => number.as_f64() == Some(1.0),
            serde_yaml::Value::String(text) => text == "1.0" || text == "1",
            _ => false,
        };
        if !schema {
            return Err(bad("The document's schemaVersion must be 1.0".to_owned()));
        }
        let phases: Vec<String> = raw.phases.iter().map(|phase| phase.name.clone()).collect();
        for (index, phase) in raw.phases.iter().enumerate() {
            if !PHASES.contains(&phase.name.as_str()) {
                return Err(bad(format!("The phase '{}' is none of {}", phase.name, PHASES.join(", "))));
            }
            if phases[..index].contains(&phase.name) {
                return Err(bad(format!("The phase '{}' stands twice in the document", phase.name)));
            }
            check_steps(phase).map_err(bad)?;
        }
        if phases.is_empty() {
            return Err(bad("The document must have at least one of the phases build, validate and test".to_owned()));
        }
        let kind = if phases == ["test"] { ComponentKind::Test } else { ComponentKind::Build };
        let parameters = parameters(raw.parameters).map_err(bad)?;
        Ok(Self { kind, parameters, phases })
    }
}

/// The phases of a document that was accepted before.
pub(crate) fn phases(data: &str) -> Vec<String> {
    Document::parse(data).map(|document| document.phases).unwrap_or_default()
}

fn check_steps(phase: &RawPhase) -> Result<(), String> {
    if phase.steps.is_empty() {
        return Err(format!("The phase '{}' has no steps", phase.name));
    }
    for (index, step) in phase.steps.iter().enumerate() {
        let place = format!("Parsing step '{}' in phase '{}' failed. Error: ", step.name, phase.name);
        if !ACTIONS.contains(&step.action.as_str()) {
            return Err(format!("{place}'{}' is not an action", step.action));
        }
        if phase.steps[..index].iter().any(|earlier| earlier.name == step.name) {
            return Err(format!("{place}another step of the phase has the same name"));
        }
    }
    Ok(())
}

fn parameters(raw: Vec<BTreeMap<String, RawParameter>>) -> Result<Vec<ParameterDetail>, String> {
    let mut details: Vec<ParameterDetail> = Vec::new();
    for (name, parameter) in raw.into_iter().flatten() {
        if parameter.kind != "string" {
            return Err(format!("The parameter '{name}' has type '{}'; the only type is string", parameter.kind));
        }
        if details.iter().any(|known| known.name == name) {
            return Err(format!("The parameter '{name}' is declared twice"));
        }
        let default = match parameter.default {
            None => None,
            Some(serde_yaml::Value::String(text)) => Some(text),
            Some(serde_yaml::Value::Number(number)) => Some(number.to_string()),
            Some(serde_yaml::Value::Bool(value)) => Some(value.to_string()),
            Some(_) => return Err(format!("The default of the parameter '{name}' must be a string")),
        };
        details.push(ParameterDetail {
            name,
            kind: parameter.kind,
            default_value: default.map(|text| vec![text]),
            description: parameter.description,
        });
    }
    Ok(details)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(phases: &str) -> Result<Document, String> {
        Document::parse(&format!("schemaVersion: 1.0\n{phases}")).map_err(|fault| fault.message)
    }

    #[test]
    fn a_document_with_a_test_phase_alone_is_a_test_component() {
        let step = "steps: [{name: S, action: ExecuteBash, inputs: {commands: [ls]}}]";
        let test = document(&format!("phases: [{{name: test, {step}}}]")).unwrap();
        assert_eq!(test.kind, ComponentKind::Test);
        let both = document(&format!("phases: [{{name: build, {step}}}, {{name: test, {step}}}]")).unwrap();
        assert_eq!(both.kind, ComponentKind::Build);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let unknown = document("phases: [{name: build, steps: [{name: Do, action: ExecuteBsh}]}]").unwrap_err();
        assert!(unknown.contains("step 'Do' in phase 'build'") && unknown.contains("ExecuteBsh"), "{unknown}");
        assert!(document("phases: []").unwrap_err().contains("at least one"));
        assert!(document("phases: [{name: bild, steps: []}]").unwrap_err().contains("'bild'"));
        assert!(Document::parse("schemaVersion: 2.0\nphases: []").unwrap_err().message.contains("schemaVersion"));
        assert!(Document::parse("\t").unwrap_err().message.contains("cannot be parsed"));
    }
}
