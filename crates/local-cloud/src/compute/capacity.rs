//! How many instances there is room for, and how many processors an account may have: without a limit, unless a user writes one into
//! `capacity.json` to see what becomes of it.

use std::collections::BTreeMap;
use std::io;

use crate::fault::Fault;
use crate::layout::Layout;
use crate::state::{Instance, InstanceState, State};

/// Of every guest.
const PROCESSORS: usize = 2;

/// Fails as AWS does where there is no machine left of this type or in this subnet, or the account's quota is full.
///
/// The file is `{"t3.small": 0, "subnet-0123456789abcdef0": 2, "vcpus": 4}`: how many instances may run at once, by type or by subnet, and
/// how many processors they may have in all.
pub(super) fn check(layout: &Layout, state: &State, instance_type: &str, subnet: &str) -> Result<(), Fault> {
    let limits = read(layout)?;
    let runs = |it: &&Instance| !matches!(it.state, InstanceState::Stopped | InstanceState::Terminated);
    if let Some(quota) = limits.get("vcpus") {
        let used = PROCESSORS * state.instances.values().filter(runs).count();
        if used + PROCESSORS > *quota {
            let message = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {quota} allows: {used} are in use, and \
                 capacity.json of the local cloud sets the limit"
            );
            return Err(Fault::client("VcpuLimitExceeded", message));
        }
    }
    for name in [instance_type, subnet] {
        let Some(limit) = limits.get(name) else { continue };
        let is_one = |it: &&Instance| it.instance_type == name || it.subnet_id == name;
        let running = state.instances.values().filter(runs).filter(is_one).count();
        if running >= *limit {
            let message = format!(
                "We currently do not have sufficient {instance_type} capacity in {subnet}: capacity.json of the local cloud \
                 lets {limit} instances of {name} run"
            );
            return Err(Fault::new(500, "InsufficientInstanceCapacity", message));
        }
    }
    Ok(())
}

fn read(layout: &Layout) -> Result<BTreeMap<String, usize>, Fault> {
    let path = layout.capacity();
    let text = match fs_err::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text.map_err(|error| Fault::internal(error.to_string()))?,
    };
    serde_json::from_slice(&text).map_err(|error| {
        let path = path.display();
        Fault::internal(format!(
            "`{path}` does not say how many instances may run, as {{\"t3.small\": 0}} does: {error}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: Option<&str>, instance_type: &str, subnet: &str) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { directory: directory.path().to_owned(), cache: directory.path().to_owned() };
        if let Some(text) = text {
            fs_err::write(layout.capacity(), text).unwrap();
        }
        check(&layout, &State::default(), instance_type, subnet).map_err(|fault| fault.code)
    }

    #[test]
    fn there_is_room_unless_the_file_says_otherwise() {
        let short = Err("InsufficientInstanceCapacity".to_owned());
        assert_eq!(checked(None, "t3.small", "subnet-1"), Ok(()));
        let limits = Some(r#"{"t3.small": 0, "subnet-2": 0, "t3.large": 1}"#);
        assert_eq!(checked(limits, "t3.small", "subnet-1"), short);
        assert_eq!(checked(limits, "t3.medium", "subnet-2"), short);
        assert_eq!(checked(limits, "t3.large", "subnet-1"), Ok(()));
        assert_eq!(checked(Some(r#"{"vcpus": 2}"#), "t3.large", "subnet-1"), Ok(()));
        let full = Err("VcpuLimitExceeded".to_owned());
        assert_eq!(checked(Some(r#"{"vcpus": 1, "t3.large": 0}"#), "t3.large", "subnet-1"), full);
        assert_eq!(checked(Some("none"), "t3.large", "subnet-1"), Err("InternalError".to_owned()));
    }
}
