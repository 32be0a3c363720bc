//! Permits: compact JWS tokens (RFC 7515) signed with Ed25519 (RFC 8037).
//!
//! A permit that checks out here does not authorise a run: redemption is
//! mandatory. Out of scope: whether it is still in force (the reducer's).
//! Spec: `docs/spec/permit.md`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use vidimus_protocol::entry::PermitKey;
use vidimus_protocol::envelope::Verdict;
use vidimus_protocol::permit::{
    ALG, Act, Approval, AuthorizationDetail, Claims, DETAIL_TYPE, Header, MAX_LIFE_S, TYP,
};
use vidimus_protocol::state::{ActionState, PermitRecord};
use vidimus_protocol::strict::{self, StrictError};
use vidimus_protocol::{Blob, ExecutorId, State, sha256};

/// Most bytes of a permit.
pub const MAX_PERMIT: usize = 8192;

/// Why a permit does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// Not three base64url segments, or too long.
    #[error("the permit is not a compact JWS of at most {MAX_PERMIT} bytes")]
    Form,
    /// A header of another kind of token.
    #[error("the permit's header is not that of a permit: {0}")]
    Header(StrictError),
    /// Another algorithm or type.
    #[error("the permit's algorithm or type is another")]
    Kind,
    /// A key that the log does not name.
    #[error("the permit is signed with the key `{0}`, which the log does not name")]
    UnknownKey(String),
    /// The signature is wrong.
    #[error("the permit's signature does not verify")]
    Signature,
    /// Claims of another form.
    #[error("the permit's claims are malformed: {0}")]
    Claims(StrictError),
    /// A time span that no permit has, or a detail of another type.
    #[error("the permit's claims contradict each other")]
    Contradiction,
    /// For another executor.
    #[error("the permit is for the executor `{0}`")]
    OtherAudience(ExecutorId),
    /// Its life has not begun.
    #[error("the permit is not valid yet")]
    TooEarly,
    /// Its life is over.
    #[error("the permit has expired")]
    Expired,
}

/// A key that signs permits.
#[derive(Debug)]
pub struct PermitSigner {
    pair: Ed25519KeyPair,
    key: PermitKey,
}

impl PermitSigner {
    /// The key whose RFC 8032 private key is `seed`.
    ///
    /// # Panics
    /// Never: every 32 bytes are an Ed25519 private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .expect("every 32 bytes are an Ed25519 private key");
        let mut x = [0; 32];
        x.copy_from_slice(pair.public_key().as_ref());
        let key = PermitKey {
            kid: thumbprint(&x),
            x: Blob(x.to_vec()),
        };
        Self { pair, key }
    }

    /// The public half, as `log.opened` names it.
    #[must_use]
    pub fn key(&self) -> &PermitKey {
        &self.key
    }

    /// The permit that says `claims`. The same claims give the same permit.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let header = Header {
            alg: ALG.to_owned(),
            kid: self.key.kid.clone(),
            typ: TYP.to_owned(),
        };
        let segment = |bytes: Vec<u8>| Blob(bytes).to_string();
        let message = format!(
            "{}.{}",
            segment(strict::canonical(&header)),
            segment(strict::canonical(claims))
        );
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", segment(signature.as_ref().to_vec()))
    }
}

/// The claims of a permit: they follow from the log alone. `None` when the
/// permit's action is not approved in this state.
#[must_use]
pub fn claims(state: &State, action: &ActionState, permit: &PermitRecord) -> Option<Claims> {
    let seconds = |time: vidimus_protocol::Time| time.unix_ms() / 1000;
    let resolved = action.resolved.as_ref()?;
    resolved.use_before?;
    let agent = state.agent(&action.agent)?;
    let reviewers = action
        .verdicts
        .iter()
        .filter(|given| given.verdict == Verdict::Approve)
        .map(|given| given.reviewer)
        .collect();
    Some(Claims {
        act: Act { sub: agent.owner },
        approval: Approval {
            id: action.id,
            log_index: resolved.entry.index,
            policy: action.evaluation.policy.clone(),
            reviewers,
        },
        aud: permit.audience,
        authorization_details: [AuthorizationDetail {
            action_kind: action.kind,
            digest: action.digest,
            r#type: DETAIL_TYPE.to_owned(),
        }],
        exp: seconds(permit.expires_at),
        iat: seconds(permit.issued_at),
        iss: state.log()?.opened.origin.clone(),
        jti: permit.id,
        nbf: seconds(permit.issued_at),
        sub: action.agent,
    })
}

/// Checks a permit's form, signature, audience and life.
///
/// # Errors
/// [`PermitError`] names the first broken rule.
pub fn check(
    jws: &str,
    keys: &[PermitKey],
    now_unix_s: u64,
    audience: &ExecutorId,
) -> Result<Claims, PermitError> {
    let claims = open(jws, keys)?;
    let [detail] = &claims.authorization_details;
    let sane = claims.iat <= claims.nbf
        && claims.nbf <= claims.exp
        && claims.exp - claims.iat <= MAX_LIFE_S
        && detail.r#type == DETAIL_TYPE;
    if !sane {
        return Err(PermitError::Contradiction);
    }
    if claims.aud != *audience {
        return Err(PermitError::OtherAudience(claims.aud));
    }
    if now_unix_s < claims.nbf {
        return Err(PermitError::TooEarly);
    }
    if now_unix_s >= claims.exp {
        return Err(PermitError::Expired);
    }
    Ok(claims)
}

/// The RFC 7638 thumbprint of an Ed25519 public key.
#[must_use]
pub fn thumbprint(x: &[u8; 32]) -> String {
    let x = Blob(x.to_vec());
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    Blob(sha256(&[jwk.as_bytes()]).0.to_vec()).to_string()
}

fn open(jws: &str, keys: &[PermitKey]) -> Result<Claims, PermitError> {
    if jws.len() > MAX_PERMIT {
        return Err(PermitError::Form);
    }
    let (message, signature) = jws.rsplit_once('.').ok_or(PermitError::Form)?;
    let (header, claims) = message.split_once('.').ok_or(PermitError::Form)?;
    let bytes = |segment: &str| match segment.parse::<Blob>() {
        Ok(blob) => Ok(blob.0),
        Err(_) => Err(PermitError::Form),
    };
    let header: Header =
        strict::parse_canonical(&bytes(header)?, MAX_PERMIT).map_err(PermitError::Header)?;
    if header.alg != ALG || header.typ != TYP {
        return Err(PermitError::Kind);
    }
    let key = keys
        .iter()
        .find(|key| key.kid == header.kid)
        .ok_or(PermitError::UnknownKey(header.kid))?;
    UnparsedPublicKey::new(&ED25519, &key.x.0)
        .verify(message.as_bytes(), &bytes(signature)?)
        .map_err(|_| PermitError::Signature)?;
    strict::parse_canonical(&bytes(claims)?, MAX_PERMIT).map_err(PermitError::Claims)
}
