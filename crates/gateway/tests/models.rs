//! FIDO metadata, keys whose models it proves, and rules that name models.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_RSA_SHA256, SigningKey as _, date_time_ymd,
};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Forgery, World, assert_with, config, now, registered_by, serve, token};
use vidimus_gateway::{Config, Entrance, Metadata, MetadataError, Public};
use vidimus_protocol::api::{Ack, CeremonyStarted, Invited, Models};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{ActType, ReviewerItem, Role, RulesItem};
use vidimus_protocol::{Aaguid, Blob, Digest, Model, Time};
use vidimus_verify::certificate::CertificateError;
use vidimus_verify::replay::Replay;
use vidimus_verify::testkit::Vendor;

/// Who signs metadata.
struct Alliance {
    root: Vec<u8>,
    signer: Vec<u8>,
    key: KeyPair,
}

impl Alliance {
    fn new() -> Self {
        Self::named("mds.fidoalliance.org")
    }

    fn named(name: &str) -> Self {
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(2024, 1, 1);
            params.not_after = date_time_ymd(2044, 1, 1);
            params
        };
        let mut root = params("root");
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = Issuer::new(
            root.clone(),
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
        );
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let signer = params(name).signed_by(&key, &issuer).unwrap();
        Self {
            root: root.self_signed(issuer.key()).unwrap().der().to_vec(),
            signer: signer.der().to_vec(),
            key,
        }
    }

    fn blob(&self, payload: &Value) -> String {
        self.signed("RS256", payload)
    }

    fn signed(&self, alg: &str, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let x5c = [STANDARD.encode(&self.signer)];
        let header = json!({ "alg": alg, "typ": "JWT", "x5c": x5c });
        let message = format!("{}.{}", part(&header), part(payload));
        let signature = self.key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn read(&self, blob: &str) -> Result<Metadata, MetadataError> {
        Metadata::read(blob.as_bytes(), &[&self.root], now())
    }

    /// Metadata of these entries.
    fn of(&self, entries: &[Value]) -> Metadata {
        self.read(&self.blob(&payload(entries))).unwrap()
    }
}

fn payload(entries: &[Value]) -> Value {
    json!({
        "legalHeader": "", "no": 1, "nextUpdate": "2026-12-01", "entries": entries,
    })
}

/// An entry with reports of a status and a day.
fn entry(vendor: &Vendor, reports: &[[&str; 2]]) -> Value {
    let aaguid = vendor.aaguid.to_string();
    let reports: Vec<_> = reports
        .iter()
        .map(|[status, day]| json!({ "status": status, "effectiveDate": day }))
        .collect();
    json!({
        "aaguid": aaguid,
        "metadataStatement": {
            "aaguid": aaguid, "description": "Key of the vendor", "friendlyNames": {},
            "authenticatorVersion": 1, "protocolFamily": "fido2", "schema": 3,
            "upv": [{ "major": 1, "minor": 0 }], "attestationTypes": ["basic_full"],
            "keyProtection": ["hardware"], "matcherProtection": ["on_chip"], "tcDisplay": [],
            "attestationRootCertificates": [STANDARD.encode(&vendor.anchor)],
        },
        "statusReports": reports,
        "timeOfLastStatusChange": "2026-01-01",
    })
}

const GOOD: [&str; 2] = ["FIDO_CERTIFIED", "2025-01-01"];

fn vendor(number: u8) -> Vendor {
    Vendor::new(Aaguid([number; 16]))
}

#[test]
fn metadata_counts_when_the_alliance_signed_it() {
    let alliance = Alliance::new();
    let payload = payload(&[entry(&vendor(7), &[GOOD])]);
    let blob = alliance.blob(&payload);
    let read = alliance.read(&format!("{blob}\n")).unwrap();
    assert!(!read.is_empty());
    let day = |text: &str| text.parse::<Time>().unwrap();
    assert_eq!(read.overdue(day("2026-12-01T23:59:59.999Z")), None);
    let late = read.overdue(day("2026-12-02T00:00:00.000Z"));
    assert_eq!(late, Some("2026-12-01"));

    let refused = |blob: &str| alliance.read(blob).unwrap_err();
    for blob in ["", "a.b", "a.b.c", "....", &blob[1..]] {
        assert!(matches!(refused(blob), MetadataError::Malformed), "{blob}");
    }
    let other = alliance.signed("none", &payload);
    assert!(matches!(refused(&other), MetadataError::Algorithm(alg) if alg == "none"));
    let forged = |error| match error {
        MetadataError::Certificate(error) => error,
        other => panic!("{other}"),
    };
    let (message, signature) = blob.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let nothing = URL_SAFE_NO_PAD.encode("{}");
    let changed = refused(&format!("{header}.{nothing}.{signature}"));
    assert_eq!(forged(changed), CertificateError::Signature);
    let stranger = Alliance::new();
    let of_a_stranger = refused(&stranger.blob(&payload));
    assert_eq!(forged(of_a_stranger), CertificateError::Signature);
    let pinned = std::env::temp_dir().join(format!("vidimus-blob-{}", std::process::id()));
    std::fs::write(&pinned, &blob).unwrap();
    let not_globalsign = Metadata::open(&pinned, now()).unwrap_err();
    std::fs::remove_file(&pinned).unwrap();
    assert_eq!(forged(not_globalsign), CertificateError::OtherIssuer);
    let over = day("2045-01-01T00:00:00.000Z");
    let over = Metadata::read(blob.as_bytes(), &[&alliance.root], over).unwrap_err();
    assert_eq!(forged(over), CertificateError::NotValid);
    let else_ = Alliance::named("www.example.com");
    let of_another = else_.read(&else_.blob(&payload)).unwrap_err();
    assert!(matches!(of_another, MetadataError::Signer), "{of_another}");
    let shape = refused(&alliance.blob(&json!({ "no": 1 })));
    assert!(matches!(shape, MetadataError::Payload(_)), "{shape}");
}

#[test]
fn models_are_known_until_they_are_not_to_be_trusted() {
    let alliance = Alliance::new();
    let knows = |reports: &[[&str; 2]]| !alliance.of(&[entry(&vendor(7), reports)]).is_empty();
    assert!(knows(&[GOOD]));
    assert!(knows(&[]));
    for status in [
        "REVOKED",
        "USER_VERIFICATION_BYPASS",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    ] {
        let newer = [status, "2025-02-01"];
        assert!(!knows(&[GOOD, newer]), "{status}");
        assert!(!knows(&[newer, GOOD]), "{status}, the newest first");
        assert!(!knows(&[GOOD, [status, GOOD[1]]]), "{status}, the same day");
        let older = [status, "2024-02-01"];
        assert!(knows(&[older, GOOD]), "{status}, and then certified");
    }
}

fn team(dir: &std::path::Path, metadata: Metadata) -> Config {
    let personal = config(dir);
    let port = std::fs::read_to_string(dir.join("port")).unwrap();
    let public = Public {
        url: format!("http://localhost:{}", port.trim()).parse().unwrap(),
        listen: None,
        entrance: Entrance::Loopback,
    };
    Config {
        metadata,
        ..Config::team(personal.dir, public)
    }
}

/// Somebody new, with a key of that vendor's or of none; the hash of its
/// enrolment, and what that says of the model.
async fn newcomer(world: &World, vendor: Option<&Vendor>) -> (Invited, Digest, bool) {
    let name = json!({ "name": "Ben" });
    let invited: Invited = world
        .post("/v1/invitations", &world.session, &name)
        .await
        .json();
    let body = json!({ "invitation": invited.invitation, "label": "Key" });
    let started = world
        .call(Method::POST, "/v1/enrolments", None, Some(&body))
        .await;
    let CeremonyStarted { ceremony, .. } = started.json();
    let base = format!("/v1/ceremonies/{ceremony}");
    let url = world.gateway.url();
    let page = format!("{base}/page");
    let page: Value = world.call(Method::GET, &page, None, None).await.json();
    assert_eq!(page["registration"]["publicKey"]["attestation"], "direct");
    let (key, request) = registered_by(&world.http, &url, &base, vendor).await;
    let challenge: Blob = serde_json::from_value(request["challenge"].clone()).unwrap();
    let challenge = Digest(challenge.0.try_into().unwrap());
    let assertion = assert_with(&key, &url, challenge, &Forgery::default()).await;
    let body = json!({ "assertion": assertion });
    let view: Value = world
        .call(
            Method::POST,
            &format!("{base}/assertion"),
            None,
            Some(&body),
        )
        .await
        .json();
    let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
    world.proven(&ack);
    let Data::CredentialEnrolled(data) = support::leaf(&ack, 0).data else {
        panic!("it enrols");
    };
    let leaf = ack.entries[0].leaf.as_bytes();
    let hash = Digest(vidimus_ledger::tree::leaf_hash(leaf));
    assert_eq!(data.anchor.is_some(), data.signed.item.model.is_some());
    (invited, hash, data.signed.item.model.is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_may_name_models_that_the_metadata_proves() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, bad) = (vendor(7), vendor(8));
    let revoked = entry(&bad, &[["REVOKED", "2025-01-01"]]);
    let metadata = Alliance::new().of(&[entry(&ours, &[GOOD]), revoked]);
    let fresh = serve(team(dir.path(), metadata));
    let world = fresh.found_team_by(now(), Some(&ours)).await;

    let known: Models = world.get("/v1/models", &world.session).await.json();
    let [known] = known.models.try_into().unwrap();
    assert_eq!((known.aaguid, known.anchor), {
        let model = ours.model();
        (model.aaguid, model.anchor)
    });
    assert_eq!(known.description, "Key of the vendor");
    let nobody = world.get("/v1/models", &token()).await;
    assert_eq!(nobody.refused(), "unauthorised");

    // Of no vendor, of one that is not to be trusted, of one who says that he
    // is another: enrolled all the same, without a model.
    let liar = vendor(7);
    for vendor in [None, Some(&bad), Some(&liar)] {
        assert!(!newcomer(&world, vendor).await.2);
    }
    assert!(newcomer(&world, Some(&ours)).await.2);

    let (invited, enrolment, _) = newcomer(&world, None).await;
    let item = ReviewerItem {
        credential: enrolment,
        groups: Vec::new(),
        identity: "ben@example.com".into(),
        name: "Ben".into(),
        reviewer: invited.reviewer,
        roles: vec![Role::Administrator],
    };
    let taken = world.one(ActType::ReviewerRegistered, &item).await;
    let session = world.session.clone();
    let taken = world.act(Some(&session), &taken, &Forgery::default()).await;
    assert_eq!(taken.status, 200);
    let rules = |models, replaces| RulesItem {
        device_bound: false,
        max_age_days: 0,
        models,
        quorum: 1,
        replaces,
    };
    let other = world
        .one(ActType::RulesChanged, &rules(vec![bad.model()], world.log))
        .await;
    let other = world.act(Some(&session), &other, &Forgery::default()).await;
    assert_eq!(other.refused(), "bad_rules");
    // As many as rules may name.
    let others = (0..255).map(|number| Model {
        aaguid: Aaguid([0; 16]),
        anchor: Digest([number; 32]),
    });
    let models: Vec<_> = others.chain([ours.model()]).collect();
    let ruled = world
        .one(ActType::RulesChanged, &rules(models.clone(), world.log))
        .await;
    let ruled = world.act(Some(&session), &ruled, &Forgery::default()).await;
    assert_eq!(ruled.status, 200);
    world.stop().await;

    let mut replay = Replay::new();
    for leaf in World::leaves(dir.path()) {
        replay.push(leaf.as_bytes()).unwrap();
    }
    let rules = replay.state().rules().unwrap();
    assert_eq!(rules.models, models);
    let counts = |key: &vidimus_protocol::state::Credential| key.keeps(rules, now()).is_ok();
    let counting: Vec<_> = replay
        .state()
        .credentials()
        .filter(|key| counts(key))
        .collect();
    assert_eq!(counting.len(), 2);
}
