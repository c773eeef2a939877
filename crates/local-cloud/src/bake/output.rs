//! The AMI: its name and tags, and what distribution adds to them.

use jiff::Timestamp;

use super::now;
use super::plan::Plan;
use crate::compute::NewImage;
use crate::fault::Fault;
use crate::state::image_builder::{Ami, ImageStatus, SsmParameter};
use crate::state::{ACCOUNT, Image, Parameter, ParameterVersion, State};
use crate::store::Store;

/// Name, description and tags of the AMI that a build makes.
pub(super) fn new_image(plan: &Plan, built: Timestamp) -> NewImage {
    let pattern = match &plan.distribution.name {
        Some(name) => name.clone(),
        None => format!("{} {{{{ imagebuilder:buildDate }}}}", plan.image_name),
    };
    let mut tags = plan.ami_tags.clone();
    tags.extend(plan.own_tags());
    let description = plan.distribution.description.clone().unwrap_or_default();
    NewImage { region: plan.region.clone(), name: substitute(&pattern, &plan.version, built), description, tags }
}

/// Fills in `{{ imagebuilder:buildDate }}` and `{{ imagebuilder:buildVersion }}`.
fn substitute(pattern: &str, version: &str, built: Timestamp) -> String {
    let date = built.strftime("%Y-%m-%dT%H-%M-%S.%3fZ").to_string();
    let mut name = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((variable, remaining)) = after.split_once("}}") else { break };
        name.push_str(before);
        match variable.trim() {
            "imagebuilder:buildDate" => name.push_str(&date),
            "imagebuilder:buildVersion" => name.push_str(&version.replace('/', "-")),
            other => name.extend(["{{", other, "}}"]),
        }
        rest = remaining;
    }
    name + rest
}

/// The AMI as Image Builder's images show it.
pub(super) fn ami(plan: &Plan, image: &Image) -> Ami {
    Ami {
        region: plan.region.clone(),
        image: image.image_id.clone(),
        name: image.name.clone(),
        description: Some(image.description.clone()).filter(|text| !text.is_empty()),
        state: ImageStatus::Available.into(),
        account_id: ACCOUNT.to_owned(),
    }
}

/// Gives the AMI the tags of the distribution configuration, and points its parameters at it. Only an image whose tests
/// have passed comes here.
pub(super) fn distribute(store: &Store, plan: &Plan, ami: &Ami) -> Result<(), Fault> {
    store.change(|state| {
        let deregistered = || {
            Fault::client("InvalidAMIID.NotFound", format!("the AMI {} was deregistered during its tests", ami.image))
        };
        let image = state.images_mut(&plan.region).get_mut(&ami.image).ok_or_else(deregistered)?;
        image.tags.extend(plan.distribution.ami_tags.clone());
        for parameter in &plan.parameters {
            put(state, &plan.region, parameter, &ami.image);
        }
        Ok(())
    })
}

fn put(state: &mut State, region: &str, wanted: &SsmParameter, ami: &str) {
    let name = wanted.parameter_name.clone();
    let parameter = state.parameters_mut(region).entry(name.clone()).or_insert_with(|| Parameter {
        name,
        kind: "String".to_owned(),
        data_type: wanted.data_type.clone().unwrap_or_else(|| "text".to_owned()),
        description: None,
        versions: Vec::new(),
    });
    parameter.versions.push(ParameterVersion { value: ami.to_owned(), modified: now() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Tags;
    use crate::state::image_builder::AmiDistribution;

    #[test]
    fn date_and_version_are_filled_into_the_name() {
        let built: Timestamp = "2026-11-23T17:50:55.007Z".parse().unwrap();
        let name = |pattern: &str| substitute(pattern, "1.2.3/4", built);
        assert_eq!(name("chat {{ imagebuilder:buildDate }}"), "chat 2026-11-23T17-50-55.007Z");
        assert_eq!(
            name("{{imagebuilder:buildVersion}}-{{imagebuilder:buildDate}}"),
            "1.2.3-4-2026-11-23T17-50-55.007Z"
        );
        assert_eq!(name("chat {{ other }} {{"), "chat {{other}} {{");
    }

    #[test]
    fn an_ami_gets_the_tags_of_its_distribution_and_its_parameters_at_the_end() {
        let tags = |key: &str| Tags::from([(key.to_owned(), "yes".to_owned())]);
        let newest = SsmParameter { parameter_name: "/veris/newest".to_owned(), data_type: None };
        let distribution = AmiDistribution { ami_tags: tags("distributed"), ..AmiDistribution::default() };
        let plan = Plan { ami_tags: tags("baked"), distribution, parameters: vec![newest], ..Plan::sample() };
        let new = new_image(&plan, Timestamp::UNIX_EPOCH);
        let keys = |tags: &Tags| tags.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&new.tags), ["CreatedBy", "Ec2ImageBuilderArn", "baked"]);

        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("state.json")).unwrap();
        let image = image(new);
        store.change(|state| Ok(state.images.insert(image.image_id.clone(), image.clone()))).unwrap();
        for _ in 0..2 {
            distribute(&store, &plan, &ami(&plan, &image)).unwrap();
        }
        store.read(|state| {
            let tags = &state.images[&image.image_id].tags;
            assert_eq!(keys(tags), ["CreatedBy", "Ec2ImageBuilderArn", "baked", "distributed"]);
            let values = state.parameters["/veris/newest"].versions.iter().map(|version| version.value.as_str());
            assert_eq!(values.collect::<Vec<_>>(), ["ami-1", "ami-1"]);
        });
    }

    fn image(new: NewImage) -> Image {
        Image {
            image_id: "ami-1".to_owned(),
            name: new.name,
            description: new.description,
            state: crate::state::ImageState::Available,
            created: Timestamp::UNIX_EPOCH,
            snapshot_id: "snap-1".to_owned(),
            root_device: "/dev/xvda".to_owned(),
            volume_gib: 8,
            owner: ACCOUNT.to_owned(),
            parent: "0011".to_owned(),
            tags: new.tags,
            ..Image::default()
        }
    }
}
