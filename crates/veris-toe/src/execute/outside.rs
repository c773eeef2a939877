//! Values from outside of the document: the environment, the run, instance metadata.

use std::env;
use std::fs;

use jiff::Timestamp;

use crate::download::metadata::{Metadata, MetadataError};
use crate::environment::Aws;
use crate::expression::Reference;
use crate::parameter_store::{ParameterError, ParameterStore};
use crate::request::ExecutionId;

/// Where a reference stands.
#[derive(Clone, Copy)]
pub(super) struct Outside<'a> {
    pub(super) aws: &'a Aws,
    pub(super) parameter_store: &'a ParameterStore,
    pub(super) execution_id: &'a ExecutionId,
    pub(super) phase: &'a str,
    pub(super) step: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum OutsideError {
    #[error("`{{{{ env:{0} }}}}` has no value: the runner's environment has no such variable")]
    Variable(String),
    #[error("`{{{{ context:{0} }}}}` has no value on this machine")]
    Context(String),
    #[error("`{{{{ context:{key} }}}}` has no value")]
    ContextMetadata { key: String, source: MetadataError },
    #[error("`{{{{ aws:imds:{path} }}}}` has no value")]
    Metadata { path: String, source: MetadataError },
    #[error("`{{{{ aws:ssm:{name} }}}}` has no value")]
    Parameter { name: String, source: Box<ParameterError> },
}

impl Outside<'_> {
    /// `None` for references that the document itself answers.
    pub(super) fn value(&self, reference: &Reference) -> Result<Option<String>, OutsideError> {
        match reference {
            Reference::Environment(name) => match env::var_os(name) {
                Some(value) => Ok(Some(value.to_string_lossy().into_owned())),
                None => Err(OutsideError::Variable(name.clone())),
            },
            Reference::Context(key) => self.context(key).map(Some),
            Reference::InstanceMetadata(path) => {
                let metadata = |source| OutsideError::Metadata { path: path.clone(), source };
                let metadata_service = Metadata::open(&self.aws.metadata_endpoint).map_err(metadata)?;
                metadata_service.value(path).map(Some).map_err(metadata)
            }
            Reference::SsmParameter(name) => {
                let parameter = |source| OutsideError::Parameter { name: name.clone(), source: Box::new(source) };
                self.parameter_store.value(name).map(Some).map_err(parameter)
            }
            Reference::Variable(_) | Reference::SsmName(_) | Reference::Chain(_) | Reference::Loop { .. } => Ok(None),
        }
    }

    fn context(&self, key: &str) -> Result<String, OutsideError> {
        let unknown = || OutsideError::Context(key.to_owned());
        let open = || Metadata::open(&self.aws.metadata_endpoint);
        let asked = |answer: Result<String, MetadataError>| {
            answer.map_err(|source| OutsideError::ContextMetadata { key: key.to_owned(), source })
        };
        match key {
            "executionId" => Ok(self.execution_id.to_string()),
            "phase" => Ok(self.phase.to_owned()),
            "step" => Ok(self.step.to_owned()),
            "date" => Ok(Timestamp::now().strftime("%Y-%m-%d").to_string()),
            "dateTime" => Ok(Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            "uuid" => ExecutionId::random().map(|id| id.to_string()).map_err(|_| unknown()),
            "hostname" => Ok(rustix::system::uname().nodename().to_string_lossy().into_owned()),
            "osPlatform" => Ok("linux".to_owned()),
            "osName" => os_release("NAME").ok_or_else(unknown),
            "osVersion" => os_release("VERSION_ID").ok_or_else(unknown),
            "region" => match &self.aws.region {
                Some(region) => Ok(region.clone()),
                None => asked(open().and_then(|metadata| metadata.region())),
            },
            "accountId" => asked(open().and_then(|metadata| metadata.account_id())),
            _ => Err(unknown()),
        }
    }
}

/// A value of `/etc/os-release`, without its quotes.
fn os_release(name: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}
