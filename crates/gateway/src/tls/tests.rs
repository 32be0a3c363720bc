#![allow(clippy::unwrap_used)]

#[path = "../../../client/tests/support/authority.rs"]
mod authority;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use authority::{Authority, Issued};

use super::*;
use crate::SystemClock;

const HOST: &str = "gate.example.com";

fn files((certificate, key): (PathBuf, PathBuf)) -> TlsFiles {
    TlsFiles { certificate, key }
}

fn open(files: &TlsFiles) -> Result<Arc<Certificate>, CertificateError> {
    Certificate::open(files, HOST, Arc::new(SystemClock))
}

/// What is said about these two files.
fn refused(issued: &Issued) -> CertificateError {
    let folder = tempfile::tempdir().unwrap();
    open(&files(issued.write(folder.path()))).unwrap_err()
}

#[test]
fn a_certificate_for_the_host_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    for name in [HOST, "*.example.com"] {
        let issued = Authority::new().issue(name);
        open(&files(issued.write(folder.path()))).unwrap();
    }
}

#[test]
fn one_that_browsers_would_refuse_is_refused_with_the_cure() {
    let authority = Authority::new();
    let expired = refused(&authority.issue_for(HOST, 2000, 2001));
    assert!(expired.to_string().contains("2001-01-01"), "{expired}");
    assert!(expired.to_string().contains("renew"), "{expired}");
    let early = refused(&authority.issue_for(HOST, 3000, 3001));
    assert!(matches!(early, CertificateError::NotYetValid { .. }));
    let other = refused(&authority.issue("other.example.com"));
    assert!(matches!(other, CertificateError::OtherName { .. }));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = Authority::new();
    let mixed = Issued {
        key: authority.issue(HOST).key,
        ..authority.issue(HOST)
    };
    assert!(matches!(refused(&mixed), CertificateError::Mismatch { .. }));
}

#[test]
fn what_is_no_certificate_or_no_key_is_refused_by_name() {
    let good = || Authority::new().issue(HOST);
    for text in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let why = refused(&Issued {
            certificate: text.to_owned(),
            ..good()
        });
        assert!(matches!(why, CertificateError::NotACertificate { .. }));
        let why = refused(&Issued {
            key: text.to_owned(),
            ..good()
        });
        assert!(matches!(why, CertificateError::NotAKey { .. }));
    }
    let why = refused(&Issued {
        key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
        ..good()
    });
    assert!(matches!(why, CertificateError::NotAKey { .. }));
}

#[test]
fn a_key_that_everybody_can_reach_is_refused_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(Authority::new().issue(HOST).write(folder.path()));
    for mode in [0o644, 0o602, 0o601] {
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(mode)).unwrap();
        let why = open(&files).unwrap_err();
        assert!(why.to_string().contains("chmod o= "), "{why}");
    }
    // A group may: certificates are often fetched by another user.
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    open(&files).unwrap();
    std::fs::remove_file(&files.key).unwrap();
    let why = open(&files).unwrap_err();
    assert!(matches!(&why, CertificateError::Unreadable { path, .. } if path.ends_with(".pem")));
}

#[test]
fn a_new_certificate_is_used_once_both_files_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let files = files(authority.issue(HOST).write(folder.path()));
    let certificate = open(&files).unwrap();
    let own = || certificate.current.read().unwrap().cert[0].clone();
    let first = own();
    assert!(certificate.look().is_none(), "nothing has changed");
    let next = authority.issue(HOST);
    // Replaced as tools do it: a new file, renamed.
    let replace = |path: &Path, text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(new, path).unwrap();
    };
    replace(&files.certificate, &next.certificate);
    let half = certificate.look().unwrap();
    assert!(matches!(half, Err(CertificateError::Mismatch { .. })));
    assert_eq!(own(), first);
    assert!(certificate.look().is_none(), "it is said once");
    replace(&files.key, &next.key);
    certificate.look().unwrap().unwrap();
    assert_ne!(own(), first);
}
