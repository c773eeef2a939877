//! Tells others which AMI a version is, in parameters that launch templates and other tools can follow: `resolve:ssm:NAME`.

use anyhow::Result;
use aws_sdk_ssm::types::ParameterType;
use semver::Version;

use crate::aws::{self, Clients};
use crate::context::Context;
use crate::images::BakedImage;

/// The folder of the parameters of all versions.
pub fn folder(service: &str) -> String {
    format!("/veris/{service}/images")
}

/// The parameter that holds the AMI of a version.
pub fn parameter(service: &str, version: &Version) -> String {
    format!("{}/{version}", folder(service))
}

/// Brings the parameters of this image's version and of the newest one up to date in the region of the clients. The image is made, so a
/// failure is told and no more.
pub(super) async fn image(context: &Context, clients: &Clients, image: &BakedImage, images: &[BakedImage]) {
    if let Err(error) = publish(clients, image, images).await {
        context.printer.talk(format_args!("warning: {} is not published: {error:#}", image.image_id));
    }
}

async fn publish(clients: &Clients, image: &BakedImage, images: &[BakedImage]) -> Result<()> {
    let newest = images.iter().filter(|other| other.state == "available").max_by(|a, b| a.version.cmp(&b.version));
    let newest = newest.filter(|other| other.version > image.version).unwrap_or(image);
    let wanted = [
        (parameter(&image.service, &image.version), &image.image_id),
        (format!("{}/latest", folder(&image.service)), &newest.image_id),
    ];
    let names = wanted.iter().map(|(name, _)| name.clone()).collect();
    let found = clients.ssm.get_parameters().set_names(Some(names)).send().await;
    let found = found.map_err(|error| aws::describe("read the parameters of the images", &error))?;
    for (name, id) in wanted {
        let mut held = found.parameters().iter().filter(|held| held.name() == Some(name.as_str()));
        if held.any(|held| held.value() == Some(id.as_str())) {
            continue;
        }
        let put = clients.ssm.put_parameter().name(&name).value(id).data_type("aws:ec2:image").overwrite(true);
        let put = put.r#type(ParameterType::String).send().await;
        put.map_err(|error| aws::describe(&format!("write the parameter `{name}`"), &error))?;
    }
    Ok(())
}
