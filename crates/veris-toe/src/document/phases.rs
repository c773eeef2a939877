//! The phases of a document and their steps.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::defects::{Defects, quoted_key};
use super::fields::{Fields, list, text};
use super::{OnFailure, Phase, Problem, Step, flow, inputs};
use crate::action::{ActionName, Unusable};
use crate::suggest::nearest;
use crate::yaml::{Entry, Node};

const MAX_NAME_BYTES: usize = 128;
/// Of which a document needs one; `container-host-test` alone does not make a component.
const COMPONENT_PHASES: [&str; 3] = ["build", "validate", "test"];
const STEP_KEYS: [&str; 9] =
    ["name", "action", "timeoutSeconds", "onFailure", "maxAttempts", "inputs", "disableLogging", "loop", "if"];

/// A phase while it is being read.
pub(super) struct PhaseDraft<'a> {
    pub(super) name: &'a str,
    pub(super) steps: Vec<StepDraft<'a>>,
}

/// A step while it is being read: enough of it to check what refers to it.
pub(super) struct StepDraft<'a> {
    pub(super) name: &'a str,
    pub(super) action: Option<ActionName>,
    pub(super) inputs: Json,
    /// Where references can stand.
    pub(super) open: Vec<&'a Node<'a>>,
    pub(super) loop_name: Option<&'a Entry<'a>>,
    /// Without its inputs.
    step: Option<Step>,
}

impl PhaseDraft<'_> {
    /// `None` where a defect keeps a step from being complete.
    pub(super) fn finish(self) -> Option<Phase> {
        let steps = self.steps.into_iter().map(|draft| Some(Step { inputs: draft.inputs, ..draft.step? }));
        let steps = steps.collect::<Option<_>>()?;
        Some(Phase { name: self.name.to_owned(), steps })
    }
}

pub(super) fn phases<'a>(entry: &'a Entry<'a>, defects: &mut Defects<'_>) -> Vec<PhaseDraft<'a>> {
    let Some(nodes) = list(entry, defects) else { return Vec::new() };
    let mut seen = HashSet::new();
    let drafts: Vec<_> = nodes.iter().filter_map(|node| phase(node, &mut seen, defects)).collect();
    defects.enter_phase(None);
    if !drafts.iter().any(|phase| COMPONENT_PHASES.contains(&phase.name)) {
        defects.add(entry, Problem::NoKnownPhase);
    }
    drafts
}

fn phase<'a>(node: &'a Node<'a>, seen: &mut HashSet<&'a str>, defects: &mut Defects<'_>) -> Option<PhaseDraft<'a>> {
    defects.enter_phase(None);
    let fields = Fields::of(node, "the phase", &["name", "steps"], defects)?;
    let name = name("a phase", &fields, seen, "the document's phases", defects);
    defects.enter_phase(Some(name));
    let mut steps = Vec::new();
    if let Some(entry) = fields.required("steps", defects) {
        let nodes = list(entry, defects);
        if nodes.is_some_and(<[Node]>::is_empty) {
            defects.add(entry, Problem::NoSteps);
        }
        let mut seen = HashSet::new();
        steps.extend(nodes.unwrap_or_default().iter().filter_map(|node| step(node, &mut seen, defects)));
    }
    let mut seen = HashSet::new();
    for draft in &steps {
        let Some(entry) = draft.loop_name else { continue };
        let name = entry.value.text().unwrap_or_default();
        if !seen.insert(name) {
            defects.enter_step(Some(draft.name));
            let scope = "the phase's loops";
            defects.add(&entry.value, Problem::DuplicateName { name: name.to_owned(), scope });
        }
    }
    Some(PhaseDraft { name, steps })
}

/// The name under which a phase or step is known; empty where it has none.
fn name<'a>(
    what: &'static str,
    fields: &Fields<'a>,
    seen: &mut HashSet<&'a str>,
    scope: &'static str,
    defects: &mut Defects<'_>,
) -> &'a str {
    let Some(entry) = fields.required("name", defects) else { return "" };
    let Some(name) = text(entry, defects) else { return "" };
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
        defects.add(&entry.value, Problem::BadName { what, limit: MAX_NAME_BYTES });
    } else if !seen.insert(name) {
        defects.add(&entry.value, Problem::DuplicateName { name: name.to_owned(), scope });
    }
    name
}

fn step<'a>(node: &'a Node<'a>, seen: &mut HashSet<&'a str>, defects: &mut Defects<'_>) -> Option<StepDraft<'a>> {
    defects.enter_step(node.entry("name").and_then(|entry| entry.value.text()));
    let fields = Fields::of(node, "the step", &STEP_KEYS, defects)?;
    let name = name("a step", &fields, seen, "the phase's steps", defects);
    let action = fields.required("action", defects).and_then(|entry| action(entry, defects));
    let inputs_entry = fields.get("inputs");
    let inputs = inputs_entry.map_or_else(|| Json::Object(serde_json::Map::new()), |entry| entry.value.json());
    if let Some(action) = action {
        inputs::check(action, &inputs, (node, inputs_entry), defects);
    }
    let r#if = fields.get("if");
    let r#loop = fields.get("loop");
    // One that is wrong counts as left out: a document with a defect is not run.
    let condition = r#if.and_then(|entry| located(flow::condition(&entry.value), entry, Problem::Condition, defects));
    let repetition = r#loop.and_then(|entry| located(flow::repetition(&entry.value), entry, Problem::Loop, defects));
    let on_failure = on_failure(&fields, defects);
    let disable_logging = fields.boolean("disableLogging", defects).unwrap_or_default();
    let written = [fields.integer("timeoutSeconds", defects), fields.integer("maxAttempts", defects)];
    let limits = action.map(|action| (flow::timeout(action, written[0]), flow::max_attempts(action, written[1])));
    let step = limits.and_then(|(timeout, max_attempts)| {
        let timeout = at(timeout, fields.get("timeoutSeconds"), node, defects);
        let max_attempts = at(max_attempts, fields.get("maxAttempts"), node, defects);
        Some(Step {
            name: name.to_owned(),
            action: action?,
            timeout: timeout?,
            on_failure,
            max_attempts: max_attempts?,
            r#if: condition,
            r#loop: repetition,
            disable_logging,
            inputs: Json::Null,
        })
    });
    let open = [inputs_entry, r#if, r#loop].into_iter().flatten().map(|entry| &entry.value).collect();
    let loop_name = r#loop.and_then(|entry| entry.value.entry("name"));
    Some(StepDraft { name, action, inputs, open, loop_name, step })
}

fn action(entry: &Entry<'_>, defects: &mut Defects<'_>) -> Option<ActionName> {
    let found = ActionName::find(text(entry, defects)?);
    found.map_err(|unusable| defects.add(&entry.value, unusable.into())).ok()
}

fn on_failure(fields: &Fields<'_>, defects: &mut Defects<'_>) -> OnFailure {
    let Some(entry) = fields.get("onFailure") else { return OnFailure::default() };
    match text(entry, defects) {
        None => OnFailure::default(),
        Some("Abort") => OnFailure::Abort,
        Some("Continue") => OnFailure::Continue,
        Some("Ignore") => OnFailure::Ignore,
        Some(found) => {
            let (nearest, found) = (nearest(found, ["Abort", "Continue", "Ignore"]), found.to_owned());
            let known = "Abort`, `Continue`, `Ignore";
            defects.add(&entry.value, Problem::Choice { key: "onFailure", found, known, nearest });
            OnFailure::default()
        }
    }
}

/// What `if` or `loop` says; a defect stands at the key that its message quotes.
fn located<T>(
    read: Result<T, String>,
    entry: &Entry<'_>,
    problem: fn(String) -> Problem,
    defects: &mut Defects<'_>,
) -> Option<T> {
    read.map_err(|message| defects.add(quoted_key(&entry.value, &message), problem(message))).ok()
}

fn at<T>(read: Result<T, Problem>, entry: Option<&Entry<'_>>, step: &Node<'_>, defects: &mut Defects<'_>) -> Option<T> {
    let place = entry.map_or(step.span.start.into(), |entry| entry.value.span);
    read.map_err(|problem| defects.add(place, problem)).ok()
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unknown { name, nearest } => Self::UnknownAction { name, nearest },
            Unusable::Windows { name } => Self::WindowsAction { name },
        }
    }
}
