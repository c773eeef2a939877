//! Image build versions: what `CreateImage` starts and `GetImage` answers.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DistributionConfiguration, Infrastructure, Platform, Recipe, Tags};

/// An image build version, with what the API does not show of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub image: Image,
    pub region: String,
    /// The AMI that the recipe's parent image meant when the build was asked for.
    pub parent_ami: String,
    /// Build version ARNs of the recipe's components, in the recipe's order.
    pub components: Vec<String>,
    /// Whether somebody has asked to cancel the build.
    pub cancel: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Image {
    pub arn: String,
    /// Always `AMI`.
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    /// With the build number: `1.2.3/1`.
    pub version: String,
    pub platform: Platform,
    pub enhanced_image_metadata_enabled: bool,
    pub state: ImageState,
    pub image_recipe: Recipe,
    pub infrastructure_configuration: Infrastructure,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_configuration: Option<DistributionConfiguration>,
    pub image_tests_configuration: TestsConfiguration,
    pub date_created: Timestamp,
    pub output_resources: OutputResources,
    pub tags: Tags,
    pub build_type: String,
    pub image_source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ImageState {
    pub status: ImageStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_context: Option<FailureContext>,
}

impl From<ImageStatus> for ImageState {
    fn from(status: ImageStatus) -> Self {
        Self { status, reason: None, failure_context: None }
    }
}

/// The statuses a build goes through here, in order; the last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ImageStatus {
    Pending,
    Creating,
    Building,
    Testing,
    Distributing,
    Available,
    Cancelled,
    Failed,
}

impl ImageStatus {
    /// Whether nothing happens to the image any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Available | Self::Cancelled | Self::Failed)
    }
}

impl fmt::Display for ImageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "PENDING",
            Self::Creating => "CREATING",
            Self::Building => "BUILDING",
            Self::Testing => "TESTING",
            Self::Distributing => "DISTRIBUTING",
            Self::Available => "AVAILABLE",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FailureContext {
    /// The status in which the build failed.
    pub image_status: ImageStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_execution_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_failure: Option<ComponentFailure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ComponentFailure {
    pub component_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_name: Option<String>,
    /// The step's action module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub error_message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct TestsConfiguration {
    pub image_tests_enabled: bool,
    pub timeout_minutes: u32,
}

impl Default for TestsConfiguration {
    fn default() -> Self {
        Self { image_tests_enabled: true, timeout_minutes: 720 }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutputResources {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amis: Vec<Ami>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ami {
    pub region: String,
    /// The AMI's id.
    pub image: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub state: ImageState,
    pub account_id: String,
}
