//! What a bake's resources are called in Image Builder, so that a later run recognises them.

use anyhow::Result;
use semver::Version;

use crate::aws;
use crate::context::Context;
use crate::environment::EnvironmentName;
use crate::error::cloud;
use crate::recipe::ServiceName;

/// Names and ARNs of one version's resources.
#[derive(Debug, Clone)]
pub(super) struct Names {
    service: ServiceName,
    environment: EnvironmentName,
    version: Version,
    /// Partition, region and account, as ARNs hold them.
    partition: String,
    region: String,
    account: String,
}

impl Names {
    pub(super) async fn new(context: &Context, version: &Version) -> Result<Self> {
        let identity = context.clients.sts.get_caller_identity().send().await;
        let identity =
            identity.map_err(|error| aws::describe("ask which account the credentials belong to", &error))?;
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1));
        let (Some(account), Some(partition)) = (identity.account(), partition) else {
            return Err(cloud("STS did not name the account of the credentials").into());
        };
        Ok(Self {
            service: context.recipe.service.clone(),
            environment: context.environment.name.clone(),
            version: version.clone(),
            partition: partition.to_owned(),
            region: context.environment.region.clone(),
            account: account.to_owned(),
        })
    }

    /// The recipe and the image have the service's name.
    pub(super) fn recipe(&self) -> String {
        self.service.to_string()
    }

    /// How build instances are made depends on the environment, and on whether those that fail are kept.
    pub(super) fn infrastructure(&self, keeps_failed: bool) -> String {
        let suffix = if keeps_failed { "-keep" } else { "" };
        format!("{}-{}{suffix}", self.service, self.environment)
    }

    /// The AMI's tags depend on the version, so each version has its own; a name cannot hold dots.
    pub(super) fn distribution(&self) -> String {
        format!("{}-{}-{}-{}", self.service, self.version.major, self.version.minor, self.version.patch)
    }

    pub(super) fn recipe_arn(&self) -> String {
        self.arn("image-recipe", &format!("{}/{}", self.recipe(), self.version))
    }

    /// The version's ARN; each build of it has a number behind it.
    pub(super) fn image_arn(&self) -> String {
        self.arn("image", &format!("{}/{}", self.recipe(), self.version))
    }

    /// The version's ARN; each build of it has a number behind it.
    pub(super) fn component_arn(&self, component: &str) -> String {
        self.arn("component", &format!("{component}/{}", self.version))
    }

    pub(super) fn infrastructure_arn(&self, keeps_failed: bool) -> String {
        self.arn("infrastructure-configuration", &self.infrastructure(keeps_failed))
    }

    /// The ARN of a key of KMS that the recipe names by its alias or its id: Image Builder takes nothing shorter.
    pub(super) fn key_arn(&self, key: &str) -> String {
        if key.starts_with("arn:") {
            return key.to_owned();
        }
        let resource = if key.starts_with("alias/") { key.to_owned() } else { format!("key/{key}") };
        format!("arn:{}:kms:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    pub(super) fn distribution_arn(&self) -> String {
        self.arn("distribution-configuration", &self.distribution())
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        format!("arn:{}:imagebuilder:{}:{}:{kind}/{name}", self.partition, self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_image_builder_gives_back() {
        let names = Names {
            service: "veris-chat".parse().unwrap(),
            environment: "prod".parse().unwrap(),
            version: Version::new(1, 20, 3),
            partition: "aws".to_owned(),
            region: "ap-southeast-2".to_owned(),
            account: "000000000000".to_owned(),
        };
        insta::assert_snapshot!(
            [
                names.component_arn("veris-chat-10-base"),
                names.recipe_arn(),
                names.infrastructure_arn(false),
                names.infrastructure_arn(true),
                names.distribution_arn(),
                names.image_arn(),
            ]
            .join("\n"),
            @"
        arn:aws:imagebuilder:ap-southeast-2:000000000000:component/veris-chat-10-base/1.20.3
        arn:aws:imagebuilder:ap-southeast-2:000000000000:image-recipe/veris-chat/1.20.3
        arn:aws:imagebuilder:ap-southeast-2:000000000000:infrastructure-configuration/veris-chat-prod
        arn:aws:imagebuilder:ap-southeast-2:000000000000:infrastructure-configuration/veris-chat-prod-keep
        arn:aws:imagebuilder:ap-southeast-2:000000000000:distribution-configuration/veris-chat-1-20-3
        arn:aws:imagebuilder:ap-southeast-2:000000000000:image/veris-chat/1.20.3
        "
        );
    }
}
