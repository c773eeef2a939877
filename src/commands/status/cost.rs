//! What the service costs in a month as it is now.

use aws_sdk_ec2::types::{Instance as Ec2Instance, Volume};

use crate::addresses::Address;
use crate::bake::KeptInstance;
use crate::instances;
use crate::prices::{self, Bill, Item};

/// Everything of the service that is paid for while it lies there. Traffic and Bedrock are paid for by use, and not in it.
pub(super) fn bill(
    machines: &[Ec2Instance],
    volumes: &[Volume],
    address: Option<&Address>,
    (kept, snapshots_gib): (&[KeptInstance], u32),
) -> Bill {
    let mut items: Vec<Item> = machines.iter().flat_map(|machine| of_machine(machine, volumes, address)).collect();
    items.extend(address.map(|_| prices::address()));
    items.extend(kept.iter().flat_map(|kept| kept.cost.items.iter().map(|item| item.of(&kept.instance_id))));
    if snapshots_gib > 0 {
        items.push(prices::snapshots(snapshots_gib));
    }
    Bill::of(items)
}

fn of_machine(machine: &Ec2Instance, volumes: &[Volume], elastic: Option<&Address>) -> Vec<Item> {
    let id = machine.instance_id().unwrap_or_default();
    let mut items = Vec::new();
    if instances::state_of(machine).is_some_and(instances::State::is_billed) {
        items.extend(machine.instance_type().map(|kind| prices::machine(kind.as_str())));
        let own = machine.public_ip_address().filter(|ip| elastic.is_none_or(|elastic| elastic.ip.to_string() != *ip));
        items.extend(own.map(|_| prices::address()));
    }
    let is_its = |volume: &&Volume| volume.attachments().iter().any(|it| it.instance_id() == Some(id));
    items.extend(volumes.iter().filter(is_its).filter_map(|volume| {
        Some(prices::volume(volume.volume_type()?.as_str(), u32::try_from(volume.size()?).ok()?))
    }));
    items.iter().map(|item| item.of(id)).collect()
}
