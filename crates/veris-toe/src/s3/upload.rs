//! One file to one object: in one request, or in parts where it is large.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use rusty_s3::Method;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload};
use url::Url;

use super::{ATTEMPTS, Answer, Payload, Request, S3Error, Session};
use crate::action::{ActionError, StepContext};
use crate::http;

/// A larger file is sent in parts of at least this size, so that a broken connection costs little. S3 takes no parts
/// below 5 MiB.
pub(crate) const PART_BYTES: u64 = 16 * 1024 * 1024;
/// S3's limit.
const MAX_PARTS: u64 = 10_000;
/// Parts that were sent cost money until they are given up, so this is done even when the step's time is over.
const ABORT_LIMIT: Duration = Duration::from_secs(10);
const DOING: &str = "upload";

pub(crate) struct Upload<'a> {
    pub(crate) session: &'a Session,
    pub(crate) file: &'a Path,
    pub(crate) key: &'a str,
    /// `s3://bucket/key`
    pub(crate) name: &'a str,
}

#[derive(Clone, Copy)]
struct Piece {
    start: u64,
    bytes: u64,
}

impl Upload<'_> {
    pub(crate) fn run(&self, step: &StepContext<'_>) -> Result<(), ActionError> {
        let bytes = self.file.metadata().map_err(ActionError::file("look at", self.file))?.len();
        if bytes <= PART_BYTES {
            let url =
                || self.session.sign(self.session.bucket().put_object(Some(self.session.credentials()), self.key));
            return self.send(url, Piece { start: 0, bytes }, step).map(drop);
        }
        let id = self.begin(step)?;
        let sent = self.parts(&id, bytes, step).and_then(|etags| self.complete(&id, &etags, step));
        if sent.is_err() {
            self.give_up(&id, step);
        }
        sent
    }

    fn begin(&self, step: &StepContext<'_>) -> Result<String, ActionError> {
        let (bucket, credentials) = (self.session.bucket(), Some(self.session.credentials()));
        let url = || self.session.sign(bucket.create_multipart_upload(credentials, self.key));
        let answer = http::patiently(ATTEMPTS, step, || {
            self.session.exchange(self.request(Method::Post, url(), step), None, step)
        })?;
        let begun = CreateMultipartUpload::parse_response(&answer.body).map_err(|error| self.unreadable(&error))?;
        Ok(begun.upload_id().to_owned())
    }

    fn parts(&self, id: &str, bytes: u64, step: &StepContext<'_>) -> Result<Vec<String>, ActionError> {
        let (bucket, credentials) = (self.session.bucket(), Some(self.session.credentials()));
        let part_bytes = PART_BYTES.max(bytes.div_ceil(MAX_PARTS));
        let mut etags = Vec::new();
        for (number, start) in (1..=u16::MAX).zip((0..bytes).step_by(usize::try_from(part_bytes).unwrap_or(usize::MAX)))
        {
            let piece = Piece { start, bytes: part_bytes.min(bytes - start) };
            let url = || self.session.sign(bucket.upload_part(credentials, self.key, number, id));
            let answer = self.send(url, piece, step)?;
            etags.push(answer.etag.ok_or_else(|| self.unreadable(&"a part got no ETag"))?);
            let done = start + piece.bytes;
            step.voice.line(&format!("{}: {} of {} MiB sent", self.name, done >> 20, bytes >> 20));
        }
        Ok(etags)
    }

    fn complete(&self, id: &str, etags: &[String], step: &StepContext<'_>) -> Result<(), ActionError> {
        let (bucket, credentials) = (self.session.bucket(), Some(self.session.credentials()));
        let action = || bucket.complete_multipart_upload(credentials, self.key, id, etags.iter().map(String::as_str));
        let body = action().body();
        let answer = http::patiently(ATTEMPTS, step, || {
            let mut reader = body.as_bytes();
            let payload = Payload { bytes: body.len() as u64, reader: &mut reader };
            let request = self.request(Method::Post, self.session.sign(action()), step);
            self.session.exchange(request, Some(payload), step)
        })?;
        // S3 may answer 200 before it knows of a failure.
        match CompleteMultipartUploadResponse::parse(&answer.body) {
            Ok(_) => Ok(()),
            Err(error) => {
                let detail = http::describe(&answer.body);
                let reason = if detail.is_empty() { error.to_string() } else { format!("the server answered{detail}") };
                Err(self.unreadable(&reason).into())
            }
        }
    }

    fn give_up(&self, id: &str, step: &StepContext<'_>) {
        let url = self.session.sign(self.session.bucket().abort_multipart_upload(
            Some(self.session.credentials()),
            self.key,
            id,
        ));
        let request = Request { limit: Some(ABORT_LIMIT), ..self.request(Method::Delete, url, step) };
        if let Err(error) = self.session.exchange(request, None, step) {
            step.voice.line(&format!("{error}; its parts stay in the bucket until the upload {id} is aborted"));
        }
    }

    fn send(&self, url: impl Fn() -> Url, piece: Piece, step: &StepContext<'_>) -> Result<Answer, ActionError> {
        http::patiently(ATTEMPTS, step, || {
            let mut file = File::open(self.file).map_err(ActionError::file("open", self.file))?;
            file.seek(SeekFrom::Start(piece.start)).map_err(ActionError::file("read", self.file))?;
            let mut reader = Attended { reader: file.take(piece.bytes), step };
            let payload = Payload { bytes: piece.bytes, reader: &mut reader };
            self.session.exchange(self.request(Method::Put, url(), step), Some(payload), step)
        })
    }

    fn request(&self, method: Method, url: Url, step: &StepContext<'_>) -> Request<'_> {
        Request { doing: DOING, name: self.name, method, url, limit: step.deadline.remaining() }
    }

    fn unreadable(&self, reason: &dyn ToString) -> S3Error {
        S3Error::Answer { doing: DOING, name: self.name.to_owned(), reason: reason.to_string() }
    }
}

/// Stops reading when the step has to end.
struct Attended<'a, R> {
    reader: R,
    step: &'a StepContext<'a>,
}

impl<R: Read> Read for Attended<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.step.may_go_on().map_err(io::Error::other)?;
        self.reader.read(buffer)
    }
}
