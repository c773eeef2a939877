//! The address from which this machine is seen.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::Result;

use crate::environment::{Environment, Target};
use crate::error::{Failure, cloud, internal};

/// AWS's own service for this question. It answers the address alone, on a line.
const CHECK: &str = "https://checkip.amazonaws.com/";

const TIMEOUT: Duration = Duration::from_secs(10);

/// An address has at most 45 characters.
const LONGEST_ANSWER: u64 = 100;

/// As the instances see it: in the local cloud over loopback, where nobody else is asked.
pub async fn own_address(environment: &Environment) -> Result<IpAddr> {
    if environment.target == Target::Local {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let asked = tokio::task::spawn_blocking(|| ask(CHECK)).await;
    Ok(asked.map_err(|error| internal("failed to ask for this machine's address").source(error))??)
}

fn ask(url: &str) -> Result<IpAddr, Failure> {
    let failed = |reason: String| {
        cloud(format!("failed to learn this machine's address from {url}: {reason}"))
            .hint("name the address or block yourself: `veris allow-ip 203.0.113.7`")
    };
    let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().new_agent();
    let answer = agent.get(url).call().map_err(|error| failed(error.to_string()))?;
    let text = answer.into_body().into_with_config().limit(LONGEST_ANSWER).read_to_string();
    let text = text.map_err(|error| failed(error.to_string()))?;
    read(&text).map_err(failed)
}

/// What a proxy or a captive portal answers instead must not be opened.
fn read(text: &str) -> Result<IpAddr, String> {
    let shown: String = text.trim().chars().take(45).collect();
    let address: IpAddr = text.trim().parse().map_err(|_| format!("{shown:?} is no address"))?;
    let is_public = match address {
        IpAddr::V4(address) => {
            !(address.is_private() || address.is_loopback() || address.is_link_local() || address.is_unspecified())
        }
        IpAddr::V6(address) => !(address.is_loopback() || address.is_unique_local() || address.is_unspecified()),
    };
    if is_public { Ok(address) } else { Err(format!("{address} is no address on the internet")) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Asks a server that answers this.
    fn asked(status: &str, body: &str) -> Result<IpAddr, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
            connection.write_all(answer.as_bytes()).unwrap();
        });
        let address = ask(&url).map_err(|failure| failure.to_string());
        server.join().unwrap();
        address
    }

    #[test]
    fn only_a_public_address_is_believed() {
        assert_eq!(asked("200 OK", "203.0.113.7\n"), Ok(IpAddr::from([203, 0, 113, 7])));
        for (status, body, told) in [
            ("200 OK", "<html>Please sign in</html>", "is no address"),
            ("200 OK", "10.0.0.7", "10.0.0.7 is no address on the internet"),
            ("503 Service Unavailable", "203.0.113.7", "503"),
            ("200 OK", &"203.0.113.7 ".repeat(100), "larger than"),
        ] {
            let error = asked(status, body).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[tokio::test]
    async fn in_the_local_cloud_nobody_is_asked() {
        assert_eq!(own_address(&Environment::local()).await.unwrap(), IpAddr::from([127, 0, 0, 1]));
    }
}
