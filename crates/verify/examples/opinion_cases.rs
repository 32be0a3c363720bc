//! Writes good exports, and what becomes of one signed act of each when a byte of it is another or when its key
//! signs something else: the questions that other WebAuthn libraries are asked too. `tests/opinions/opinions.py`
//! asks them.
//!
//! `cargo run -p vidimus-verify --features testkit --example opinion_cases -- FOLDER`; `cargo xtask test` runs it
//! as one of its steps.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{Assertion, EnrolmentItem, Signed};
use vidimus_protocol::{Blob, Digest};
use vidimus_verify::assertion::{self, Expected};
use vidimus_verify::attestation;
use vidimus_verify::cose::{Algorithm, CoseKey};
use vidimus_verify::testkit::{
    FLAGS, ORIGIN, Story, authenticator_data, client_data, mirrored, registration_data,
};

/// What is flipped in a byte: its lowest bit, the one that tells capitals from small letters, its highest.
const MASKS: [u8; 3] = [0x01, 0x20, 0x80];

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let Some(folder) = folder else {
        return Err(std::io::Error::other(
            "name the folder to write the cases to",
        ));
    };
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut list = fs::File::create(folder.join("cases.jsonl"))?;
    for (name, algorithm) in [
        ("es256", Algorithm::Es256),
        ("eddsa", Algorithm::EdDsa),
        ("rs256", Algorithm::Rs256),
    ] {
        for (route, browser) in [("software", false), ("browser", true)] {
            let log = Log::tell(algorithm, browser);
            let file = format!("{name}-{route}.vidimus");
            fs::write(folder.join(&file), log.story.export())?;
            for mut case in log.cases(browser) {
                case["file"] = json!(file);
                writeln!(list, "{case}")?;
            }
        }
    }
    Ok(())
}

/// A log, and the two entries of it that are asked about.
struct Log {
    story: Story,
    attestation_object: Blob,
    enrolled: Signed<EnrolmentItem>,
    challenge: Digest,
    assertion: Assertion,
}

/// Places of those entries.
const ENROLMENT: u64 = 1;
const REGISTRATION: u64 = 2;

/// What is put in the place of what stands in the log.
#[derive(Clone)]
struct Changed {
    assertion: Assertion,
    public_key: Blob,
}

impl Log {
    fn tell(algorithm: Algorithm, browser: bool) -> Self {
        let mut story = Story::open(3, algorithm);
        if browser {
            story.origin = ORIGIN.into();
        }
        let enrolment = story.enrolment();
        story.write(enrolment.clone());
        let registration = story.registration();
        story.write(registration.clone());
        story.run_until(30);
        let (Data::CredentialEnrolled(enrolled), Data::AgentRegistered(registered)) =
            (enrolment.leaf.data, registration.leaf.data)
        else {
            unreachable!("the drafts are of these kinds");
        };
        Self {
            story,
            attestation_object: enrolled.attestation_object,
            enrolled: enrolled.signed,
            challenge: registered.signed.envelope.challenge(),
            assertion: registered.signed.assertion,
        }
    }

    fn cases(&self, browser: bool) -> Vec<Value> {
        let mut cases = self.signed_anew();
        // Between the routes only the text of the origin differs: one is enough for every byte.
        if browser {
            cases.extend(self.flipped());
            cases.extend(self.other_keys());
            cases.extend(self.enrolments());
        }
        cases
    }

    fn stored(&self) -> Changed {
        Changed {
            assertion: self.assertion.clone(),
            public_key: self.story.key.public_key(),
        }
    }

    /// Our answer, beside what is asked.
    fn ask(&self, name: &str, changed: &Changed) -> Value {
        let software_origin = self.story.log.software_origin();
        let answer = CoseKey::parse(&changed.public_key.0)
            .map_err(|error| error.to_string())
            .and_then(|public_key| {
                let expected = Expected {
                    challenge: &self.challenge,
                    rp_id: &self.story.log.opened.rp_id,
                    origins: &self.story.log.opened.origins,
                    software_origin: software_origin.as_deref(),
                    public_key: &public_key,
                };
                assertion::check(&changed.assertion, &expected).map_err(|error| error.to_string())
            });
        let assertion = &changed.assertion;
        json!({
            "name": name,
            "entry": REGISTRATION,
            "changed": {
                "authenticator_data": assertion.authenticator_data,
                "client_data_json": assertion.client_data_json,
                "signature": assertion.signature,
                "public_key": changed.public_key,
            },
            "ours": answer.err(),
        })
    }

    /// Each byte of what is stored, with one bit turned.
    fn flipped(&self) -> Vec<Value> {
        type Place = fn(&mut Changed) -> &mut Vec<u8>;
        let places: [(&str, Place); 4] = [
            ("signature", |changed| &mut changed.assertion.signature.0),
            ("authenticator data", |changed| {
                &mut changed.assertion.authenticator_data.0
            }),
            ("client data", |changed| {
                &mut changed.assertion.client_data_json.0
            }),
            ("key", |changed| &mut changed.public_key.0),
        ];
        let mut cases = vec![self.ask("as stored", &self.stored())];
        for (name, place) in places {
            for at in 0..place(&mut self.stored()).len() {
                for mask in MASKS {
                    let mut changed = self.stored();
                    place(&mut changed)[at] ^= mask;
                    let name = format!("{name}: byte {at} turned by {mask:#04x}");
                    cases.push(self.ask(&name, &changed));
                }
            }
        }
        cases
    }

    /// What this key signs well, though it may break a rule.
    fn signed_anew(&self) -> Vec<Value> {
        let origin = &self.story.origin;
        let client = client_data("webauthn.get", &self.challenge, origin);
        let client = String::from_utf8(client).expect("client data is text");
        let data = authenticator_data(&self.story.log.opened.rp_id, FLAGS);
        let challenge = Blob(self.challenge.0.to_vec()).to_string();
        let more = |member: &str| client.replace('}', &format!(",{member}}}"));
        let clients = [
            ("as it was", client.clone()),
            ("unknown members", more(r#""x":{"y":[1,null,"z"]}"#)),
            (
                "crossOrigin left out",
                client.replace(r#","crossOrigin":false"#, ""),
            ),
            (
                "a key twice",
                client.replacen('{', r#"{"origin":"http://evil.example","#, 1),
            ),
            (
                "a key twice, escaped",
                client.replacen('{', r#"{"orig\u0069n":"http://evil.example","#, 1),
            ),
            ("a key twice inside", more(r#""x":{"y":1,"y":2}"#)),
            (
                "crossOrigin true",
                client.replace(r#""crossOrigin":false"#, r#""crossOrigin":true"#),
            ),
            (
                "crossOrigin a text",
                client.replace(r#""crossOrigin":false"#, r#""crossOrigin":"no""#),
            ),
            ("topOrigin", more(r#""topOrigin":"http://evil.example""#)),
            (
                "padded challenge",
                client.replace(&challenge, &format!("{challenge}=")),
            ),
            (
                "challenge with another last character",
                client.replace(&challenge, &same_bytes(&challenge)),
            ),
            (
                "challenge with a stranger inside",
                client.replace(&challenge, &format!("{challenge}!")),
            ),
            (
                "a registration's type",
                client.replace("webauthn.get", "webauthn.create"),
            ),
            (
                "another origin",
                client.replace(origin, "http://localhost:7412"),
            ),
            (
                "an origin with a slash",
                client.replace(origin, &format!("{origin}/")),
            ),
            ("a byte order mark", client.replacen('{', "\u{feff}{", 1)),
            ("bytes after it", format!("{client}{{}}")),
            ("a fraction", more(r#""x":1.5"#)),
            ("a negative number", more(r#""x":-1"#)),
            ("a number above 2^53", more(r#""x":9007199254740993"#)),
            ("no number", more(r#""x":NaN"#)),
            ("half a surrogate pair", more(r#""x":"\ud800""#)),
            (
                "33 levels",
                more(&format!(r#""x":{}{}"#, "[".repeat(32), "]".repeat(32))),
            ),
            (
                "more than 4,096 bytes",
                more(&format!(r#""x":"{}""#, "x".repeat(4_096))),
            ),
        ];
        let mut cases: Vec<Value> = clients
            .into_iter()
            .map(|(name, client)| {
                self.sign(&format!("client data: {name}"), data.clone(), client.into())
            })
            .collect();

        let flags = |flags| authenticator_data(&self.story.log.opened.rp_id, flags);
        let with = |flags: u8, more: &[u8]| {
            [
                &authenticator_data(&self.story.log.opened.rp_id, flags)[..],
                more,
            ]
            .concat()
        };
        let mut counted = flags(FLAGS);
        counted[36] = 8;
        let key = self.story.key.public_key();
        let id = &self.story.credential_id.0;
        let datas = [
            ("BE", flags(FLAGS | 0x08)),
            ("BE and BS", flags(FLAGS | 0x18)),
            ("reserved flags", flags(FLAGS | 0x22)),
            ("a counter of 8 after 9", counted),
            ("extensions", with(FLAGS | 0x80, b"\xa1\x61a\xf5")),
            ("no UP", flags(FLAGS & !0x01)),
            ("no UV", flags(FLAGS & !0x04)),
            ("BS without BE", flags(FLAGS | 0x10)),
            (
                "another relying party",
                authenticator_data("localhost.", FLAGS),
            ),
            (
                "a new credential",
                registration_data(&self.story.log.opened.rp_id, FLAGS, id, &key),
            ),
            ("a credential announced, none there", flags(FLAGS | 0x40)),
            ("extensions announced, none there", flags(FLAGS | 0x80)),
            ("extensions not announced", with(FLAGS, b"\xa0")),
            (
                "extensions with a key twice",
                with(FLAGS | 0x80, b"\xa2\x61a\x01\x61a\x01"),
            ),
            (
                "extensions of indefinite length",
                with(FLAGS | 0x80, b"\xbf\x61a\x01\xff"),
            ),
            (
                "extensions with a long head",
                with(FLAGS | 0x80, b"\xa1\x61a\x18\x01"),
            ),
            ("extensions no map", with(FLAGS | 0x80, b"\x01")),
            ("a byte after it", with(FLAGS, b"\x00")),
            ("a byte after extensions", with(FLAGS | 0x80, b"\xa0\x00")),
            ("36 bytes", flags(FLAGS)[..36].to_vec()),
        ];
        cases.extend(datas.into_iter().map(|(name, data)| {
            let name = format!("authenticator data: {name}");
            self.sign(&name, data, client.clone().into_bytes())
        }));

        let mut longer = self.stored();
        longer.assertion.signature.0.push(0);
        cases.push(self.ask("signature: a byte after it", &longer));
        let mut empty = self.stored();
        empty.assertion.signature.0.clear();
        cases.push(self.ask("signature: empty", &empty));
        if CoseKey::parse(&key.0).is_ok_and(|key| key.algorithm() == Algorithm::Es256) {
            let mut other = self.stored();
            other.assertion.signature = mirrored(&other.assertion.signature);
            cases.push(self.ask("signature: mirrored", &other));
        }
        cases
    }

    fn sign(&self, name: &str, data: Vec<u8>, client: Vec<u8>) -> Value {
        let story = &self.story;
        let changed = Changed {
            assertion: story.key.assert(&story.credential_id, data, client),
            public_key: story.key.public_key(),
        };
        self.ask(name, &changed)
    }

    /// The same numbers, written as another COSE key.
    fn other_keys(&self) -> Vec<Value> {
        let key = self.story.key.public_key().0;
        let (count, body) = (key[0], &key[1..]);
        // Every key starts with its type, a number of one byte, and its algorithm, one of one or three.
        let algorithm = if body[3] == 0x39 { 4 } else { 2 };
        let (kind, rest) = body.split_at(2);
        let (algorithm, rest) = rest.split_at(algorithm);
        let keys = [
            ("a byte after it", [&key, &b"\x00"[..]].concat()),
            ("a long head", [&[0xb8, count & 0x1f], body].concat()),
            (
                "its first parameters swapped",
                [&[count], algorithm, kind, rest].concat(),
            ),
            (
                "a surplus parameter",
                [&[count + 1], body, b"\x25\x00"].concat(),
            ),
            (
                "a parameter twice",
                [&[count + 1], kind, kind, algorithm, rest].concat(),
            ),
            ("indefinite length", [&[0xbf], body, b"\xff"].concat()),
            ("empty", Vec::new()),
        ];
        keys.into_iter()
            .map(|(name, key)| {
                let mut changed = self.stored();
                changed.public_key = Blob(key);
                self.ask(&format!("key: {name}"), &changed)
            })
            .collect()
    }

    /// The registration beside the first act, with one bit of its attestation object turned: whether the same
    /// credential comes out of it.
    fn enrolments(&self) -> Vec<Value> {
        let stored = &self.attestation_object.0;
        let mut objects = vec![("attestation object: as stored".to_owned(), stored.clone())];
        for at in 0..stored.len() {
            for mask in MASKS {
                let mut object = stored.clone();
                object[at] ^= mask;
                let name = format!("attestation object: byte {at} turned by {mask:#04x}");
                objects.push((name, object));
            }
        }
        let item = &self.enrolled.item;
        let case = |(name, object): (String, Vec<u8>)| {
            let answer = match attestation::check(&object, &self.story.log.opened.rp_id) {
                Err(error) => Some(error.to_string()),
                Ok(attested)
                    if attested.credential_id != item.credential_id.0
                        || attested.public_key != item.public_key.0 =>
                {
                    Some("another credential".into())
                }
                Ok(_) => None,
            };
            json!({
                "name": name,
                "entry": ENROLMENT,
                "changed": {"attestation_object": Blob(object)},
                "ours": answer,
            })
        };
        objects.into_iter().map(case).collect()
    }
}

/// Base64url of 32 bytes with another last character, whose two unused bits are not zero.
fn same_bytes(text: &str) -> String {
    let last = text.bytes().last().expect("32 bytes are not empty");
    let other = char::from(last + 1);
    format!("{}{other}", &text[..text.len() - 1])
}
