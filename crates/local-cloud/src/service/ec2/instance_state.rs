//! Start, stop, terminate.

use serde::Serialize;

use super::instances::{StateItem, find};
use super::{Answer, Call};
use crate::fault::Fault;
use crate::state::InstanceState;
use crate::wire::xml::Items;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    instances_set: Items<Change>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    instance_id: String,
    current_state: StateItem,
    previous_state: StateItem,
}

pub(super) async fn start(call: &Call<'_>) -> Answer {
    use InstanceState::{Pending, Running, Stopped};
    let asked = asked(call)?;
    for (id, state) in &asked {
        if !matches!(state, Stopped | Pending | Running) {
            return Err(incorrect(format!("The instance '{id}' is not in a state from which it can be started.")));
        }
    }
    call.ready()?;
    let mut changes = Vec::new();
    for (id, previous) in asked {
        let current = if previous == Stopped { call.cloud.compute.start(&id).await?.state } else { previous };
        changes.push(Change { instance_id: id, current_state: current.into(), previous_state: previous.into() });
    }
    call.answer(&Changed { instances_set: changes.into_iter().collect() })
}

pub(super) async fn stop(call: &Call<'_>) -> Answer {
    use InstanceState::{ShuttingDown, Stopped, Stopping, Terminated};
    call.form.parsed::<bool>("Force")?;
    if call.form.parsed("Hibernate")?.unwrap_or(false) {
        return Err(Fault::client(
            "UnsupportedHibernationConfiguration",
            "The local cloud does not hibernate instances",
        ));
    }
    let asked = asked(call)?;
    for (id, state) in &asked {
        if matches!(state, ShuttingDown | Terminated) {
            return Err(incorrect(format!("This instance '{id}' is not in a state from which it can be stopped.")));
        }
    }
    call.ready()?;
    let mut changes = Vec::new();
    for (id, previous) in asked {
        let is_done = matches!(previous, Stopped | Stopping);
        let current = if is_done { previous } else { call.cloud.compute.stop(&id).await?.state };
        changes.push(Change { instance_id: id, current_state: current.into(), previous_state: previous.into() });
    }
    call.answer(&Changed { instances_set: changes.into_iter().collect() })
}

pub(super) async fn terminate(call: &Call<'_>) -> Answer {
    call.form.ignore(&["Force", "SkipOsShutdown"]);
    let asked = asked(call)?;
    call.ready()?;
    let mut changes = Vec::new();
    for (id, previous) in asked {
        let current = call.cloud.compute.terminate(&id).await?.state;
        changes.push(Change { instance_id: id, current_state: current.into(), previous_state: previous.into() });
    }
    call.answer(&Changed { instances_set: changes.into_iter().collect() })
}

pub(super) fn reboot(call: &Call<'_>) -> Answer {
    let (id, _) = asked(call)?.remove(0);
    let message = format!("The local cloud does not reboot instances; stop and start {id} instead");
    Err(Fault::client("UnsupportedOperation", message))
}

/// The instances of the request, each with its state; at least one.
fn asked(call: &Call<'_>) -> Result<Vec<(String, InstanceState)>, Fault> {
    let ids = call.form.list("InstanceId");
    if ids.is_empty() {
        return Err(Fault::client("MissingParameter", "The request must contain the parameter InstanceId"));
    }
    let state_of = |id: &&str| call.cloud.store.read(|state| Ok(((*id).to_owned(), find(state, id)?.state)));
    ids.iter().map(state_of).collect()
}

fn incorrect(message: String) -> Fault {
    Fault::client("IncorrectInstanceState", message)
}
