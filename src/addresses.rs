//! The Elastic IP that clients know, and who stands behind it.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use aws_sdk_ec2::types::{Address as Ec2Address, DomainType, Filter, ResourceType, Tag, TagSpecification};

use crate::aws::{self, Clients};
use crate::context::Context;
use crate::environment::ElasticIp;
use crate::error::{cloud, user};
use crate::ledger::LENGTH;
use crate::tags;

/// An Elastic IP of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub allocation_id: String,
    pub ip: Ipv4Addr,
    /// The instance behind it, ours or not.
    pub holder: Option<String>,
}

/// The environment's address; `None` where it is allocated at the first launch and there was none yet.
pub async fn find(context: &Context) -> Result<Option<Address>> {
    let service = context.recipe.service.to_string();
    match context.environment.address {
        ElasticIp::Fixed(ip) => {
            let filter = Filter::builder().name("public-ip").values(ip.to_string()).build();
            let found = describe(&context.clients, filter).await?.into_iter().next();
            let missing = || {
                user(format!(
                    "the account has no Elastic IP {ip}, which environment `{}` asks for in {}",
                    context.environment.name, context.environment.region
                ))
                .hint("correct `address` in the recipe, or check that AWS_PROFILE names the right account")
            };
            Ok(Some(found.ok_or_else(missing)?))
        }
        ElasticIp::Allocate => {
            let filter = Filter::builder().name(format!("tag:{}", tags::SERVICE)).values(&service).build();
            let mut found = describe(&context.clients, filter).await?;
            found.sort_by(|a, b| a.allocation_id.cmp(&b.allocation_id));
            if found.len() > 1 {
                let ips: Vec<_> = found.iter().map(|address| address.ip.to_string()).collect();
                return Err(user(format!("more than one Elastic IP is tagged with {service}: {}", ips.join(", ")))
                    .hint("write the right one into the recipe as `address`, or release the others")
                    .into());
            }
            Ok(found.pop())
        }
    }
}

/// The environment's address, allocated now where there was none.
pub async fn find_or_allocate(context: &Context) -> Result<Address> {
    if let Some(address) = find(context).await? {
        return Ok(address);
    }
    let service = context.recipe.service.to_string();
    let tag = |key: &str| Tag::builder().key(key).value(&service).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::ElasticIp)
        .tags(tag(tags::SERVICE))
        .tags(tag("Name"))
        .build();
    // The call takes no token: asked a second time after a lost answer, EC2 would allocate a second address.
    let once = aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled());
    let call = context.clients.ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(tags);
    let answer = match call.customize().config_override(once).send().await {
        Ok(answer) => answer,
        Err(error) => {
            return match find(context).await? {
                Some(address) => Ok(address),
                None => Err(aws::describe(&format!("allocate an Elastic IP for {service}"), &error).into()),
            };
        }
    };
    let ip = answer.public_ip().and_then(|ip| ip.parse().ok());
    match (answer.allocation_id, ip) {
        (Some(allocation_id), Some(ip)) => Ok(Address { allocation_id, ip, holder: None }),
        _ => Err(cloud("the answer to AllocateAddress names no address").into()),
    }
}

/// Puts an instance behind the address, whoever held it before. There is no moment without a holder.
pub async fn associate(clients: &Clients, address: &Address, instance_id: &str) -> Result<()> {
    let call = clients
        .ec2
        .associate_address()
        .allocation_id(&address.allocation_id)
        .instance_id(instance_id)
        .allow_reassociation(true)
        .customize()
        .config_override(within_the_lease())
        .send()
        .await;
    call.map_err(|error| aws::describe(&format!("put instance {instance_id} behind {}", address.ip), &error))?;
    Ok(())
}

/// Takes whoever holds it from behind the address.
pub async fn disassociate(clients: &Clients, address: &Address) -> Result<()> {
    let attempted = format!("free the address {}", address.ip);
    let answer = clients.ec2.describe_addresses().allocation_ids(&address.allocation_id).send().await;
    let answer = answer.map_err(|error| aws::describe(&attempted, &error))?;
    let Some(association) = answer.addresses().first().and_then(Ec2Address::association_id) else { return Ok(()) };
    let call = clients.ec2.disassociate_address().association_id(association).customize();
    let call = call.config_override(within_the_lease()).send().await;
    call.map_err(|error| aws::describe(&attempted, &error))?;
    Ok(())
}

/// A call that moves the address must not come to its end when somebody else may lead by then: a confirmed lease lasts for another
/// half of its length.
fn within_the_lease() -> aws_sdk_ec2::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(LENGTH * 2 / 5);
    aws_sdk_ec2::config::Builder::new().timeout_config(timeouts.build())
}

async fn describe(clients: &Clients, filter: Filter) -> Result<Vec<Address>> {
    let answer = clients.ec2.describe_addresses().filters(filter).send().await;
    let answer = answer.map_err(|error| aws::describe("look up the Elastic IP", &error))?;
    Ok(answer.addresses().iter().filter_map(read).collect())
}

fn read(address: &Ec2Address) -> Option<Address> {
    Some(Address {
        allocation_id: address.allocation_id()?.to_owned(),
        ip: address.public_ip()?.parse().ok()?,
        holder: address.instance_id().filter(|id| !id.is_empty()).map(ToOwned::to_owned),
    })
}
