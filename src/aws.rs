//! The only place where AWS clients are made. The local cloud differs in endpoint and credentials, and in nothing else.

mod describe;
mod local;
pub mod signed;
mod throttling;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use local_cloud::layout::Layout;

pub use self::describe::describe;
use crate::env_vars;
use crate::environment::{Environment, Target};
use crate::error::{internal, user};
use crate::fault_point::EachCall;

/// Clients of every service the tool calls.
#[derive(Debug, Clone)]
pub struct Clients {
    pub ebs: aws_sdk_ebs::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub instance_connect: aws_sdk_ec2instanceconnect::Client,
    pub image_builder: aws_sdk_imagebuilder::Client,
    pub s3: aws_sdk_s3::Client,
    pub ssm: aws_sdk_ssm::Client,
    pub sts: aws_sdk_sts::Client,
    /// Services without a client of their own.
    pub signed: signed::Signed,
    /// What signs the calls of all of them.
    pub credentials: Option<SharedCredentialsProvider>,
    made_of: MadeOf,
}

/// What is needed to make the same clients again.
#[derive(Debug, Clone)]
struct MadeOf {
    config: SdkConfig,
    bucket_region: Region,
    target: Target,
    each_call: EachCall,
}

impl MadeOf {
    fn of(config: SdkConfig, environment: &Environment) -> Self {
        let bucket_region = environment.bucket_region.as_ref().unwrap_or(&environment.region);
        let bucket_region = Region::new(bucket_region.clone());
        Self { config, bucket_region, target: environment.target, each_call: EachCall::default() }
    }
}

impl Clients {
    /// Clients of the environment's cloud. For the local cloud it must run; for AWS no call is made yet.
    pub async fn connect(environment: &Environment) -> Result<Self> {
        let config = match environment.target {
            Target::Local => return Self::of_local_cloud(&crate::local::layout()?, environment).await,
            Target::Aws => real(environment).await?,
        };
        Ok(Self::new(MadeOf::of(config, environment)))
    }

    /// Clients of the local cloud in these directories, which must run.
    pub async fn of_local_cloud(layout: &Layout, environment: &Environment) -> Result<Self> {
        Ok(Self::new(MadeOf::of(local::config(layout, environment).await?, environment)))
    }

    /// Clients of the local cloud whose calls fail as a test wants it. They wait less before they try again, and may be held as long
    /// as the test wants it.
    pub async fn disturbed(layout: &Layout, environment: &Environment, each_call: &EachCall) -> Result<Self> {
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(10));
        let config = local::config(layout, environment).await?.into_builder();
        let config = config.retry_config(retries).timeout_config(TimeoutConfig::disabled()).build();
        Ok(Self::new(MadeOf { each_call: each_call.clone(), ..MadeOf::of(config, environment) }))
    }

    /// Clients of another emulator of AWS, for tests. Beyond loopback there is none.
    pub fn of_emulator(address: SocketAddr, environment: &Environment) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(internal(format!("no emulator of AWS is looked for at {address}: it is not loopback")).into());
        }
        let nobody = Credentials::new("test", "test", None, None, "an emulator of AWS");
        let config = local::at(format!("http://{address}"), nobody, environment);
        Ok(Self::new(MadeOf::of(config, environment)))
    }

    /// The same clients for another region. The bucket stays where it is.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.made_of.config.to_builder().region(Region::new(region.to_owned())).build();
        Self::new(MadeOf { config, ..self.made_of.clone() })
    }

    fn new(made_of: MadeOf) -> Self {
        let MadeOf { config, bucket_region, target, each_call } = &made_of;
        let image_builder =
            aws_sdk_imagebuilder::config::Builder::from(config).retry_classifier(throttling::TooManyRequests);
        // The local cloud is one host; a bucket cannot be a host name below it.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(*target == Target::Local);
        let s3 = s3.region(bucket_region.clone());
        let ec2 = aws_sdk_ec2::config::Builder::from(config);
        let instance_connect = aws_sdk_ec2instanceconnect::config::Builder::from(config);
        let ssm = aws_sdk_ssm::config::Builder::from(config);
        let sts = aws_sdk_sts::config::Builder::from(config);
        Self {
            // No fault points: it only reads, and how often depends on the disk.
            ebs: aws_sdk_ebs::Client::new(config),
            ec2: aws_sdk_ec2::Client::from_conf(ec2.interceptor(each_call.clone()).build()),
            image_builder: aws_sdk_imagebuilder::Client::from_conf(
                image_builder.interceptor(each_call.clone()).build(),
            ),
            s3: aws_sdk_s3::Client::from_conf(s3.interceptor(each_call.clone()).build()),
            instance_connect: aws_sdk_ec2instanceconnect::Client::from_conf(
                instance_connect.interceptor(each_call.clone()).build(),
            ),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.interceptor(each_call.clone()).build()),
            sts: aws_sdk_sts::Client::from_conf(sts.interceptor(each_call.clone()).build()),
            signed: signed::Signed::new(config),
            credentials: config.credentials_provider(),
            made_of,
        }
    }
}

async fn real(environment: &Environment) -> Result<SdkConfig> {
    if let Some((name, _)) = std::env::vars_os()
        .find(|(name, value)| name.to_string_lossy().starts_with(env_vars::AWS_ENDPOINT_URL) && !value.is_empty())
    {
        let name = name.to_string_lossy();
        return Err(user(format!(
            "`{name}` is set, so calls for environment `{}` would not go to AWS",
            environment.name
        ))
        .hint(format!("`unset {name}`, or work in the local cloud with `--environment local`"))
        .into());
    }
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(environment.region.clone()))
        .timeout_config(timeouts())
        .load()
        .await;
    if let Some(endpoint) = config.endpoint_url() {
        return Err(user(format!(
            "the AWS profile sets the endpoint `{endpoint}`, so calls for environment `{}` would not go to AWS",
            environment.name
        ))
        .hint("choose another profile with AWS_PROFILE, or remove `endpoint_url` from it")
        .into());
    }
    Ok(config)
}

/// Without these a half-open connection would hang for ever. No call of ours streams for minutes.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_mins(1))
        .operation_timeout(Duration::from_mins(5))
        .build()
}
