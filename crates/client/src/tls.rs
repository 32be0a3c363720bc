//! Whom a connection to a gateway elsewhere trusts: the authorities of this
//! computer, and one more file where it is named.
//!
//! The platform's judge decides, as it does for other programs here. Out of
//! scope: a certificate of the client's own; a token says who asks.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// The variable that names a file with further authorities.
pub const VARIABLE: &str = "VIDIMUS_TLS_CA";

/// Why TLS cannot be spoken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// The named file cannot be read.
    #[error(
        "the file with certificate authorities `{path}` cannot be read: {why}. Name it with `--tls-ca FILE` or {VARIABLE}, or in the agent's profile"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// The named file holds none.
    #[error("`{path}` holds no certificate authority in PEM form (`-----BEGIN CERTIFICATE-----`)")]
    Empty {
        /// The file.
        path: String,
    },
    /// This computer trusts nobody, or what the file holds is damaged.
    #[error(
        "no certificate authority can be used ({why}): install this computer's (often the package `ca-certificates`), or name a file with `--tls-ca FILE`"
    )]
    NoAuthority {
        /// What the platform said.
        why: String,
    },
}

/// The file that `VIDIMUS_TLS_CA` names.
#[must_use]
pub fn named_by_environment() -> Option<PathBuf> {
    std::env::var_os(VARIABLE)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// Trusts nobody: for a client that never speaks TLS. It spares the platform's
/// authorities from being read, and works where there are none.
///
/// # Panics
/// Never: the provider speaks both versions.
#[must_use]
pub fn nobody() -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// Trusts the platform's authorities and those in `extra`.
pub(crate) fn authorities(extra: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let extra = extra.map(read).transpose()?.unwrap_or_default();
    let verifier =
        Verifier::new_with_extra_roots(extra, provider()).map_err(|why| TlsError::NoAuthority {
            why: why.to_string(),
        })?;
    let mut config = nobody();
    config
        .dangerous()
        .set_certificate_verifier(Arc::new(verifier));
    // Named, so that a server of another protocol does not take part.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let shown = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| TlsError::Unreadable {
        path: shown(),
        why: error.to_string(),
    })?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(TlsError::Empty { path: shown() }),
    }
}

/// What TLS complained of and what to do, where a failed connection has such a
/// cause.
pub(crate) fn complaint(error: &(dyn Error + 'static)) -> Option<String> {
    use rustls::Error as Tls;
    let found = cause(error)?;
    let words = match found {
        Tls::InvalidCertificate(why) => match why {
            // The latter: an authority of the same name, made anew.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "nobody whom this computer trusts vouches for its certificate: for an authority of your own, name its file with `--tls-ca FILE` or {VARIABLE}"
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired: whoever runs the gateway renews it. If it has not, set this computer's clock right".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: set this computer's clock right".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name: use the gateway's own address, as whoever runs it tells".to_owned()
            }
            other => format!("its certificate is refused: {other}"),
        },
        Tls::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => format!("no secure connection could be agreed on: {other}"),
    };
    Some(words)
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error hands on the source of what it holds, not that itself.
        let held = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}
