//! Which documents are read, and how long that may take.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::config_file::{ConfigFile, DocumentsInFile};

/// Which documents are read, and how long that may take.
#[derive(Debug, Clone)]
pub struct DocumentSettings {
    /// Whether documents may come by plain HTTP, too.
    pub allow_http: bool,
    /// Ports besides the schemes' own.
    pub allow_ports: Vec<u16>,
    /// Networks besides the public internet, such as an intranet with documents.
    pub allow_networks: Vec<IpNet>,
    /// The largest document, in millions of bytes.
    pub max_megabytes: u64,
    /// How long fetching a document may take, redirects included.
    pub fetch: Duration,
    /// How much processor time reading a document may take.
    pub parse: Duration,
    /// The program that is run with `--read-pdf`: this one.
    pub parser: PathBuf,
}

impl From<&ConfigFile> for DocumentSettings {
    fn from(config: &ConfigFile) -> Self {
        let DocumentsInFile { allow_http, allow_ports, allow_networks, .. } = &config.documents;
        let or = |given: Option<NonZeroU32>, default: u64| given.map_or(default, |given| given.get().into());
        Self {
            allow_http: *allow_http,
            allow_ports: allow_ports.clone(),
            allow_networks: allow_networks.clone(),
            max_megabytes: or(config.documents.max_megabytes, 50),
            fetch: Duration::from_secs(or(config.documents.fetch_seconds, 60)),
            parse: Duration::from_secs(or(config.documents.parse_seconds, 20)),
            // A program that was replaced while it runs is still the one that runs.
            parser: PathBuf::from("/proc/self/exe"),
        }
    }
}
