//! What EC2 says of calls that are not made: less than IAM would tell, and to everybody.

use anyhow::Result;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{IpPermission, IpRange, Tag};

use crate::addresses;
use crate::context::Context;
use crate::environment::ElasticIp;
use crate::error::user;
use crate::instances;
use crate::tags;

/// What may be tried as things are now. The launch itself is tried elsewhere.
pub(super) async fn check(context: &Context, why: &str) -> Result<String> {
    let (ec2, environment) = (&context.clients.ec2, &context.environment);
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
    let mut tried = vec![("ec2:DescribeVolumes", refusal(ec2.describe_volumes().dry_run(true).send().await))];
    if environment.address == ElasticIp::Allocate && address.is_none() {
        tried.push(("ec2:AllocateAddress", refusal(ec2.allocate_address().dry_run(true).send().await)));
    }
    if let Some(instance) = instances.last() {
        let id = &instance.instance_id;
        tried.push(("ec2:StopInstances", refusal(ec2.stop_instances().instance_ids(id).dry_run(true).send().await)));
        tried.push(("ec2:StartInstances", refusal(ec2.start_instances().instance_ids(id).dry_run(true).send().await)));
        let tag = Tag::builder().key(tags::SERVICE).value(&service).build();
        tried.push(("ec2:CreateTags", refusal(ec2.create_tags().resources(id).tags(tag).dry_run(true).send().await)));
        if let Some(address) = &address {
            let call = ec2.associate_address().allocation_id(&address.allocation_id).instance_id(id).dry_run(true);
            tried.push(("ec2:AssociateAddress", refusal(call.send().await)));
        }
    }
    if let Some(group) = environment.security_groups.first() {
        let port = i32::from(context.recipe.port);
        let range = IpRange::builder().cidr_ip("192.0.2.1/32").build();
        let rule = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port).ip_ranges(range).build();
        let call = ec2.authorize_security_group_ingress().group_id(group).ip_permissions(rule).dry_run(true);
        tried.push(("ec2:AuthorizeSecurityGroupIngress", refusal(call.send().await)));
    }
    let denied: Vec<&str> = tried.iter().filter(|(_, refusal)| refusal.is_some()).map(|(action, _)| *action).collect();
    let allowed: Vec<&str> = tried.iter().filter(|(_, refusal)| refusal.is_none()).map(|(action, _)| *action).collect();
    if denied.is_empty() {
        return Ok(format!(
            "not simulated, because iam:SimulatePrincipalPolicy is not allowed ({why}); EC2's dry runs allow {}, and of the rest nothing is known",
            allowed.join(", ")
        ));
    }
    Err(user(format!("EC2's dry runs refuse {} (IAM cannot be asked: {why})", denied.join(", ")))
        .hint(format!(
            "attach the operators' policy of `veris setup -e {}` to the role or the permission set",
            environment.name
        ))
        .into())
}

/// The code with which a dry run says that the call would be refused for want of a permission.
fn refusal<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Option<String> {
    let error = answer.err()?;
    error.code().filter(|code| *code == "UnauthorizedOperation").map(ToOwned::to_owned)
}
