//! Images: each build version is one run of a recipe.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision, newest};
use super::call::Call;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::{self, refused};
use super::{components, distributions, infrastructure, parent, recipes};
use crate::bake;
use crate::fault::Fault;
use crate::state::image_builder::{Build, Image, ImageStatus, OutputResources, Platform, Recipe, TestsConfiguration};
use crate::state::{ACCOUNT, State, Tags};

const PARAMETER: &str = "imageBuildVersionArn";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Create {
    image_recipe_arn: Option<String>,
    distribution_configuration_arn: Option<String>,
    infrastructure_configuration_arn: String,
    image_tests_configuration: Option<TestsConfiguration>,
    enhanced_image_metadata_enabled: Option<bool>,
    #[serde(default)]
    tags: Tags,
}

pub(super) fn create(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("CreateImage")?;
    let wanted: Create = mutation.parse()?;
    validate::tags("tags", &wanted.tags, 50)?;
    let recipe = wanted.image_recipe_arn.as_deref();
    let recipe =
        recipes::expect(recipe.ok_or_else(|| refused("imageRecipeArn", "'imageRecipeArn' must not be null"))?)?;
    let applied = mutation.apply(call, |state| {
        let (_, recipe) = recipes::find(&recipe, state)?;
        let build = wanted.into_build(call.region(), recipe, state)?;
        let arn = Arn::parse(&build.image.arn).ok_or_else(|| Fault::internal("the image's ARN is malformed"))?;
        let answer = json!({"imageBuildVersionArn": build.image.arn, "latestVersionReferences": arn.latest_versions()});
        state.image_builder.images.insert(build.image.arn.clone(), build);
        Ok(answer)
    })?;
    if !applied.repeated
        && let Some(arn) = applied.answer[PARAMETER].as_str()
    {
        bake::start(Arc::clone(call.cloud), arn.to_owned());
    }
    Ok(applied.answer)
}

impl Create {
    fn into_build(self, region: &str, recipe: &Recipe, state: &State) -> Result<Build, Fault> {
        let infrastructure =
            infrastructure::find(&infrastructure::expect(&self.infrastructure_configuration_arn)?, state)?;
        let distribution = match &self.distribution_configuration_arn {
            Some(arn) => Some(distributions::find(&distributions::expect(arn)?, state)?.clone()),
            None => None,
        };
        let version = Arn::parse(&recipe.arn).and_then(|arn| arn.age().0);
        let version = version.ok_or_else(|| Fault::internal("the recipe's ARN is malformed"))?;
        let name = Arn::ours(region, Kind::Image, &recipe.name).with_version(version);
        let number = newest(&name, &state.image_builder.images).and_then(|(arn, _)| arn.build).unwrap_or_default() + 1;
        let image = Image {
            arn: name.with_build(number).to_string(),
            kind: "AMI".to_owned(),
            name: recipe.name.clone(),
            version: format!("{version}/{number}"),
            platform: Platform::Linux,
            enhanced_image_metadata_enabled: self.enhanced_image_metadata_enabled.unwrap_or(true),
            state: ImageStatus::Pending.into(),
            image_recipe: recipe.clone(),
            infrastructure_configuration: infrastructure.clone(),
            distribution_configuration: distribution,
            image_tests_configuration: self.image_tests_configuration.unwrap_or_default(),
            date_created: bake::now(),
            output_resources: OutputResources::default(),
            tags: self.tags,
            build_type: "USER_INITIATED".to_owned(),
            image_source: "CUSTOM".to_owned(),
        };
        let components = recipe.components.iter().map(|used| {
            let arn = Arn::expect("componentArn", &used.component_arn, Kind::Component, Precision::PatternOrBuild)?;
            Ok(components::find(&arn, &state.image_builder)?.0.to_string())
        });
        let components = components.collect::<Result<_, Fault>>()?;
        let parent_ami = parent::resolve(&recipe.parent_image, region, state)?.image_id.clone();
        Ok(Build { image, region: region.to_owned(), parent_ami, components, cancel: false })
    }
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    let wanted = Arn::expect(PARAMETER, call.query(PARAMETER)?, Kind::Image, Precision::PatternOrBuild)?;
    call.cloud.store.read(|state| {
        let (arn, build) = newest(&wanted, &state.image_builder.images).ok_or_else(|| wanted.not_found())?;
        Ok(json!({"image": record_value(&build.image), "latestVersionReferences": arn.latest_versions()}))
    })
}

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let ours = request.of_ours()?;
    let mut entries: Vec<Entry> = Vec::new();
    for (arn, build) in in_region(call).into_iter().filter(|_| ours) {
        let mut shown = summary(&build.image, &HIDDEN);
        for member in ["state", "outputResources", "tags"] {
            shown.as_object_mut().map(|members| members.remove(member));
        }
        shown["arn"] = json!(arn.version_arn().to_string());
        shown["version"] = json!(build.image.image_recipe.version);
        shown["owner"] = json!(ACCOUNT);
        let key = if request.by_name { arn.name.clone() } else { arn.version_arn().sort_key() };
        // Builds come in ascending order: the newest one describes its version, or its name.
        match entries.last_mut() {
            Some(last) if last.key == key => last.summary = shown,
            _ => entries.push(Entry { key, summary: shown }),
        }
    }
    request.page("imageVersionList", &["name", "osVersion", "platform", "type", "version"], entries)
}

/// Members of an image that no list shows.
const HIDDEN: [&str; 5] = [
    "enhancedImageMetadataEnabled",
    "imageRecipe",
    "infrastructureConfiguration",
    "distributionConfiguration",
    "imageTestsConfiguration",
];

pub(super) fn list_builds(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let wanted = request
        .image_version_arn
        .as_deref()
        .map(|arn| Arn::expect("imageVersionArn", arn, Kind::Image, Precision::Version))
        .transpose()?;
    let builds = in_region(call).into_iter().filter(|(arn, _)| wanted.as_ref().is_none_or(|wanted| wanted.means(arn)));
    let entries = builds.map(|(arn, build)| {
        let mut shown = summary(&build.image, &HIDDEN);
        shown["owner"] = json!(ACCOUNT);
        Entry { key: arn.sort_key(), summary: shown }
    });
    request.page("imageSummaryList", &["name", "osVersion", "platform", "type", "version"], entries.collect())
}

/// The images of the request's region, oldest build first.
fn in_region(call: &Call) -> Vec<(Arn, Build)> {
    let mut found: Vec<_> = call.cloud.store.read(|state| {
        let images = state.image_builder.images.iter();
        let parsed = images.filter_map(|(arn, build)| Some((Arn::parse(arn)?, build.clone())));
        parsed.filter(|(arn, _)| arn.region == call.region()).collect()
    });
    found.sort_by_key(|(arn, _)| arn.sort_key());
    found
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Cancel {
    image_build_version_arn: String,
}

/// Asks the build to end; it notices soon and cleans up after itself.
pub(super) fn cancel(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("CancelImageCreation")?;
    let wanted: Cancel = mutation.parse()?;
    let arn = Arn::expect(PARAMETER, &wanted.image_build_version_arn, Kind::Image, Precision::Build)?;
    let applied = mutation.apply(call, |state| {
        let build = state.image_builder.images.get_mut(&arn.to_string()).ok_or_else(|| arn.not_found())?;
        let status = build.image.state.status;
        if status.is_final() {
            let message = format!("The image '{arn}' is {status}: only an image that is being built can be cancelled.");
            return Err(Fault::client("InvalidRequestException", message));
        }
        build.cancel = true;
        Ok(json!({"imageBuildVersionArn": arn.to_string()}))
    })?;
    Ok(applied.answer)
}

/// Forgets an image and its workflow executions. Its AMIs stay.
pub(super) fn delete(call: &Call) -> Result<Value, Fault> {
    let arn = Arn::expect(PARAMETER, call.query(PARAMETER)?, Kind::Image, Precision::Build)?;
    call.cloud.store.change(|state| {
        let builder = &mut state.image_builder;
        let key = arn.to_string();
        let build = builder.images.get(&key).ok_or_else(|| arn.not_found())?;
        let status = build.image.state.status;
        if !status.is_final() {
            let message =
                format!("The image '{arn}' is {status}: cancel it, or wait until it is built, then delete it.");
            return Err(Fault::client("ResourceDependencyException", message));
        }
        builder.images.remove(&key);
        builder.workflows.retain(|_, workflow| workflow.image_build_version_arn != key);
        Ok(json!({"imageBuildVersionArn": key}))
    })
}
