//! What to run: from the command line or from a configuration file, in AWSTOE's forms.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use crate::document::{self, Document, MAX_TEXT_BYTES, ParseError};

/// Values for parameters, by name. Names that a document does not declare are ignored by it.
pub type Parameters = BTreeMap<String, String>;

/// Documents that were read and checked, and how to run them.
#[derive(Debug)]
pub struct Request {
    pub documents: Vec<Assignment>,
    /// `None` runs every phase.
    pub phases: Option<Vec<String>>,
    pub log_directory: PathBuf,
    /// Where scripts of steps are put while they run, and the state of a run that waits for a reboot. When not given, the
    /// former are in the folder of the run and the latter is in the log directory.
    pub state_directory: Option<PathBuf>,
    pub execution_id: ExecutionId,
    /// Where the logs are copied to when the run has ended.
    pub log_bucket: Option<LogBucket>,
}

/// A place in S3, reached as the S3 actions reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBucket {
    pub name: String,
    /// In front of the name of the log folder; may be empty.
    pub prefix: String,
    /// The account that has to own the bucket.
    pub owner: Option<String>,
}

#[derive(Debug)]
pub struct Assignment {
    pub document: Document,
    pub text: String,
    pub parameters: Parameters,
}

/// Part of the name of the log folder: letters, digits and `-`, at most 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

/// The `--config` file. Settings that need services of AWS are known, and refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    pub documents: Vec<ConfigDocument>,
    pub phases: Option<String>,
    #[serde(default)]
    pub parameters: Vec<ConfigParameter>,
    pub log_directory: Option<PathBuf>,
    pub state_directory: Option<PathBuf>,
    pub execution_id: Option<String>,
    #[serde(default)]
    pub trace: bool,
    /// Without CloudWatch there is nothing to ignore.
    pub cw_ignore_failures: Option<bool>,
    pub cw_log_group: Option<String>,
    pub cw_log_region: Option<String>,
    pub cw_log_stream: Option<String>,
    pub document_s3_bucket_owner: Option<String>,
    pub log_s3_bucket_name: Option<String>,
    pub log_s3_bucket_owner: Option<String>,
    pub log_s3_key_prefix: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigDocument {
    pub path: PathBuf,
    #[serde(default)]
    pub parameters: Vec<ConfigParameter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigParameter {
    pub name: String,
    pub value: ParameterValue,
}

/// The guide writes a text, Image Builder a list of one text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of one text")]
pub enum ParameterValue {
    Text(String),
    List([String; 1]),
}

#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has {bytes} bytes, more than {MAX_TEXT_BYTES}", path.display())]
    TooLong { path: PathBuf, bytes: u64 },
    #[error("{} is no valid configuration", path.display())]
    Config { path: PathBuf, source: serde_json::Error },
    #[error("`{option}` is not supported: this runner sends nothing to CloudWatch and reads local documents only")]
    Service { option: String },
    #[error("{location} is no local file")]
    Remote { location: String },
    #[error("the logs have an owner or a prefix in S3, but no bucket")]
    NoLogBucket,
    #[error(transparent)]
    Document(#[from] ParseError),
    #[error("{0} names no document")]
    NoDocuments(&'static str),
    #[error("`{0}` is no parameter; write name=value,name2=value2")]
    Parameter(String),
    #[error("`{0}` is no execution id; use at most 64 letters, digits and `-`")]
    ExecutionId(String),
    #[error("no document has a phase `{0}`, and it is none of build, validate, test and container-host-test")]
    Phase(String),
    #[error(
        "{document}: the parameter `{name}` has neither a value nor a default; give it with `--parameters {name}=…`"
    )]
    MissingParameter { document: String, name: String },
}

impl Assignment {
    /// Reads, parses and checks one document; parameters without a value are found here too.
    pub fn read(path: &Path, parameters: Parameters) -> Result<Self, RequestError> {
        let text = read_text(path)?;
        let document = document::parse(&text, &path.display().to_string())?;
        Self::new(document, text, parameters)
    }

    /// Fails on a parameter without a value.
    pub fn new(document: Document, text: String, parameters: Parameters) -> Result<Self, RequestError> {
        let without_value =
            |parameter: &&document::Parameter| parameter.default.is_none() && !parameters.contains_key(&parameter.name);
        if let Some(parameter) = document.parameters.iter().find(without_value) {
            let (document, name) = (document.label.clone(), parameter.name.clone());
            return Err(RequestError::MissingParameter { document, name });
        }
        Ok(Self { document, text, parameters })
    }

    /// The value of a parameter or constant; constants cannot be given from outside.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let constant = self.document.constants.iter().find(|constant| constant.name == name);
        if let Some(constant) = constant {
            return Some(&constant.value);
        }
        let parameter = self.document.parameters.iter().find(|parameter| parameter.name == name)?;
        self.parameters.get(name).or(parameter.default.as_ref()).map(String::as_str)
    }
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, RequestError> {
        let config: Self = serde_json::from_str(&read_text(path)?)
            .map_err(|source| RequestError::Config { path: path.to_owned(), source })?;
        if config.documents.is_empty() {
            return Err(RequestError::NoDocuments("the configuration"));
        }
        let services = [
            ("cwLogGroup", &config.cw_log_group),
            ("cwLogRegion", &config.cw_log_region),
            ("cwLogStream", &config.cw_log_stream),
            ("documentS3BucketOwner", &config.document_s3_bucket_owner),
        ];
        let given = services.into_iter().find(|(_, value)| value.as_ref().is_some_and(|value| !value.is_empty()));
        refuse_service(given.map(|(key, _)| key))?;
        Ok(config)
    }

    /// Values of a document's own parameters come before those for all documents.
    pub fn assignments(&self) -> Result<Vec<Assignment>, RequestError> {
        let assign = |document: &ConfigDocument| {
            let parameters = self.parameters.iter().chain(&document.parameters);
            let values = parameters.map(|parameter| (parameter.name.clone(), parameter.value.text().to_owned()));
            Assignment::read(&document.path, values.collect())
        };
        self.documents.iter().map(assign).collect()
    }
}

impl ParameterValue {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::List([text]) => text,
        }
    }
}

/// Phases that no document has are left out silently only when they are the language's own: a test of a component
/// without a `test` phase is no mistake, `--phases biuld` is.
pub fn check_phases(phases: &[String], documents: &[Assignment]) -> Result<(), RequestError> {
    const KNOWN: [&str; 4] = ["build", "validate", "test", "container-host-test"];
    let is_somewhere = |phase: &str| documents.iter().any(|assignment| assignment.document.phase(phase).is_some());
    match phases.iter().find(|phase| !KNOWN.contains(&phase.as_str()) && !is_somewhere(phase)) {
        Some(phase) => Err(RequestError::Phase(phase.clone())),
        None => Ok(()),
    }
}

/// `name=value,name2=value2`. A comma that no `name=` follows belongs to the value.
pub fn parse_parameters(text: &str) -> Result<Parameters, RequestError> {
    let mut parameters: Vec<(String, String)> = Vec::new();
    for part in text.split(',') {
        let assignment = part.split_once('=').filter(|(name, _)| crate::expression::is_variable_name(name));
        match (assignment, parameters.last_mut()) {
            (Some((name, value)), _) => parameters.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => {
                value.push(',');
                value.push_str(part);
            }
            (None, None) => return Err(RequestError::Parameter(part.to_owned())),
        }
    }
    Ok(parameters.into_iter().collect())
}

impl ExecutionId {
    /// A random one, from the kernel.
    pub fn random() -> Result<Self, RequestError> {
        let path = Path::new("/proc/sys/kernel/random/uuid");
        let id = fs::read_to_string(path).map_err(|source| RequestError::Read { path: path.to_owned(), source })?;
        id.trim().parse()
    }
}

impl FromStr for ExecutionId {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let is_safe = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_safe || text.is_empty() || text.len() > 64 {
            return Err(RequestError::ExecutionId(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Options of AWSTOE that send logs to CloudWatch, or belong to documents that are elsewhere.
pub fn refuse_service(option: Option<&str>) -> Result<(), RequestError> {
    match option {
        Some(option) => Err(RequestError::Service { option: option.to_owned() }),
        None => Ok(()),
    }
}

impl RequestError {
    /// What to do instead, where there is more to say than the error itself.
    pub fn cure(&self) -> Option<String> {
        match self {
            Self::Document(error) => error.cure(),
            Self::Service { option } if option.contains("ocument") => {
                Some("name a local file; a document in S3 can be run by an `ExecuteDocument` step".to_owned())
            }
            Self::NoLogBucket => Some("name it with `--log-s3-bucket-name`".to_owned()),
            Self::Service { .. } => {
                Some("`--log-s3-bucket-name` copies the logs to S3 when the run has ended".to_owned())
            }
            Self::Remote { .. } => Some(
                "download it first, for example with `aws s3 cp` or `aws imagebuilder get-component`; a document in S3 can be \
                 run by an `ExecuteDocument` step, too"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Looks at the size first, so that a wrong path to something huge is not read into memory.
pub fn read_text(path: &Path) -> Result<String, RequestError> {
    let location = path.to_string_lossy();
    if location.starts_with("s3://") || location.starts_with("arn:") {
        return Err(RequestError::Remote { location: location.into_owned() });
    }
    let reading = |source| RequestError::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(reading)?.len();
    if bytes > MAX_TEXT_BYTES as u64 {
        return Err(RequestError::TooLong { path: path.to_owned(), bytes });
    }
    fs::read_to_string(path).map_err(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        parse_parameters(text).unwrap().into_iter().collect()
    }

    #[test]
    fn parameters_may_hold_commas_and_equals_signs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parsed("Version=1.0.0,Commit=abc"), [pair("Commit", "abc"), pair("Version", "1.0.0")]);
        assert_eq!(parsed("List=a,b,c,Next=d=e"), [pair("List", "a,b,c"), pair("Next", "d=e")]);
        assert_eq!(parsed("Empty="), [pair("Empty", "")]);
        assert!(parse_parameters("Version").is_err());
    }

    #[test]
    fn an_execution_id_cannot_leave_its_folder() {
        assert!("27a2ea5b-ce6f-4c2e".parse::<ExecutionId>().is_ok());
        for wrong in ["", "../x", "a b", "a/b", &"a".repeat(65)] {
            assert!(wrong.parse::<ExecutionId>().is_err(), "{wrong}");
        }
        assert_eq!(ExecutionId::random().unwrap().to_string().len(), 36);
    }
}
