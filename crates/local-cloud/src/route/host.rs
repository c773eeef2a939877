//! Guard against DNS rebinding: a web page can point its own name at a loopback address, and would then be named in `Host`.

use std::net::IpAddr;

use hyper::HeaderMap;

use crate::fault::Fault;

/// Where a guest reaches the endpoint.
const GUEST_ENDPOINT: &str = "169.254.170.2";

pub(super) fn check(headers: &HeaderMap) -> Result<(), Fault> {
    let host = headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authority = host.parse::<hyper::http::uri::Authority>();
    let name = authority.as_ref().map_or("", |authority| authority.host());
    if is_ours(name) {
        return Ok(());
    }
    let message = format!("The local cloud answers to 127.0.0.1 and localhost only, not to the host '{host}'");
    Err(Fault::new(403, "AccessDenied", message))
}

fn is_ours(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || name == GUEST_ENDPOINT
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        check(&headers).is_ok()
    }

    #[test]
    fn only_loopback_names_pass() {
        for host in ["127.0.0.1:4566", "127.8.0.1", "localhost:80", "LOCALHOST", "[::1]:80", "169.254.170.2"] {
            assert!(passes(host), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "a b",
            "169.254.169.254",
        ] {
            assert!(!passes(host), "{host}");
        }
        assert!(check(&HeaderMap::new()).is_err());
    }
}
