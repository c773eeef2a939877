//! EC2 Instance Connect, in JSON 1.1: keys that open an instance for a minute.

use serde::Deserialize;
use serde_json::json;

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::ids;
use crate::route::caller_arn;
use crate::service::{self, Request, Response};
use crate::state::InstanceState;
use crate::wire::{JSON_1_1, Protocol};

mod keys;

pub(crate) use keys::Keys;
use keys::{PublicKey, Sent};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    #[serde(rename = "InstanceId")]
    instance_id: String,
    #[serde(rename = "InstanceOSUser")]
    user: String,
    #[serde(rename = "SSHPublicKey")]
    key: String,
    /// The zone of every instance is the one that there is.
    #[serde(rename = "AvailabilityZone")]
    _zone: Option<String>,
}

pub fn handle(cloud: &Cloud, request: &Request) -> Response {
    let id = ids::uuid();
    let answer = match service::operation(request) {
        Some("SendSSHPublicKey") => send(cloud, request, &id),
        _ => Err(Fault::client("UnknownOperationException", "")),
    };
    match answer {
        Ok(()) => service::answer(200, JSON_1_1, &id, json!({"RequestId": id, "Success": true}).to_string()),
        Err(fault) => Protocol::Json11.fault(&fault),
    }
}

fn send(cloud: &Cloud, request: &Request, request_id: &str) -> Result<(), Fault> {
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| invalid(format!("The request's body cannot be understood: {error}")))?;
    let Input { instance_id, user, key, _zone: _ } = input;
    if !is_user(&user) {
        return Err(invalid(format!("'{user}' is no name of a user of Linux.")));
    }
    let key = PublicKey::parse(&key).ok_or_else(|| {
        invalid("SSHPublicKey must be one public key of the type ssh-ed25519 or ssh-rsa, as OpenSSH writes it.")
    })?;
    match cloud.store.read(|state| state.instances.get(&instance_id).map(|instance| instance.state)) {
        Some(InstanceState::Running) => {}
        Some(state) => {
            let name = state.code_and_name().1;
            let message = format!("Instance {instance_id} is {name}: only a running instance can be connected to.");
            return Err(Fault::client("EC2InstanceStateInvalidException", message));
        }
        None => {
            let message = format!("Instance {instance_id} was not found.");
            return Err(Fault::client("EC2InstanceNotFoundException", message));
        }
    }
    let caller = caller_arn(&request.caller);
    cloud.ssh_keys.add(Sent::now(instance_id, user, key, caller, request_id.to_owned()));
    Ok(())
}

/// By the pattern in AWS's model. A slash would lead elsewhere in the metadata's tree.
fn is_user(name: &str) -> bool {
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "@._-$".contains(letter);
    begins_well && name.len() <= 32 && name.chars().all(is_plain)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::client("InvalidArgsException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_name_leads_nowhere_else() {
        assert!(["ec2-user", "ubuntu", "_apt", "a"].into_iter().all(is_user));
        assert!(!["", "-user", "../token", "a/b", "a b", &"a".repeat(33)].into_iter().any(is_user));
    }
}
