//! Whether a bake and a launch can work: everything that they need is looked at, and nothing is changed.

mod clock;
mod network;
mod permissions;
mod quotas;

use anyhow::Result;
use aws_sdk_ec2::config::ProvideCredentials as _;
use aws_sdk_ec2::types::{IpPermission, SecurityGroup};
use aws_sdk_imagebuilder::types::Ownership;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::addresses;
use crate::aws;
use crate::bake;
use crate::context::Context;
use crate::environment::{ElasticIp, Target};
use crate::error::{Report, cloud, user};
use crate::images;
use crate::instances;
use crate::ledger::Ledger;
use crate::process;

/// Credentials that end sooner may end within a bake.
const LONG_ENOUGH: SignedDuration = SignedDuration::from_mins(45);

/// Image Builder works through it. AWS makes it at the account's first bake.
const SERVICE_ROLE: &str = "AWSServiceRoleForImageBuilder";

/// What one look has shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub name: &'static str,
    /// What is there, where it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about the problem.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cures: Vec<String>,
}

/// Looks at everything; a look that fails does not keep the others from being made.
pub async fn all(context: &Context) -> Vec<Check> {
    let mut stage = context.printer.stage(format!("examine environment {}", context.environment.name));
    let mut checks = Vec::new();
    let mut note = |name: &'static str, found: Result<String>| {
        stage.update(name);
        checks.push(Check::of(name, found));
    };
    note("compiler", compiler().await);
    note("clock", clock::check(context).await);
    note("identity", identity(context).await);
    note("credentials", credentials(context).await);
    note("permissions", permissions::check(context).await);
    let parent = bake::parent(context).await;
    let image = parent.as_ref().ok().map(|parent| parent.image.clone());
    note("parent image", parent.map(|parent| format!("{} {}", parent.image, parent.name)));
    note("bucket", bucket(context).await);
    note("image builder", image_builder(context).await);
    note("build network", network::of_builds(context).await);
    note("images", baked(context).await);
    note("ledger", ledger(context).await);
    note("address", address(context).await);
    note("vCPU quota", quotas::processors(context).await);
    note("address quota", quotas::elastic_ips(context).await);
    note("security groups", security_groups(context).await);
    note("key pair", key_pair(context).await);
    if let Some(image) = image {
        note("launching", launching(context, &image).await);
    }
    stage.done("");
    checks
}

impl Check {
    fn of(name: &'static str, found: Result<String>) -> Self {
        match found {
            Ok(found) => Self { name, found: Some(found), problem: None, cures: Vec::new() },
            Err(error) => {
                let Report { message, hints, .. } = Report::new(&error);
                Self { name, found: None, problem: Some(message), cures: hints }
            }
        }
    }
}

async fn compiler() -> Result<String> {
    let mut cargo = tokio::process::Command::new("cargo");
    cargo.arg("--version");
    let version = process::run(cargo).await.map_err(|error| error.hint("install Rust with rustup"))?;
    Ok(String::from_utf8_lossy(&version).trim().to_owned())
}

async fn identity(context: &Context) -> Result<String> {
    let answer = context.clients.sts.get_caller_identity().send().await;
    let identity = answer.map_err(|error| aws::describe("ask who the credentials belong to", &error))?;
    let (arn, region) = (identity.arn().unwrap_or("nobody"), &context.environment.region);
    Ok(format!("{arn}, in {region}"))
}

async fn credentials(context: &Context) -> Result<String> {
    let Some(provider) = &context.clients.credentials else { return Ok("none are needed".to_owned()) };
    let missing = |error| {
        cloud("there are no credentials")
            .hint("run `aws sso login`, or choose a profile with AWS_PROFILE")
            .source(error)
    };
    let credentials = provider.provide_credentials().await.map_err(missing)?;
    let Some(end) = credentials.expiry() else { return Ok("they do not expire".to_owned()) };
    let left = Timestamp::try_from(end)?.duration_since(Timestamp::now());
    let minutes = left.as_mins();
    if left < LONG_ENOUGH {
        return Err(cloud(format!("the credentials expire in {minutes} minutes, and a bake can take longer"))
            .hint("run `aws sso login` before a bake; a bake that loses its credentials is gone on with by the next")
            .into());
    }
    Ok(format!("they expire in {minutes} minutes"))
}

async fn bucket(context: &Context) -> Result<String> {
    let (bucket, environment) = (&context.environment.bucket, &context.environment);
    match context.clients.s3.head_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(format!("s3://{bucket}")),
        Err(error) if error.raw_response().is_some_and(|response| response.status().as_u16() == 404) => {
            if environment.is_local() {
                return Ok(format!("s3://{bucket} will be made by the first bake"));
            }
            Err(user(format!("there is no bucket `{bucket}`"))
                .hint(format!("`veris setup -e {}` prints a template that makes it", environment.name))
                .into())
        }
        Err(error) => Err(aws::describe(&format!("look at the bucket `{bucket}`"), &error).into()),
    }
}

async fn image_builder(context: &Context) -> Result<String> {
    let list = context.clients.image_builder.list_images().owner(Ownership::SelfValue).send().await;
    list.map_err(|error| aws::describe("list the images of Image Builder", &error))?;
    if context.environment.target == Target::Local {
        return Ok("it answers".to_owned());
    }
    let fields = [("Action", "GetRole"), ("Version", "2010-05-08"), ("RoleName", SERVICE_ROLE)];
    let answer = context.clients.signed.iam(&fields.map(|(name, value)| (name.to_owned(), value.to_owned()))).await?;
    Ok(match answer.status {
        200 => format!("it answers, and has its role {SERVICE_ROLE}"),
        404 => format!(
            "it answers; the first bake makes its role {SERVICE_ROLE}, for which it needs iam:CreateServiceLinkedRole"
        ),
        status => format!("it answers; whether it has its role {SERVICE_ROLE} was not told (status {status})"),
    })
}

async fn baked(context: &Context) -> Result<String> {
    let images = images::find(context).await?;
    Ok(match images.first() {
        Some(newest) => format!("{} are baked, the newest is {}", images.len(), newest.version),
        None => "none is baked yet".to_owned(),
    })
}

async fn ledger(context: &Context) -> Result<String> {
    let entries = Ledger::of(context).read().await?;
    Ok(crate::deploy::under_way(&entries).unwrap_or_else(|| format!("{} deployments are kept", entries.len())))
}

async fn address(context: &Context) -> Result<String> {
    let service = context.recipe.service.to_string();
    let (address, instances) = tokio::try_join!(addresses::find(context), instances::list(&context.clients, &service))?;
    let Some(address) = address else {
        return Ok("one will be allocated by the first launch".to_owned());
    };
    let holder = match &address.holder {
        None => "nobody is behind it".to_owned(),
        Some(id) if instances.iter().any(|instance| instance.instance_id == *id) => format!("{id} is behind it"),
        Some(id) => {
            let how = match context.environment.address {
                ElasticIp::Fixed(_) => "the first launch takes it over only with `--force`",
                ElasticIp::Allocate => "somebody moved it by hand; a launch takes it back only with `--force`",
            };
            return Err(user(format!("{id} is behind {}, and veris did not launch it", address.ip)).hint(how).into());
        }
    };
    Ok(format!("{}, {holder}", address.ip))
}

async fn security_groups(context: &Context) -> Result<String> {
    let (ids, port) = (&context.environment.security_groups, context.recipe.port);
    if ids.is_empty() {
        return Ok("the network's default group".to_owned());
    }
    let answer = context.clients.ec2.describe_security_groups().set_group_ids(Some(ids.clone())).send().await;
    let answer = answer.map_err(|error| aws::describe(&format!("look at {}", ids.join(", ")), &error))?;
    if !answer.security_groups().iter().flat_map(SecurityGroup::ip_permissions).any(|rule| opens(rule, port)) {
        return Err(user(format!("no rule of {} lets anybody reach port {port}", ids.join(", ")))
            .hint("open the port for those who use the service")
            .into());
    }
    Ok(format!("{} open port {port} for somebody", ids.join(", ")))
}

fn opens(rule: &IpPermission, port: u16) -> bool {
    let port = i32::from(port);
    let covers = rule.from_port().is_none_or(|from| from <= port) && rule.to_port().is_none_or(|to| port <= to);
    match rule.ip_protocol() {
        Some("-1") => true,
        Some("tcp" | "6") => covers,
        _ => false,
    }
}

async fn key_pair(context: &Context) -> Result<String> {
    let Some(name) = &context.environment.key_pair else { return Ok("none: nobody logs in".to_owned()) };
    let answer = context.clients.ec2.describe_key_pairs().key_names(name).send().await;
    answer.map_err(|error| aws::describe(&format!("look at the key pair `{name}`"), &error))?;
    Ok(name.clone())
}

/// EC2 itself says whether a launch would be allowed, and whether profile, groups and type are there.
async fn launching(context: &Context, parent: &str) -> Result<String> {
    // A policy may allow our own images alone.
    let images = images::find(context).await?;
    let image = images.first().map_or(parent, |image| &image.image_id);
    let environment = &context.environment;
    for place in environment.places() {
        instances::dry_run(context, image, place).await.map_err(|failure| {
            failure.hint(format!(
                "`veris setup -e {}` prints the roles and the policy that a launch needs",
                environment.name
            ))
        })?;
    }
    let places: Vec<String> = environment.places().iter().map(ToString::to_string).collect();
    Ok(format!("{} from {image} is allowed", places.join(", ")))
}
