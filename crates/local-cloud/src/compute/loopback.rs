//! Which loopback address is whose. Each cloud looks in its own corner of 127.0.0.0/8, found from its directory, so that
//! several clouds on one machine seldom meet; where they do, the next address is taken.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::fault::Fault;
use crate::state::{Instance, State};
use crate::vm::machine::PORT;

/// How many addresses are tried before something must be wrong with the machine.
const TRIES: usize = MOST_ELASTIC_IPS as usize;

/// How many Elastic IPs there can be at once.
pub(crate) const MOST_ELASTIC_IPS: u16 = 254 * 2;

/// A free address for an instance, from 127.64.0.0 to 127.127.255.255.
pub(super) fn for_instance(state: &State, directory: &Path) -> Result<Ipv4Addr, Fault> {
    // Of an instance that is terminated only the record is left, for an hour.
    let remains = |instance: &&Instance| instance.terminated.is_none();
    let taken =
        |address: &Ipv4Addr| state.instances.values().filter(remains).any(|instance| instance.address == *address);
    free(directory, 64, taken)
}

/// A free address for an Elastic IP, from 127.192.0.0 to 127.255.255.255.
pub(super) fn for_elastic_ip(state: &State, directory: &Path) -> Result<Ipv4Addr, Fault> {
    let taken = |address: &Ipv4Addr| state.addresses.values().any(|elastic| elastic.public_ip == *address);
    free(directory, 192, taken)
}

fn free(directory: &Path, first: u8, is_taken: impl Fn(&Ipv4Addr) -> bool) -> Result<Ipv4Addr, Fault> {
    let found = corner(directory, first).take(TRIES).find(|address| !is_taken(address) && can_be_bound(*address));
    found.ok_or_else(|| {
        let message = format!(
            "no loopback address of this machine has port {PORT} free; end the process that listens on 0.0.0.0:{PORT} \
             (`ss -ltnp 'sport = :{PORT}'` names it)"
        );
        Fault::new(500, "InsufficientAddressCapacity", message)
    })
}

/// The addresses of one cloud: 127.A.B.1 to 127.A.B.254, then those of the next B.
fn corner(directory: &Path, first: u8) -> impl Iterator<Item = Ipv4Addr> {
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    let second = first + digest[0] % 64;
    let third = digest[1];
    (0..=u8::MAX)
        .flat_map(move |step| (1..=254).map(move |last| Ipv4Addr::new(127, second, third.wrapping_add(step), last)))
}

fn can_be_bound(address: Ipv4Addr) -> bool {
    TcpListener::bind((address, PORT)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_is_passed_over() {
        let directory = Path::new("/a/cloud");
        let first = for_instance(&State::default(), directory).unwrap();
        let _taken = TcpListener::bind((first, PORT)).unwrap();
        let second = for_instance(&State::default(), directory).unwrap();
        assert_ne!(first, second);
        assert_eq!(first.octets()[..3], second.octets()[..3]);
    }

    #[test]
    fn instances_and_elastic_ips_live_apart() {
        let state = State::default();
        let directory = Path::new("/another/cloud");
        assert!((64..128).contains(&for_instance(&state, directory).unwrap().octets()[1]));
        assert!(for_elastic_ip(&state, directory).unwrap().octets()[1] >= 192);
    }
}
