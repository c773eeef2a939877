//! Creates the components, the recipe and the two configurations of a version, and starts its image.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_imagebuilder::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_imagebuilder::types::{
    ComponentConfiguration, ComponentParameter, EbsInstanceBlockDeviceSpecification, EbsVolumeType,
    ImageTestsConfiguration, InstanceBlockDeviceMapping, Platform,
};

use super::configuration;
use super::journal::{Created, Journal, Kind, Release};
use super::names::Names;
use super::plan::Plan;
use super::remove;
use crate::aws;
use crate::component::Component;
use crate::context::Context;
use crate::error::cloud;
use crate::interrupt::Shield;
use crate::recipe::EncryptionKey;
use crate::tags;

/// One run's means to create things.
pub(super) struct Creator<'a> {
    pub context: &'a Context,
    pub plan: &'a Plan,
    pub names: &'a Names,
    pub journal: &'a mut Journal,
    shield: &'a Shield,
    /// Whether an earlier run was killed in the call that is made now.
    is_repeated: bool,
}

/// Creates everything and starts the image. Returns the ARN of the image's build version.
pub(super) async fn image(
    context: &Context,
    plan: &Plan,
    names: &Names,
    (shield, journal): (&Shield, &mut Journal),
) -> Result<String> {
    let mut creator = Creator { context, plan, names, journal, shield, is_repeated: false };
    let stage = context.printer.stage("create the recipe");
    let mut components = Vec::new();
    for component in &plan.components {
        components.push(creator.component(component).await?);
    }
    let recipe = creator.recipe(components).await?;
    let infrastructure = configuration::infrastructure(&mut creator).await?;
    let distribution = configuration::distribution(&mut creator).await?;
    let image = creator.start(recipe, infrastructure, distribution).await?;
    stage.done(format!("{} components", plan.components.len()));
    Ok(image)
}

impl Creator<'_> {
    /// Notes what is about to be created. An interrupt is heeded between calls and not within one, so that it is always known
    /// what the cloud has made.
    pub(super) async fn about_to_create(&mut self, what: &Created) -> Result<()> {
        self.go_on().await?;
        self.is_repeated = self.journal.has(what);
        Ok(self.journal.will_create(what)?)
    }

    pub(super) async fn go_on(&self) -> Result<()> {
        let stopped = self.shield.run(std::future::pending());
        tokio::time::timeout(std::time::Duration::ZERO, stopped).await.unwrap_or(Ok(()))
    }

    /// Notes how the call has ended, and returns the ARN of what it made.
    pub(super) async fn settle<T, E>(
        &mut self,
        what: &Created,
        result: Result<T, SdkError<E>>,
        exact: impl FnOnce(T) -> Option<String>,
    ) -> Result<String>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let arn = &what.name;
        let name = match result {
            Ok(answer) => exact(answer).unwrap_or_else(|| arn.clone()),
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") && self.is_repeated => {
                self.adopt(what).await?
            }
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {
                self.journal.was_there(what)?;
                return Err(cloud(format!("{arn} was created by another bake a moment ago"))
                    .hint("run the same command again: it follows the other bake")
                    .into());
            }
            Err(error) => return Err(aws::describe(&format!("create {arn}"), &error).into()),
        };
        self.journal.was_created(what, &name)?;
        Ok(name)
    }

    /// What the killed run has made in the call that is repeated, where Image Builder has forgotten its client token.
    async fn adopt(&self, what: &Created) -> Result<String> {
        if what.kind != Kind::Component {
            return Ok(what.name.clone());
        }
        let newest = remove::component_builds(self.context, &what.name).await?.pop();
        newest.ok_or_else(|| cloud(format!("{} exists, but has no build", what.name)).into())
    }

    async fn component(&mut self, component: &Component) -> Result<ComponentConfiguration> {
        let what = Kind::Component.named(self.names.component_arn(&component.name));
        let arn = match self.journal.made(&what) {
            Some(arn) => arn.to_owned(),
            None => self.create_component(&what, component).await?,
        };
        let parameters = component.parameters.iter().filter_map(|name| self.parameter(name));
        let parameters = parameters.collect::<Result<Vec<_>>>()?;
        let parameters = (!parameters.is_empty()).then_some(parameters);
        Ok(ComponentConfiguration::builder().component_arn(arn).set_parameters(parameters).build()?)
    }

    async fn create_component(&mut self, what: &Created, component: &Component) -> Result<String> {
        self.about_to_create(what).await?;
        let result = self
            .context
            .clients
            .image_builder
            .create_component()
            .name(&component.name)
            .semantic_version(self.plan.version.to_string())
            .platform(Platform::Linux)
            .data(&component.text)
            .set_tags(Some(self.plan.tags()))
            .client_token(self.journal.token(&what.name))
            .send()
            .await;
        self.settle(what, result, |answer| answer.component_build_version_arn).await
    }

    fn parameter(&self, name: &str) -> Option<Result<ComponentParameter>> {
        let value = match name {
            "Version" => self.plan.version.to_string(),
            "Digest" => self.plan.digest.to_string(),
            "Commit" => self.plan.commit.clone(),
            _ => return None,
        };
        Some(ComponentParameter::builder().name(name).value(value).build().map_err(Into::into))
    }

    async fn recipe(&mut self, components: Vec<ComponentConfiguration>) -> Result<String> {
        let what = Kind::Recipe.named(self.names.recipe_arn());
        if let Some(arn) = self.journal.made(&what) {
            return Ok(arn.to_owned());
        }
        self.about_to_create(&what).await?;
        let volume = &self.context.recipe.volume;
        let size = i32::try_from(volume.size_gib)?;
        let key = volume.encryption.as_ref().and_then(EncryptionKey::named);
        let ebs = EbsInstanceBlockDeviceSpecification::builder()
            .volume_size(size)
            .volume_type(EbsVolumeType::from(volume.kind.as_str()))
            .set_encrypted(volume.encryption.as_ref().map(|_| true))
            .set_kms_key_id(key.map(|key| self.names.key_arn(key)))
            .delete_on_termination(true)
            .build();
        let result = self
            .context
            .clients
            .image_builder
            .create_image_recipe()
            .name(self.names.recipe())
            .semantic_version(self.plan.version.to_string())
            .parent_image(&self.plan.parent.image)
            .set_components(Some(components))
            .block_device_mappings(InstanceBlockDeviceMapping::builder().device_name(&volume.device).ebs(ebs).build())
            // The default lies in /tmp, which many images mount without the right to execute.
            .working_directory("/var/tmp")
            .set_tags(Some(self.plan.tags()))
            .client_token(self.journal.token(&what.name))
            .send()
            .await;
        self.settle(&what, result, |answer| answer.image_recipe_arn).await
    }

    async fn start(&mut self, recipe: String, infrastructure: String, distribution: String) -> Result<String> {
        let what = Kind::Image.named(self.names.image_arn());
        self.about_to_create(&what).await?;
        let result = self
            .context
            .clients
            .image_builder
            .create_image()
            .image_recipe_arn(recipe)
            .infrastructure_configuration_arn(infrastructure)
            .distribution_configuration_arn(distribution)
            .image_tests_configuration(ImageTestsConfiguration::builder().image_tests_enabled(true).build())
            // Collecting metadata needs an SSM association that may clash with one that the account has.
            .enhanced_image_metadata_enabled(false)
            .set_tags(Some(self.plan.tags()))
            .client_token(self.journal.token(&what.name))
            .send()
            .await;
        self.settle(&what, result, |answer| answer.image_build_version_arn).await
    }
}

impl Plan {
    /// The tags of everything that a bake makes.
    pub(super) fn tags(&self) -> HashMap<String, String> {
        self.release().tags()
    }

    pub(super) fn release(&self) -> Release {
        Release {
            service: self.service.to_string(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            commit: self.commit.clone(),
        }
    }
}

impl Release {
    pub(super) fn tags(&self) -> HashMap<String, String> {
        let tags = [
            (tags::SERVICE, self.service.clone()),
            (tags::VERSION, self.version.to_string()),
            (tags::DIGEST, self.digest.to_string()),
            (tags::COMMIT, self.commit.clone()),
        ];
        tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
