//! Secrets that go, and those that come back.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, find_mut, input, invalid, key, output, refuse_marked, seconds};
use crate::cloud::Cloud;
use crate::service::Request;
use crate::state::ACCOUNT;

/// Days until a secret is gone, where nobody says how many.
const WINDOW: i64 = 30;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteSecret {
    secret_id: String,
    recovery_window_in_days: Option<i64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

pub(super) fn delete(cloud: &Cloud, request: &Request) -> Answer {
    let asked: DeleteSecret = input(request)?;
    if asked.force_delete_without_recovery {
        if asked.recovery_window_in_days.is_some() {
            let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
            return Err(invalid(message));
        }
        return remove(cloud, request, &asked.secret_id);
    }
    let days = asked.recovery_window_in_days.unwrap_or(WINDOW);
    if !(7..=30).contains(&days) {
        return Err(invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."));
    }
    let answer = cloud.store.change(|state| {
        let secret = find_mut(state, &asked.secret_id, &request.region)?;
        refuse_marked(secret)?;
        let due = Timestamp::now().saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
        secret.deletion = Some(due);
        Ok(json!({"ARN": secret.arn(&request.region), "DeletionDate": seconds(due), "Name": secret.name}))
    })?;
    output(&answer)
}

/// At once, also what was marked before. What is not there is gone as well, which is no error.
fn remove(cloud: &Cloud, request: &Request, id: &str) -> Answer {
    let removed = cloud.store.change(|state| {
        let key = key(state, id, &request.region).ok();
        Ok(key.and_then(|key| state.secrets.remove(&key)))
    })?;
    let (arn, name) = match removed {
        Some(secret) => (secret.arn(&request.region), secret.name),
        None => (format!("arn:aws:secretsmanager:{}:{ACCOUNT}:secret:{id}", request.region), id.to_owned()),
    };
    output(&json!({"ARN": arn, "DeletionDate": seconds(Timestamp::now()), "Name": name}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RestoreSecret {
    secret_id: String,
}

pub(super) fn restore(cloud: &Cloud, request: &Request) -> Answer {
    let asked: RestoreSecret = input(request)?;
    let answer = cloud.store.change(|state| {
        let secret = find_mut(state, &asked.secret_id, &request.region)?;
        secret.deletion = None;
        Ok(json!({"ARN": secret.arn(&request.region), "Name": secret.name}))
    })?;
    output(&answer)
}
