//! Signatures and public keys of each algorithm, in other spellings and with other bits.

use serde_json::json;
use vidimus_protocol::Blob;
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::Story;

use crate::Cases;
use crate::acts::{ATTESTATION, bytes_at, change, set_bytes};
use crate::fields::put;
use crate::forge::Forge;

pub(crate) fn write(cases: &mut Cases) {
    signatures(cases);
    public_keys(cases);
}

fn signatures(cases: &mut Cases) {
    for (name, algorithm) in [
        ("ES256", Algorithm::Es256),
        ("EdDSA", Algorithm::EdDsa),
        ("RS256", Algorithm::Rs256),
    ] {
        let forge = Forge::new(Story::new(2, algorithm));
        let place = "/data/signed/assertion/signature";
        let signature = bytes_at(&forge.content, 2, place);
        for at in (0..signature.len()).step_by(5) {
            let mut other = signature.clone();
            other[at] ^= 1 << (at % 8);
            let name = format!("{name}: another bit in byte {at} of the signature");
            change(cases, &forge, &name, |content| {
                set_bytes(content, 2, place, other)
            });
        }
        let mut others = vec![
            ("empty", Vec::new()),
            (
                "with a byte after it",
                [signature.as_slice(), &[0]].concat(),
            ),
            (
                "with a byte before it",
                [&[0], signature.as_slice()].concat(),
            ),
            (
                "without its last byte",
                signature[..signature.len() - 1].to_vec(),
            ),
            ("of another act", bytes_at(&forge.content, 1, place)),
        ];
        if name == "ES256" {
            others.extend(der(&signature));
        }
        for (what, other) in others {
            let name = format!("{name}: a signature {what}");
            change(cases, &forge, &name, |content| {
                set_bytes(content, 2, place, other)
            });
        }
    }
}

/// Other spellings of an ECDSA signature; only the first two are DER.
fn der(signature: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let number = |at: usize| signature[at + 2..at + 2 + usize::from(signature[at + 1])].to_vec();
    let r = number(2);
    let s = number(4 + r.len());
    let integer = |bytes: &[u8]| [&[2, u8::try_from(bytes.len()).unwrap_or(0)], bytes].concat();
    let sequence = |body: Vec<u8>| {
        [
            &[0x30, u8::try_from(body.len()).unwrap_or(0)],
            body.as_slice(),
        ]
        .concat()
    };
    let pair = |r: &[u8], s: &[u8]| sequence([integer(r), integer(s)].concat());
    let body = [integer(&r), integer(&s)].concat();
    vec![
        ("written anew", pair(&r, &s)),
        ("(r, n − s)", pair(&r, &minus(&s))),
        (
            "with zeros before r",
            pair(&[&[0], r.as_slice()].concat(), &s),
        ),
        (
            "with zeros before s",
            pair(&r, &[&[0], s.as_slice()].concat()),
        ),
        ("of r = 0", pair(&[0], &s)),
        ("of s = 0", pair(&r, &[0])),
        ("of r and s swapped", pair(&s, &r)),
        (
            "with a long length",
            [
                &[0x30, 0x81, u8::try_from(body.len()).unwrap_or(0)],
                body.as_slice(),
            ]
            .concat(),
        ),
        (
            "of indefinite length",
            [&[0x30, 0x80], body.as_slice(), &[0, 0]].concat(),
        ),
        (
            "with a third number",
            sequence([body.as_slice(), &[2, 1, 1]].concat()),
        ),
        (
            "with bytes after it",
            [sequence(body.clone()).as_slice(), &[5, 0]].concat(),
        ),
        ("of 64 bytes", [plain(&r), plain(&s)].concat()),
    ]
}

fn plain(number: &[u8]) -> Vec<u8> {
    let number = number.strip_prefix(&[0]).unwrap_or(number);
    [vec![0; 32 - number.len()], number.to_vec()].concat()
}

/// n − s on P-256, as a DER number.
fn minus(s: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let s = plain(s);
    let (mut result, mut borrow) = (vec![0; 32], 0);
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(difference < 0);
        result[at] = u8::try_from(difference & 0xff).expect("masked");
    }
    let zeros = result.iter().take_while(|byte| **byte == 0).count();
    let mut number = result[zeros..].to_vec();
    if number.first().is_none_or(|first| *first > 0x7f) {
        number.insert(0, 0);
    }
    number
}

/// Other spellings of a public key, everywhere where it stands.
fn public_keys(cases: &mut Cases) {
    for (name, algorithm) in [
        ("ES256", Algorithm::Es256),
        ("EdDSA", Algorithm::EdDsa),
        ("RS256", Algorithm::Rs256),
    ] {
        let forge = Forge::new(Story::new(2, algorithm));
        let place = "/data/signed/item/public_key";
        let key = bytes_at(&forge.content, 1, place);
        let mut keys: Vec<(String, Vec<u8>)> = Vec::new();
        for at in (0..key.len().min(120)).filter(|at| *at < 12 || at % 11 == 0) {
            let mut other = key.clone();
            other[at] ^= 1;
            keys.push((format!("with another byte {at}"), other));
        }
        let count = key[0];
        let body = &key[1..];
        keys.push((
            "with a byte after it".into(),
            [key.as_slice(), &[0]].concat(),
        ));
        keys.push((
            "with a long head".into(),
            [&[0xb8, count & 0x1f], body].concat(),
        ));
        keys.push((
            "of indefinite length".into(),
            [&[0xbf], body, &[0xff]].concat(),
        ));
        keys.push((
            "with a surplus parameter".into(),
            [&[count + 1], body, &[0x23, 0x01]].concat(),
        ));
        keys.push((
            "with a key id".into(),
            [&[count + 1], &body[..2], &[0x02, 0x41, 0x01], &body[2..]].concat(),
        ));
        keys.push((
            "with the type twice".into(),
            [&[count + 1], &body[..2], body].concat(),
        ));
        keys.push((
            "with a wide number".into(),
            [&[count, 0x18, 0x01], &body[1..]].concat(),
        ));
        let swapped = match algorithm {
            Algorithm::Rs256 => [&[count], &body[2..6], &body[..2], &body[6..]].concat(),
            _ => [&[count], &body[2..4], &body[..2], &body[4..]].concat(),
        };
        keys.push(("with its parameters swapped".into(), swapped));
        keys.push(("empty".into(), Vec::new()));
        keys.push(("an empty map".into(), vec![0xa0]));
        if algorithm == Algorithm::Es256 {
            let (x, y) = (&key[10..42], &key[45..]);
            let of = |x: &[u8], y: &[u8]| {
                let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21".to_vec();
                for number in [x, y] {
                    key.extend([0x58, u8::try_from(number.len()).unwrap_or(0)]);
                    key.extend(number);
                    key.push(0x22);
                }
                key.pop();
                key
            };
            keys.push(("written anew".into(), of(x, y)));
            keys.push(("of zeros".into(), of(&[0; 32], &[0; 32])));
            keys.push(("with the coordinates swapped".into(), of(y, x)));
            keys.push(("with a zero before x".into(), of(&[&[0], x].concat(), y)));
            keys.push(("with a compressed point".into(), {
                let mut key = key[..42].to_vec();
                key.extend([0x22, 0xf5]);
                key
            }));
        }
        if algorithm == Algorithm::Rs256 {
            let modulus = key[11..key.len() - 5].to_vec();
            let of = |modulus: &[u8], exponent: &[u8]| {
                let mut key = b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59".to_vec();
                key.extend(u16::try_from(modulus.len()).unwrap_or(0).to_be_bytes());
                key.extend(modulus);
                key.push(0x21);
                key.push(0x40 | u8::try_from(exponent.len()).unwrap_or(0));
                key.extend(exponent);
                key
            };
            keys.push(("written anew".into(), of(&modulus, &[1, 0, 1])));
            keys.push((
                "with a zero before the modulus".into(),
                of(&[&[0], modulus.as_slice()].concat(), &[1, 0, 1]),
            ));
            keys.push((
                "with a zero before the exponent".into(),
                of(&modulus, &[0, 1, 0, 1]),
            ));
            for exponent in [
                vec![],
                vec![1],
                vec![2],
                vec![3],
                vec![1, 0, 0],
                vec![1, 0, 0, 0, 1],
                vec![0x7f; 8],
                vec![1; 9],
            ] {
                keys.push((
                    format!("with the exponent {exponent:?}"),
                    of(&modulus, &exponent),
                ));
            }
            for bits in [2_040, 2_047, 8_192, 8_193, 1_024] {
                let mut modulus = vec![0xff; usize::div_ceil(bits, 8)];
                if bits % 8 != 0 {
                    modulus[0] >>= 8 - bits % 8;
                }
                keys.push((format!("of {bits} bits"), of(&modulus, &[1, 0, 1])));
            }
            let mut even = modulus;
            if let Some(last) = even.last_mut() {
                *last &= 0xfe;
            }
            keys.push(("with an even modulus".into(), of(&even, &[1, 0, 1])));
        }
        // As a log of one entry too: there the key is never used, so its form alone is judged.
        for (what, other) in keys {
            let encoded = json!(Blob(other.clone()).to_string());
            let name = format!("{name}: a key {what}");
            change(cases, &forge, &format!("{name}, only opened"), |content| {
                content.leaves.truncate(1);
                put(
                    &mut content.leaves[0],
                    "/data/founders/0/public_key",
                    Some(encoded.clone()),
                );
            });
            change(cases, &forge, &name, |content| {
                put(
                    &mut content.leaves[0],
                    "/data/founders/0/public_key",
                    Some(encoded.clone()),
                );
                put(&mut content.leaves[1], place, Some(encoded.clone()));
                let object = bytes_at(content, 1, ATTESTATION);
                let data_at = object.len() - key.len();
                let mut object = [&object[..data_at], &other].concat();
                let grown = other.len().wrapping_sub(key.len());
                let length_at = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".len();
                match object[length_at - 1] {
                    0x58 => {
                        object[length_at] = object[length_at].wrapping_add(grown.to_le_bytes()[0])
                    }
                    _ => {
                        object[length_at + 1] =
                            object[length_at + 1].wrapping_add(grown.to_le_bytes()[0])
                    }
                }
                set_bytes(content, 1, ATTESTATION, object);
            });
        }
    }
}
