//! EC2's answer into [`Instance`].

use aws_sdk_ec2::types::{Instance as Ec2Instance, InstanceStateName, Tag};
use jiff::Timestamp;

use super::{Instance, State};
use crate::tags;

/// `None` where the tags of a launch are missing or unreadable: that instance is not ours.
pub(super) fn instance(instance: &Ec2Instance) -> Option<Instance> {
    let tag = |key| instance.tags().iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value);
    let time = |key| tag(key).and_then(|time| time.parse::<Timestamp>().ok());
    Some(Instance {
        instance_id: instance.instance_id()?.to_owned(),
        instance_type: instance.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        state: state_of(instance)?,
        state_reason: instance.state_reason().and_then(|reason| reason.message()).map(ToOwned::to_owned),
        public_ip: instance.public_ip_address().and_then(|address| address.parse().ok()),
        service: tag(tags::SERVICE)?.to_owned(),
        version: tag(tags::VERSION)?.parse().ok()?,
        digest: tag(tags::DIGEST)?.to_owned(),
        commit: tag(tags::COMMIT).unwrap_or_default().to_owned(),
        image_id: instance.image_id()?.to_owned(),
        launched: instance.launch_time().and_then(|time| Timestamp::from_second(time.secs()).ok()),
        deployment: tag(tags::DEPLOYMENT).map(ToOwned::to_owned),
        promoted_at: time(tags::PROMOTED_AT),
        rolled_back_at: time(tags::ROLLED_BACK_AT),
    })
}

/// `None` where EC2 says nothing of it that is known.
pub fn state_of(instance: &Ec2Instance) -> Option<State> {
    state(instance.state()?.name()?)
}

fn state(name: &InstanceStateName) -> Option<State> {
    Some(match name {
        InstanceStateName::Pending => State::Pending,
        InstanceStateName::Running => State::Running,
        InstanceStateName::Stopping => State::Stopping,
        InstanceStateName::Stopped => State::Stopped,
        InstanceStateName::ShuttingDown => State::ShuttingDown,
        InstanceStateName::Terminated => State::Terminated,
        _ => return None,
    })
}
