//! FIDO metadata from a file: which models of authenticators there are, and
//! where their attestations end.
//!
//! The file is the BLOB of the FIDO Metadata Service, a signed JWT. `fido-mds`
//! knows what its payload means. Its signature is checked here: that crate
//! takes any certificate below GlobalSign's public roots, whoever it was
//! issued to, and reads a clock of its own.
//! Out of scope: fetching it. Format: FIDO Metadata Service 3.0.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use fido_mds::mds::{AuthenticatorStatus, FidoDevice, FidoMds};
use serde::Deserialize;
use vidimus_protocol::api::KnownModel;
use vidimus_protocol::{Aaguid, Blob, Time, sha256};
use vidimus_verify::attestation;
use vidimus_verify::certificate::{Certificate, CertificateError, Scheme, check_chain};
use vidimus_verify::packed::{self, PackedError};

use crate::relying_party::Proven;

/// Most bytes of a BLOB.
const MAX_BLOB: u64 = 64 << 20;
/// To whom the certificate that signs it is issued.
const SIGNER: &str = "mds.fidoalliance.org";
/// GlobalSign Root CA R3 and Root R46, of which the FIDO Alliance has its
/// certificates.
const ROOTS: [&str; 2] = [
    include_str!("metadata/globalsign-r3.pem"),
    include_str!("metadata/globalsign-r46.pem"),
];

/// The models that this gateway knows.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    models: BTreeMap<Aaguid, Known>,
    next_update: String,
}

#[derive(Clone, Debug)]
struct Known {
    description: String,
    /// Certificates, DER.
    anchors: Vec<Vec<u8>>,
}

/// Why a file says nothing about models.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// Larger than any BLOB.
    #[error("the FIDO metadata has more than {MAX_BLOB} bytes")]
    TooLong,
    /// No JWT with certificates.
    #[error("this is no BLOB of the FIDO Metadata Service: get `https://mds3.fidoalliance.org/`")]
    Malformed,
    /// Signed in another way.
    #[error("the FIDO metadata is signed by `{0}`, and only RS256 is known")]
    Algorithm(String),
    /// Not signed by the FIDO Alliance.
    #[error("the FIDO metadata is not signed by the FIDO Alliance: {0}")]
    Certificate(#[from] CertificateError),
    /// Signed by somebody else.
    #[error("the FIDO metadata is signed with a certificate that is not for `{SIGNER}`")]
    Signer,
    /// Signed, and of a form that is not known.
    #[error("the FIDO metadata is signed, and cannot be read: {0}")]
    Payload(serde_json::Error),
}

/// Why a key is enrolled without a model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unproven {
    #[error("there is no FIDO metadata")]
    NoMetadata,
    #[error("the FIDO metadata has no authenticators that say `{0}`, or none to be trusted")]
    Unknown(Aaguid),
    #[error(transparent)]
    Packed(#[from] PackedError),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    x5c: Vec<String>,
}

impl Metadata {
    /// Reads the BLOB of the FIDO Metadata Service.
    ///
    /// # Errors
    /// [`MetadataError`] says what is wrong.
    pub fn open(path: &Path, now: Time) -> Result<Self, MetadataError> {
        let unread = |why| MetadataError::File {
            path: path.to_owned(),
            why,
        };
        if std::fs::metadata(path).map_err(unread)?.len() > MAX_BLOB {
            return Err(MetadataError::TooLong);
        }
        let blob = std::fs::read(path).map_err(unread)?;
        let roots = ROOTS.map(|pem| {
            let lines = pem.lines().filter(|line| !line.starts_with('-'));
            certificate(&lines.collect::<String>()).expect("the roots are base64")
        });
        Self::read(&blob, &roots.each_ref().map(Vec::as_slice), now)
    }

    /// Reads a BLOB that a certificate below one of these roots signed.
    ///
    /// # Errors
    /// [`MetadataError`] says what is wrong.
    pub fn read(blob: &[u8], roots: &[&[u8]], now: Time) -> Result<Self, MetadataError> {
        let malformed = || MetadataError::Malformed;
        let blob = std::str::from_utf8(blob).map_err(|_| malformed())?.trim();
        let (message, signature) = blob.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
        if header.alg != "RS256" {
            return Err(MetadataError::Algorithm(header.alg));
        }
        let x5c: Vec<Vec<u8>> = header
            .x5c
            .iter()
            .map(|text| STANDARD.decode(text).map_err(|_| malformed()))
            .collect::<Result<_, _>>()?;
        let chain: Vec<_> = x5c
            .iter()
            .map(|der| Certificate::parse(der))
            .collect::<Result<_, _>>()?;
        below_one_of(roots, &chain, now)?;
        let signer = chain.first().ok_or(CertificateError::Count)?;
        if !signer.common_names().any(|name| name == SIGNER) {
            return Err(MetadataError::Signer);
        }
        let signature = decode(signature)?;
        signer.verify(Scheme::RsaSha256, message.as_bytes(), &signature)?;
        let payload: FidoMds =
            serde_json::from_slice(&decode(payload)?).map_err(MetadataError::Payload)?;
        Ok(Self::of(payload))
    }

    fn of(payload: FidoMds) -> Self {
        let models = payload.entries.into_iter().filter_map(|device| {
            let aaguid = Aaguid(device.aaguid?.into_bytes());
            if !is_trusted(&device) {
                return None;
            }
            let statement = device.metadata_statement;
            let anchors = statement.attestation_root_certificates.iter();
            let known = Known {
                description: statement.description,
                anchors: anchors.filter_map(|text| certificate(text)).collect(),
            };
            Some((aaguid, known))
        });
        Self {
            models: models.collect(),
            next_update: payload.next_update,
        }
    }

    /// When the next one should be there, if that has passed.
    #[must_use]
    pub fn overdue(&self, now: Time) -> Option<&str> {
        let today = &now.to_string()[..10];
        let due = !self.next_update.is_empty() && self.next_update.as_str() < today;
        due.then_some(self.next_update.as_str())
    }

    /// Whether no model is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    pub(crate) fn known(&self) -> Vec<KnownModel> {
        let of = |(aaguid, known): (&Aaguid, &Known)| {
            let description = known.description.clone();
            let aaguid = *aaguid;
            let mut anchors: Vec<_> = known.anchors.iter().map(|der| sha256(&[der])).collect();
            anchors.sort();
            anchors.dedup();
            anchors.into_iter().map(move |anchor| KnownModel {
                aaguid,
                anchor,
                description: description.clone(),
            })
        };
        self.models.iter().flat_map(of).collect()
    }

    /// The model that a registration proves.
    pub(crate) fn prove(
        &self,
        attestation_object: &[u8],
        client_data_json: &[u8],
        now: Time,
    ) -> Result<Proven, Unproven> {
        if self.is_empty() {
            return Err(Unproven::NoMetadata);
        }
        let attested = attestation::parse(attestation_object).map_err(PackedError::from)?;
        let aaguid = Aaguid(attested.aaguid);
        let known = self.models.get(&aaguid);
        let mut why = Unproven::Unknown(aaguid);
        for anchor in known.into_iter().flat_map(|known| &known.anchors) {
            match packed::check(attestation_object, client_data_json, anchor, now) {
                Ok(model) => {
                    return Ok(Proven {
                        model,
                        anchor: Blob(anchor.clone()),
                    });
                }
                Err(error) => why = error.into(),
            }
        }
        Err(why)
    }
}

/// Whether one of the roots is above the chain.
fn below_one_of(
    roots: &[&[u8]],
    chain: &[Certificate<'_>],
    now: Time,
) -> Result<(), CertificateError> {
    let mut found = Err(CertificateError::OtherIssuer);
    for root in roots {
        match Certificate::parse(root).and_then(|root| check_chain(chain, &root, now)) {
            Ok(()) => return Ok(()),
            // The root that issued it says more than those that did not.
            Err(CertificateError::OtherIssuer) => {}
            Err(error) => found = Err(error),
        }
    }
    found
}

/// Whether its newest reports leave a model to be trusted.
fn is_trusted(device: &FidoDevice) -> bool {
    let date = |at: &Option<String>| at.clone().unwrap_or_default();
    let reports = &device.status_reports;
    let newest = reports
        .iter()
        .map(|report| date(&report.effective_date))
        .max();
    let of_that_day = reports
        .iter()
        .filter(|report| Some(date(&report.effective_date)) == newest);
    !of_that_day.map(|report| &report.status).any(is_bad)
}

fn is_bad(status: &AuthenticatorStatus) -> bool {
    matches!(
        status,
        AuthenticatorStatus::Revoked
            | AuthenticatorStatus::UserVerificationBypass
            | AuthenticatorStatus::AttestationKeyCompromise
            | AuthenticatorStatus::UserKeyRemoteCompromise
            | AuthenticatorStatus::UserKeyPhysicalCompromise
    )
}

/// A certificate of the metadata: base64, in lines or not.
fn certificate(text: &str) -> Option<Vec<u8>> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(plain).ok()
}
