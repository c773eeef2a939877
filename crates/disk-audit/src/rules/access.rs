//! Who could log in to every instance.

use super::{Image, finding, outcome};
use crate::accounts;
use crate::report::Outcome;
use crate::volume::Kind;

pub(super) fn authorized_keys(image: &Image<'_>) -> Outcome {
    let mut findings = Vec::new();
    for home in &image.contents.homes {
        for name in ["authorized_keys", "authorized_keys2"] {
            let path = [&home[..], b"/.ssh/", name.as_bytes()].concat();
            let Some((found, node)) = image.tree.entry(&path) else { continue };
            let is_empty = node.meta.kind == Kind::File && node.meta.size == 0;
            if !is_empty && findings.iter().all(|(path, _)| *path != found) {
                findings.push((found, finding(found, "lets the owner of a key log in")));
            }
        }
    }
    outcome(findings.into_iter().map(|(_, finding)| finding))
}

pub(super) fn cloud_init_sudoers(image: &Image<'_>) -> Outcome {
    image.absent(&["/etc/sudoers.d/90-cloud-init-users"], "was made by cloud-init on the build instance")
}

pub(super) fn passwords(image: &Image<'_>) -> Outcome {
    let Some(shadow) = image.text("/etc/shadow") else {
        return Outcome::NotApplicable("there is no /etc/shadow".to_owned());
    };
    let open = accounts::open_accounts(shadow);
    outcome(open.into_iter().map(|(name, reason)| finding(b"/etc/shadow", format!("the account `{name}` {reason}"))))
}
