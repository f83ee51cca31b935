//! TLS to Redis: whose certificates are trusted, and which one is shown.

use std::fmt;

use redis::{Client, ConnectionInfo};
#[cfg(feature = "redis-tls")]
use redis::{ClientTlsConfig, TlsCertificates};

use super::failure::failure;
#[cfg(feature = "redis-tls")]
use crate::error::Error;
use crate::error::Result;

/// How a certificate in PEM begins.
#[cfg(feature = "redis-tls")]
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// What is known beyond what the system trusts. Shows neither certificates nor keys.
#[derive(Clone, Default)]
pub(super) struct Tls {
    #[cfg(feature = "redis-tls")]
    certificates: Option<TlsCertificates>,
}

impl Tls {
    /// A client of the server at this address.
    #[cfg(feature = "redis-tls")]
    pub(super) fn client(&self, info: ConnectionInfo) -> Result<Client> {
        let secure = matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. });
        if !secure {
            return Client::open(info).map_err(|e| failure(&e));
        }
        choose_cryptography();
        match &self.certificates {
            None => Client::open(info).map_err(|e| failure(&e)),
            Some(certificates) => Client::build_with_tls(info, certificates.clone()).map_err(|e| failure(&e)),
        }
    }

    /// A client of the server at this address.
    #[cfg(not(feature = "redis-tls"))]
    pub(super) fn client(&self, info: ConnectionInfo) -> Result<Client> {
        Client::open(info).map_err(|e| failure(&e))
    }

    /// Trusts these authorities alone.
    #[cfg(feature = "redis-tls")]
    pub(super) fn trust(&mut self, pem: Vec<u8>) -> Result<()> {
        let holds = holds_certificate(&pem);
        self.change("trusted_certificates", holds, |certificates| certificates.root_cert = Some(pem))
    }

    /// Shows this certificate to servers that ask for one.
    #[cfg(feature = "redis-tls")]
    pub(super) fn show(&mut self, client_cert: Vec<u8>, client_key: Vec<u8>) -> Result<()> {
        let holds = holds_certificate(&client_cert);
        let config = ClientTlsConfig { client_cert, client_key };
        self.change("client_certificate", holds, |certificates| certificates.client_tls = Some(config))
    }

    #[cfg(feature = "redis-tls")]
    fn change(&mut self, setting: &'static str, holds: bool, change: impl FnOnce(&mut TlsCertificates)) -> Result<()> {
        if !holds {
            return Err(wrong(setting));
        }
        let mut changed = self.certificates.take().unwrap_or(TlsCertificates { client_tls: None, root_cert: None });
        change(&mut changed);
        // The driver reads them when a client is made: better now than at the first connection.
        Client::build_with_tls("rediss://localhost/", changed.clone()).map_err(|_| wrong(setting))?;
        self.certificates = Some(changed);
        Ok(())
    }
}

#[cfg(feature = "redis-tls")]
fn wrong(setting: &'static str) -> Error {
    Error::config(setting, "is no PEM of certificates, or of a certificate and its key")
}

/// Where there is none, the driver is content with none.
#[cfg(feature = "redis-tls")]
fn holds_certificate(pem: &[u8]) -> bool {
    pem.windows(CERTIFICATE.len()).any(|window| window == CERTIFICATE)
}

/// The driver leaves the choice of the cryptography to the program; if the program made none, we do.
#[cfg(feature = "redis-tls")]
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Someone else may have chosen since: then that holds.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
