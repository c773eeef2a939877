//! Creates the components, the recipe and the two configurations of a version, and starts its image.

use anyhow::Result;
use aws_sdk_imagebuilder::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_imagebuilder::types::{
    ComponentConfiguration, ComponentParameter, EbsInstanceBlockDeviceSpecification, EbsVolumeType,
    ImageTestsConfiguration, InstanceBlockDeviceMapping, Platform,
};

use super::configuration;
use super::names::{Names, Tokens};
use super::plan::Plan;
use super::undo::{Created, Kind, Undo};
use crate::aws;
use crate::component::Component;
use crate::context::Context;
use crate::error::cloud;
use crate::interrupt::Shield;
use crate::tags;

/// One run's means to create things.
pub(super) struct Creator<'a> {
    pub context: &'a Context,
    pub plan: &'a Plan,
    pub names: &'a Names,
    pub undo: &'a mut Undo,
    tokens: Tokens,
    shield: &'a Shield,
}

/// Creates everything and starts the image. Returns the ARN of the image's build version.
pub(super) async fn image(
    context: &Context,
    plan: &Plan,
    names: &Names,
    (shield, undo): (&Shield, &mut Undo),
) -> Result<String> {
    let mut creator = Creator { context, plan, names, undo, tokens: Tokens::new(&plan.digest), shield };
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
    pub(super) async fn about_to_create(&mut self, created: Created) -> Result<()> {
        self.go_on().await?;
        self.undo.will_create(created);
        Ok(())
    }

    pub(super) async fn go_on(&self) -> Result<()> {
        let stopped = self.shield.run(std::future::pending());
        tokio::time::timeout(std::time::Duration::ZERO, stopped).await.unwrap_or(Ok(()))
    }

    /// Sets the note right once the call has ended, and returns the ARN of what it made.
    pub(super) fn settle<T, E>(
        &mut self,
        arn: &str,
        result: Result<T, SdkError<E>>,
        exact: impl FnOnce(T) -> Option<String>,
    ) -> Result<String>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match result {
            Ok(answer) => {
                let exact = exact(answer).unwrap_or_else(|| arn.to_owned());
                self.undo.was_created_as(&exact);
                Ok(exact)
            }
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {
                self.undo.was_there();
                Err(cloud(format!("{arn} was created by another bake a moment ago"))
                    .hint("run the same command again: it follows the other bake")
                    .into())
            }
            Err(error) => Err(aws::describe(&format!("create {arn}"), &error).into()),
        }
    }

    pub(super) fn token(&self, resource: &str) -> String {
        self.tokens.of(resource)
    }

    async fn component(&mut self, component: &Component) -> Result<ComponentConfiguration> {
        let arn = self.names.component_arn(&component.name);
        self.about_to_create(Kind::Component.named(&arn)).await?;
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
            .client_token(self.token(&component.name))
            .send()
            .await;
        let arn = self.settle(&arn, result, |answer| answer.component_build_version_arn)?;
        let parameters = component.parameters.iter().filter_map(|name| self.parameter(name));
        let parameters = parameters.collect::<Result<Vec<_>>>()?;
        let parameters = (!parameters.is_empty()).then_some(parameters);
        Ok(ComponentConfiguration::builder().component_arn(arn).set_parameters(parameters).build()?)
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
        let arn = self.names.recipe_arn();
        self.about_to_create(Kind::Recipe.named(&arn)).await?;
        let volume = &self.context.recipe.volume;
        let size = i32::try_from(volume.size_gib)?;
        let ebs = EbsInstanceBlockDeviceSpecification::builder()
            .volume_size(size)
            .volume_type(EbsVolumeType::from(volume.kind.as_str()))
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
            .client_token(self.token("recipe"))
            .send()
            .await;
        self.settle(&arn, result, |answer| answer.image_recipe_arn)
    }

    async fn start(&mut self, recipe: String, infrastructure: String, distribution: String) -> Result<String> {
        let arn = self.names.image_arn();
        self.about_to_create(Kind::Image.named(&arn)).await?;
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
            .client_token(self.token("image"))
            .send()
            .await;
        self.settle(&arn, result, |answer| answer.image_build_version_arn)
    }
}

impl Plan {
    /// The tags of everything that a bake makes.
    pub(super) fn tags(&self) -> std::collections::HashMap<String, String> {
        let tags = [
            (tags::SERVICE, self.service.to_string()),
            (tags::VERSION, self.version.to_string()),
            (tags::DIGEST, self.digest.to_string()),
            (tags::COMMIT, self.commit.clone()),
        ];
        tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
