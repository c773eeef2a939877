//! How this server speaks TLS where it is not the SDK that speaks.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// The certificates that the system trusts, as the SDK's client trusts them, and its cryptography.
pub(crate) fn config() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
}
