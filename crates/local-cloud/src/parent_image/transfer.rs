//! From wherever a parent image is to a file of ours. The source may vanish or change while disks lie over it, so the bytes are
//! copied, and hashed on the way: what was proven is what is kept.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use ureq::http::{Response, StatusCode};
use url::Url;

use super::choice::{Given, Source};
use super::{ParentError, failed, host};

const MIB: u64 = 1024 * 1024;
/// What an image needs beside its own bytes.
const SLACK_MIB: u64 = 64;
/// How often a download that makes no progress at all is begun again.
const TRIES: u32 = 4;
/// How long a server may take until it answers, and for all of an image.
const ANSWER: Duration = Duration::from_mins(1);
const BODY: Duration = Duration::from_hours(3);

/// Fills `part` with the bytes of the source and answers their SHA-256. A download goes on where an earlier one was cut off.
pub(super) fn receive(given: &Given, part: &Path, progress: &mut dyn FnMut(&str)) -> Result<String, ParentError> {
    let origin = given.source.to_string();
    match &given.source {
        Source::File(path) => {
            let source = fs_err::File::open(path).map_err(|error| transfer(&origin, &error))?;
            let metadata = source.metadata().map_err(|error| transfer(&origin, &error))?;
            if !metadata.is_file() {
                return Err(transfer(&origin, &"it is no file"));
            }
            let mut receiver = Receiver::empty(part, format!("copying {}", name(&origin)))?;
            receiver.expect(Some(metadata.len()))?;
            receiver.take(source, progress)?.map_err(|error| transfer(&origin, &error))?;
            receiver.finish()
        }
        Source::Url(url) => {
            let mut receiver = Receiver::resume(part, format!("downloading {}", name(&origin)))?;
            download(url, &mut receiver, progress)?;
            receiver.finish()
        }
    }
}

fn download(url: &Url, receiver: &mut Receiver, progress: &mut dyn FnMut(&str)) -> Result<(), ParentError> {
    let timeouts = ureq::Agent::config_builder()
        .timeout_connect(Some(ANSWER))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(BODY))
        .http_status_as_error(false);
    let agent = timeouts.build().new_agent();
    let mut tries = 0;
    loop {
        let before = receiver.received;
        let error = match attempt(&agent, url, receiver, progress)? {
            Ok(()) => return Ok(()),
            Err(Refusal::Final(reason)) => return Err(transfer(url, &reason)),
            Err(Refusal::Passing(reason)) => reason,
        };
        tries = if receiver.received > before { 0 } else { tries + 1 };
        if tries == TRIES {
            return Err(transfer(url, &error));
        }
        progress(&format!("the download was interrupted ({error}); going on"));
        std::thread::sleep(Duration::from_secs(u64::from(tries)));
    }
}

/// Why a server did not send all of it.
enum Refusal {
    /// Worth another try.
    Passing(String),
    Final(String),
}

/// One request for what is still missing.
fn attempt(
    agent: &ureq::Agent,
    url: &Url,
    receiver: &mut Receiver,
    progress: &mut dyn FnMut(&str),
) -> Result<Result<(), Refusal>, ParentError> {
    let mut request = agent.get(url.as_str());
    if receiver.received > 0 {
        request = request.header("range", format!("bytes={}-", receiver.received));
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(error) => return Ok(Err(Refusal::Passing(error.to_string()))),
    };
    match response.status() {
        StatusCode::OK => receiver.restart()?,
        StatusCode::PARTIAL_CONTENT if receiver.received > 0 => {}
        // Nothing is missing: the earlier attempt ended after its last byte.
        StatusCode::RANGE_NOT_SATISFIABLE if receiver.received > 0 => return Ok(Ok(())),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Ok(Err(Refusal::Passing(format!("the server answered {status}"))));
        }
        status => return Ok(Err(Refusal::Final(format!("the server answered {status}")))),
    }
    body(response, receiver, progress)
}

fn body(
    mut response: Response<ureq::Body>,
    receiver: &mut Receiver,
    progress: &mut dyn FnMut(&str),
) -> Result<Result<(), Refusal>, ParentError> {
    receiver.expect(response.body().content_length().map(|rest| receiver.received + rest))?;
    let passing = |error: io::Error| Refusal::Passing(error.to_string());
    let taken = receiver.take(response.body_mut().as_reader(), progress)?;
    Ok(taken.map_err(passing).and_then(|()| match receiver.total {
        Some(total) if receiver.received < total => Err(Refusal::Passing("the connection was closed".to_owned())),
        _ => Ok(()),
    }))
}

/// A file that grows, and its hash.
struct Receiver {
    file: File,
    hash: Sha256,
    received: u64,
    total: Option<u64>,
    /// What is going on, for the progress.
    activity: String,
    /// The last step of the progress that was shown.
    step: u64,
    directory: std::path::PathBuf,
}

impl Receiver {
    fn empty(part: &Path, activity: String) -> Result<Self, ParentError> {
        let mut receiver = Self::resume(part, activity)?;
        receiver.restart()?;
        Ok(receiver)
    }

    /// Takes up what is there already.
    fn resume(part: &Path, activity: String) -> Result<Self, ParentError> {
        let attempt = "read what was downloaded of the parent image";
        let mut options = fs_err::OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(part).map_err(failed(attempt))?;
        let mut hash = Sha256::new();
        let received = io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(failed(attempt))?;
        let directory = part.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self { file: file.into_file(), hash, received, total: None, activity, step: 0, directory })
    }

    fn restart(&mut self) -> Result<(), ParentError> {
        use std::io::Seek;
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(failed("empty the file of the parent image"))?;
        (self.hash, self.received, self.step) = (Sha256::new(), 0, 0);
        Ok(())
    }

    /// Checks that as many bytes have room.
    fn expect(&mut self, total: Option<u64>) -> Result<(), ParentError> {
        self.total = total;
        let missing = total.unwrap_or_default().saturating_sub(self.received);
        host::check_space(&self.directory, missing / MIB + SLACK_MIB, "VERIS_CACHE_DIR")
    }

    /// Takes all there is. The inner error is the source's, the outer one ours.
    fn take(&mut self, mut source: impl Read, progress: &mut dyn FnMut(&str)) -> Result<io::Result<()>, ParentError> {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            self.file.write_all(&buffer[..count]).map_err(failed("write the parent image into the cache"))?;
            self.hash.update(&buffer[..count]);
            self.received += count as u64;
            self.tell(progress);
        }
    }

    /// Says something at each twentieth of the way; every 64 MiB where its length is not known.
    fn tell(&mut self, progress: &mut dyn FnMut(&str)) {
        let (step, text) = match self.total {
            Some(total) if total > 0 => {
                let step = self.received * 20 / total;
                (step, format!("{}: {} % of {} MiB", self.activity, step * 5, total / MIB))
            }
            _ => (self.received / (64 * MIB), format!("{}: {} MiB", self.activity, self.received / MIB)),
        };
        if step > self.step {
            self.step = step;
            progress(&text);
        }
    }

    fn finish(self) -> Result<String, ParentError> {
        self.file.sync_all().map_err(failed("write the parent image into the cache"))?;
        Ok(hex::encode(self.hash.finalize()))
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last part of a path or URL.
fn name(origin: &str) -> &str {
    origin.rsplit('/').find(|part| !part.is_empty()).unwrap_or(origin)
}

fn transfer(origin: &impl ToString, reason: &impl ToString) -> ParentError {
    ParentError::Transfer { origin: origin.to_string(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
