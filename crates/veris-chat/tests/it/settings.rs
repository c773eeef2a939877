//! What the server makes of its files and variables.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use veris_chat::{LibraryStore, QdrantCollection, SessionStore, Settings, SettingsError};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn load(directory: &TempDir, process: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let process: HashMap<_, _> = process.iter().copied().collect();
    Settings::load(Some(&directory.path().join("config.yaml")), |name| process.get(name).map(|&value| value.to_owned()))
}

/// The error with all its causes, and the folder's path left out.
fn error(directory: &TempDir, process: &[(&str, &str)]) -> String {
    let error = anyhow::Error::new(load(directory, process).unwrap_err());
    format!("{error:#}").replace(directory.path().to_str().unwrap(), "DIR")
}

#[test]
fn without_files_and_variables_the_server_stays_on_loopback() {
    let settings = Settings::load(None, |_| None).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.model.model_id, "us.anthropic.claude-opus-4-5-20251101-v1:0");
    assert_eq!(settings.model.region, "us-east-1");
    assert_eq!(settings.release.digest, "unbaked");
}

#[test]
fn the_process_wins_over_the_env_file_which_wins_over_the_configuration() {
    let directory = folder(&[
        ("config.yaml", "host: 127.0.0.2\nport: 1\nmodel_id: us.configured\n"),
        (".env", "PORT=2\nMODEL_ID=us.first\nMODEL_ID=us.later\nAWS_REGION=us-west-2\n"),
    ]);
    let settings = load(&directory, &[("PORT", "3"), ("AWS_REGION", "")]).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.2:3");
    assert_eq!(settings.model.model_id, "us.later");
    assert_eq!(settings.model.region, "us-west-2");
}

#[test]
fn the_credential_of_the_unit_is_read_instead_of_the_file_beside_the_configuration() {
    let directory = folder(&[("config.yaml", ""), (".env", "PORT=1"), ("credentials/env", "PORT=2")]);
    let credentials = directory.path().join("credentials");
    let port = |credentials: &Path| {
        load(&directory, &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]).unwrap().listen.port()
    };
    assert_eq!(port(&credentials), 2);
    assert_eq!(port(&directory.path().join("elsewhere")), 1);
}

#[test]
fn an_env_file_of_today_is_understood_and_foreign_names_are_reported_without_values() {
    let env = "QDRANT_URL=https://q:6333\nQDRANT_API_KEY=secret\nAWS_REGION=us-east-1\nAWS_ACCESS_KEY_ID=\nOPENAI_KEY=secret\n\
               AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://169.254.170.2\n";
    let settings = load(&folder(&[("config.yaml", ""), (".env", env)]), &[]).unwrap();
    assert_eq!(settings.unknown_names, ["AWS_ACCESS_KEY_ID", "OPENAI_KEY"]);
    assert_eq!(settings.model.endpoint.as_ref().unwrap().host(), Some("169.254.170.2"));
    assert!(!format!("{settings:?}").contains("secret"));
}

#[test]
fn conversations_are_kept_where_they_are_told_to_be_or_in_the_folder_of_the_unit() {
    let store = |config: &str, process: &[(&str, &str)]| {
        let sessions = load(&folder(&[("config.yaml", config)]), process).unwrap().sessions;
        (sessions.store, sessions.required)
    };
    let state = ("STATE_DIRECTORY", "/var/lib/veris-chat");
    assert_eq!(store("", &[]), (SessionStore::Memory, false));
    assert_eq!(store("", &[state]), (SessionStore::Sqlite("/var/lib/veris-chat/sessions.db".into()), false));
    assert_eq!(store("session_store: memory", &[state]), (SessionStore::Memory, true));
    let named = ("SESSION_STORE", "sqlite:///srv/s.db");
    assert_eq!(store("session_store: memory", &[state, named]), (SessionStore::Sqlite("/srv/s.db".into()), true));
}

#[test]
fn documents_are_kept_in_qdrant_where_it_is_named_at_its_grpc_port() {
    let store = |env: &str| load(&folder(&[("config.yaml", ""), (".env", env)]), &[]).unwrap().library.store;
    let collection = |env: &str| match store(env) {
        LibraryStore::Qdrant(QdrantCollection { url, name, .. }) => format!("{name} at {url}"),
        other => format!("{other:?}"),
    };
    assert_eq!(collection("QDRANT_URL=\n"), "Memory");
    assert_eq!(collection("QDRANT_URL=https://q.example.org:6333/"), "veris-chat at https://q.example.org:6334");
    assert_eq!(collection("QDRANT_URL=http://127.0.0.1\n"), "veris-chat at http://127.0.0.1:6334");
    let named = "QDRANT_URL=https://q.example.org:443\nQDRANT_COLLECTION=papers\n";
    assert_eq!(collection(named), "papers at https://q.example.org:443");
}

#[test]
fn prompts_are_marked_for_keeping_only_where_the_model_knows_it() {
    let caching = |config: &str| load(&folder(&[("config.yaml", config)]), &[]).unwrap().model.prompt_caching;
    assert!(caching(""));
    assert!(!caching("prompt_caching: false"));
    assert!(!caching("model_id: us.meta.llama4-scout-17b-instruct-v1:0"));
}

#[test]
fn a_server_knows_whether_its_instance_has_settings() {
    let has = |files: &[(&str, &str)]| load(&folder(files), &[]).unwrap().has_env_file;
    assert!(!has(&[("config.yaml", "")]));
    // The unit's stand-in for a file that is not there.
    assert!(!has(&[("config.yaml", ""), (".env", "#")]));
    assert!(has(&[("config.yaml", ""), (".env", "")]));
    assert!(has(&[("config.yaml", ""), (".env", "AWS_REGION=us-east-1\n")]));
}

#[test]
fn the_release_lies_beside_the_configuration() {
    let release = r#"{"service":"veris-chat","version":"1.2.0","digest":"abc","commit":"def"}"#;
    let directory = folder(&[("config.yaml", ""), ("release.json", release)]);
    assert_eq!(load(&directory, &[]).unwrap().release.version, "1.2.0");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let config = |text| error(&folder(&[("config.yaml", text)]), &[]);
    let env = |text| error(&folder(&[("config.yaml", ""), (".env", text)]), &[]);
    let report = [
        error(&folder(&[]), &[]),
        config("port: 8000\nmodle_id: x\n"),
        config("port: 80000\n"),
        config("max_tokens: 0\n"),
        env("AWS_REGION=us-east-1\nQDRANT_API_KEY secret\n"),
        env("PORT=eight\n"),
        env("HOST=localhost\n"),
        env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=169.254.170.2\n"),
        env("SESSION_STORE=redis://cache\n"),
        config("session_store: sessions.db\n"),
        env("AWS_ENDPOINT_URL_DYNAMODB=localhost\nSESSION_STORE=dynamodb://ap-southeast-2/veris-sessions\n"),
        env("ON_DISCONNECT=never\n"),
        env("QDRANT_URL=q.example.org:6333\n"),
        env("QDRANT_URL=https://user:secret@q.example.org\n"),
        env("API_KEYS=a-key-that-was-not-hashed\n"),
        config("api_keys: [a-key-that-was-not-hashed]\n"),
        config("cors_origins: ['https://example.org/page']\n"),
        config("timeouts: {idle: 0}\n"),
        error(&folder(&[("config.yaml", "")]), &[("PORT", "65536")]),
        error(&folder(&[("config.yaml", ""), ("release.json", "{\"version\":\"1\"}")]), &[]),
    ];
    insta::assert_snapshot!(report.join("\n"));
}
