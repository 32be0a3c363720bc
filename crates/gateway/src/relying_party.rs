//! WebAuthn registration, run and judged by `webauthn-rs`.
//!
//! Assertions are not its business: they go to our own verifier, which checks
//! them online and offline alike.

use vidimus_protocol::{Blob, Model};
use vidimus_verify::attestation;
use webauthn_rs::prelude::{
    CreationChallengeResponse, PasskeyRegistration, RegisterPublicKeyCredential, Url, Uuid,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

use crate::founding::{Premises, Registration};
use crate::problem::Refusal;

/// The relying party of this gateway.
pub(crate) struct RelyingParty(Webauthn);

/// A registered key.
pub(crate) struct Registered {
    pub(crate) credential_id: Blob,
    pub(crate) public_key: Blob,
    pub(crate) backup_eligible: bool,
    pub(crate) proven: Option<Proven>,
    pub(crate) registration: Registration,
}

/// A model, with the certificate that proves it.
#[derive(Clone)]
pub(crate) struct Proven {
    pub(crate) model: Model,
    pub(crate) anchor: Blob,
}

impl RelyingParty {
    /// Of the gateway's own address.
    pub(crate) fn new(premises: &Premises) -> Self {
        let origin = Url::parse(&premises.web_origin).expect("a public URL is a URL");
        let webauthn = WebauthnBuilder::new(&premises.rp_id, &origin)
            .and_then(|builder| builder.rp_name("Vidimus").build())
            .expect("the RP ID is the host of the origin");
        Self(webauthn)
    }

    pub(crate) fn start(
        &self,
        name: &str,
    ) -> Result<(CreationChallengeResponse, PasskeyRegistration), Refusal> {
        self.0
            .start_passkey_registration(Uuid::new_v4(), name, name, None)
            .map_err(|error| {
                Refusal::unavailable("webauthn", format!("registration cannot start: {error}"))
            })
    }

    pub(crate) fn finish(
        &self,
        credential: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
    ) -> Result<Registered, Refusal> {
        let refused = |why: &dyn std::fmt::Display| {
            Refusal::not_acceptable(
                "registration_refused",
                format!("the new key is refused: {why}"),
            )
        };
        self.0
            .finish_passkey_registration(credential, state)
            .map_err(|error| refused(&error))?;
        // webauthn-rs judged the ceremony; what is kept comes from the bytes.
        let object = &credential.response.attestation_object;
        let attested = attestation::parse(object).map_err(|error| refused(&error))?;
        Ok(Registered {
            credential_id: Blob(attested.credential_id),
            public_key: Blob(attested.public_key),
            backup_eligible: attested.flags.backup_eligible(),
            proven: None,
            registration: Registration {
                attestation_object: Blob(object.clone()),
                client_data_json: Blob(credential.response.client_data_json.clone()),
            },
        })
    }
}
