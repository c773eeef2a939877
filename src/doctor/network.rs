//! Whether a build instance reaches AWS: Image Builder drives it through Systems Manager, and it downloads what is baked.

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, Route, RouteTable};

use crate::aws;
use crate::context::Context;
use crate::error::{Failure, user};

const EVERYWHERE: &str = "0.0.0.0/0";

/// The network in which Image Builder makes its instances.
pub(super) async fn of_builds(context: &Context) -> Result<String> {
    match context.environment.subnets.first() {
        Some(subnet) => of_subnet(context, subnet).await,
        None => default(context).await,
    }
}

async fn default(context: &Context) -> Result<String> {
    let filter = Filter::builder().name("is-default").values("true").build();
    let answer = context.clients.ec2.describe_vpcs().filters(filter).send().await;
    let answer = answer.map_err(|error| aws::describe("look for the default network", &error))?;
    match answer.vpcs().first().and_then(|vpc| vpc.vpc_id()) {
        Some(id) => Ok(format!("the default network {id}")),
        None => Err(user(format!("{} has no default network", context.environment.region))
            .hint("name `subnets` and `security_groups` in the recipe, or make it with `aws ec2 create-default-vpc`")
            .into()),
    }
}

async fn of_subnet(context: &Context, id: &str) -> Result<String> {
    let answer = context.clients.ec2.describe_subnets().subnet_ids(id).send().await;
    let answer = answer.map_err(|error| {
        aws::describe(&format!("look at the subnet {id}"), &error).hint("correct `subnets` of the recipe")
    })?;
    let Some(subnet) = answer.subnets().first() else {
        return Err(user(format!("there is no subnet {id}")).hint("correct `subnets` of the recipe").into());
    };
    let vpc = subnet.vpc_id().unwrap_or_default();
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    let tables = context.clients.ec2.describe_route_tables().filters(filter).into_paginator().items().send();
    let tables = tables.collect::<Result<Vec<_>, _>>().await;
    let tables = tables.map_err(|error| aws::describe(&format!("look at the routes of {vpc}"), &error))?;
    Ok(judge(id, subnet.map_public_ip_on_launch() == Some(true), table_of(id, &tables))?)
}

/// Its own, or the network's main one.
fn table_of<'a>(subnet: &str, tables: &'a [RouteTable]) -> Option<&'a RouteTable> {
    let own = |table: &&RouteTable| table.associations().iter().any(|it| it.subnet_id() == Some(subnet));
    let main = |table: &&RouteTable| table.associations().iter().any(|it| it.main() == Some(true));
    tables.iter().find(own).or_else(|| tables.iter().find(main))
}

fn judge(subnet: &str, gives_public: bool, table: Option<&RouteTable>) -> Result<String, Failure> {
    let routes = table.map(RouteTable::routes).unwrap_or_default();
    let way = routes.iter().find(|route| route.destination_cidr_block() == Some(EVERYWHERE));
    let gateway = way.and_then(Route::gateway_id).filter(|id| id.starts_with("igw-"));
    match (way, gateway) {
        (None, _) => Err(user(format!("{subnet} has no route to {EVERYWHERE}, so a build instance cannot reach S3 and Systems Manager"))
            .hint("give the subnet a NAT or internet gateway, or endpoints of ssm, ssmmessages, ec2messages, imagebuilder and s3")),
        (Some(_), Some(gateway)) if !gives_public => Err(user(format!(
            "{subnet} leads to the internet gateway {gateway}, but gives its instances no public address, so a build instance reaches nothing"
        ))
        .hint(format!("`aws ec2 modify-subnet-attribute --subnet-id {subnet} --map-public-ip-on-launch`, or route through a NAT gateway"))),
        (Some(_), Some(gateway)) => Ok(format!("{subnet}, with public addresses through {gateway}")),
        (Some(_), None) => Ok(format!("{subnet}, through a gateway of its network")),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::RouteTableAssociation;

    use super::*;

    fn table(subnet: Option<&str>, gateway: Option<&str>) -> RouteTable {
        let association = RouteTableAssociation::builder().main(subnet.is_none()).set_subnet_id(subnet.map(Into::into));
        let route = gateway.map(|id| Route::builder().destination_cidr_block(EVERYWHERE).gateway_id(id).build());
        RouteTable::builder().associations(association.build()).set_routes(Some(route.into_iter().collect())).build()
    }

    #[test]
    fn a_subnet_without_a_way_out_is_named_with_the_cure() {
        let tables = [table(None, Some("igw-1")), table(Some("subnet-2"), None)];
        let told =
            |subnet: &str, public| judge(subnet, public, table_of(subnet, &tables)).map_err(|error| error.to_string());
        assert_eq!(told("subnet-1", true).unwrap(), "subnet-1, with public addresses through igw-1");
        assert!(told("subnet-1", false).unwrap_err().contains("gives its instances no public address"));
        assert!(told("subnet-2", true).unwrap_err().contains("subnet-2 has no route"));
    }
}
