//! What belongs to a region: AMIs, snapshots and parameters. All else is seen from every region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{AMAZON, Image, Parameter, ParameterVersion, Snapshot, State};

/// The region that guests are told, and whose resources are the state's own.
pub const HOME_REGION: &str = "ap-southeast-2";

/// Where Amazon's parameters are.
const PUBLIC: &str = "/aws/";

/// The resources of a region other than the home region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Regional {
    pub images: BTreeMap<String, Image>,
    pub snapshots: BTreeMap<String, Snapshot>,
    /// SSM parameters by name.
    pub parameters: BTreeMap<String, Parameter>,
}

/// A region that nobody has used.
static UNUSED: Regional = Regional { images: BTreeMap::new(), snapshots: BTreeMap::new(), parameters: BTreeMap::new() };

impl State {
    /// AMIs of a region by id.
    pub fn images(&self, region: &str) -> &BTreeMap<String, Image> {
        if region == HOME_REGION { &self.images } else { &self.elsewhere(region).images }
    }

    /// AMIs of a region, to be changed.
    pub fn images_mut(&mut self, region: &str) -> &mut BTreeMap<String, Image> {
        if region == HOME_REGION { &mut self.images } else { &mut self.elsewhere_mut(region).images }
    }

    /// Snapshots of a region by id.
    pub fn snapshots(&self, region: &str) -> &BTreeMap<String, Snapshot> {
        if region == HOME_REGION { &self.snapshots } else { &self.elsewhere(region).snapshots }
    }

    /// Snapshots of a region, to be changed.
    pub fn snapshots_mut(&mut self, region: &str) -> &mut BTreeMap<String, Snapshot> {
        if region == HOME_REGION { &mut self.snapshots } else { &mut self.elsewhere_mut(region).snapshots }
    }

    /// SSM parameters of a region by name.
    pub fn parameters(&self, region: &str) -> &BTreeMap<String, Parameter> {
        if region == HOME_REGION { &self.parameters } else { &self.elsewhere(region).parameters }
    }

    /// SSM parameters of a region, to be changed.
    pub fn parameters_mut(&mut self, region: &str) -> &mut BTreeMap<String, Parameter> {
        if region == HOME_REGION { &mut self.parameters } else { &mut self.elsewhere_mut(region).parameters }
    }

    /// The AMI of this id, in whichever region.
    pub fn find_image(&self, id: &str) -> Option<&Image> {
        self.images.get(id).or_else(|| self.regions.values().find_map(|regional| regional.images.get(id)))
    }

    /// The AMI of this id, in whichever region, to be changed.
    pub fn find_image_mut(&mut self, id: &str) -> Option<&mut Image> {
        let elsewhere = self.regions.values_mut().find_map(|regional| regional.images.get_mut(id));
        self.images.get_mut(id).or(elsewhere)
    }

    /// The AMIs of all regions.
    pub fn every_image(&self) -> impl Iterator<Item = &Image> {
        self.images.values().chain(self.regions.values().flat_map(|regional| regional.images.values()))
    }

    /// The snapshots of all regions.
    pub fn every_snapshot(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values().chain(self.regions.values().flat_map(|regional| regional.snapshots.values()))
    }

    /// Whether a region has what Amazon gives it.
    pub fn is_stocked(&self, region: &str) -> bool {
        region == HOME_REGION || self.regions.contains_key(region)
    }

    /// Gives a region what Amazon has in the home region: its AMIs, under ids of their own as on AWS, and the parameters that
    /// name them.
    pub fn stock(&mut self, region: &str) {
        if region == HOME_REGION {
            return;
        }
        let images: Vec<Image> = self.images.values().filter(|image| image.owner == AMAZON).cloned().collect();
        let parameters = self.parameters.values().filter(|parameter| parameter.name.starts_with(PUBLIC));
        let parameters: Vec<Parameter> = parameters.cloned().collect();
        let regional = self.elsewhere_mut(region);
        for image in images {
            let id = id_elsewhere(&image.image_id, region);
            let snapshot_id = id_elsewhere(&image.snapshot_id, region);
            regional.images.entry(id.clone()).or_insert(Image { image_id: id, snapshot_id, ..image });
        }
        for mut parameter in parameters {
            let Some(newest) = parameter.versions.pop() else { continue };
            let value = id_elsewhere(&newest.value, region);
            parameter.versions.clear();
            let known = regional.parameters.entry(parameter.name.clone()).or_insert(parameter);
            if known.versions.last().is_none_or(|last| last.value != value) {
                known.versions.push(ParameterVersion { value, ..newest });
            }
        }
    }

    fn elsewhere(&self, region: &str) -> &Regional {
        self.regions.get(region).unwrap_or(&UNUSED)
    }

    fn elsewhere_mut(&mut self, region: &str) -> &mut Regional {
        self.regions.entry(region.to_owned()).or_default()
    }
}

/// The id that a resource of Amazon's has in another region than the home region, always the same.
fn id_elsewhere(id: &str, region: &str) -> String {
    let prefix = id.split_once('-').map_or("", |(prefix, _)| prefix);
    let digits = hex::encode(Sha256::digest(format!("{region} {id}")));
    format!("{prefix}-{}", &digits[..17])
}

/// Whether a text has the shape of a region's name, such as `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match words.split_last() {
        Some((number, names)) => {
            let is_number = !number.is_empty() && number.len() <= 2 && number.bytes().all(|byte| byte.is_ascii_digit());
            (2..=4).contains(&names.len()) && text.len() <= 32 && names.iter().all(is_word) && is_number
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ACCOUNT;
    use crate::state::ImageState;

    fn parent(state: &mut State, id: &str) {
        let image = Image { image_id: id.into(), owner: AMAZON.into(), ..Image::default() };
        state
            .images
            .insert(id.to_owned(), Image { state: ImageState::Available, snapshot_id: "snap-1".into(), ..image });
        let version = ParameterVersion { value: id.to_owned(), modified: jiff::Timestamp::UNIX_EPOCH };
        let name = format!("{PUBLIC}service/parent");
        let parameter = state.parameters.entry(name.clone()).or_insert(Parameter {
            name,
            kind: "String".into(),
            data_type: "aws:ec2:image".into(),
            description: None,
            versions: Vec::new(),
        });
        parameter.versions.push(version);
    }

    #[test]
    fn amazons_images_are_in_every_region_under_other_ids() {
        let mut state = State::default();
        parent(&mut state, "ami-1");
        let mine = Image { image_id: "ami-2".into(), owner: ACCOUNT.into(), ..Image::default() };
        state.images.insert("ami-2".into(), mine);
        state.stock("eu-central-1");
        state.stock("eu-central-1");
        let [image] = state.images("eu-central-1").values().collect::<Vec<_>>()[..] else { panic!("{state:?}") };
        assert!(image.image_id.starts_with("ami-") && image.image_id.len() == 21, "{image:?}");
        assert_eq!((image.owner.as_str(), image.state), (AMAZON, ImageState::Available));
        assert_eq!(state.find_image(&image.image_id), Some(image));
        let newest = |state: &State| {
            let versions = state.parameters("eu-central-1")["/aws/service/parent"].versions.iter();
            versions.map(|version| version.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(newest(&state), std::slice::from_ref(&image.image_id));

        parent(&mut state, "ami-3");
        state.stock("eu-central-1");
        assert_eq!((state.images("eu-central-1").len(), newest(&state).len()), (2, 2));
        assert_eq!(state.images("us-east-1").len(), 0, "nobody has asked for it");
        assert!(state.images("ap-southeast-2").contains_key("ami-2"));
    }

    #[test]
    fn a_state_without_regions_is_written_as_it_was() {
        let mut state = State::default();
        parent(&mut state, "ami-1");
        let text = serde_json::to_string(&state).unwrap();
        assert!(!text.contains("regions") && !text.contains("kms_key") && !text.contains("shared_with"), "{text}");
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn names_of_regions_have_a_shape() {
        for region in ["ap-southeast-2", "us-gov-west-1", "eu-isoe-west-1", "us-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for text in ["", "sydney", "us-east", "us-1", "us-east-1a", "us-east-", "US-EAST-1", "us--1", "a-b-c-d-e-f-1"] {
            assert!(!is_region(text), "{text}");
        }
    }
}
