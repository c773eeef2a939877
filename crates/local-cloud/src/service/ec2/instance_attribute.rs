//! `DescribeInstanceAttribute`: the user data above all.

use serde::Serialize;

use super::instances::find;
use super::{Answer, Call, user_data};
use crate::fault::Fault;

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
