//! How many instances there is room for: without a limit, unless a user writes one into `capacity.json` to see what becomes of it.

use std::collections::BTreeMap;
use std::io;

use crate::fault::Fault;
use crate::layout::Layout;
use crate::state::{InstanceState, State};

/// Fails as AWS does where there is no machine left of this type or in this subnet.
///
/// The file is `{"t3.small": 0, "subnet-0123456789abcdef0": 2}`: how many instances may run at once, by type or by subnet.
pub(super) fn check(layout: &Layout, state: &State, instance_type: &str, subnet: &str) -> Result<(), Fault> {
    let limits = read(layout)?;
    for name in [instance_type, subnet] {
        let Some(limit) = limits.get(name) else { continue };
        let runs = |state| !matches!(state, InstanceState::Stopped | InstanceState::Terminated);
        let is_one = |kind: &str, place: &str| kind == name || place == name;
        let instances = state.instances.values();
        let running = instances.filter(|it| runs(it.state) && is_one(&it.instance_type, &it.subnet_id)).count();
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
        assert_eq!(checked(Some("none"), "t3.large", "subnet-1"), Err("InternalError".to_owned()));
    }
}
