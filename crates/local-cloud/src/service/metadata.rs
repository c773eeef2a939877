//! The instance metadata service, version 2 only: nothing is told without a token.

use std::sync::Arc;

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};

use crate::cloud::Cloud;
use crate::service::{Response, full};
use crate::state::Instance;

mod credentials;
pub(crate) mod silence;
mod token;
mod tree;

use tree::Found;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Versions of the tree that differ in nothing here.
const VERSIONS: &[&str] = &[
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2012-01-12",
    "2014-02-25",
    "2016-09-02",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "latest",
];

/// Answers one request that came from the guest of this instance.
pub fn handle(cloud: &Arc<Cloud>, instance_id: &str, request: &hyper::http::request::Parts) -> Response {
    let path = request.uri.path().trim_start_matches('/');
    tracing::debug!(instance_id, method = %request.method, path, "metadata request");
    let Some(instance) = cloud.store.read(|state| state.instances.get(instance_id).cloned()) else {
        return plain(StatusCode::NOT_FOUND, "");
    };
    match request.method {
        Method::PUT if path == "latest/api/token" => issue_token(cloud, instance_id, &request.headers),
        Method::GET | Method::HEAD => {
            let token = request.headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
            if !token::is_valid(&cloud.credentials, instance_id, token) {
                return plain(StatusCode::UNAUTHORIZED, "");
            }
            look_up(cloud, &instance, path)
        }
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, ""),
    }
}

fn issue_token(cloud: &Cloud, instance_id: &str, headers: &HeaderMap) -> Response {
    // A request that came through a proxy may come from anybody.
    if headers.contains_key("x-forwarded-for") {
        return plain(StatusCode::FORBIDDEN, "");
    }
    let ttl = headers.get(TTL).and_then(|ttl| ttl.to_str().ok()?.parse::<u32>().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=21_600).contains(ttl)) else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let mut response = plain(StatusCode::OK, token::issue(&cloud.credentials, instance_id, ttl));
    response.headers_mut().insert(TTL, HeaderValue::from(ttl));
    response
}

fn look_up(cloud: &Arc<Cloud>, instance: &Instance, path: &str) -> Response {
    let (version, path) = path.split_once('/').unwrap_or((path, ""));
    if version.is_empty() {
        return plain(StatusCode::OK, VERSIONS.join("\n"));
    }
    if !VERSIONS.contains(&version) {
        return not_found();
    }
    if path == "user-data" {
        return user_data(cloud, instance);
    }
    if let Some(role) = path.strip_prefix("meta-data/iam/security-credentials/").filter(|role| !role.is_empty()) {
        return role_credentials(cloud, instance, role);
    }
    if let Some(user) = path.strip_prefix("meta-data/managed-ssh-keys/active-keys/") {
        let keys = cloud.ssh_keys.active(&instance.instance_id, user.trim_end_matches('/'));
        return keys.map_or_else(not_found, |keys| plain(StatusCode::OK, keys));
    }
    let (elastic_ip, has_user_data) = (elastic_ip(cloud, instance), user_data_file(cloud, instance).exists());
    match tree::find(instance, elastic_ip, has_user_data, path) {
        Some(Found::Leaf(text)) if path.starts_with("dynamic/") => with_type("application/json", StatusCode::OK, text),
        Some(Found::Leaf(text)) => plain(StatusCode::OK, text),
        Some(Found::Listing(names)) => plain(StatusCode::OK, names.join("\n")),
        None => not_found(),
    }
}

fn elastic_ip(cloud: &Cloud, instance: &Instance) -> Option<std::net::Ipv4Addr> {
    cloud.store.read(|state| {
        let leads_here = |address: &&crate::state::Address| {
            address.association.as_ref().is_some_and(|association| association.instance_id == instance.instance_id)
        };
        state.addresses.values().find(leads_here).map(|address| address.public_ip)
    })
}

fn user_data_file(cloud: &Cloud, instance: &Instance) -> std::path::PathBuf {
    cloud.layout.instance(&instance.instance_id).join("user-data")
}

fn user_data(cloud: &Cloud, instance: &Instance) -> Response {
    match fs_err::read(user_data_file(cloud, instance)) {
        Ok(bytes) => with_type("application/octet-stream", StatusCode::OK, bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => not_found(),
        Err(error) => {
            tracing::error!(%error, "failed to read an instance's user data");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

fn role_credentials(cloud: &Cloud, instance: &Instance, role: &str) -> Response {
    if instance.instance_profile.as_deref() != Some(role) {
        return not_found();
    }
    match credentials::current(&cloud.store, &instance.instance_id, role) {
        Ok(session) => with_type("application/json", StatusCode::OK, credentials::document(&session).to_string()),
        Err(fault) => {
            tracing::error!(%fault, "failed to make credentials for an instance");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 - Not Found")
}

fn plain(status: StatusCode, text: impl Into<bytes::Bytes>) -> Response {
    with_type("text/plain", status, text)
}

fn with_type(content_type: &'static str, status: StatusCode, text: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(content_type));
    headers.insert("server", HeaderValue::from_static("EC2ws"));
    response
}
