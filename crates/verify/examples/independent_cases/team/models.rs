//! Keys of which an attestation proves the model, or does not, and rules that ask for models.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, date_time_ymd,
};
use serde_json::{Value, json};
use vidimus_protocol::entry::{CredentialEnrolled, Data};
use vidimus_protocol::envelope::{ActType, Role};
use vidimus_protocol::{Aaguid, Blob, Digest, Model, Time, sha256};
use vidimus_verify::testkit::{
    Certificates, FLAGS, Story, Vendor, attestation_object, names_model, packed, registration_data,
};

use super::Team;
use crate::Cases;
use crate::acts::change;
use crate::fields::put;

const MODEL: Aaguid = Aaguid([7; 16]);

pub(super) fn write(cases: &mut Cases) {
    vendors(cases);
    statements(cases);
    enrolments(cases);
    times(cases);
    rules(cases);
    spellings(cases);
}

type Certify = fn(&mut Certificates);

fn critical(params: &mut CertificateParams) {
    let mut other = CustomExtension::from_oid_content(&[2, 5, 29, 54], vec![2, 1, 0]);
    other.set_criticality(true);
    params.custom_extensions.push(other);
}

const VENDORS: &[(&str, Certify)] = &[
    ("good", |_| {}),
    ("a P-384 key", |vendor| {
        vendor.key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    }),
    ("an RSA key", |vendor| {
        vendor.key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
    }),
    ("another unit", |vendor| {
        let name = &mut vendor.leaf.distinguished_name;
        name.push(DnType::OrganizationalUnitName, "Authenticator attestation");
    }),
    ("no unit", |vendor| {
        let unit = DnType::OrganizationalUnitName;
        vendor.leaf.distinguished_name.remove(unit);
    }),
    ("a CA's certificate", |vendor| {
        vendor.leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }),
    ("no constraints", |vendor| vendor.leaf.is_ca = IsCa::NoCa),
    ("no model", |vendor| vendor.leaf.custom_extensions.clear()),
    ("another model", |vendor| {
        vendor.leaf.custom_extensions = vec![names_model(Aaguid([8; 16]))];
    }),
    ("a critical model", |vendor| {
        vendor.leaf.custom_extensions[0].set_criticality(true);
    }),
    ("two models", |vendor| {
        vendor.leaf.custom_extensions.push(names_model(MODEL));
    }),
    ("a critical extension", |vendor| critical(&mut vendor.leaf)),
    ("a critical extension of the issuer", |vendor| {
        critical(&mut vendor.intermediate);
    }),
    ("a critical extension of the anchor", |vendor| {
        critical(&mut vendor.root);
    }),
    ("an issuer without constraints", |vendor| {
        vendor.intermediate.is_ca = IsCa::NoCa;
    }),
    ("an issuer that is no CA", |vendor| {
        vendor.intermediate.is_ca = IsCa::ExplicitNoCa;
    }),
    ("an issuer that signs no certificates", |vendor| {
        vendor.intermediate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    }),
    ("an issuer without usage", |vendor| {
        vendor.intermediate.key_usages.clear();
    }),
    ("an anchor that is no CA", |vendor| {
        vendor.root.is_ca = IsCa::ExplicitNoCa;
    }),
    ("an anchor without constraints", |vendor| {
        vendor.root.is_ca = IsCa::NoCa;
    }),
    ("an anchor for one less", |vendor| {
        vendor.root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    }),
    ("an anchor without limit", |vendor| {
        vendor.root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }),
    ("a certificate that is over", |vendor| {
        vendor.leaf.not_after = date_time_ymd(2026, 1, 1);
    }),
    ("an issuer that is over", |vendor| {
        vendor.intermediate.not_after = date_time_ymd(2026, 1, 1);
    }),
    ("an anchor that is over", |vendor| {
        vendor.root.not_after = date_time_ymd(2026, 1, 1);
    }),
    ("a certificate to come", |vendor| {
        vendor.leaf.not_before = date_time_ymd(2027, 1, 1);
    }),
];

fn vendors(cases: &mut Cases) {
    for (name, certify) in VENDORS {
        let vendor = Vendor::with(MODEL, certify);
        told(cases, name, &vendor, |_, _| {});
    }
}

/// A team in which somebody enrols a key of that vendor's, with a change.
fn told(
    cases: &mut Cases,
    name: &str,
    vendor: &Vendor,
    change: impl FnOnce(&mut Story, &mut CredentialEnrolled),
) {
    let mut team = Team::new();
    team.swap_in_nobody();
    let mut draft = team.story.attested_enrolment(vendor);
    if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
        change(&mut team.story, data);
    }
    team.write(draft);
    team.told(cases, &format!("team, models, {name}"));
}

/// Signs the enrolment anew, over what it holds now.
fn sign(story: &mut Story, data: &mut CredentialEnrolled) {
    let mut item = data.signed.item.clone();
    item.attestation = sha256(&[&data.attestation_object.0]);
    data.signed = story.sign(ActType::CredentialEnrolled, item, |_, _| {});
}

fn statements(cases: &mut Cases) {
    let vendor = Vendor::new(MODEL);
    let other = Vendor::new(MODEL);
    let [first, second] = [0, 1].map(|at| vendor.x5c[at].clone());
    let anchor = vendor.anchor.clone();
    let chains: [(&str, Vec<Vec<u8>>); 13] = [
        (
            "with the anchor",
            vec![first.clone(), second.clone(), anchor],
        ),
        ("none", vec![]),
        ("the first alone", vec![first.clone()]),
        ("turned round", vec![second.clone(), first.clone()]),
        ("the first twice", vec![first.clone(), first.clone()]),
        ("of another", other.x5c.clone()),
        (
            "an issuer of another",
            vec![first.clone(), other.x5c[1].clone()],
        ),
        ("nine", vec![first.clone(); 9]),
        ("an empty one", vec![first.clone(), vec![]]),
        (
            "no certificate",
            vec![first.clone(), b"certificate".to_vec()],
        ),
        (
            "bytes behind",
            vec![first.clone(), [&second[..], &[0]].concat()],
        ),
        (
            "cut",
            vec![first.clone(), second[..second.len() - 1].to_vec()],
        ),
        ("too long", vec![first, vec![0; 8193]]),
    ];
    for (name, x5c) in chains {
        told(
            cases,
            &format!("certificates, {name}"),
            &vendor,
            |story, data| {
                let (object, client_data) =
                    (registration(story, &vendor), &data.client_data_json.0);
                let signature = vendor.sign(&object, client_data);
                data.attestation_object = packed(-7, &signature, &x5c, &object);
                sign(story, data);
            },
        );
    }
    for algorithm in [-8, -35, -36, -257, 7] {
        told(
            cases,
            &format!("algorithm {algorithm}"),
            &vendor,
            |story, data| {
                let (object, client_data) =
                    (registration(story, &vendor), &data.client_data_json.0);
                let signature = vendor.sign(&object, client_data);
                data.attestation_object = packed(algorithm, &signature, &vendor.x5c, &object);
                sign(story, data);
            },
        );
    }
    told(
        cases,
        "a signature over other client data",
        &vendor,
        |story, data| {
            let object = registration(story, &vendor);
            data.attestation_object = vendor.attest(&object, b"other client data");
            sign(story, data);
        },
    );
    told(cases, "no statement", &vendor, |story, data| {
        data.attestation_object = attestation_object(&registration(story, &vendor));
        sign(story, data);
    });
}

fn registration(story: &Story, vendor: &Vendor) -> Vec<u8> {
    let rp_id = &story.log.opened.rp_id;
    let key = story.key.public_key();
    let mut data = registration_data(rp_id, FLAGS, &story.credential_id.0, &key);
    vendor.mark(&mut data);
    data
}

fn enrolments(cases: &mut Cases) {
    let vendor = Vendor::new(MODEL);
    let other = Vendor::new(MODEL);
    told(cases, "neither anchor nor model", &vendor, |story, data| {
        data.anchor = None;
        data.signed.item.model = None;
        sign(story, data);
    });
    told(cases, "no anchor", &vendor, |_, data| data.anchor = None);
    told(cases, "an anchor alone", &vendor, |story, data| {
        data.signed.item.model = None;
        sign(story, data);
    });
    told(cases, "another anchor", &vendor, |story, data| {
        data.anchor = Some(Blob(other.anchor.clone()));
        data.signed.item.model = Some(other.model());
        sign(story, data);
    });
    told(
        cases,
        "the first certificate for an anchor",
        &vendor,
        |story, data| {
            let anchor = vendor.x5c[0].clone();
            let object = registration(story, &vendor);
            let signature = vendor.sign(&object, &data.client_data_json.0);
            data.attestation_object = packed(-7, &signature, &vendor.x5c[..1], &object);
            data.signed.item.model = Some(Model {
                aaguid: MODEL,
                anchor: sha256(&[&anchor]),
            });
            data.anchor = Some(Blob(anchor));
            sign(story, data);
        },
    );
    told(cases, "an empty anchor", &vendor, |story, data| {
        data.anchor = Some(Blob(vec![]));
        sign(story, data);
    });
    told(
        cases,
        "another AAGUID in the item",
        &vendor,
        |story, data| {
            data.signed.item.model = Some(Model {
                aaguid: Aaguid([8; 16]),
                ..vendor.model()
            });
            sign(story, data);
        },
    );
    told(
        cases,
        "another anchor in the item",
        &vendor,
        |story, data| {
            data.signed.item.model = Some(Model {
                anchor: Digest([8; 32]),
                ..vendor.model()
            });
            sign(story, data);
        },
    );
}

/// Both sides of the last second.
fn times(cases: &mut Cases) {
    let vendor = Vendor::new(MODEL);
    for (name, ms) in [("last", 2_335_219_200_999), ("after", 2_335_219_201_000)] {
        let mut team = Team::new();
        team.swap_in_nobody();
        team.story.now = Time::from_unix_ms(ms);
        let draft = team.story.attested_enrolment(&vendor);
        team.write(draft);
        team.told(cases, &format!("team, models, {name} of its time"));
    }
}

/// Ada's second key is of a model; Ben's is too, or is not.
fn rules(cases: &mut Cases) {
    let vendor = Vendor::new(MODEL);
    let other = Vendor::new(Aaguid([9; 16]));
    let numbered = |number: u8| Model {
        aaguid: Aaguid([0; 16]),
        anchor: Digest([number; 32]),
    };
    let many = |most: u8| (0..most).map(numbered).chain([vendor.model()]).collect();
    let both = [vendor.model(), other.model()];
    let courses: [(&str, Vec<Model>); 8] = [
        ("none", vec![]),
        ("its own", vec![vendor.model()]),
        ("both", both.to_vec()),
        ("not its own", vec![other.model()]),
        ("out of order", vec![both[1], both[0]]),
        ("twice", vec![both[0]; 2]),
        ("256", many(255)),
        ("too many", {
            let more = Model {
                aaguid: Aaguid([1; 16]),
                anchor: Digest([0; 32]),
            };
            let mut models: Vec<Model> = many(255);
            models.insert(255, more);
            models
        }),
    ];
    for (name, models) in courses {
        for attested in [&vendor, &other] {
            let mut team = Team::new();
            team.attested("Ada's second", "Ada", &vendor)
                .admit("Ada's second");
            team.attested_newcomer("Ben", attested).register("Ben");
            team.agent().by("Ada's second");
            let draft = team.story.rules_with(false, 0, 1, models.clone());
            let action = team.write(draft).propose(1);
            team.by("Ben").approve(action).run(action);
            let whose = if attested.aaguid == MODEL {
                "its model"
            } else {
                "another"
            };
            team.told(cases, &format!("team, rules for models, {name}, {whose}"));
        }
    }
    // A key without a model cannot ask for one, nor approve then.
    let mut team = Team::of_two();
    let draft = team.story.rules_with(false, 0, 1, vec![vendor.model()]);
    team.write(draft)
        .told(cases, "team, rules for models, by a key without one");
    let mut team = Team::of_two();
    team.join("Cleo", &[Role::Administrator]);
    team.attested("Ada's second", "Ada", &vendor)
        .admit("Ada's second")
        .by("Ada's second");
    let draft = team.story.rules_with(false, 0, 1, vec![vendor.model()]);
    let action = team.write(draft).propose(1);
    team.by("Ben").approve(action);
    team.told(cases, "team, rules for models, approved without one");
}

/// Values that are spelled otherwise than models are.
fn spellings(cases: &mut Cases) {
    let mut team = Team::new();
    team.rules(false, 0, 1);
    let forge = team.forge();
    let aaguid = "876ca4f5-2071-c3e9-b255-09ef2cdf7ed6";
    let anchor = "07".repeat(32);
    let with = |aaguid: &str| json!([{"aaguid": aaguid, "anchor": anchor}]);
    let values: [Value; 12] = [
        json!([]),
        json!(null),
        json!({}),
        json!([aaguid]),
        json!([{"aaguid": aaguid}]),
        json!([{"aaguid": aaguid, "anchor": anchor, "name": ""}]),
        with(aaguid),
        with(&aaguid.to_uppercase()),
        with(&aaguid.replace('-', "")),
        with(&format!("{{{aaguid}}}")),
        with("876ca4f-52071-c3e9-b255-09ef2cdf7ed6"),
        with(""),
    ];
    for value in values {
        let name = format!("team, models as {value}");
        change(cases, &forge, &name, |content| {
            put(
                &mut content.leaves[2],
                "/data/signed/item/models",
                Some(value),
            );
        });
    }
}

impl Team {
    /// Another key of that person, of that vendor's.
    pub(super) fn attested(
        &mut self,
        key: &'static str,
        person: &'static str,
        vendor: &Vendor,
    ) -> &mut Self {
        let person = self.about(person);
        let mut member = self.story.newcomer(&person.name, super::Algorithm::EdDsa);
        member.reviewer = person.reviewer;
        self.attested_member(key, member, vendor)
    }

    fn attested_newcomer(&mut self, name: &'static str, vendor: &Vendor) -> &mut Self {
        let member = self.story.newcomer(name, super::Algorithm::EdDsa);
        self.attested_member(name, member, vendor)
    }

    fn attested_member(
        &mut self,
        key: &'static str,
        mut member: super::Member,
        vendor: &Vendor,
    ) -> &mut Self {
        self.story.swap(&mut member);
        let draft = self.story.attested_enrolment(vendor);
        self.story.write(draft);
        self.story.swap(&mut member);
        self.away.insert(key, member);
        self
    }
}
