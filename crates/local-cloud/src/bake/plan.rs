//! Everything one bake needs to know, read once at its beginning.

use crate::fault::Fault;
use crate::service::image_builder::phases;
use crate::service::kms_keys;
use crate::state::image_builder::{AmiDistribution, Build, InfrastructureSettings, ParameterValue, SsmParameter};
use crate::state::{State, Tags};
use crate::store::Store;

/// A component as a build or test instance runs it.
#[derive(Debug)]
pub(super) struct Component {
    pub arn: String,
    pub name: String,
    pub data: String,
    pub phases: Vec<String>,
    pub parameters: Vec<ParameterValue>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub image_arn: String,
    pub image_name: String,
    pub region: String,
    /// `1.2.3/4`
    pub version: String,
    pub parent_ami: String,
    pub components: Vec<Component>,
    pub working_directory: String,
    /// Size of the root volume, where the recipe changes it.
    pub volume_gib: Option<u32>,
    /// ARN of the key for the root volume, where the recipe encrypts it.
    pub kms_key: Option<String>,
    /// Tags of the AMI as the build makes it; those of the distribution come later.
    pub ami_tags: Tags,
    pub distribution: AmiDistribution,
    pub parameters: Vec<SsmParameter>,
    pub infrastructure: InfrastructureSettings,
    pub tests: bool,
    pub terminate_on_completion: bool,
}

impl Plan {
    pub(super) fn read(store: &Store, image_arn: &str) -> Result<Self, Fault> {
        store.read(|state| {
            let lost = || Fault::internal(format!("the image '{image_arn}' was deleted before its build began"));
            let build = state.image_builder.images.get(image_arn).ok_or_else(lost)?;
            let recipe = &build.image.image_recipe;
            let mut components = Vec::new();
            for (used, arn) in recipe.components.iter().zip(&build.components) {
                let found = state.image_builder.components.get(arn);
                let component = found.ok_or_else(|| Fault::internal(format!("the component '{arn}' was deleted")))?;
                components.push(Component {
                    arn: arn.clone(),
                    name: component.name.clone(),
                    data: component.data.clone(),
                    phases: phases(&component.data),
                    parameters: used.parameters.clone(),
                });
            }
            let infrastructure = build.image.infrastructure_configuration.settings.clone();
            let configuration = build.image.distribution_configuration.as_ref();
            let distribution = configuration.and_then(|configuration| configuration.distributions.first());
            Ok(Self {
                image_arn: image_arn.to_owned(),
                image_name: build.image.name.clone(),
                region: build.region.clone(),
                version: build.image.version.clone(),
                parent_ami: build.parent_ami.clone(),
                components,
                working_directory: recipe.working_directory.clone().unwrap_or_else(|| "/tmp".to_owned()),
                volume_gib: recipe.block_device_mappings.iter().find_map(|mapping| mapping.ebs.as_ref()?.volume_size),
                kms_key: kms_key(build, state)?,
                ami_tags: recipe.ami_tags.clone(),
                distribution: distribution
                    .and_then(|distribution| distribution.ami_distribution_configuration.clone())
                    .unwrap_or_default(),
                parameters: distribution
                    .map(|distribution| distribution.ssm_parameter_configurations.clone())
                    .unwrap_or_default(),
                tests: build.image.image_tests_configuration.image_tests_enabled,
                terminate_on_completion: infrastructure.terminate_instance_on_completion.unwrap_or(true),
                infrastructure,
            })
        })
    }

    /// Tags that Image Builder gives to whatever it makes.
    pub(super) fn own_tags(&self) -> Tags {
        Tags::from([
            ("CreatedBy".to_owned(), "EC2 Image Builder".to_owned()),
            ("Ec2ImageBuilderArn".to_owned(), self.image_arn.clone()),
        ])
    }
}

/// The recipe's key, or that of the parent image, or none.
fn kms_key(build: &Build, state: &State) -> Result<Option<String>, Fault> {
    let of_parent = state.find_image(&build.parent_ami).and_then(|parent| parent.kms_key.as_ref());
    let ebs = build.image.image_recipe.block_device_mappings.iter().find_map(|mapping| mapping.ebs.as_ref());
    let (encrypted, key) = ebs.map_or((None, None), |ebs| (ebs.encrypted, ebs.kms_key_id.as_deref()));
    kms_keys::chosen(encrypted, key, of_parent, &build.region)
}

#[cfg(test)]
impl Plan {
    /// A plan without components.
    pub(super) fn sample() -> Self {
        Self {
            image_arn: "arn".to_owned(),
            image_name: "chat".to_owned(),
            region: "ap-southeast-2".to_owned(),
            version: "1.0.0/1".to_owned(),
            parent_ami: "ami-0".to_owned(),
            components: Vec::new(),
            working_directory: "/tmp".to_owned(),
            volume_gib: None,
            kms_key: None,
            ami_tags: Tags::new(),
            distribution: AmiDistribution::default(),
            parameters: Vec::new(),
            infrastructure: InfrastructureSettings::default(),
            tests: true,
            terminate_on_completion: true,
        }
    }
}
