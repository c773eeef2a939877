//! What the Parameter Store and Secrets Manager answer to the instance's role.

use std::time::{Duration, SystemTime};

use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningSettings};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::TlsConfig;

use super::{Reference, ReferenceError};

/// The unit starts the server again a second after it gave up.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Ten times what either service keeps.
const MAX_ANSWER: u64 = 1024 * 1024;

/// One operation of a service that speaks JSON 1.1.
struct Operation {
    service: &'static str,
    target: &'static str,
    /// Where another endpoint may be named, as the SDKs read it.
    endpoint: &'static str,
    body: Value,
}

/// Blocks until the value is there. `variable` looks variables of the process and of the `.env` file up.
pub(crate) fn ask(
    reference: &Reference,
    tls: TlsConfig,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ReferenceError> {
    let told = |problem: String| ReferenceError { reference: reference.clone(), problem };
    let operation = Operation::of(reference);
    let caller = Caller::of_instance().map_err(told)?;
    let answer = operation.call(&caller, tls, variable).map_err(told)?;
    value(reference, &answer).ok_or_else(|| told("has another form than a text".to_owned()))
}

/// The instance, as its metadata service describes it.
struct Caller {
    /// Its own, which need not be Bedrock's.
    region: String,
    /// Of its role.
    credentials: Credentials,
}

impl Caller {
    fn of_instance() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot be asked for: {error}"))?;
        runtime.block_on(async {
            let credentials = ImdsCredentialsProvider::builder().build().provide_credentials().await;
            let credentials = credentials.map_err(|_| {
                "cannot be asked for: the instance has no role whose credentials its metadata service gives".to_owned()
            })?;
            let region = ImdsRegionProvider::builder().build().region().await;
            let region =
                region.ok_or_else(|| "cannot be asked for: the metadata service tells no region".to_owned())?;
            Ok(Self { region: region.to_string(), credentials })
        })
    }
}

impl Operation {
    fn of(reference: &Reference) -> Self {
        match reference {
            Reference::Parameter(name) => Self {
                service: "ssm",
                target: "AmazonSSM.GetParameter",
                endpoint: "AWS_ENDPOINT_URL_SSM",
                body: json!({"Name": name, "WithDecryption": true}),
            },
            Reference::Secret { id, .. } => Self {
                service: "secretsmanager",
                target: "secretsmanager.GetSecretValue",
                endpoint: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                body: json!({"SecretId": id}),
            },
        }
    }

    fn call(
        &self,
        caller: &Caller,
        tls: TlsConfig,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Value, String> {
        let region = &caller.region;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let own = variable(self.endpoint).filter(|endpoint| !endpoint.is_empty());
        let endpoint = own.unwrap_or_else(|| format!("https://{}.{region}.{domain}", self.service));
        let endpoint = format!("{}/", endpoint.trim_end_matches('/'));
        let body = self.body.to_string();
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", self.target)];
        let signature = self.signature(&endpoint, &headers, &body, caller)?;
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIME_LIMIT))
            .tls_config(tls)
            .build();
        let mut request = Agent::from(config).post(&endpoint);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in &signature {
            request = request.header(name, value);
        }
        let unreachable = |error: ureq::Error| format!("cannot be asked for at {endpoint}: {error}");
        let mut response = request.send(&body).map_err(unreachable)?;
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if response.status().is_success() { Ok(answer) } else { Err(self.refusal(region, &answer)) }
    }

    /// The headers that make it a request of the instance (Signature Version 4).
    fn signature(
        &self,
        endpoint: &str,
        headers: &[(&str, &str)],
        body: &str,
        caller: &Caller,
    ) -> Result<Vec<(String, String)>, String> {
        let identity = caller.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&caller.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| format!("cannot be asked for: {error}"))?;
        let signed =
            SignableRequest::new("POST", endpoint, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()))
                .and_then(|request| http_request::sign(request, &parameters.into()))
                .map_err(|error| format!("cannot be asked for: {error}"))?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Some services write a namespace before the code, and `message` in either way.
    fn refusal(&self, region: &str, answer: &Value) -> String {
        let code = answer["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
        let message = answer["message"].as_str().or(answer["Message"].as_str()).unwrap_or_default();
        match code {
            "ParameterNotFound" | "ParameterVersionNotFound" | "ResourceNotFoundException" => {
                format!("is not there in {region}: create it, or correct its name")
            }
            "AccessDeniedException" => {
                let action = if self.service == "ssm" { "ssm:GetParameter" } else { "secretsmanager:GetSecretValue" };
                format!(
                    "is refused to the instance's role: allow it {action} on it, and kms:Decrypt where its key is your own ({message})"
                )
            }
            _ => format!("was not given: {code}: {message}"),
        }
    }
}

fn value(reference: &Reference, answer: &Value) -> Option<String> {
    match reference {
        Reference::Parameter(_) => answer["Parameter"]["Value"].as_str().map(str::to_owned),
        Reference::Secret { key, .. } => {
            let whole = answer["SecretString"].as_str()?;
            let Some(key) = key else { return Some(whole.to_owned()) };
            let object: Value = serde_json::from_str(whole).ok()?;
            object[key].as_str().map(str::to_owned)
        }
    }
}
