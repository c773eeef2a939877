//! IAM, as far as there is something to know of it: what would become of a call.

use serde::Serialize;

use crate::fault::Fault;
use crate::route::{access, caller_arn};
use crate::service::{Caller, Request, Response};
use crate::state::ACCOUNT;
use crate::wire::query::{Fields, Form};
use crate::wire::{Protocol, xml};

const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

pub fn handle(request: &Request) -> Response {
    let fields = Fields::parse(request);
    let form = fields.form();
    let answer = match form.text("Action") {
        Some("SimulatePrincipalPolicy") => simulate(&form),
        action => Err(Fault::invalid_action(action)),
    };
    match answer {
        Ok(answer) => xml::query_answer("SimulatePrincipalPolicy", NAMESPACE, &answer),
        Err(fault) => Protocol::Query.fault(&fault),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Simulation {
    evaluation_results: Members,
    is_truncated: bool,
}

#[derive(Serialize)]
struct Members {
    member: Vec<Evaluation>,
}

#[derive(Serialize)]
struct Evaluation {
    #[serde(rename = "EvalActionName")]
    action: String,
    #[serde(rename = "EvalResourceName")]
    resource: String,
    #[serde(rename = "EvalDecision")]
    decision: &'static str,
}

/// Judges each call as the endpoint itself would. There is no organisation and no boundary, so nothing is said of them.
fn simulate(form: &Form<'_>) -> Result<Simulation, Fault> {
    form.ignore(&["Version"]);
    let principal = Principal::of(form.required("PolicySourceArn")?)?;
    let (actions, resources) = (form.list("ActionNames.member"), form.list("ResourceArns.member"));
    for entry in form.structures("ContextEntries.member") {
        // Nothing here depends on the circumstances of a request.
        entry.ignore(&["ContextKeyName", "ContextKeyType"]);
        entry.list("ContextKeyValues.member");
    }
    form.done()?;
    if actions.is_empty() {
        return Err(Fault::client("ValidationError", "ActionNames must have at least one member"));
    }
    let resources = if resources.is_empty() { vec!["*"] } else { resources };
    let evaluations = actions.iter().flat_map(|action| resources.iter().map(|resource| (*action, *resource)));
    let evaluations = evaluations.map(|(action, resource)| principal.judge(action, resource));
    Ok(Simulation {
        evaluation_results: Members { member: evaluations.collect::<Result<_, _>>()? },
        is_truncated: false,
    })
}

/// Whose policies there are.
enum Principal {
    Operator,
    /// Of the instances.
    Role,
}

impl Principal {
    fn of(arn: &str) -> Result<Self, Fault> {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/");
        if arn == caller_arn(&Caller::Operator) {
            Ok(Self::Operator)
        } else if arn.starts_with(&role) && arn.len() > role.len() {
            Ok(Self::Role)
        } else {
            Err(Fault::new(404, "NoSuchEntity", format!("The principal {arn} cannot be found.")))
        }
    }

    fn judge(&self, action: &str, resource: &str) -> Result<Evaluation, Fault> {
        let parts = action.split_once(':').filter(|(service, name)| !service.is_empty() && !name.is_empty());
        let (service, name) = parts.ok_or_else(|| {
            Fault::client("InvalidInput", format!("The action {action} is not of the form SERVICE:NAME"))
        })?;
        let is_allowed = match self {
            Self::Operator => true,
            Self::Role => access::role_may(service, name),
        };
        Ok(Evaluation {
            action: action.to_owned(),
            resource: resource.to_owned(),
            decision: if is_allowed { "allowed" } else { "implicitDeny" },
        })
    }
}
