//! Who uses an AMI.

use serde::Serialize;

use super::pages::Page;
use super::{Answer, Call, images};
use crate::fault::Fault;
use crate::state::{ACCOUNT, InstanceState, State};
use crate::wire::xml::Items;

/// EC2 looks at no more images in one call.
const MOST_IMAGES: usize = 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    image_reference_set: Items<Reference>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    image_id: String,
    resource_type: &'static str,
    arn: String,
}

pub(super) fn describe(call: &Call<'_>) -> Answer {
    let form = &call.form;
    let (ids, page) = (form.list("ImageId"), Page::read(form)?);
    if ids.is_empty() || ids.len() > MOST_IMAGES {
        return Err(Fault::client("InvalidParameterValue", format!("ImageId takes 1 to {MOST_IMAGES} images")));
    }
    if form.parsed::<bool>("IncludeAllResourceTypes")? != Some(true) {
        // A choice of resource types is not implemented, and refused by name as what nobody has read.
        return Err(Fault::client("MissingParameter", "IncludeAllResourceTypes must be true"));
    }
    call.ready()?;
    let references = call.cloud.store.read(|state| {
        let mut references = Vec::new();
        for id in ids {
            images::find(state.images(call.region), id)?;
            references.extend(of(state, call.region, id));
        }
        Ok::<_, Fault>(references)
    })?;
    let (references, next_token) = page.cut(references);
    call.answer(&Described { next_token, image_reference_set: references.into_iter().collect() })
}

fn of(state: &State, region: &str, id: &str) -> Vec<Reference> {
    let reference = |resource_type, arn| Reference { image_id: id.to_owned(), resource_type, arn };
    let instances = state.instances.values().filter(|instance| instance.image_id == id);
    let instances = instances.filter(|instance| instance.state != InstanceState::Terminated).map(|instance| {
        reference("ec2:Instance", format!("arn:aws:ec2:{region}:{ACCOUNT}:instance/{}", instance.instance_id))
    });
    let names_it = |value: &str| value == id;
    let parameters = state.parameters(region).values().filter(|parameter| {
        parameter.data_type == "aws:ec2:image" && parameter.versions.last().is_some_and(|last| names_it(&last.value))
    });
    let parameters = parameters.map(|parameter| {
        let name = parameter.name.trim_start_matches('/');
        reference("ssm:Parameter", format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter/{name}"))
    });
    let recipes = state.image_builder.recipes.values().filter(|recipe| names_it(&recipe.parent_image));
    let recipes = recipes.map(|recipe| reference("imagebuilder:ImageRecipe", recipe.arn.clone()));
    instances.chain(parameters).chain(recipes).collect()
}
