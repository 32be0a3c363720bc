//! A vendor of authenticators: certificates, and attestations that they prove.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256,
    SigningKey as _, date_time_ymd,
};
use vidimus_protocol::{Aaguid, Blob, Model, sha256};

use super::soft_key::encode;

/// Object identifier of the extension that names the model.
const AAGUID_EXTENSION: [u64; 10] = [1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];

/// Makes authenticators of one model. Its keys are new each time.
#[derive(Debug)]
pub struct Vendor {
    /// The model.
    pub aaguid: Aaguid,
    /// Certificates below the anchor, the authenticator's first.
    pub x5c: Vec<Vec<u8>>,
    /// The certificate above them.
    pub anchor: Vec<u8>,
    key: KeyPair,
}

/// What the certificates of a vendor say, and the authenticator's key.
#[derive(Debug)]
pub struct Certificates {
    /// The anchor.
    pub root: CertificateParams,
    /// What it issues.
    pub intermediate: CertificateParams,
    /// The authenticator's.
    pub leaf: CertificateParams,
    /// The key that attests.
    pub key: KeyPair,
}

impl Vendor {
    /// A good one.
    ///
    /// # Panics
    /// Never: keys can be made.
    #[must_use]
    pub fn new(aaguid: Aaguid) -> Self {
        Self::with(aaguid, |_| {})
    }

    /// With certificates that were changed before they were issued.
    ///
    /// # Panics
    /// When they cannot be issued.
    #[must_use]
    pub fn with(aaguid: Aaguid, change: impl FnOnce(&mut Certificates)) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let named = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(2024, 1, 1);
            params.not_after = date_time_ymd(2044, 1, 1);
            params
        };
        let authority = |name: &str, constraints| {
            let mut params = named(name);
            params.is_ca = IsCa::Ca(constraints);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let mut leaf = named("Vendor authenticator");
        let unit = "Authenticator Attestation";
        leaf.distinguished_name.push(DnType::CountryName, "AA");
        leaf.distinguished_name
            .push(DnType::OrganizationName, "Vendor");
        leaf.distinguished_name
            .push(DnType::OrganizationalUnitName, unit);
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.custom_extensions = vec![names_model(aaguid)];
        let mut certificates = Certificates {
            root: authority("Vendor root", BasicConstraints::Constrained(1)),
            intermediate: authority("Vendor issuer", BasicConstraints::Constrained(0)),
            leaf,
            key: key(),
        };
        change(&mut certificates);
        let Certificates {
            root,
            intermediate,
            leaf,
            key: leaf_key,
        } = certificates;
        let middle_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
        let root_issuer = Issuer::new(root.clone(), key());
        let anchor = root.self_signed(root_issuer.key()).expect("issued");
        let middle = intermediate.signed_by(&middle_key, &root_issuer);
        let middle_issuer = Issuer::new(intermediate, middle_key);
        let first = leaf.signed_by(&leaf_key, &middle_issuer).expect("issued");
        Self {
            aaguid,
            x5c: vec![first.der().to_vec(), middle.expect("issued").der().to_vec()],
            anchor: anchor.der().to_vec(),
            key: leaf_key,
        }
    }

    /// The model that its attestations prove.
    #[must_use]
    pub fn model(&self) -> Model {
        Model {
            aaguid: self.aaguid,
            anchor: sha256(&[&self.anchor]),
        }
    }

    /// Writes the model into authenticator data of a registration.
    pub fn mark(&self, registration_data: &mut [u8]) {
        registration_data[37..53].copy_from_slice(&self.aaguid.0);
    }

    /// The signature of an authenticator's attestation.
    ///
    /// # Panics
    /// Never: the key is whole.
    #[must_use]
    pub fn sign(&self, registration_data: &[u8], client_data_json: &[u8]) -> Vec<u8> {
        let message = [registration_data, &sha256(&[client_data_json]).0].concat();
        self.key.sign(&message).expect("signed")
    }

    /// COSE number of the key's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> i16 {
        let algorithm = self.key.algorithm();
        if *algorithm == PKCS_RSA_SHA256 {
            -257
        } else if *algorithm == PKCS_ECDSA_P384_SHA384 {
            -35
        } else {
            -7
        }
    }

    /// The attestation object of a registration.
    #[must_use]
    pub fn attest(&self, registration_data: &[u8], client_data_json: &[u8]) -> Blob {
        let signature = self.sign(registration_data, client_data_json);
        packed(self.algorithm(), &signature, &self.x5c, registration_data)
    }
}

/// The extension that names a model.
#[must_use]
pub fn names_model(aaguid: Aaguid) -> CustomExtension {
    let content = [&[0x04, 16][..], &aaguid.0].concat();
    CustomExtension::from_oid_content(&AAGUID_EXTENSION, content)
}

/// A packed attestation object with certificates.
#[must_use]
pub fn packed(algorithm: i16, signature: &[u8], x5c: &[Vec<u8>], registration_data: &[u8]) -> Blob {
    encode(|out| {
        out.map(3)?.str("fmt")?.str("packed")?;
        out.str("attStmt")?.map(3)?.str("alg")?.i16(algorithm)?;
        out.str("sig")?.bytes(signature)?.str("x5c")?;
        out.array(u64::try_from(x5c.len()).unwrap_or(u64::MAX))?;
        for certificate in x5c {
            out.bytes(certificate)?;
        }
        out.str("authData")?.bytes(registration_data)?;
        Ok(())
    })
}
