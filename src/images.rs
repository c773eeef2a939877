//! The AMIs that were baked from a recipe, found by their tags.

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, Image, Tag};
use jiff::Timestamp;
use semver::Version;
use serde::Serialize;

use crate::aws::{self, Clients};
use crate::context::Context;
use crate::error::{Failure, cloud, user};
use crate::tags;

/// An AMI with the tags of a bake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BakedImage {
    pub service: String,
    pub version: Version,
    pub image_id: String,
    pub digest: String,
    pub commit: String,
    pub created: Option<Timestamp>,
    /// EC2's name of the state, such as `available`.
    pub state: String,
}

/// Every image of the recipe's service in the environment, newest version first.
pub async fn find(context: &Context) -> Result<Vec<BakedImage>> {
    Ok(baked(&describe(context).await?))
}

/// Those among them that a bake has made, newest version first.
pub fn baked(images: &[Image]) -> Vec<BakedImage> {
    let mut images: Vec<_> = images.iter().filter_map(read).collect();
    images.sort_by(|a, b| b.version.cmp(&a.version).then(b.created.cmp(&a.created)));
    images
}

/// Size of the volumes of an image's snapshots.
pub fn gib(image: &Image) -> u32 {
    let volumes = image.block_device_mappings().iter().filter_map(|device| device.ebs.as_ref());
    volumes.filter_map(|ebs| u32::try_from(ebs.volume_size?).ok()).sum()
}

/// The images as EC2 describes them.
pub async fn describe(context: &Context) -> Result<Vec<Image>> {
    describe_with(&context.clients, context).await
}

/// The same in the region of these clients. Nobody sees the tags of another account's image, so that those are found by their
/// descriptions.
pub async fn describe_with(clients: &Clients, context: &Context) -> Result<Vec<Image>> {
    let service = context.recipe.service.to_string();
    let owner = context.environment.image_owner.as_deref();
    let filter = match owner {
        None => Filter::builder().name(format!("tag:{}", tags::SERVICE)).values(&service).build(),
        Some(_) => Filter::builder().name("description").values(format!("{service} * (bake digest *)")).build(),
    };
    let answer = clients
        .ec2
        .describe_images()
        .owners(owner.unwrap_or("self"))
        .filters(filter)
        .send()
        .await
        .map_err(|error| aws::describe(&format!("list the images of {service}"), &error))?;
    Ok(answer.images.unwrap_or_default())
}

/// One image, which must be there.
pub async fn describe_one(clients: &Clients, id: &str) -> Result<Image> {
    let answer = clients.ec2.describe_images().image_ids(id).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at {id}"), &error))?;
    let image = answer.images.and_then(|images| images.into_iter().next());
    Ok(image.ok_or_else(|| cloud(format!("EC2 does not show {id}")))?)
}

/// What a bake writes into the description of its image, for accounts that do not see its tags.
pub fn description(service: &str, version: &Version, digest: &str) -> String {
    format!("{service} {version} (bake digest {digest})")
}

/// Service, version and digest of a description.
fn described(text: &str) -> Option<(String, Version, String)> {
    let (named, digest) = text.strip_suffix(')')?.split_once(" (bake digest ")?;
    let (service, version) = named.split_once(' ')?;
    Some((service.to_owned(), version.parse().ok()?, digest.to_owned()))
}

/// The image of `version`, or the newest one.
pub fn choose<'a>(
    images: &'a [BakedImage],
    version: Option<&Version>,
    service: impl std::fmt::Display,
) -> Result<&'a BakedImage, Failure> {
    let available = || images.iter().filter(|image| image.state == "available");
    let found = match version {
        Some(version) => available().find(|image| image.version == *version),
        None => available().next(),
    };
    found.ok_or_else(|| {
        let known: Vec<_> = available().map(|image| image.version.to_string()).collect();
        let known = if known.is_empty() {
            "nothing is baked yet".to_owned()
        } else {
            format!("baked are {}", known.join(", "))
        };
        match version {
            Some(version) => user(format!("there is no image of {service} {version}; {known}"))
                .hint(format!("bake it with `veris bake --version {version}`")),
            None => user(format!("there is no image of {service}: {known}")).hint("bake one with `veris bake`"),
        }
    })
}

/// An image whose tags are not ours, or were changed by hand, is no baked image.
fn read(image: &Image) -> Option<BakedImage> {
    let tag = |key| value(image.tags(), key);
    let id = image.image_id()?;
    let (service, version, digest) = match tag(tags::SERVICE) {
        None => described(image.description()?)?,
        Some(service) => {
            let Some(version) = tag(tags::VERSION).and_then(|version| Version::parse(version).ok()) else {
                tracing::warn!("image {id} has no readable tag {}; it is ignored", tags::VERSION);
                return None;
            };
            (service.to_owned(), version, tag(tags::DIGEST)?.to_owned())
        }
    };
    Some(BakedImage {
        service,
        version,
        image_id: id.to_owned(),
        digest,
        commit: tag(tags::COMMIT).unwrap_or_default().to_owned(),
        created: image.creation_date().and_then(|date| date.parse().ok()),
        state: image.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
    })
}

fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(version: &str, state: &str) -> BakedImage {
        BakedImage {
            service: "veris-chat".to_owned(),
            version: version.parse().unwrap(),
            image_id: format!("ami-{version}"),
            digest: "d".to_owned(),
            commit: "c".to_owned(),
            created: None,
            state: state.to_owned(),
        }
    }

    #[test]
    fn the_newest_available_version_is_the_default() {
        let images = [image("1.10.0", "pending"), image("1.9.0", "available"), image("1.2.0", "available")];
        assert_eq!(choose(&images, None, "veris-chat").unwrap().image_id, "ami-1.9.0");
    }

    #[test]
    fn an_unknown_version_is_refused_with_what_there_is() {
        let images = [image("1.1.0", "available"), image("1.0.0", "available")];
        let error = choose(&images, Some(&Version::new(2, 0, 0)), "veris-chat").unwrap_err();
        insta::assert_snapshot!(error, @"there is no image of veris-chat 2.0.0; baked are 1.1.0, 1.0.0");
        let error = choose(&[], None, "veris-chat").unwrap_err();
        insta::assert_snapshot!(error, @"there is no image of veris-chat: nothing is baked yet");
    }

    #[test]
    fn an_image_with_foreign_tags_is_ignored() {
        let image = Image::builder().image_id("ami-1").tags(Tag::builder().key(tags::VERSION).value("latest").build());
        assert_eq!(read(&image.build()), None);
    }

    #[test]
    fn an_image_of_another_account_is_known_by_its_description() {
        let description = description("veris-chat", &Version::new(1, 2, 3), "0badc0de");
        let image = Image::builder().image_id("ami-1").description(description).build();
        let read = read(&image).unwrap();
        assert_eq!(
            (read.service.as_str(), read.version, read.digest.as_str()),
            ("veris-chat", Version::new(1, 2, 3), "0badc0de")
        );
        let other = Image::builder().image_id("ami-2").description("veris-chat, by hand").build();
        assert_eq!(super::read(&other), None);
    }
}
