//! Image recipes: a parent image and components in order. A recipe never changes.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{Arn, Kind, Precision, newest};
use super::call::Call;
use super::lists::{Entry, ListRequest, record_value, summary};
use super::validate::{self, refused};
use super::version::Pattern;
use super::{components, parent};
use crate::bake;
use crate::fault::Fault;
use crate::service::kms_keys;
use crate::state::image_builder::{BlockDeviceMapping, Component, ComponentConfiguration, Platform, Recipe};
use crate::state::{ACCOUNT, State, Tags};

const PARAMETER: &str = "imageRecipeArn";
/// AWS's default quota.
const MOST_COMPONENTS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Create {
    name: String,
    semantic_version: String,
    description: Option<String>,
    #[serde(default)]
    components: Vec<ComponentConfiguration>,
    parent_image: String,
    #[serde(default)]
    block_device_mappings: Vec<BlockDeviceMapping>,
    #[serde(default)]
    tags: Tags,
    working_directory: Option<String>,
    #[serde(default)]
    ami_tags: Tags,
}

pub(super) fn create(call: &Call) -> Result<Value, Fault> {
    let mutation = call.mutation("CreateImageRecipe")?;
    let wanted: Create = mutation.parse()?;
    check(&wanted, call.region())?;
    let pattern = Pattern::parse_wanted("semanticVersion", &wanted.semantic_version)?;
    let name = Arn::ours(call.region(), Kind::ImageRecipe, &wanted.name);
    let applied = mutation.apply(call, |state| {
        check_references(&wanted, call.region(), state)?;
        let recipes = &mut state.image_builder.recipes;
        let taken = recipes.keys().filter_map(|arn| Arn::parse(arn)).filter(|arn| name.means(arn));
        let version = pattern.next(taken.filter_map(|arn| arn.age().0));
        let arn = name.with_version(version);
        let key = arn.to_string();
        if recipes.contains_key(&key) {
            return Err(arn.exists());
        }
        recipes.insert(key.clone(), wanted.into_recipe(key.clone(), version.to_string()));
        Ok(json!({"imageRecipeArn": key, "latestVersionReferences": arn.latest_versions()}))
    })?;
    Ok(applied.answer)
}

impl Create {
    fn into_recipe(self, arn: String, version: String) -> Recipe {
        Recipe {
            arn,
            name: self.name,
            description: self.description,
            platform: Platform::Linux,
            owner: ACCOUNT.to_owned(),
            version,
            components: self.components,
            parent_image: self.parent_image,
            block_device_mappings: self.block_device_mappings,
            date_created: bake::now(),
            tags: self.tags,
            working_directory: self.working_directory,
            ami_tags: self.ami_tags,
        }
    }
}

/// What can be checked without the other resources.
fn check(wanted: &Create, region: &str) -> Result<(), Fault> {
    validate::resource_name(&wanted.name)?;
    validate::text("description", wanted.description.as_deref())?;
    validate::length("parentImage", &wanted.parent_image, 1024)?;
    validate::tags("tags", &wanted.tags, 50)?;
    validate::tags("amiTags", &wanted.ami_tags, 50)?;
    if wanted.components.len() > MOST_COMPONENTS {
        let message = format!("An image recipe may have at most {MOST_COMPONENTS} components.");
        return Err(Fault::new(402, "ServiceQuotaExceededException", message));
    }
    if let Some(directory) = &wanted.working_directory {
        validate::length("workingDirectory", directory, 1024)?;
        if !directory.starts_with('/') || directory.chars().any(char::is_control) {
            return Err(refused("workingDirectory", "'workingDirectory' must be an absolute path"));
        }
    }
    if wanted.block_device_mappings.len() > 1 {
        return Err(refused("blockDeviceMappings", "The local cloud's instances have one volume, the root volume"));
    }
    for mapping in &wanted.block_device_mappings {
        let size = mapping.ebs.as_ref().and_then(|ebs| ebs.volume_size);
        if size.is_some_and(|size| !(1..=16_000).contains(&size)) {
            return Err(refused("blockDeviceMappings", "'volumeSize' must be between 1 and 16000"));
        }
        if let Some(key) = mapping.ebs.as_ref().and_then(|ebs| ebs.kms_key_id.as_deref()) {
            check_key(key, mapping.ebs.as_ref().and_then(|ebs| ebs.encrypted), region)?;
        }
    }
    Ok(())
}

fn check_key(key: &str, encrypted: Option<bool>, region: &str) -> Result<(), Fault> {
    if encrypted != Some(true) {
        return Err(refused("blockDeviceMappings", "'kmsKeyId' requires 'encrypted' to be true"));
    }
    match kms_keys::arn(key, region) {
        Some(arn) if kms_keys::region_of(&arn) == Some(region) => Ok(()),
        Some(_) => Err(refused("blockDeviceMappings", &format!("The key '{key}' is not in the region {region}"))),
        None => {
            let why = format!("'{key}' must be the id, the alias or an ARN of a key");
            Err(refused("blockDeviceMappings", &why))
        }
    }
}

/// What the recipe names must exist and fit.
fn check_references(wanted: &Create, region: &str, state: &State) -> Result<(), Fault> {
    let parent = parent::resolve(&wanted.parent_image, region, state)?;
    if let Some(mapping) = wanted.block_device_mappings.iter().find(|mapping| mapping.device_name != parent.root_device)
    {
        let why = format!(
            "'{}' is not the root device of the parent image, which is '{}'; the local cloud has no other volumes",
            mapping.device_name, parent.root_device
        );
        return Err(refused("blockDeviceMappings", &why));
    }
    let mut seen = BTreeSet::new();
    for used in &wanted.components {
        let arn = Arn::expect("componentArn", &used.component_arn, Kind::Component, Precision::PatternOrBuild)?;
        let (found, component) = components::find(&arn, &state.image_builder)?;
        if !seen.insert(found.version_arn().to_string()) {
            return Err(refused(
                "components",
                &format!("The component '{}' stands twice in the recipe", used.component_arn),
            ));
        }
        check_parameters(used, component)?;
    }
    Ok(())
}

fn check_parameters(used: &ComponentConfiguration, component: &Component) -> Result<(), Fault> {
    let bad = |why: String| Err(refused("components.parameters", &format!("{why} in '{}'", used.component_arn)));
    for given in &used.parameters {
        if !component.parameters.iter().any(|declared| declared.name == given.name) {
            return bad(format!("There is no parameter '{}'", given.name));
        }
        if given.value.len() != 1 {
            return bad(format!("The parameter '{}' must have one value", given.name));
        }
    }
    let given = |name: &str| used.parameters.iter().any(|given| given.name == name);
    match component.parameters.iter().find(|declared| declared.default_value.is_none() && !given(&declared.name)) {
        Some(declared) => bad(format!("The parameter '{}' has no default and no value", declared.name)),
        None => Ok(()),
    }
}

pub(super) fn get(call: &Call) -> Result<Value, Fault> {
    let wanted = expect(call.query(PARAMETER)?)?;
    call.cloud.store.read(|state| {
        let (arn, recipe) = find(&wanted, state)?;
        Ok(json!({"imageRecipe": record_value(recipe), "latestVersionReferences": arn.latest_versions()}))
    })
}

/// The recipe of this name, the newest where its version is a pattern.
pub(super) fn find<'a>(wanted: &Arn, state: &'a State) -> Result<(Arn, &'a Recipe), Fault> {
    newest(wanted, &state.image_builder.recipes).ok_or_else(|| wanted.not_found())
}

pub(super) fn list(call: &Call) -> Result<Value, Fault> {
    let request: ListRequest = call.body()?;
    let ours = request.of_ours()?;
    let entries = call.cloud.store.read(|state| {
        let recipes = state.image_builder.recipes.values().filter(|_| ours);
        recipes
            .filter_map(|recipe| Some((Arn::parse(&recipe.arn)?, recipe)))
            .filter(|(arn, _)| arn.region == call.region())
            .map(|(arn, recipe)| {
                let hidden =
                    ["description", "version", "components", "blockDeviceMappings", "workingDirectory", "amiTags"];
                Entry { key: arn.sort_key(), summary: summary(recipe, &hidden) }
            })
            .collect()
    });
    request.page("imageRecipeSummaryList", &["name", "parentImage", "platform"], entries)
}

pub(super) fn delete(call: &Call) -> Result<Value, Fault> {
    let wanted = expect(call.query(PARAMETER)?)?;
    call.cloud.store.change(|state| {
        let (arn, _) = find(&wanted, state)?;
        let key = arn.to_string();
        let builds = state.image_builder.images.values().filter(|build| build.image.image_recipe.arn == key);
        let users: Vec<&str> = builds.map(|build| build.image.arn.as_str()).collect();
        if !users.is_empty() {
            return Err(arn.depended_on(&users));
        }
        state.image_builder.recipes.remove(&key);
        Ok(json!({"imageRecipeArn": key}))
    })
}

/// Reads the name of a recipe.
pub(super) fn expect(arn: &str) -> Result<Arn, Fault> {
    Arn::expect(PARAMETER, arn, Kind::ImageRecipe, Precision::Pattern)
}
