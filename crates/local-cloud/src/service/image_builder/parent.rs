//! Which AMI a recipe's parent image means.

use super::arn::{Arn, Kind, newest};
use super::validate::refused;
use crate::fault::Fault;
use crate::state::image_builder::ImageStatus;
use crate::state::{Image, ImageState, State};

/// Finds the AMI in a region: by its id, by `ssm:` and the name of a parameter that holds the id, or as the output of one of
/// Image Builder's own images.
pub(super) fn resolve<'a>(parent: &str, region: &str, state: &'a State) -> Result<&'a Image, Fault> {
    let bad = |why: String| refused("parentImage", &why);
    let id = if let Some(name) = parent.strip_prefix("ssm:") {
        let parameter = state.parameters(region).get(name);
        let newest = parameter.and_then(|parameter| parameter.versions.last());
        newest.ok_or_else(|| bad(format!("There is no parameter '{name}'")))?.value.clone()
    } else if parent.starts_with("arn:") {
        of_image(parent, state)?
    } else {
        parent.to_owned()
    };
    if !id.strip_prefix("ami-").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(bad(format!("'{id}' must be an AMI id, ssm:PARAMETER or the ARN of an image")));
    }
    match state.images(region).get(&id) {
        Some(image) if image.state == ImageState::Available => Ok(image),
        Some(_) => Err(bad(format!("The AMI '{id}' is not available"))),
        None => Err(bad(format!("The AMI '{id}' does not exist"))),
    }
}

fn of_image(parent: &str, state: &State) -> Result<String, Fault> {
    let wanted = Arn::parse(parent).filter(|arn| arn.kind == Kind::Image && arn.version.is_some());
    let wanted =
        wanted.ok_or_else(|| refused("parentImage", &format!("'{parent}' is not the ARN of an image version")))?;
    let available =
        state.image_builder.images.iter().filter(|(_, build)| build.image.state.status == ImageStatus::Available);
    let (_, build) = newest(&wanted, available).ok_or_else(|| wanted.not_found())?;
    let ami = build.image.output_resources.amis.first();
    ami.map(|ami| ami.image.clone()).ok_or_else(|| refused("parentImage", &format!("The image '{parent}' has no AMI")))
}
