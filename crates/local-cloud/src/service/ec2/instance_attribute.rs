//! What an instance was launched with: its user data, which stays, and its type, which can be changed while it is stopped.

use serde::Serialize;

use super::instances::find;
use super::{Answer, Call, launch, user_data};
use crate::fault::Fault;
use crate::state::InstanceState;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    instance_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_type: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_api_termination: Option<Value>,
}

#[derive(Serialize)]
struct Value {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let (id, attribute) = (call.form.required("InstanceId")?, call.form.required("Attribute")?);
    let instance = call.cloud.store.read(|state| find(state, id).cloned())?;
    call.ready()?;
    let mut answer =
        Described { instance_id: id.to_owned(), user_data: None, instance_type: None, disable_api_termination: None };
    let value = |text: String| Some(Value { value: Some(text) });
    match attribute {
        "userData" => answer.user_data = Some(Value { value: user_data::of(&call.cloud.layout, id)? }),
        "instanceType" => answer.instance_type = value(instance.instance_type),
        "disableApiTermination" => answer.disable_api_termination = value("false".to_owned()),
        other => {
            let message = format!("The local cloud does not know the attribute '{other}'");
            return Err(Fault::client("InvalidParameterValue", message));
        }
    }
    call.answer(&answer)
}

/// Only the type can be changed; the next start gives the guest that type's memory.
pub(super) fn modify(call: &Call<'_>) -> Answer {
    let (form, id) = (&call.form, call.form.required("InstanceId")?);
    let asked = match form.text("Attribute") {
        None => form.required("InstanceType.Value")?,
        Some("instanceType") => form.required("Value")?,
        Some(other) => {
            let message = format!("The local cloud does not change the attribute '{other}'");
            return Err(Fault::client("InvalidParameterValue", message));
        }
    };
    let instance_type = launch::instance_type(asked)?;
    call.cloud.store.read(|state| find(state, id).map(|_| ()))?;
    call.ready()?;
    call.cloud.store.change(|state| {
        find(state, id)?;
        let Some(instance) = state.instances.get_mut(id) else { return Ok(()) };
        if instance.state != InstanceState::Stopped {
            let message = format!("The instance '{id}' is not in the 'stopped' state.");
            return Err(Fault::client("IncorrectInstanceState", message));
        }
        instance.instance_type = instance_type;
        Ok(())
    })?;
    call.answer_true()
}
