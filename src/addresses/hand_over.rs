//! Moving the address from one instance to another, and back when the new one does not answer through it.

use std::time::Duration;

use anyhow::{Error, Result};
use jiff::Timestamp;

use super::{Address, associate, disassociate};
use crate::aws::Clients;
use crate::health::{self, Endpoint};
use crate::images::BakedImage;
use crate::instances;
use crate::interrupt::Shield;
use crate::printer::Stage;
use crate::tags;
use crate::wait::Patience;

/// AWS needs a few seconds until a moved address leads to its new instance.
const ARRIVAL: Patience = Patience { deadline: Duration::from_mins(1), every: Duration::from_millis(200), streak: 3 };

/// Who is put behind which address.
#[derive(Debug)]
pub struct HandOver<'a> {
    pub clients: &'a Clients,
    /// With the holder it had when the command began.
    pub address: &'a Address,
    pub port: u16,
    pub instance_id: &'a str,
    /// What must answer through the address afterwards.
    pub image: &'a BakedImage,
    /// Whether the instance gets the tag [`tags::PROMOTED_AT`].
    pub promote: bool,
}

/// Moves the address and proves through it that the image answers. When it does not, or the user interrupts, the
/// previous holder is put back before the error is returned.
pub async fn hand_over(to: &HandOver<'_>, shield: &Shield, stage: &mut Stage) -> Result<()> {
    let moved = shield.run(async {
        associate(to.clients, to.address, to.instance_id).await?;
        let endpoint = Endpoint { address: to.address.ip, port: to.port };
        health::wait(endpoint, to.image, ARRIVAL, stage).await?;
        if to.promote {
            instances::tag(to.clients, to.instance_id, tags::PROMOTED_AT, &Timestamp::now().to_string()).await?;
        }
        Ok(())
    });
    match moved.await {
        Ok(()) => Ok(()),
        Err(error) => Err(put_back(to, error).await),
    }
}

/// Also where the move itself failed: its answer may have been lost after EC2 acted on it.
async fn put_back(to: &HandOver<'_>, error: Error) -> Error {
    let (result, before) = match &to.address.holder {
        Some(holder) => {
            (associate(to.clients, to.address, holder).await, format!("instance {holder} is behind it again"))
        }
        None => (disassociate(to.clients, to.address).await, "it is free again".to_owned()),
    };
    let ip = to.address.ip;
    match result {
        Ok(()) => error.context(format!("the address {ip} could not be moved to instance {}; {before}", to.instance_id)),
        Err(second) => error.context(format!(
            "the address {ip} could not be moved to instance {}, and could not be put back either ({second:#}); it must \
             be looked at by hand",
            to.instance_id
        )),
    }
}
