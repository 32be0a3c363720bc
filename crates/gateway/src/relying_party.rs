//! WebAuthn registration, run and judged by `webauthn-rs`.
//!
//! Assertions are not its business: they go to our own verifier, which checks
//! them online and offline alike.

use vidimus_protocol::api::KnownModel;
use vidimus_protocol::{Blob, Model, Time};
use vidimus_verify::attestation;
use webauthn_rs::prelude::{
    CreationChallengeResponse, PasskeyRegistration, RegisterPublicKeyCredential, Url, Uuid,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_proto::AttestationConveyancePreference;

use crate::founding::{Premises, Registration};
use crate::metadata::Metadata;
use crate::problem::Refusal;

/// The relying party of this gateway.
pub(crate) struct RelyingParty {
    webauthn: Webauthn,
    metadata: Metadata,
}

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
    pub(crate) fn new(premises: &Premises, metadata: Metadata) -> Self {
        let origin = Url::parse(&premises.web_origin).expect("a public URL is a URL");
        let webauthn = WebauthnBuilder::new(&premises.rp_id, &origin)
            .and_then(|builder| builder.rp_name("Vidimus").build())
            .expect("the RP ID is the host of the origin");
        Self { webauthn, metadata }
    }

    /// The models that rules may name.
    pub(crate) fn models(&self) -> Vec<KnownModel> {
        self.metadata.known()
    }

    pub(crate) fn start(
        &self,
        name: &str,
    ) -> Result<(CreationChallengeResponse, PasskeyRegistration), Refusal> {
        let (mut options, state) = self
            .webauthn
            .start_passkey_registration(Uuid::new_v4(), name, name, None)
            .map_err(|error| {
                Refusal::unavailable("webauthn", format!("registration cannot start: {error}"))
            })?;
        // Browsers ask the person about it, so only where it is of use.
        if !self.metadata.is_empty() {
            options.public_key.attestation = Some(AttestationConveyancePreference::Direct);
        }
        Ok((options, state))
    }

    pub(crate) fn finish(
        &self,
        credential: &RegisterPublicKeyCredential,
        state: &PasskeyRegistration,
        now: Time,
    ) -> Result<Registered, Refusal> {
        let refused = |why: &dyn std::fmt::Display| {
            Refusal::not_acceptable(
                "registration_refused",
                format!("the new key is refused: {why}"),
            )
        };
        self.webauthn
            .finish_passkey_registration(credential, state)
            .map_err(|error| refused(&error))?;
        // webauthn-rs judged the ceremony; what is kept comes from the bytes.
        let object = &credential.response.attestation_object;
        let attested = attestation::parse(object).map_err(|error| refused(&error))?;
        let client_data = &credential.response.client_data_json;
        let proven = self.metadata.prove(object, client_data, now);
        if let Err(why) = &proven {
            tracing::info!(%why, "a key is enrolled without a model");
        }
        Ok(Registered {
            credential_id: Blob(attested.credential_id),
            public_key: Blob(attested.public_key),
            backup_eligible: attested.flags.backup_eligible(),
            proven: proven.ok(),
            registration: Registration {
                attestation_object: Blob(object.clone()),
                client_data_json: Blob(client_data.clone()),
            },
        })
    }
}
