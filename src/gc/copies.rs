//! The part of the other regions: copies of images that are gone, and parameters of copies that are gone.

use std::collections::BTreeSet;

use anyhow::Result;
use semver::Version;

use super::{Kept, Orphan, parameters};
use crate::bake::Kind;
use crate::context::Context;
use crate::copies;
use crate::prune;

/// What nobody needs, each with its version, and what somebody uses although its image is gone.
pub(super) struct Found {
    pub(super) orphans: Vec<(Option<Version>, Orphan)>,
    pub(super) keep: Vec<Kept>,
}

pub(super) async fn orphans(context: &Context, baked: &BTreeSet<Version>) -> Result<Found> {
    let mut found = Found { orphans: Vec::new(), keep: Vec::new() };
    for region in copies::regions(context) {
        let clients = context.clients.in_region(region);
        let images = copies::in_region(context, &clients).await?;
        let needed = prune::needed_in(context, &clients, region, &images).await?;
        let there: BTreeSet<Version> = images.iter().map(|image| image.version.clone()).collect();
        for image in images.into_iter().filter(|image| !baked.contains(&image.version)) {
            let name = format!("arn:aws:ec2:{region}::image/{}", image.image_id);
            let why = format!(
                "it is a copy of version {}, which has no AMI in {}",
                image.version, context.environment.region
            );
            if let Some(users) = needed.get(&image.image_id) {
                found.keep.push(Kept { name, why: format!("{why}, but {}", users.join("; ")) });
            } else {
                let thing = Kind::Copy.named(name.clone());
                found.orphans.push((Some(image.version), Orphan { name, why, created: image.created, thing }));
            }
        }
        found.orphans.extend(parameters::orphans(context, (&clients, Some(region)), &there).await?);
    }
    Ok(found)
}
