//! `{{ aws:ssm:NAME }}`: what the Parameter Store of Systems Manager answers to `GetParameter`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{self, SignableBody, SignableRequest, SigningError, SigningSettings};
use aws_sigv4::sign::v4;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::console::Console;
use crate::download::metadata::{MetadataError, identity};
use crate::environment::{Aws, Credentials};
use crate::explain::explain;
use crate::http::{self, Rules};
use crate::interrupt::Interrupt;

const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// A value has at most 8 KiB; escaped, with its name and more around it.
const MAX_ANSWER: u64 = 256 * 1024;
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AmazonSSM.GetParameter")];

#[derive(Debug, thiserror::Error)]
pub(crate) enum ParameterError {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("the Parameter Store has no such parameter in {region}; see its name, or create it there")]
    NotFound { region: String },
    #[error("the Parameter Store refuses it to this instance ({detail}); {cure}")]
    Denied { detail: String, cure: &'static str },
    #[error("the Parameter Store answers {status} ({detail})")]
    Status { status: u16, detail: String },
    #[error("the Parameter Store at {endpoint} does not answer; see the network, or set AWS_ENDPOINT_URL_SSM")]
    Unreachable { endpoint: Url, source: Box<ureq::Error> },
    #[error("the Parameter Store at {endpoint} answers what cannot be read")]
    Unreadable { endpoint: Url },
    #[error("no address of the Parameter Store in the region `{region}`")]
    Address { region: String, source: url::ParseError },
    #[error("cannot sign the question to the Parameter Store")]
    Signing(#[from] SigningError),
}

/// Asks with the credentials that S3 is asked with.
pub(crate) struct ParameterStore {
    aws: Aws,
    interrupt: Arc<Interrupt>,
    console: Arc<Console>,
    /// For as long as one step runs: the next may follow a change.
    known: RefCell<BTreeMap<String, String>>,
}

/// Field names as the service writes them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: String,
    value: String,
}

/// The service writes `message` in either way.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
    #[serde(alias = "Message")]
    message: String,
}

impl ParameterStore {
    pub(crate) fn new(aws: Aws, interrupt: Arc<Interrupt>, console: Arc<Console>) -> Self {
        Self { aws, interrupt, console, known: RefCell::default() }
    }

    /// What was answered before is asked again.
    pub(crate) fn forget(&self) {
        self.known.borrow_mut().clear();
    }

    /// A list is its values with commas, as the service keeps it. What is secret is masked from now on.
    pub(crate) fn value(&self, name: &str) -> Result<String, ParameterError> {
        if let Some(value) = self.known.borrow().get(name) {
            return Ok(value.clone());
        }
        let Parameter { r#type, value } = self.ask_patiently(name)?;
        if r#type == "SecureString" {
            self.console.secrets().add(&value);
        }
        self.known.borrow_mut().insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn ask_patiently(&self, name: &str) -> Result<Parameter, ParameterError> {
        let (region, credentials) = identity(&self.aws)?;
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.ask(name, &region, &credentials) {
                Err(error) if error.may_pass() && self.interrupt.signal().is_none() => {
                    self.console.note(&format!("{}; trying again", explain(&error)));
                }
                answer => return answer,
            }
            self.interrupt.pause(pause);
            pause *= 2;
        }
        self.ask(name, &region, &credentials)
    }

    fn ask(&self, name: &str, region: &str, credentials: &Credentials) -> Result<Parameter, ParameterError> {
        let endpoint = self.endpoint(region)?;
        let body = json!({"Name": name, "WithDecryption": true}).to_string();
        let agent = http::agent(Rules { redirects: 0, verify_certificates: true, limit: Some(TIME_LIMIT) });
        let mut request = agent.post(endpoint.as_str());
        for (header, value) in HEADERS {
            request = request.header(header, value);
        }
        for (header, value) in signature(&endpoint, &body, region, credentials)? {
            request = request.header(header, value);
        }
        let unreachable = |source| ParameterError::Unreachable { endpoint: endpoint.clone(), source: Box::new(source) };
        let mut response = request.send(body).map_err(unreachable)?;
        let status = response.status().as_u16();
        let answer = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(unreachable)?;
        if status != 200 {
            return Err(refusal(status, &answer, region));
        }
        let found: Result<Found, _> = serde_json::from_str(&answer);
        found.map(|found| found.parameter).map_err(|_| ParameterError::Unreadable { endpoint })
    }

    fn endpoint(&self, region: &str) -> Result<Url, ParameterError> {
        if let Some(endpoint) = &self.aws.ssm_endpoint {
            return Ok(endpoint.clone());
        }
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let address = Url::parse(&format!("https://ssm.{region}.{domain}"));
        address.map_err(|source| ParameterError::Address { region: region.to_owned(), source })
    }
}

impl ParameterError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, detail } => http::is_passing(*status) || detail.starts_with("ThrottlingException"),
            Self::Unreachable { source, .. } => http::may_hold(source),
            _ => false,
        }
    }
}

/// The headers that make it a request of this caller (Signature Version 4).
fn signature(
    endpoint: &Url,
    body: &str,
    region: &str,
    credentials: &Credentials,
) -> Result<Vec<(String, String)>, SigningError> {
    let Credentials { access_key_id, secret_access_key, session_token } = credentials.clone();
    let caller =
        aws_credential_types::Credentials::new(access_key_id, secret_access_key, session_token, None, "veris-toe");
    let caller = caller.into();
    let params = v4::SigningParams::builder()
        .identity(&caller)
        .region(region)
        .name("ssm")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build();
    let request =
        SignableRequest::new("POST", endpoint.as_str(), HEADERS.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
    let Ok(params) = params else { unreachable!("every parameter is given") };
    let (instructions, _) = http_request::sign(request, &params.into())?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn refusal(status: u16, body: &str, region: &str) -> ParameterError {
    let Refusal { code, message } = serde_json::from_str(body).unwrap_or_default();
    // Some services write a namespace before it.
    let code = code.rsplit('#').next().unwrap_or_default();
    let detail = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    match code {
        "ParameterNotFound" | "ParameterVersionNotFound" => ParameterError::NotFound { region: region.to_owned() },
        "AccessDeniedException" => {
            let cure = "allow its role ssm:GetParameter on the parameter, and kms:Decrypt where its key is your own";
            ParameterError::Denied { detail, cure }
        }
        _ => ParameterError::Status { status, detail },
    }
}
