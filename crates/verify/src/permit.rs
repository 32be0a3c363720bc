//! Permits: compact JWS tokens (RFC 7515) signed with Ed25519 (RFC 8037).
//!
//! A permit that checks out here does not authorise a run: redemption is
//! mandatory. Out of scope: whether it is still in force (the reducer's).
//! Spec: `docs/spec/permit.md`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use vidimus_protocol::entry::PermitKey;
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
        .filter(|given| given.verdict.approves() && !action.denied_by(given.reviewer))
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
    let (header, claims, signature) = (bytes(header)?, bytes(claims)?, bytes(signature)?);
    let header: Header =
        strict::parse_canonical(&header, MAX_PERMIT).map_err(PermitError::Header)?;
    if header.alg != ALG || header.typ != TYP {
        return Err(PermitError::Kind);
    }
    let key = keys
        .iter()
        .find(|key| key.kid == header.kid)
        .ok_or(PermitError::UnknownKey(header.kid))?;
    UnparsedPublicKey::new(&ED25519, &key.x.0)
        .verify(message.as_bytes(), &signature)
        .map_err(|_| PermitError::Signature)?;
    strict::parse_canonical(&claims, MAX_PERMIT).map_err(PermitError::Claims)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cose::Algorithm;
    use crate::replay::Replay;
    use crate::testkit::Story;

    struct Case {
        story: Story,
        claims: Claims,
        now: u64,
    }

    fn case() -> Case {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let action = story.propose();
        story.approve(action);
        let mut replay = Replay::new();
        replay.push_all(story.leaves(), |_| {}).unwrap();
        let state = replay.state();
        let action = state.action(&action).unwrap();
        let permit = action.live_permit().unwrap();
        let claims = claims(state, action, permit).unwrap();
        Case {
            now: permit.issued_at.unix_ms() / 1000,
            story,
            claims,
        }
    }

    impl Case {
        fn check(&self, jws: &str, now: u64) -> Result<Claims, PermitError> {
            let keys = [self.story.permit_signer().key().clone()];
            check(jws, &keys, now, &self.story.executor)
        }

        fn sign(&self, change: impl FnOnce(&mut Claims)) -> String {
            let mut claims = self.claims.clone();
            change(&mut claims);
            self.story.permit_signer().sign(&claims)
        }
    }

    #[test]
    fn a_good_permit_says_what_the_log_says() {
        let case = case();
        let jws = case.sign(|_| {});
        assert_eq!(
            jws,
            case.sign(|_| {}),
            "the same claims give the same permit"
        );
        let claims = case.check(&jws, case.now).unwrap();
        assert_eq!(claims, case.claims);
        assert_eq!(case.check(&jws, case.now + 299), Ok(claims.clone()));
        assert_eq!(claims.iss, case.story.log.opened.origin);
        assert_eq!(claims.sub, case.story.agent);
        assert_eq!(claims.act.sub, case.story.reviewer);
        assert_eq!(claims.approval.reviewers, [case.story.reviewer]);
        assert_eq!(claims.approval.log_index, 5);
        assert_eq!(claims.exp - claims.iat, MAX_LIFE_S);
    }

    #[test]
    fn no_approval_no_claims() {
        let mut story = Story::new(1, Algorithm::EdDsa);
        let approved = story.propose();
        story.approve(approved);
        let pending = story.propose();
        let mut replay = Replay::new();
        replay.push_all(story.leaves(), |_| {}).unwrap();
        let state = replay.state();
        let permit = state.action(&approved).unwrap().live_permit().unwrap();
        let pending = state.action(&pending).unwrap();
        assert_eq!(claims(state, pending, permit), None);
    }

    /// The key of RFC 8037, appendix A.3, with its thumbprint.
    #[test]
    fn published_thumbprint() {
        let x: Blob = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
            .parse()
            .unwrap();
        let x = x.0.as_slice().try_into().unwrap();
        assert_eq!(thumbprint(x), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn each_rule_refuses() {
        let case = case();
        let good = case.sign(|_| {});
        let refused = |jws: &str| case.check(jws, case.now).unwrap_err();
        assert_eq!(case.check(&good, case.now - 1), Err(PermitError::TooEarly));
        assert_eq!(case.check(&good, case.now + 300), Err(PermitError::Expired));
        let other = ExecutorId::from_random([9; 16]);
        assert_eq!(
            refused(&case.sign(|claims| claims.aud = other)),
            PermitError::OtherAudience(other)
        );
        let long = case.sign(|claims| claims.exp += 1);
        assert_eq!(refused(&long), PermitError::Contradiction);
        let reversed = case.sign(|claims| claims.nbf = claims.exp + 1);
        assert_eq!(refused(&reversed), PermitError::Contradiction);
        let before = case.sign(|claims| claims.nbf = claims.iat - 1);
        assert_eq!(refused(&before), PermitError::Contradiction);
        let detail = case.sign(|claims| claims.authorization_details[0].r#type = "x".into());
        assert_eq!(refused(&detail), PermitError::Contradiction);

        let segments: Vec<&str> = good.split('.').collect();
        let [header, claims, signature] = segments[..] else {
            panic!("three segments");
        };
        for form in [
            String::new(),
            header.to_owned(),
            format!("{header}.{claims}"),
            format!("{good}="),
            format!("{header}.{claims}.{signature}.{signature}"),
            "a".repeat(MAX_PERMIT + 1),
        ] {
            assert_eq!(refused(&form), PermitError::Form, "{form}");
        }
        let with_header = |text: &str| {
            let header = Blob(text.as_bytes().to_vec());
            format!("{header}.{claims}.{signature}")
        };
        let kid = &case.story.permit_signer().key().kid;
        for (text, wanted) in [
            (
                format!(r#"{{"alg":"none","kid":"{kid}","typ":"{TYP}"}}"#),
                PermitError::Kind,
            ),
            (
                format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"JWT"}}"#),
                PermitError::Kind,
            ),
            (
                format!(r#"{{"alg":"EdDSA","kid":"x","typ":"{TYP}"}}"#),
                PermitError::UnknownKey("x".into()),
            ),
        ] {
            assert_eq!(refused(&with_header(&text)), wanted);
        }
        let jwk = format!(r#"{{"alg":"EdDSA","jwk":{{}},"kid":"{kid}","typ":"{TYP}"}}"#);
        assert!(matches!(
            refused(&with_header(&jwk)),
            PermitError::Header(_)
        ));

        let forger = PermitSigner::from_seed(&[9; 32]);
        let forged = forger.sign(&case.claims);
        assert_eq!(
            refused(&forged),
            PermitError::UnknownKey(forger.key().kid.clone())
        );
        let stolen_name = forged.replace(forged.split('.').next().unwrap(), header);
        assert_eq!(refused(&stolen_name), PermitError::Signature);
    }

    #[test]
    fn every_changed_character_refuses() {
        let case = case();
        let good = case.sign(|_| {});
        for at in 0..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(case.check(&changed, case.now).is_err(), "{at}");
        }
    }

    /// A signer that signs claims of another form is refused all the same.
    #[test]
    fn well_signed_claims_of_another_form_refuse() {
        let case = case();
        let good = case.sign(|_| {});
        let header = good.split('.').next().unwrap();
        let text = String::from_utf8(strict::canonical(&case.claims)).unwrap();
        for claims in [
            text.replacen('{', "{ ", 1),
            text.replacen('{', r#"{"a":1,"#, 1),
            text.replacen('{', &format!(r#"{{"exp":{},"#, case.claims.exp), 1),
        ] {
            let message = format!("{header}.{}", Blob(claims.into_bytes()));
            let pair = &case.story.permit_signer().pair;
            let signature = Blob(pair.sign(message.as_bytes()).as_ref().to_vec());
            assert!(matches!(
                case.check(&format!("{message}.{signature}"), case.now),
                Err(PermitError::Claims(_))
            ));
        }
    }
}
