//! Types of instances, and the change of an instance's type.

use std::fmt;

use anyhow::Result;
use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::operation::modify_instance_attribute::builders::ModifyInstanceAttributeFluentBuilder;
use aws_sdk_ec2::types::{AttributeValue, InstanceType, InstanceTypeInfo, MemoryInfo, ProcessorInfo, VCpuInfo};
use serde::Serialize;

use crate::aws::{self, Clients};
use crate::error::{Failure, cloud, user};

/// A type of instances, as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kind {
    pub name: String,
    pub processors: i32,
    pub memory_mib: i64,
    /// `x86_64` and the like.
    #[serde(skip)]
    pub architectures: Vec<String>,
}

/// The types of these names, in their order. A name that EC2 does not know is the user's mistake.
pub async fn kinds<const N: usize>(clients: &Clients, names: [&str; N]) -> Result<[Kind; N], Failure> {
    let asked = names.map(InstanceType::from);
    let answer = clients.ec2.describe_instance_types().set_instance_types(Some(distinct(&asked))).send().await;
    let answer = answer.map_err(|error| match error.code() {
        Some("InvalidInstanceType" | "InvalidParameterValue") => {
            let message = error.message().unwrap_or("EC2 does not know it");
            user(format!("{} is no instance type here: {message}", names.join(" or "))).hint(
                "write a type such as `t3.large`; AWS lists those of a region with `aws ec2 describe-instance-types`",
            )
        }
        _ => aws::describe(&format!("look at the instance types {}", names.join(", ")), &error),
    })?;
    let mut found = Vec::new();
    for name in &asked {
        let is_it = |info: &&InstanceTypeInfo| info.instance_type() == Some(name);
        let info = answer.instance_types().iter().find(is_it);
        found.push(kind(info.ok_or_else(|| cloud(format!("EC2 does not describe the instance type {name}")))?));
    }
    found.try_into().map_err(|_| cloud("EC2 describes another number of instance types"))
}

/// EC2 refuses a name that is given twice.
fn distinct(names: &[InstanceType]) -> Vec<InstanceType> {
    let mut names = names.to_vec();
    names.dedup();
    names
}

fn kind(info: &InstanceTypeInfo) -> Kind {
    let architectures = info.processor_info().map(ProcessorInfo::supported_architectures).unwrap_or_default();
    Kind {
        name: info.instance_type().map(ToString::to_string).unwrap_or_default(),
        processors: info.v_cpu_info().and_then(VCpuInfo::default_v_cpus).unwrap_or_default(),
        memory_mib: info.memory_info().and_then(MemoryInfo::size_in_mib).unwrap_or_default(),
        architectures: architectures.iter().map(ToString::to_string).collect(),
    }
}

/// Gives a stopped instance another type.
pub async fn change_kind(clients: &Clients, instance_id: &str, name: &str) -> Result<()> {
    let call = modify(clients, instance_id, name).send().await;
    call.map_err(|error| aws::describe(&format!("make instance {instance_id} a {name}"), &error))?;
    Ok(())
}

/// Fails where the operator may not do so, which must not be found out when the service is down already.
pub async fn may_change_kind(clients: &Clients, instance_id: &str, name: &str) -> Result<()> {
    match modify(clients, instance_id, name).dry_run(true).send().await {
        // Only permission is asked for; the instance runs, which would be refused as well.
        Err(error) if error.code() == Some("UnauthorizedOperation") => {
            Err(aws::describe(&format!("make instance {instance_id} a {name}"), &error).into())
        }
        _ => Ok(()),
    }
}

fn modify(clients: &Clients, instance_id: &str, name: &str) -> ModifyInstanceAttributeFluentBuilder {
    let value = AttributeValue::builder().value(name).build();
    clients.ec2.modify_instance_attribute().instance_id(instance_id).instance_type(value)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, processors, memory_mib, .. } = self;
        write!(f, "{name} ({processors} processors, {memory_mib} MiB)")
    }
}
