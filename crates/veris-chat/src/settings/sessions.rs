//! Where conversations are kept.

use std::path::Path;

use super::{SettingsError, endpoint, parsed};
use crate::config_file::ConfigFile;
use crate::sessions::SessionStore;
use crate::variables::{self, Variables};

/// Where conversations are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// The store.
    pub store: SessionStore,
    /// It was asked for by name, so the server must not run without it.
    pub required: bool,
}

impl SessionSettings {
    /// The store that is named, else a file in the folder that systemd provides, else memory.
    pub(super) fn new(
        config: &ConfigFile,
        variables: &Variables,
        state_directory: Option<&str>,
    ) -> Result<Self, SettingsError> {
        const EXPECTED: &str = "`memory`, a file such as `sqlite:///var/lib/veris-chat/sessions.db`, or a table such as \
                                `dynamodb://ap-southeast-2/veris-sessions`";
        let named = match (parsed(variables.get(variables::SESSION_STORE), EXPECTED)?, &config.session_store) {
            (None, Some(text)) => {
                let store = text.parse().map_err(|()| SettingsError::configured("session_store", EXPECTED, text))?;
                Some(store)
            }
            (named, _) => named,
        };
        let required = named.is_some();
        let default = || match state_directory {
            Some(directory) => SessionStore::Sqlite(Path::new(directory).join("sessions.db")),
            None => SessionStore::Memory,
        };
        let mut store = named.unwrap_or_else(default);
        if let SessionStore::DynamoDb(table) = &mut store {
            table.endpoint = endpoint(variables.get(variables::DYNAMODB_ENDPOINT))?.map(|uri| uri.to_string());
        }
        Ok(Self { store, required })
    }
}
