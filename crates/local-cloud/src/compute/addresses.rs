//! Elastic IPs: loopback addresses whose ports lead to one guest after another.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Compute, incorrect_state, loopback, ssh};
use crate::fault::Fault;
use crate::ids;
use crate::state::{Address, Association, InstanceState, Tags};
use crate::vm::VmError;
use crate::vm::machine::SERVICE;
use crate::vm::qmp::Qmp;

impl Compute {
    /// Reserves a free loopback address.
    pub async fn allocate_address(&self, tags: Tags) -> Result<Address, Fault> {
        let _addresses = self.addresses.lock().await;
        self.store.change(|state| {
            let address = Address {
                allocation_id: ids::resource("eipalloc"),
                public_ip: loopback::for_elastic_ip(state, &self.layout.directory)?,
                association: None,
                tags,
            };
            state.addresses.insert(address.allocation_id.clone(), address.clone());
            Ok(address)
        })
    }

    /// Moves an Elastic IP to a running instance; answers the association id.
    pub async fn associate_address(self: &Arc<Self>, allocation_id: &str, instance_id: &str) -> Result<String, Fault> {
        // The move goes on when whoever asked for it has hung up: half a move would be neither here nor there.
        let (compute, allocation_id, instance_id) =
            (Arc::clone(self), allocation_id.to_owned(), instance_id.to_owned());
        let moved = tokio::spawn(async move { compute.move_address(&allocation_id, &instance_id).await });
        moved.await.map_err(|error| Fault::internal(format!("failed to move an Elastic IP: {error}")))?
    }

    async fn move_address(&self, allocation_id: &str, instance_id: &str) -> Result<String, Fault> {
        let _addresses = self.addresses.lock().await;
        let address = self.address(allocation_id)?;
        let instance = self.instance(instance_id)?;
        if instance.state != InstanceState::Running {
            return Err(incorrect_state(&instance, "associated with an address"));
        }
        let previous = address.association.as_ref().map(|association| association.instance_id.as_str());
        // Both monitors are at hand before anything changes, so that the gap is two commands wide.
        let mut new = Qmp::connect(&self.directory(instance_id)).await.map_err(VmError::fault)?;
        let mut old = match previous {
            Some(previous) if previous != instance_id => self.monitor(previous).await?,
            _ => None,
        };
        if previous == Some(instance_id) {
            new.unforward(address.public_ip, SERVICE).await.map_err(VmError::fault)?;
        }
        lead(address.public_ip, old.as_mut(), &mut new).await.map_err(VmError::fault)?;
        let association =
            Association { association_id: ids::resource("eipassoc"), instance_id: instance_id.to_owned() };
        let id = association.association_id.clone();
        let recorded = self.record_association(allocation_id, Some(association));
        if let Err(fault) = recorded {
            // What is written down stays true.
            let undone = match &mut old {
                Some(old) => lead(address.public_ip, Some(&mut new), old).await,
                None => new.unforward(address.public_ip, SERVICE).await,
            };
            log_failed_undo(address.public_ip, undone);
            return Err(fault);
        }
        // Behind the service's port, whose gap they must not widen.
        if let Some(old) = &mut old {
            ssh::close(old, address.public_ip).await;
        }
        ssh::open(&mut new, address.public_ip).await;
        Ok(id)
    }

    /// Closes an Elastic IP.
    pub async fn disassociate_address(&self, association_id: &str) -> Result<(), Fault> {
        let _addresses = self.addresses.lock().await;
        let found = self.store.read(|state| {
            let is_asked = |association: &Association| association.association_id == association_id;
            state.addresses.values().find(|address| address.association.as_ref().is_some_and(is_asked)).cloned()
        });
        let Some((address, association)) = found.and_then(|address| Some((address.clone(), address.association?)))
        else {
            let message = format!("The association ID '{association_id}' does not exist");
            return Err(Fault::client("InvalidAssociationID.NotFound", message));
        };
        let mut monitor = self.monitor(&association.instance_id).await?;
        if let Some(monitor) = &mut monitor {
            monitor.unforward(address.public_ip, SERVICE).await.map_err(VmError::fault)?;
        }
        let recorded = self.record_association(&address.allocation_id, None);
        if let (Err(_), Some(monitor)) = (&recorded, &mut monitor) {
            log_failed_undo(address.public_ip, monitor.forward(address.public_ip, SERVICE).await);
        } else if let Some(monitor) = &mut monitor {
            ssh::close(monitor, address.public_ip).await;
        }
        recorded
    }

    /// The Elastic IPs that lead to an instance.
    pub(super) fn elastic_ips_of(&self, instance_id: &str) -> Vec<Ipv4Addr> {
        let leads_there = |address: &&Address| {
            address.association.as_ref().is_some_and(|association| association.instance_id == instance_id)
        };
        self.store.read(|state| state.addresses.values().filter(leads_there).map(|address| address.public_ip).collect())
    }

    fn address(&self, allocation_id: &str) -> Result<Address, Fault> {
        self.store.read(|state| state.addresses.get(allocation_id).cloned()).ok_or_else(|| {
            let message = format!("The allocation ID '{allocation_id}' does not exist");
            Fault::client("InvalidAllocationID.NotFound", message)
        })
    }

    fn record_association(&self, allocation_id: &str, association: Option<Association>) -> Result<(), Fault> {
        self.store.change(|state| {
            if let Some(address) = state.addresses.get_mut(allocation_id) {
                address.association = association;
            }
            Ok(())
        })
    }

    /// The monitor of a guest; `None` where none runs, which holds no address open either.
    async fn monitor(&self, instance_id: &str) -> Result<Option<Qmp>, Fault> {
        let guest = self.guests().get(instance_id).map(Arc::clone);
        match guest {
            Some(guest) => match Qmp::connect(&self.directory(instance_id)).await {
                Ok(qmp) => Ok(Some(qmp)),
                Err(_) if !guest.is_alive() => Ok(None),
                Err(error) => Err(error.fault()),
            },
            None => Ok(None),
        }
    }
}

/// Takes the address from one guest and gives it to another; gives it back when the other does not take it.
async fn lead(address: Ipv4Addr, from: Option<&mut Qmp>, to: &mut Qmp) -> Result<(), VmError> {
    let Some(from) = from else { return to.forward(address, SERVICE).await };
    from.unforward(address, SERVICE).await?;
    let taken = to.forward(address, SERVICE).await;
    if taken.is_err() {
        log_failed_undo(address, from.forward(address, SERVICE).await);
    }
    taken
}

fn log_failed_undo(address: Ipv4Addr, undone: Result<(), VmError>) {
    if let Err(error) = undone {
        let error = error.fault();
        tracing::error!(%address, %error, "failed to lead an Elastic IP back; the next start of the local cloud does it");
    }
}
