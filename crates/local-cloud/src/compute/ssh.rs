//! The way to a guest's sshd. A machine may run something of its own where that way begins; the instance then goes without it, because
//! what it serves matters more.

use std::net::Ipv4Addr;

use crate::vm::machine::Forwarding;
use crate::vm::qmp::Qmp;

/// The port of an instance's addresses that leads to the guest's port 22. On 22 itself, only root may listen.
pub const PORT: u16 = 2222;

const SSH: Forwarding = Forwarding { outside: PORT, inside: 22 };

pub(super) async fn open(qmp: &mut Qmp, address: Ipv4Addr) {
    if let Err(error) = qmp.forward(address, SSH).await {
        tracing::warn!(%address, error = %error.fault(), "port {PORT} does not lead to the guest's sshd");
    }
}

pub(super) async fn close(qmp: &mut Qmp, address: Ipv4Addr) {
    if let Err(error) = qmp.unforward(address, SSH).await {
        tracing::warn!(%address, error = %error.fault(), "port {PORT} may still lead to the guest's sshd");
    }
}
