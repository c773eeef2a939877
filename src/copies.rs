//! Copies of the images in the other regions of the recipe. A copy has the name and the tags of its image, and an id of its own.

use anyhow::Result;
use serde::Serialize;

use crate::aws::Clients;
use crate::context::Context;
use crate::images::{self, BakedImage};

/// An image in another region than the environment's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Copy {
    pub region: String,
    #[serde(flatten)]
    pub image: BakedImage,
}

/// The regions that get copies.
pub fn regions(context: &Context) -> impl Iterator<Item = &str> {
    let regions = context.recipe.distribution.regions.iter().map(String::as_str);
    regions.filter(|region| *region != context.environment.region)
}

/// Every copy, by region; no call is made where images stay where they are baked.
pub async fn find(context: &Context) -> Result<Vec<Copy>> {
    let mut copies = Vec::new();
    for region in regions(context) {
        let images = in_region(context, &context.clients.in_region(region)).await?;
        copies.extend(images.into_iter().map(|image| Copy { region: region.to_owned(), image }));
    }
    Ok(copies)
}

/// The images of the service that these clients see.
pub async fn in_region(context: &Context, clients: &Clients) -> Result<Vec<BakedImage>> {
    Ok(images::baked(&images::describe_with(clients, context).await?))
}

impl Copy {
    /// Whether it is of this image.
    pub fn is_of(&self, image: &BakedImage) -> bool {
        self.image.version == image.version && self.image.digest == image.digest
    }
}
