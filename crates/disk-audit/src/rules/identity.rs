//! What must not be the same in every instance.

use super::{Image, finding, has_content, outcome};
use crate::report::Outcome;
use crate::volume::Kind;

pub(super) fn ssh_host_keys(image: &Image<'_>) -> Outcome {
    outcome(image.matching(b"/etc/ssh", "ssh_host_*").map(|(path, _)| finding(path, "is a host key")))
}

/// Without the file, the first boot of an instance writes one, as it does where the file is empty.
pub(super) fn machine_id(image: &Image<'_>) -> Outcome {
    let text = image.text("/etc/machine-id").unwrap_or_default().trim_ascii();
    let is_neutral = text.is_empty() || text == b"uninitialized";
    outcome((!is_neutral).then(|| finding(b"/etc/machine-id", "has the ID of the build instance")))
}

pub(super) fn dbus_machine_id(image: &Image<'_>) -> Outcome {
    const PATH: &[u8] = b"/var/lib/dbus/machine-id";
    let leads_to_the_other = |target: &Vec<u8>| {
        let other = image.tree.resolve(b"/etc/machine-id").map(|(path, _)| path);
        target == b"/etc/machine-id" || other.is_some() && image.tree.resolve(PATH).map(|(path, _)| path) == other
    };
    let found = image.tree.entry(PATH).filter(|(_, node)| !node.target.as_ref().is_some_and(leads_to_the_other));
    outcome(found.map(|(path, _)| finding(path, "is not a link to /etc/machine-id")))
}

pub(super) fn hostname(image: &Image<'_>) -> Outcome {
    let text = image.text("/etc/hostname").unwrap_or_default().trim_ascii();
    let is_neutral = text.is_empty() || text == b"localhost" || text == b"localhost.localdomain";
    outcome((!is_neutral).then(|| finding(b"/etc/hostname", "has the name of the build instance")))
}

pub(super) fn random_seed(image: &Image<'_>) -> Outcome {
    image.absent(
        &["/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"],
        "is the same in every instance",
    )
}

pub(super) fn dhcp_leases(image: &Image<'_>) -> Outcome {
    let leases = [
        ("/var/lib/dhcp", "*.leases"),
        ("/var/lib/dhclient", "*.lease*"),
        ("/var/lib/dhcpcd", "*.lease*"),
        ("/var/lib/NetworkManager", "*.lease"),
    ];
    let found = leases.iter().flat_map(|(directory, pattern)| image.matching(directory.as_bytes(), pattern));
    outcome(
        found
            .filter(|found| has_content(found, image.tree))
            .map(|(path, _)| finding(path, "is a lease of the build instance")),
    )
}

/// cloud-init's package brings some of its directories.
pub(super) fn cloud_init_state(image: &Image<'_>) -> Outcome {
    let below = image.tree.below(b"/var/lib/cloud");
    let states = below
        .filter(|(path, node)| node.meta.kind != Kind::Directory || path.starts_with(b"/var/lib/cloud/instances/"));
    outcome(states.map(|(path, _)| finding(path, "is state of the build instance")))
}
