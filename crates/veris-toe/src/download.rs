//! One HTTP download to a file: through a temporary file beside it, so that a half one is never seen.

pub(crate) mod checksum;
pub(crate) mod metadata;

use std::fs::{self, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use url::Url;

use self::checksum::{Algorithm, Checksum};
use crate::action::{ActionError, StepContext};
use crate::http::{self, MAX_ERROR_BODY, Rules};

#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("cannot download {source_name}: the server answered {status}{detail}")]
    Status { source_name: String, status: u16, detail: String },
    #[error("cannot download {source_name}")]
    Transport { source_name: String, source: Box<ureq::Error> },
    #[error("cannot download {source_name}: the connection broke off")]
    Broken { source_name: String, source: io::Error },
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{source_name} has the {algorithm} checksum {found}, not the expected {expected}; nothing was kept")]
    Checksum { source_name: String, algorithm: Algorithm, expected: String, found: String },
    #[error("cannot address {source_name}: {reason}")]
    Address { source_name: String, reason: String },
}

pub(crate) struct Download<'a> {
    pub(crate) url: &'a Url,
    /// What messages call it; without a signature.
    pub(crate) source_name: &'a str,
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) checksum: Option<&'a Checksum>,
    pub(crate) attempts: u32,
    /// Signed requests must not follow a redirect.
    pub(crate) redirects: u32,
    pub(crate) verify_certificates: bool,
}

impl Download<'_> {
    pub(crate) fn to_file(&self, destination: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
        http::patiently(self.attempts, step, || self.attempt(destination, step))
    }

    fn attempt(&self, destination: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
        let (redirects, verify_certificates) = (self.redirects, self.verify_certificates);
        let agent = http::agent(Rules { redirects, verify_certificates, limit: step.deadline.remaining() });
        let mut request = agent.get(self.url.as_str());
        for (name, value) in self.headers {
            request = request.header(*name, value);
        }
        let response = request.call().map_err(|source| self.transport(source, step))?;
        let status = response.status().as_u16();
        let mut body = response.into_body().into_reader();
        if status != 200 {
            let mut detail = Vec::new();
            // The status says enough when the body does not arrive.
            let _ = body.take(MAX_ERROR_BODY).read_to_end(&mut detail);
            let (source_name, detail) = (self.name(), http::describe(&String::from_utf8_lossy(&detail)));
            return Err(DownloadError::Status { source_name, status, detail }.into());
        }
        self.store(&mut body, destination, step)
    }

    fn store(&self, body: &mut impl Read, destination: &Path, step: &StepContext<'_>) -> Result<(), ActionError> {
        let writing = |source| DownloadError::Write { path: destination.to_owned(), source };
        let folder = match destination.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // A file that is replaced keeps its permissions; a new one gets the umask's.
        let permissions = fs::metadata(destination).map_or(Permissions::from_mode(0o666), |found| found.permissions());
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map_err(writing)?;
        let mut hasher = self.checksum.map(|checksum| checksum.algorithm.hasher());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            step.may_go_on()?;
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    step.may_go_on()?;
                    return Err(DownloadError::Broken { source_name: self.name(), source }.into());
                }
            };
            file.write_all(&buffer[..count]).map_err(writing)?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&buffer[..count]);
            }
        }
        if let (Some(expected), Some(hasher)) = (self.checksum, hasher) {
            self.compare(expected, hasher.finish())?;
        }
        keep(file, destination).map_err(writing)?;
        Ok(())
    }

    fn compare(&self, expected: &Checksum, found: String) -> Result<(), DownloadError> {
        if found == expected.digest {
            return Ok(());
        }
        let (algorithm, expected) = (expected.algorithm, expected.digest.clone());
        Err(DownloadError::Checksum { source_name: self.name(), algorithm, expected, found })
    }

    fn transport(&self, source: ureq::Error, step: &StepContext<'_>) -> ActionError {
        match step.may_go_on() {
            Err(error) => error,
            Ok(()) => DownloadError::Transport { source_name: self.name(), source: Box::new(source) }.into(),
        }
    }

    fn name(&self) -> String {
        self.source_name.to_owned()
    }
}

impl DownloadError {
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Status { status, .. } => http::is_passing(*status),
            Self::Transport { source, .. } => http::may_hold(source),
            Self::Broken { .. } => true,
            Self::Write { .. } | Self::Checksum { .. } | Self::Address { .. } => false,
        }
    }
}

fn keep(file: NamedTempFile, destination: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(destination).map_err(|error| error.error)?;
    Ok(())
}
