//! `WebDownload` from a server whose certificate nobody signed.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use insta::assert_snapshot;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::downloads::{answer, run};
use crate::support::Sandbox;

/// Serves one file over HTTPS, with a certificate of its own making.
fn serve() -> String {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://localhost:{}/file", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            // A client that distrusts the certificate leaves in the middle.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(&answer("200 OK", "content"));
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    url
}

#[test]
fn certificate_errors_are_ignored_only_when_asked() {
    let url = serve();
    let sandbox = Sandbox::new();
    let steps = format!(
        r"
- {{name: Trusting, action: WebDownload, inputs: [{{source: '{url}', destination: trusting, ignoreCertificateErrors: true}}]}}
- {{name: Careful, action: WebDownload, inputs: [{{source: '{url}', destination: careful}}]}}
"
    );
    let ran = run(&sandbox, &steps, &[]).failed();
    assert_eq!(sandbox.read("trusting"), "content");
    assert!(!sandbox.path("careful").exists());
    assert_snapshot!(ran.stderr.replace(&url, "[URL]"), @"[build] [Careful] failed: cannot download [URL]: io: invalid peer certificate: UnknownIssuer");
}
