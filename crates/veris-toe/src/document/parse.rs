//! From text to [`Document`].

use std::collections::BTreeSet;

use super::flow;
use super::locate::{Stop, locate, location};
use super::raw::{self, RawConstant, RawDocument, RawParameter, RawPhase, RawStep};
use super::{
    Constant, Document, MAX_OPEN_BRACKETS, MAX_TEXT_BYTES, Parameter, ParseError, Phase, Problem, Step, check, weigh,
};
use crate::action::{ActionName, Unusable};
use crate::expression::is_variable_name;

const MAX_NAME_BYTES: usize = 128;
/// Of which a document needs one; `container-host-test` alone does not make a component.
const COMPONENT_PHASES: [&str; 3] = ["build", "validate", "test"];

/// Reads and checks a document completely: keys, names, actions, their inputs and every reference.
/// `name` is what errors call it.
pub fn parse(text: &str, name: &str) -> Result<Document, ParseError> {
    Reader { text, label: name }.document()
}

/// The text and its name, which every error needs.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a str,
    label: &'a str,
}

/// Where in the document the reader is; indexes are positions in the lists.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) phase: Option<(usize, &'a str)>,
    pub(super) step: Option<(usize, &'a str)>,
    /// Below the step, or the document's own when there is no phase.
    pub(super) key: Option<&'static str>,
}

impl Reader<'_> {
    fn document(self) -> Result<Document, ParseError> {
        let bytes = self.text.len();
        if bytes > MAX_TEXT_BYTES {
            return Err(self.without_place(Problem::TooLong { bytes, limit: MAX_TEXT_BYTES }));
        }
        if !weigh::is_shallow(self.text) {
            return Err(self.without_place(Problem::TooDeep { limit: MAX_OPEN_BRACKETS }));
        }
        if !weigh::is_bearable(self.text) {
            return Err(self.without_place(Problem::TooManyValues));
        }
        let raw: RawDocument = serde_yaml::from_str(self.text).map_err(|error| self.yaml_error(&error))?;
        self.schema_version(&raw.schema_version)?;
        let parameters = self.entries("parameters", raw.parameters, Parameter::from_raw)?;
        let constants = self.entries("constants", raw.constants, Constant::from_raw)?;
        let names =
            parameters.iter().map(|parameter| &parameter.name).chain(constants.iter().map(|constant| &constant.name));
        self.variable_names(names)?;
        let document = Document {
            label: self.label.to_owned(),
            name: raw.name,
            description: raw.description,
            parameters,
            constants,
            phases: self.phases(&raw.phases)?,
        };
        check::references(&document, self)?;
        Ok(document)
    }

    fn schema_version(self, version: &serde_yaml::Value) -> Result<(), ParseError> {
        let is_known = match version {
            // Written `1`, `1.0` or `1.00`: all the same number to the last bit.
            serde_yaml::Value::Number(number) => {
                number.as_f64().is_some_and(|number| number.to_bits() == 1f64.to_bits())
            }
            serde_yaml::Value::String(text) => text == "1.0",
            _ => false,
        };
        if is_known {
            return Ok(());
        }
        let found = serde_yaml::to_string(version).unwrap_or_default().trim().to_owned();
        Err(self.error(Place { key: Some("schemaVersion"), ..Place::default() }, Problem::SchemaVersion { found }))
    }

    fn entries<Raw, Entry>(
        self,
        list: &'static str,
        raw: Vec<std::collections::BTreeMap<String, Raw>>,
        entry: fn(String, Raw) -> Entry,
    ) -> Result<Vec<Entry>, ParseError> {
        let entries = raw.into_iter().map(|names| {
            let keys = names.len();
            let mut names = names.into_iter();
            match (names.next(), names.next()) {
                (Some((name, raw)), None) => Ok(entry(name, raw)),
                _ => Err(self.error(Place { key: Some(list), ..Place::default() }, Problem::EntryShape { list, keys })),
            }
        });
        entries.collect()
    }

    fn variable_names<'a>(self, names: impl Iterator<Item = &'a String>) -> Result<(), ParseError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !is_variable_name(name) {
                return Err(self.without_place(Problem::VariableName { name: name.clone() }));
            }
            if !seen.insert(name) {
                let scope = "parameters and constants";
                return Err(self.without_place(Problem::DuplicateName { name: name.clone(), scope }));
            }
        }
        Ok(())
    }

    fn phases(self, raw: &[RawPhase]) -> Result<Vec<Phase>, ParseError> {
        if !raw.iter().any(|phase| COMPONENT_PHASES.contains(&phase.name.as_str())) {
            return Err(self.error(Place { key: Some("phases"), ..Place::default() }, Problem::NoKnownPhase));
        }
        let mut seen = BTreeSet::new();
        for (index, phase) in raw.iter().enumerate() {
            let place = Place { phase: Some((index, &phase.name)), ..Place::default() };
            self.name("a phase", &phase.name, place)?;
            if !seen.insert(&phase.name) {
                let (name, scope) = (phase.name.clone(), "the document's phases");
                return Err(self.error(place, Problem::DuplicateName { name, scope }));
            }
        }
        raw.iter().enumerate().map(|(index, phase)| self.phase(index, phase)).collect()
    }

    fn phase(self, index: usize, raw: &RawPhase) -> Result<Phase, ParseError> {
        let place = Place { phase: Some((index, &raw.name)), ..Place::default() };
        if raw.steps.is_empty() {
            return Err(self.error(place, Problem::NoSteps));
        }
        let mut seen = BTreeSet::new();
        let steps = raw.steps.iter().enumerate().map(|(index, step)| {
            let place = Place { step: Some((index, &step.name)), ..place };
            self.name("a step", &step.name, place)?;
            if !seen.insert(&step.name) {
                let (name, scope) = (step.name.clone(), "the phase's steps");
                return Err(self.error(place, Problem::DuplicateName { name, scope }));
            }
            self.step(place, step)
        });
        let steps: Vec<Step> = steps.collect::<Result<_, _>>()?;
        let mut seen = BTreeSet::new();
        for (index, step) in steps.iter().enumerate() {
            let Some(name) = step.r#loop.as_ref().and_then(|r#loop| r#loop.name.as_ref()) else {
                continue;
            };
            if !seen.insert(name) {
                let place = Place { step: Some((index, &step.name)), key: Some("loop"), ..place };
                let scope = "the phase's loops";
                return Err(self.error(place, Problem::DuplicateName { name: name.clone(), scope }));
            }
        }
        Ok(Phase { name: raw.name.clone(), steps })
    }

    fn name(self, what: &'static str, name: &str, place: Place<'_>) -> Result<(), ParseError> {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
            return Err(self.error(place, Problem::BadName { what, limit: MAX_NAME_BYTES }));
        }
        Ok(())
    }

    fn step(self, place: Place<'_>, raw: &RawStep) -> Result<Step, ParseError> {
        let at = |key| Place { key: Some(key), ..place };
        let action = ActionName::find(&raw.action).map_err(|unusable| self.error(at("action"), unusable.into()))?;
        let inputs = raw::json(raw.inputs.as_ref().unwrap_or(&serde_yaml::Value::Mapping(serde_yaml::Mapping::new())))
            .and_then(|inputs| action.check(&inputs).map(|()| inputs).map_err(|error| error.to_string()))
            .map_err(|message| self.error(at("inputs"), Problem::Inputs { action: action.as_str(), message }))?;
        let r#if = raw.r#if.as_ref().map(flow::condition).transpose();
        let r#if = r#if.map_err(|message| self.error(at("if"), Problem::Condition(message)))?;
        let r#loop = raw.r#loop.as_ref().map(flow::repetition).transpose();
        let r#loop = r#loop.map_err(|message| self.error(at("loop"), Problem::Loop(message)))?;
        let timeout = flow::timeout(action, raw.timeout_seconds);
        let timeout = timeout.map_err(|problem| self.error(at("timeoutSeconds"), problem))?;
        let max_attempts = flow::max_attempts(action, raw.max_attempts);
        let max_attempts = max_attempts.map_err(|problem| self.error(at("maxAttempts"), problem))?;
        Ok(Step {
            name: raw.name.clone(),
            action,
            timeout,
            on_failure: raw.on_failure,
            max_attempts,
            r#if,
            r#loop,
            disable_logging: raw.disable_logging,
            inputs,
        })
    }

    pub(super) fn error(self, place: Place<'_>, problem: Problem) -> ParseError {
        let mut path = Vec::new();
        if let Some((phase, _)) = place.phase {
            path.extend([Stop::Key("phases"), Stop::Index(phase)]);
        }
        if let Some((step, _)) = place.step {
            path.extend([Stop::Key("steps"), Stop::Index(step)]);
        }
        path.extend(place.key.map(Stop::Key));
        ParseError {
            document: self.label.to_owned(),
            location: locate(self.text, &path),
            phase: place.phase.map(|(_, name)| name.to_owned()),
            step: place.step.map(|(_, name)| name.to_owned()),
            problem: Box::new(problem),
        }
    }

    fn without_place(self, problem: Problem) -> ParseError {
        ParseError {
            document: self.label.to_owned(),
            location: None,
            phase: None,
            step: None,
            problem: Box::new(problem),
        }
    }

    /// The library's message begins with a path of positions; names say more.
    fn yaml_error(self, error: &serde_yaml::Error) -> ParseError {
        let message = error.to_string();
        let loose: serde_yaml::Value = serde_yaml::from_str(self.text).unwrap_or_default();
        let phase = position(&message, "phases[").and_then(|index| loose.get("phases")?.get(index));
        let step = position(&message, "steps[").and_then(|index| phase?.get("steps")?.get(index));
        let name = |value: Option<&serde_yaml::Value>| Some(value?.get("name")?.as_str()?.to_owned());
        let location = location(error);
        let message = match location {
            Some(at) => message.replace(&format!(" at line {} column {}", at.line, at.column), ""),
            None => message,
        };
        let (phase, step) = (name(phase), name(step));
        let message = if phase.is_some() { without_positions(&message) } else { message };
        ParseError { location, phase, step, ..self.without_place(Problem::Yaml(message)) }
    }
}

impl Parameter {
    fn from_raw(name: String, raw: RawParameter) -> Self {
        Self { name, default: raw.default, description: raw.description, allowed_values: raw.allowed_values }
    }
}

impl Constant {
    fn from_raw(name: String, raw: RawConstant) -> Self {
        Self { name, value: raw.value }
    }
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unknown { name, nearest } => Self::UnknownAction { name, nearest },
            Unusable::Windows { name } => Self::WindowsAction { name },
            Unusable::NotYet { name } => Self::UnsupportedAction { name },
        }
    }
}

/// `onFailure: unknown variant …` of `phases[0].steps[1].onFailure: unknown variant …`.
fn without_positions(message: &str) -> String {
    let (path, problem) = message.split_once(": ").unwrap_or(("", message));
    match path.rsplit_once(']').map(|(_, key)| key.trim_start_matches('.')) {
        Some("") => problem.to_owned(),
        Some(key) => format!("{key}: {problem}"),
        None => message.to_owned(),
    }
}

/// The number after `list` in a message such as `phases[0].steps[1]: unknown field …`.
fn position(message: &str, list: &str) -> Option<usize> {
    let path = message.split(':').next()?;
    let start = path.find(list)? + list.len();
    path[start..].split(']').next()?.parse().ok()
}
