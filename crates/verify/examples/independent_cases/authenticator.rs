//! Authenticator data and attestation objects: every flag, and CBOR good and bad.

use serde_json::json;
use vidimus_protocol::Blob;

use crate::Cases;
use crate::acts::{ASSERTION_DATA, ATTESTATION, bytes_at, change, set_bytes};
use crate::forge::{Forge, text, written};

pub(crate) fn write(cases: &mut Cases, forge: &Forge) {
    authenticator_data(cases, forge);
    attestation(cases, forge);
}

fn authenticator_data(cases: &mut Cases, forge: &Forge) {
    let data = bytes_at(&forge.content, 2, ASSERTION_DATA);
    for flags in 0..=255 {
        for with_map in [false, true] {
            let mut data = data.clone();
            data[32] = flags;
            if with_map {
                data.push(0xa0);
            }
            let name = format!("flags {flags:#04x}, extensions {with_map}");
            change(cases, forge, &name, |content| {
                set_bytes(content, 2, ASSERTION_DATA, data)
            });
        }
    }
    for (at, length) in [(0, 0), (0, 36), (0, 31), (1, 37)] {
        let data = data[at..length].to_vec();
        let name = format!("authenticator data from {at} to {length}");
        change(cases, forge, &name, |content| {
            set_bytes(content, 2, ASSERTION_DATA, data)
        });
    }
    for (name, cbor) in cbor_maps() {
        let mut data = data.clone();
        data[32] |= 0x80;
        data.extend(cbor);
        let name = format!("extensions: {name}");
        change(cases, forge, &name, |content| {
            set_bytes(content, 2, ASSERTION_DATA, data)
        });
    }
}

/// Maps, and what is none, good and bad.
fn cbor_maps() -> Vec<(String, Vec<u8>)> {
    let of = |hex: &str| -> Vec<u8> {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (0..hex.len()).step_by(2).map(byte).collect()
    };
    let mut maps: Vec<(String, Vec<u8>)> = [
        "a0",
        "a10102",
        "a1616101",
        "a1616101a0",
        "a1616101ff",
        "bf616101ff",
        "a1617f01",
        "80",
        "01",
        "6161",
        "f6",
        "f5",
        "a16161f4",
        "a16161f5",
        "a16161f6",
        "a16161f7",
        "a16161f97e00",
        "a16161fa7fc00000",
        "a16161fb0000000000000000",
        "a16161e0",
        "a16161f3",
        "a16161f820",
        "a16161f814",
        "a16161f815",
        "a16161f8ff",
        "a16161c101",
        "a16161d9d9f701",
        "a161611bffffffffffffffff",
        "a161613bffffffffffffffff",
        "a161613b7fffffffffffffff",
        "a161613b8000000000000000",
        "a161611b8000000000000000",
        "a161611800",
        "a16161180a",
        "a161611b0000000000000001",
        "b80161610101",
        "b801616101",
        "b90001616101",
        "ba00000001616101",
        "bb0000000000000001616101",
        "a178016101",
        "a1616141",
        "a1616141ff",
        "a16161410a",
        "a161615f410aff",
        "a161617f6161ff",
        "a161619f01ff",
        "a161619b7fffffffffffffff",
        "a161615bffffffffffffffff",
        "bbffffffffffffffff",
        "a161611c",
        "a161611f",
        "a16161fc",
        "a16161ff",
        "ff",
        "a2616101616102",
        "a2616201616101",
        "a2616101616201",
        "a262616101616102",
        "a2010161610a",
        "a26161010101",
        "a201020201",
        "a202010102",
        "a201010101",
        "a220010101",
        "a1410102",
        "a1800102",
        "a1a00102",
        "a1f501",
        "a1f601",
        "a1f401",
        "a2f401f501",
        "a24101014102 02",
        "a161ff01",
        "a16161 61ff",
        "a1616162c3a9",
        "a1616162c328",
        "a16161 63eda080",
        "a1616180",
        "a161618101",
        "a16161820102",
        "a1616182",
        "a161",
        "a1",
        "",
        "a16161a16162a16163a16164a10101",
        "a11b000000000000000102",
        "a1180102",
        "a1208101",
        "a13bffffffffffffffff01",
        "a11bffffffffffffffff01",
        "a1f9000001",
        "a1c10101",
        "a201011801 02",
    ]
    .iter()
    .map(|hex| (hex.replace(' ', ""), of(&hex.replace(' ', ""))))
    .collect();
    for levels in 5..=12 {
        let mut arrays = vec![0xa1, 0x61, 0x61];
        arrays.extend(vec![0x81; levels - 2]);
        let (mut empty, mut number) = (arrays.clone(), arrays);
        empty.push(0x80);
        number.push(0x01);
        maps.push((format!("{levels} levels, the last one empty"), empty));
        maps.push((
            format!("{} levels with a number in the last", levels - 1),
            number,
        ));
        let mut keys = vec![0xa1; levels - 1];
        keys.extend([0xa0; 1]);
        keys.extend(vec![0x01; levels - 1]);
        maps.push((format!("{levels} levels of maps as keys"), keys));
    }
    for count in [23_u8, 24, 63, 64, 65] {
        let mut map = if count < 24 {
            vec![0xa0 | count]
        } else {
            vec![0xb8, count]
        };
        for key in 0..count {
            map.extend(if key < 24 { vec![key] } else { vec![0x18, key] });
            map.push(0);
        }
        maps.push((format!("{count} keys"), map));
        let mut array = vec![0xa1, 0x61, 0x61, 0x98, count];
        array.extend(vec![0; usize::from(count)]);
        maps.push((format!("an array of {count}"), array));
    }
    maps
}

/// The shortest head of a CBOR item.
fn head(major: u8, length: usize) -> Vec<u8> {
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..24 => vec![major | low],
        24..256 => vec![major | 24, low],
        _ => vec![major | 25, high, low],
    }
}

fn attestation(cases: &mut Cases, forge: &Forge) {
    let object = bytes_at(&forge.content, 1, ATTESTATION);
    let before = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58";
    let data = object[before.len() + 1..].to_vec();
    let of = |format: &[u8], statement: &[u8], data: &[u8]| {
        let mut object = b"\xa3\x63fmt".to_vec();
        object.extend(format);
        object.extend(b"\x67attStmt");
        object.extend(statement);
        object.extend(b"\x68authData");
        object.extend(head(0x40, data.len()));
        object.extend(data);
        object
    };
    let mut objects = vec![
        ("written anew".to_owned(), of(b"\x64none", b"\xa0", &data)),
        (
            "with a longer head".into(),
            [
                &before[..before.len() - 1],
                &[0x59, 0],
                &object[before.len()..],
            ]
            .concat(),
        ),
        (
            "of another format".into(),
            of(b"\x66packed", b"\xa1\x63sig\x41\x00", &data),
        ),
        ("of an empty format".into(), of(b"\x60", b"\xa0", &data)),
        (
            "of a format in bytes".into(),
            of(b"\x44none", b"\xa0", &data),
        ),
        (
            "with a byte after it".into(),
            [object.as_slice(), b"\0"].concat(),
        ),
        ("empty".into(), Vec::new()),
        ("an empty map".into(), vec![0xa0]),
    ];
    for (name, cbor) in cbor_maps() {
        objects.push((
            format!("with the statement {name}"),
            of(b"\x64none", &cbor, &data),
        ));
    }
    let mut surplus = of(b"\x64none", b"\xa0", &data);
    surplus[0] = 0xa4;
    surplus.extend(b"\x61x\x01");
    objects.push(("with a fourth member".into(), surplus));
    let statement = |length: usize| {
        let mut statement = b"\xa1\x61x".to_vec();
        statement.extend(head(0x40, length));
        statement.extend(vec![0; length]);
        statement
    };
    let short = of(b"\x64none", &statement(256), &data).len() - 256;
    for length in [16_383, 16_384, 16_385] {
        objects.push((
            format!("of {length} bytes"),
            of(b"\x64none", &statement(length - short), &data),
        ));
    }
    for flags in (0..=255).step_by(3) {
        let mut data = data.clone();
        data[32] = flags;
        objects.push((
            format!("with flags {flags:#04x}"),
            of(b"\x64none", b"\xa0", &data),
        ));
    }
    for (name, cbor) in cbor_maps().into_iter().step_by(9) {
        let mut data = data.clone();
        data[32] |= 0x80;
        data.extend(cbor);
        objects.push((
            format!("with the extensions {name}"),
            of(b"\x64none", b"\xa0", &data),
        ));
    }
    for length in [0, 36, 37, 54, 55, 60, 87, 90, data.len() - 1] {
        objects.push((
            format!("with data of {length} bytes"),
            of(b"\x64none", b"\xa0", &data[..length]),
        ));
    }
    for at in [0, 33, 37, 53, 54, 55, 87, 88, data.len() - 1] {
        let mut data = data.clone();
        data[at] ^= 1;
        objects.push((
            format!("with another byte {at} in its data"),
            of(b"\x64none", b"\xa0", &data),
        ));
    }
    for (name, object) in objects {
        let name = format!("an attestation object {name}");
        change(cases, forge, &name, |content| {
            set_bytes(content, 1, ATTESTATION, object)
        });
    }
    let key = bytes_at(&forge.content, 1, "/data/signed/item/public_key");
    for length in [1, 16, 32, 1_023, 1_024, 0] {
        let id = vec![5; length];
        let mut data = data[..53].to_vec();
        data.extend(u16::try_from(length).unwrap_or(0).to_be_bytes());
        data.extend(&id);
        data.extend(&key);
        let object = of(b"\x64none", b"\xa0", &data);
        change(
            cases,
            forge,
            &format!("a credential id of {length} bytes"),
            |content| {
                let old = text(&content.leaves[1], "/data/signed/item/credential_id");
                let new = Blob(id).to_string();
                let all = String::from_utf8(written(&json!(content.leaves))).expect("JSON");
                let all = all.replace(&format!("\"{old}\""), &format!("\"{new}\""));
                content.leaves = serde_json::from_str(&all).expect("JSON");
                set_bytes(content, 1, ATTESTATION, object);
            },
        );
    }
}
