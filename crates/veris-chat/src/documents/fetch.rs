//! Fetching a document: from the public internet only, within limits.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::header::LOCATION;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::{Host, Url};

use super::error::Problem;
use super::guard::{Guard, GuardedResolver, NotPublic, SystemDns};
use crate::settings::DocumentSettings;
use crate::tls;

const MAX_REDIRECTS: usize = 3;
/// A PDF begins with these bytes, and readers forgive so much rubbish before them.
const MAGIC: &[u8] = b"%PDF-";
const MAGIC_WITHIN: usize = 1024;

/// Fetches documents, one at a time on each thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    agent: Agent,
    guard: Guard,
    allow_http: bool,
    ports: Vec<u16>,
    max_megabytes: u64,
    deadline: Duration,
}

impl Fetcher {
    pub(super) fn new(settings: &DocumentSettings) -> Self {
        let guard = Guard::new(settings.allow_networks.clone());
        let config = Config::builder()
            .http_status_as_error(false)
            // Followed by hand: each step is looked at like the first.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(10)))
            .user_agent(concat!("veris-chat/", env!("CARGO_PKG_VERSION")))
            .accept("application/pdf")
            .tls_config(tls::config())
            .build();
        let resolver = GuardedResolver { guard: guard.clone(), dns: SystemDns::default() };
        Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
            guard,
            allow_http: settings.allow_http,
            ports: settings.allow_ports.clone(),
            max_megabytes: settings.max_megabytes,
            deadline: settings.fetch,
        }
    }

    /// Blocks until the document is there, for no longer than the settings allow.
    pub(super) fn fetch(&self, url: &Url) -> Result<Vec<u8>, Problem> {
        let end = Instant::now() + self.deadline;
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let left = end.saturating_duration_since(Instant::now());
            let request = self.agent.get(url.as_str()).config().timeout_global(Some(left)).build();
            let response = request.call().map_err(|error| self.problem(&error))?;
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                    let next = location.and_then(|location| url.join(location).ok());
                    url = next.ok_or(Problem::Status(response.status().as_u16()))?;
                }
                200 => return self.body(response.into_body()),
                status => return Err(Problem::Status(status)),
            }
        }
        Err(Problem::Redirects(MAX_REDIRECTS))
    }

    /// What can be said of a URL without asking anybody.
    fn check(&self, url: &Url) -> Result<(), Problem> {
        let standard = match url.scheme() {
            "https" => 443,
            "http" if self.allow_http => 80,
            "http" => return Err(Problem::Url("its URL must begin with https://")),
            _ => return Err(Problem::Url("its URL must begin with https://, and name a PDF")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Problem::Url("its URL must not hold a user name or a password"));
        }
        let port = url.port_or_known_default().unwrap_or(standard);
        if port != standard && !self.ports.contains(&port) {
            return Err(Problem::Url("its URL must not name a port"));
        }
        match url.host() {
            None => Err(Problem::Url("its URL names no host")),
            Some(Host::Ipv4(address)) if !self.guard.admits(address.into()) => Err(Problem::NotPublic),
            Some(Host::Ipv6(address)) if !self.guard.admits(address.into()) => Err(Problem::NotPublic),
            Some(_) => Ok(()),
        }
    }

    fn body(&self, body: Body) -> Result<Vec<u8>, Problem> {
        let limit = self.max_megabytes * 1_000_000;
        if body.content_length().is_some_and(|length| length > limit) {
            return Err(Problem::TooLarge(self.max_megabytes));
        }
        let mut content = Vec::new();
        let read = body.into_reader().take(limit + 1).read_to_end(&mut content);
        read.map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(inner) => self.problem(inner),
            None if error.kind() == ErrorKind::TimedOut => self.too_slow(),
            None => Problem::Unreachable,
        })?;
        if content.len() as u64 > limit {
            return Err(Problem::TooLarge(self.max_megabytes));
        }
        looks_like_pdf(&content).map(|()| content)
    }

    fn problem(&self, error: &ureq::Error) -> Problem {
        match error {
            ureq::Error::Other(error) if error.is::<NotPublic>() => Problem::NotPublic,
            ureq::Error::HostNotFound => Problem::UnknownHost,
            ureq::Error::Timeout(_) => self.too_slow(),
            // The resolver of the system fails with an error of input and output where it knows no such name.
            ureq::Error::Io(error) if error.to_string().contains("lookup address") => Problem::UnknownHost,
            _ => Problem::Unreachable,
        }
    }

    fn too_slow(&self) -> Problem {
        Problem::TooSlow(self.deadline.as_secs())
    }
}

/// What the server calls it is not asked: many answer `application/octet-stream`.
fn looks_like_pdf(content: &[u8]) -> Result<(), Problem> {
    let beginning = &content[..content.len().min(MAGIC_WITHIN)];
    if beginning.windows(MAGIC.len()).any(|window| window == MAGIC) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(beginning).to_ascii_lowercase();
    Err(if text.contains("<html") || text.contains("<!doctype html") { Problem::Html } else { Problem::NotPdf })
}
