//! What a new cloud contains: the parent image as an AMI of Amazon's, and the public parameter that names it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::ServeError;
use crate::parent_image::Parent;
use crate::state::{AMAZON, Image, ImageState, Parameter, ParameterVersion, State, Tags};
use crate::store::Store;
use crate::vm::disk;

/// Names the newest Amazon Linux 2023, as on AWS.
pub(crate) const PARENT_PARAMETER: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";

pub(super) fn parent(store: &Store, parent: &Parent) -> Result<(), ServeError> {
    let unreadable = |source| ServeError::Parent { directory: parent.directory.clone(), source };
    let volume_gib = virtual_gib(&parent.disk).map_err(unreadable)?;
    let seed = |state: &mut State| {
        let image = image(parent, volume_gib);
        name(state, &image.image_id);
        state.images.entry(image.image_id.clone()).or_insert(image);
        for region in state.regions.keys().cloned().collect::<Vec<_>>() {
            state.stock(&region);
        }
        Ok(())
    };
    store.change(seed).map_err(ServeError::State)
}

fn image(parent: &Parent, volume_gib: u32) -> Image {
    let digits = |length: usize| parent.digest.chars().filter(char::is_ascii_hexdigit).take(length).collect::<String>();
    Image {
        image_id: format!("ami-{}", digits(17)),
        name: format!("local-cloud-parent-{}", digits(12)),
        description: "Base of every image of the local cloud".to_owned(),
        state: ImageState::Available,
        created: Timestamp::now(),
        snapshot_id: format!("snap-{}", digits(17)),
        root_device: "/dev/xvda".to_owned(),
        volume_gib,
        owner: AMAZON.to_owned(),
        parent: parent.digest.clone(),
        tags: Tags::new(),
        source: None,
        failure: None,
        shared_with: BTreeSet::new(),
        kms_key: None,
    }
}

fn name(state: &mut State, image_id: &str) {
    let parameter = state.parameters.entry(PARENT_PARAMETER.to_owned()).or_insert_with(|| Parameter {
        name: PARENT_PARAMETER.to_owned(),
        kind: "String".to_owned(),
        data_type: "aws:ec2:image".to_owned(),
        description: None,
        versions: Vec::new(),
    });
    if parameter.versions.last().is_none_or(|newest| newest.value != image_id) {
        parameter.versions.push(ParameterVersion { value: image_id.to_owned(), modified: Timestamp::now() });
    }
}

fn virtual_gib(disk: &Path) -> io::Result<u32> {
    let bytes = disk::Header::read(disk)?.bytes;
    u32::try_from(bytes.div_ceil(1 << 30)).map_err(io::Error::other)
}
