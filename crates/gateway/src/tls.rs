//! The gateway's own certificate: read, judged before it is used, and read
//! again when its files change.
//!
//! Out of scope: getting one. Whoever renews it replaces the two files.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use vidimus_protocol::Time;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::clock::Clock;
use crate::public::TlsFiles;

/// Until the files are looked at again.
const LOOK: Duration = Duration::from_secs(2);
/// Most bytes of either file.
const MAX: u64 = 1 << 20;

/// Why a certificate is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {why}. Let the gateway's user read it")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// Everybody can read the key, or put another in its place.
    #[error(
        "every user of this computer can get at the key in `{path}`: run `chmod o= {path}`, and have a new certificate made if others had access"
    )]
    Exposed {
        /// The file.
        path: String,
    },
    /// Not a certificate.
    #[error(
        "`{path}` holds no certificate that can be read: name a PEM file with the gateway's own first and those between it and an authority after it (often `fullchain.pem`)"
    )]
    NotACertificate {
        /// The file.
        path: String,
    },
    /// Not a key.
    #[error(
        "`{path}` holds no key that can be used: name the PEM file that was made with the certificate (often `privkey.pem`), without a passphrase"
    )]
    NotAKey {
        /// The file.
        path: String,
    },
    /// They do not belong together.
    #[error(
        "the key in `{key}` is not that of the certificate in `{certificate}`: name the two that were made together"
    )]
    Mismatch {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
    },
    /// Over.
    #[error("the certificate in `{path}` expired on {when}: renew it")]
    Expired {
        /// The file.
        path: String,
        /// Its last moment.
        when: Time,
    },
    /// Not begun.
    #[error(
        "the certificate in `{path}` is valid from {when} only: set this computer's clock right, or name another"
    )]
    NotYetValid {
        /// The file.
        path: String,
        /// Its first moment.
        when: Time,
    },
    /// For another name.
    #[error(
        "the certificate in `{path}` is not for `{host}`, which `--public-url` names: have one made for it"
    )]
    OtherName {
        /// The file.
        path: String,
        /// The gateway's host.
        host: String,
    },
}

/// The certificate in use, and where it comes from.
pub(crate) struct Certificate {
    files: TlsFiles,
    host: String,
    clock: Arc<dyn Clock>,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Stamp>,
}

/// What tells one content of the two files from another, without reading them.
type Stamp = [Option<(u64, u64, i64, i64, u64)>; 2];

impl Certificate {
    /// Reads the files of the gateway at `host`.
    pub(crate) fn open(
        files: &TlsFiles,
        host: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, CertificateError> {
        let stamp = stamp(files);
        let current = load(files, host, clock.wall())?;
        Ok(Arc::new(Self {
            files: files.clone(),
            host: host.to_owned(),
            clock,
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(stamp),
        }))
    }

    /// What a TLS server needs.
    pub(crate) fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// Reads the files again whenever they change, until `stopped`. What cannot
    /// be used changes nothing and is said once: the two files are often
    /// replaced one after the other.
    pub(crate) async fn follow(self: Arc<Self>, stopped: impl Future<Output = ()> + Send) {
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let certificate = self.clone();
            // A folder on the network may hang.
            let looked = tokio::task::spawn_blocking(move || certificate.look()).await;
            match looked {
                Ok(Some(Ok(()))) => tracing::info!("the new certificate is in use"),
                Ok(Some(Err(why))) => {
                    tracing::warn!(%why, "the old certificate stays in use");
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// Whether the files changed, and whether what they hold now is used.
    fn look(&self) -> Option<Result<(), CertificateError>> {
        let now = stamp(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return None;
        }
        *seen = now;
        let loaded = load(&self.files, &self.host, self.clock.wall());
        Some(loaded.map(|loaded| {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        }))
    }
}

impl std::fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    /// The same for every name: who asks for another finds out by it.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let file = std::fs::metadata(path).ok()?;
        Some((
            file.dev(),
            file.ino(),
            file.mtime(),
            file.mtime_nsec(),
            file.len(),
        ))
    })
}

fn load(files: &TlsFiles, host: &str, now: Time) -> Result<CertifiedKey, CertificateError> {
    let certificate = || files.certificate.display().to_string();
    let key = || files.key.display().to_string();
    let no_certificate = || CertificateError::NotACertificate {
        path: certificate(),
    };
    let (bytes, _) = read(&files.certificate)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| no_certificate())?;
    let own = chain.first().ok_or_else(no_certificate)?;
    let parsed = ParsedCertificate::try_from(own).map_err(|_| no_certificate())?;
    let (_, dates) = X509Certificate::from_der(own).map_err(|_| no_certificate())?;
    let validity = dates.validity();
    let moment =
        |seconds: i64| Time::from_unix_ms(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000));
    let (first, last) = (
        moment(validity.not_before.timestamp()),
        moment(validity.not_after.timestamp()),
    );
    if now < first {
        return Err(CertificateError::NotYetValid {
            path: certificate(),
            when: first,
        });
    }
    if now > last {
        return Err(CertificateError::Expired {
            path: certificate(),
            when: last,
        });
    }
    let name = ServerName::try_from(host).expect("a public URL has a host name");
    verify_server_name(&parsed, &name).map_err(|_| CertificateError::OtherName {
        path: certificate(),
        host: host.to_owned(),
    })?;
    let (bytes, file) = read(&files.key)?;
    if file.mode() & 0o007 != 0 {
        return Err(CertificateError::Exposed { path: key() });
    }
    let no_key = |_| CertificateError::NotAKey { path: key() };
    let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(no_key)?;
    let private = aws_lc_rs::default_provider()
        .key_provider
        .load_private_key(private)
        .map_err(|_| CertificateError::NotAKey { path: key() })?;
    let made = CertifiedKey::new(chain, private);
    made.keys_match().map_err(|_| CertificateError::Mismatch {
        certificate: certificate(),
        key: key(),
    })?;
    Ok(made)
}

/// A file's bytes, and what the system says about that very file.
fn read(path: &Path) -> Result<(Vec<u8>, Metadata), CertificateError> {
    let unreadable = |error: std::io::Error| CertificateError::Unreadable {
        path: path.display().to_string(),
        why: error.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok((bytes, about))
}

#[cfg(test)]
mod tests;
