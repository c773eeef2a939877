//! The two configurations of a bake: how build instances are made, and what the AMI is called and tagged.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, Distribution, InfrastructureConfiguration, InstanceMetadataOptions,
};

use super::create::Creator;
use super::journal::Kind;
use super::remove::is_not_found;
use crate::aws;
use crate::images;
use crate::tags;

/// The environment's infrastructure configuration, created or brought up to date. Returns its ARN.
pub(super) async fn infrastructure(creator: &mut Creator<'_>) -> Result<String> {
    let arn = creator.names.infrastructure_arn(creator.plan.keep_on_failure);
    let client = &creator.context.clients.image_builder;
    let existing = client.get_infrastructure_configuration().infrastructure_configuration_arn(&arn).send().await;
    match existing {
        Ok(answer) => {
            if !answer.infrastructure_configuration().is_some_and(|found| is_current(creator, found)) {
                update_infrastructure(creator, &arn).await?;
            }
            Ok(arn)
        }
        Err(error) if is_not_found(&error) => create_infrastructure(creator, &arn).await,
        Err(error) => Err(aws::describe(&format!("look at {arn}"), &error).into()),
    }
}

fn is_current(creator: &Creator, found: &InfrastructureConfiguration) -> bool {
    let environment = &creator.context.environment;
    found.instance_types() == [environment.build.instance_type.clone()]
        && found.instance_profile_name() == Some(&environment.build.instance_profile)
        && found.security_group_ids() == security_groups(creator).unwrap_or_default()
        && found.subnet_id() == environment.subnets.first().map(String::as_str)
        && found.terminate_instance_on_failure() == Some(!creator.plan.keep_on_failure)
        && found.resource_tags().filter(|tags| !tags.is_empty()) == resource_tags(creator).as_ref()
        && found.instance_metadata_options() == Some(&metadata_options())
}

/// Image Builder asks for both or none: without a subnet it uses the default network and its default group.
fn security_groups(creator: &Creator) -> Option<Vec<String>> {
    creator.context.environment.subnets.first().map(|_| creator.context.environment.security_groups.clone())
}

/// An instance that may outlive its bake has the service's tag, by which operators find it and may end it. It has no key pair: the image
/// that it may become is the same as without the flag.
fn resource_tags(creator: &Creator) -> Option<HashMap<String, String>> {
    creator.plan.keep_on_failure.then(|| HashMap::from([(tags::SERVICE.to_owned(), creator.plan.service.to_string())]))
}

/// Session tokens are required: the first version of the metadata service gives credentials to any process that can be
/// made to fetch a URL.
fn metadata_options() -> InstanceMetadataOptions {
    InstanceMetadataOptions::builder().http_tokens("required").http_put_response_hop_limit(1).build()
}

async fn create_infrastructure(creator: &mut Creator<'_>, arn: &str) -> Result<String> {
    let what = Kind::Infrastructure.named(arn);
    creator.about_to_create(&what).await?;
    let environment = &creator.context.environment;
    let result = creator
        .context
        .clients
        .image_builder
        .create_infrastructure_configuration()
        .name(creator.names.infrastructure(creator.plan.keep_on_failure))
        .instance_types(&environment.build.instance_type)
        .instance_profile_name(&environment.build.instance_profile)
        .set_security_group_ids(security_groups(creator))
        .set_subnet_id(environment.subnets.first().cloned())
        .terminate_instance_on_failure(!creator.plan.keep_on_failure)
        .set_resource_tags(resource_tags(creator))
        .instance_metadata_options(metadata_options())
        .tags(tags::SERVICE, creator.names.recipe())
        .client_token(creator.journal.token(&what.name))
        .send()
        .await;
    creator.settle(&what, result, |answer| answer.infrastructure_configuration_arn).await
}

async fn update_infrastructure(creator: &Creator<'_>, arn: &str) -> Result<()> {
    creator.go_on().await?;
    let environment = &creator.context.environment;
    creator
        .context
        .clients
        .image_builder
        .update_infrastructure_configuration()
        .infrastructure_configuration_arn(arn)
        .instance_types(&environment.build.instance_type)
        .instance_profile_name(&environment.build.instance_profile)
        .set_security_group_ids(security_groups(creator))
        .set_subnet_id(environment.subnets.first().cloned())
        .terminate_instance_on_failure(!creator.plan.keep_on_failure)
        .set_resource_tags(resource_tags(creator))
        .instance_metadata_options(metadata_options())
        .client_token(creator.journal.token(&format!("update {arn}")))
        .send()
        .await
        .map_err(|error| aws::describe(&format!("update {arn}"), &error))?;
    Ok(())
}

/// The version's distribution configuration. Remains of an earlier one were removed before. Returns its ARN.
pub(super) async fn distribution(creator: &mut Creator<'_>) -> Result<String> {
    let what = Kind::Distribution.named(creator.names.distribution_arn());
    if let Some(arn) = creator.journal.made(&what) {
        return Ok(arn.to_owned());
    }
    creator.about_to_create(&what).await?;
    let plan = creator.plan;
    let ami = AmiDistributionConfiguration::builder()
        .name(format!("{}-{}-{{{{ imagebuilder:buildDate }}}}", plan.service, plan.version))
        .description(images::description(&plan.service.to_string(), &plan.version, plan.digest.as_str()))
        .set_ami_tags(Some(plan.tags()))
        .build();
    let region = &creator.context.environment.region;
    let distribution = Distribution::builder().region(region).ami_distribution_configuration(ami).build()?;
    let result = creator
        .context
        .clients
        .image_builder
        .create_distribution_configuration()
        .name(creator.names.distribution())
        .distributions(distribution)
        .set_tags(Some(plan.tags()))
        .client_token(creator.journal.token(&what.name))
        .send()
        .await;
    creator.settle(&what, result, |answer| answer.distribution_configuration_arn).await
}
