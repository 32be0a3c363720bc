//! The file itself: header, checkpoint, trailer, lines, and flipped bits.

use serde_json::{Value, json};
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::tree::leaf_hash;
use vidimus_protocol::trust::TrustFile;

use crate::Cases;
use crate::fields::{changes, places, put};
use crate::forge::{Forge, Sealed, finished, read, text, written};
use crate::life;

pub(crate) fn write(cases: &mut Cases) {
    let good = life::good();
    let forge = good
        .iter()
        .find(|(name, _)| name == "run")
        .map(|(_, forge)| forge);
    let forge = forge.expect("one log is a run");
    let sealed = forge.sealed();
    bits(cases, &sealed);
    lines(cases, &sealed);
    header(cases, &sealed);
    checkpoints(cases, forge, &sealed);
    trailers(cases, &sealed);
    for (name, other) in &good {
        let other = other.sealed();
        let trust = Some(sealed.log);
        cases.file(
            &format!("{name}, with the trust file of another"),
            &other.file(),
            trust,
        );
        let mut mixed = other.lines.clone();
        let mut first: Value = read(&mixed[0]);
        first["checkpoint"] = read(&sealed.lines[0])["checkpoint"].clone();
        mixed[0] = written(&first);
        cases.file(
            &format!("{name}, with the checkpoint of another"),
            &finished(&mixed),
            Some(other.log),
        );
    }
    trust_files(cases, &sealed);
    let mut wrong = sealed.log;
    wrong.0[31] ^= 1;
    cases.file("another trust file", &sealed.file(), Some(wrong));
}

fn trust_files(cases: &mut Cases, sealed: &Sealed) {
    let file = sealed.file();
    let plain = read(&TrustFile::new(sealed.log).to_bytes());
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    for place in places(&plain) {
        for (name, new) in changes(plain.pointer(&place).expect("found there"), &[]) {
            let mut other = plain.clone();
            put(&mut other, &place, new);
            texts.push((format!("{place} {name}"), written(&other)));
        }
    }
    let bytes = written(&plain);
    for (name, before, after) in [
        ("with a line feed", "", "\n"),
        ("with two line feeds", "", "\n\n"),
        ("with a carriage return", "", "\r\n"),
        ("with a space before it", " ", ""),
        ("with much space after it", "", &" ".repeat(65_536)),
    ] {
        let text = [before.as_bytes(), &bytes, after.as_bytes()].concat();
        texts.push((name.into(), text));
    }
    let mut witnessed = plain;
    witnessed["witnesses"] = json!(["witness.example/w+00000000+AA"]);
    texts.push(("with a witness".into(), written(&witnessed)));
    texts.push(("empty".into(), Vec::new()));
    for (name, text) in texts {
        cases.judged(&format!("a trust file {name}"), &file, Some(&text), None);
    }
}

/// Bits all over the file, with the old digest and with a right one.
fn bits(cases: &mut Cases, sealed: &Sealed) {
    let file = sealed.file();
    let trailer = file.len() - 79;
    for at in (0..file.len()).step_by(47) {
        let mut other = file.clone();
        other[at] ^= 1 << (at % 7);
        cases.file(
            &format!("another bit in byte {at}"),
            &other,
            Some(sealed.log),
        );
        if at < trailer {
            let body = other[..trailer]
                .strip_suffix(b"\n")
                .unwrap_or(&other[..trailer]);
            let lines: Vec<_> = body
                .split(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            cases.file(
                &format!("another bit in byte {at} under a right digest"),
                &finished(&lines),
                Some(sealed.log),
            );
        }
    }
    for length in
        (0..file.len())
            .step_by(331)
            .chain([file.len() - 1, file.len() - 2, trailer, trailer - 1])
    {
        cases.file(
            &format!("cut to {length} bytes"),
            &file[..length],
            Some(sealed.log),
        );
    }
    for more in ["\n", " ", "{}\n", "\0"] {
        let other = [file.as_slice(), more.as_bytes()].concat();
        cases.file(&format!("with {more:?} after it"), &other, Some(sealed.log));
        let other = [more.as_bytes(), &file].concat();
        cases.file(
            &format!("with {more:?} before it"),
            &other,
            Some(sealed.log),
        );
    }
    let crlf = String::from_utf8(file)
        .expect("JSON lines")
        .replace('\n', "\r\n");
    cases.file("with carriage returns", crlf.as_bytes(), Some(sealed.log));
}

fn lines(cases: &mut Cases, sealed: &Sealed) {
    for at in 0..sealed.lines.len() {
        let mut edit = |what: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines = sealed.lines.clone();
            change(&mut lines);
            cases.file(
                &format!("line {at} {what}"),
                &finished(&lines),
                Some(sealed.log),
            );
        };
        edit("left out", &|lines| drop(lines.remove(at)));
        edit("twice", &|lines| lines.insert(at, lines[at].clone()));
        edit("empty", &|lines| lines[at].clear());
        edit("with an empty one before it", &|lines| {
            lines.insert(at, Vec::new())
        });
        edit("swapped with the next", &|lines| {
            let next = (at + 1) % lines.len();
            lines.swap(at, next);
        });
        edit("with a space after it", &|lines| lines[at].push(b' '));
        edit("with a space before it", &|lines| lines[at].insert(0, b' '));
    }
}

fn header(cases: &mut Cases, sealed: &Sealed) {
    let header = read(&sealed.lines[0]);
    let mut headers = Vec::new();
    for place in places(&header) {
        for (name, new) in changes(header.pointer(&place).expect("found there"), &[]) {
            let mut other = header.clone();
            put(&mut other, &place, new);
            headers.push((format!("{place} {name}"), other));
        }
    }
    let newer = |more: Value| {
        let mut header = header.clone();
        header["v"] = json!(2);
        if let (Some(header), Some(more)) = (header.as_object_mut(), more.as_object()) {
            header.extend(more.clone());
        }
        header
    };
    headers.push(("of version 2".into(), newer(json!({}))));
    headers.push((
        "of version 2 with a member more".into(),
        newer(json!({"more": 1})),
    ));
    headers.push((
        "of version 2 and another type".into(),
        newer(json!({"type": "other"})),
    ));
    headers.push((
        "of version 2 and nothing else".into(),
        json!({"type": "vidimus-export", "v": 2}),
    ));
    headers.push((
        "of version 1 and nothing else".into(),
        json!({"type": "vidimus-export", "v": 1}),
    ));
    headers.push((
        "of version 0".into(),
        json!({"type": "vidimus-export", "v": 0}),
    ));
    headers.push(("of another type".into(), json!({"type": "other", "v": 1})));
    headers.push((
        "of another type and version".into(),
        json!({"type": "other", "v": 2}),
    ));
    headers.push(("of no type".into(), json!({"v": 2})));
    for (name, header) in headers {
        let mut lines = sealed.lines.clone();
        lines[0] = written(&header);
        cases.file(
            &format!("header {name}"),
            &finished(&lines),
            Some(sealed.log),
        );
    }
    let empty: Vec<Vec<u8>> = vec![written(&json!({
        "checkpoint": header["checkpoint"], "log": header["log"], "parts": 0, "size": 0, "type": "vidimus-export", "v": 1,
    }))];
    cases.file("of no entries", &finished(&empty), Some(sealed.log));
    cases.file(
        "of the header alone",
        &finished(&sealed.lines[..1]),
        Some(sealed.log),
    );
    // Nothing after a newer header can be judged, however odd it is.
    let strange = vec![
        written(&json!({"type": "vidimus-export", "v": 2})),
        b"anything".to_vec(),
    ];
    cases.file(
        "of a newer header and anything",
        &finished(&strange),
        Some(sealed.log),
    );
}

fn checkpoints(cases: &mut Cases, forge: &Forge, sealed: &Sealed) {
    let header = read(&sealed.lines[0]);
    let note = text(&header, "/checkpoint");
    let opened: Value = read(&sealed.lines[sealed.leaf_at(0)]);
    let origin = text(&opened, "/data/origin");
    let size = header["size"].as_u64().expect("a number");
    let mut tree = vidimus_ledger::tree::MemoryTree::new();
    for leaf in &sealed.lines[sealed.leaf_at(0)..sealed.parts_at()] {
        tree.push(leaf_hash(leaf));
    }
    let root = tree.root();
    let other_key = SigningKey::from_seed(&origin, &[8; 32]).expect("the origin is a name");
    let by_other = vidimus_ledger::checkpoint::sign(
        &vidimus_ledger::checkpoint::Checkpoint {
            origin: origin.clone(),
            size,
            root,
        },
        &other_key,
        1_795_260_000,
    );
    let signatures: Vec<&str> = note.lines().filter(|line| line.starts_with('—')).collect();
    let of_other: Vec<&str> = by_other
        .lines()
        .filter(|line| line.starts_with('—'))
        .collect();
    let body = note
        .split("\n\n")
        .next()
        .expect("a note has a text")
        .to_owned()
        + "\n";
    let with = |lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        format!("{body}\n{lines}")
    };
    let [plain, timed] = [signatures[0], signatures[1]];
    let witness = "— witness.example/w zrFh/mH50v86ShAu7CEiNinPN/gCmFjJoZ+WyU2CNHHRV8F8tDQMIrUXAFjwQFrwDYG3J3D5r/SjedNN5axGCali0Qo=";
    let many = |count: usize| {
        let mut lines = vec![plain, timed];
        lines.extend(vec![witness; count - 2]);
        with(&lines)
    };
    let mut notes = vec![
        ("as it was".to_owned(), note.clone()),
        ("by another key".into(), by_other.clone()),
        (
            "by both keys".into(),
            with(&[plain, timed, of_other[0], of_other[1]]),
        ),
        ("with the signatures swapped".into(), with(&[timed, plain])),
        ("without the time".into(), with(&[plain])),
        ("with the time alone".into(), with(&[timed])),
        (
            "with a signature twice".into(),
            with(&[plain, plain, timed]),
        ),
        ("with the time twice".into(), with(&[plain, timed, timed])),
        ("with a witness".into(), with(&[witness, plain, timed])),
        (
            "with a broken witness".into(),
            with(&["— w zrFh", plain, timed]),
        ),
        (
            "with a witness of a short signature".into(),
            with(&["— w AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness without a name".into(),
            with(&["—  AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with a plus".into(),
            with(&["— w+w AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with a no-break space".into(),
            with(&["— w\u{a0}w AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with a C1 character".into(),
            with(&["— w\u{85}w AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with DEL".into(),
            with(&["— w\u{7f}w AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with two spaces".into(),
            with(&["— w  AAAAAAA=", plain, timed]),
        ),
        (
            "with a witness with a word more".into(),
            with(&["— w AAAAAAA= x", plain, timed]),
        ),
        (
            "with a witness with trailing bits".into(),
            with(&["— w AAAAAAB=", plain, timed]),
        ),
        (
            "with a witness without padding".into(),
            with(&["— w AAAAAAA", plain, timed]),
        ),
        (
            "with a witness without a signature".into(),
            with(&["— w", plain, timed]),
        ),
        (
            "with a hyphen for a dash".into(),
            with(&["- w AAAAAAA=", plain, timed]),
        ),
        ("with a tab".into(), with(&["—\tw AAAAAAA=", plain, timed])),
        (
            "with a name of 255 bytes".into(),
            with(&[&format!("— {} AAAAAAA=", "w".repeat(255)), plain, timed]),
        ),
        (
            "with a name of 256 bytes".into(),
            with(&[&format!("— {} AAAAAAA=", "w".repeat(256)), plain, timed]),
        ),
        ("of 32 lines".into(), many(32)),
        ("of 33 lines".into(), many(33)),
        ("without signatures".into(), body.clone()),
        ("without its last line feed".into(), note.trim_end().into()),
        ("with an empty line after it".into(), format!("{note}\n")),
        (
            "with an empty line between".into(),
            with(&[plain, "", timed]),
        ),
        (
            "with an extension line".into(),
            note.replacen("\n\n", "\nextension\n\n", 1),
        ),
        ("empty".into(), String::new()),
        (
            "with a carriage return".into(),
            note.replacen('\n', "\r\n", 1),
        ),
        (
            "with DEL in the origin".into(),
            note.replacen("vidimus/", "vidimus\u{7f}", 1),
        ),
        (
            "of one entry less".into(),
            forge.checkpoint(
                &origin,
                size - 1,
                tree.root_at(size - 1).expect("it was that big"),
            ),
        ),
        (
            "of a larger log".into(),
            forge.checkpoint(&origin, size + 1, root),
        ),
        (
            "of another root".into(),
            forge.checkpoint(&origin, size, [1; 32]),
        ),
        (
            "of another origin".into(),
            forge.checkpoint("vidimus/0000000000000000", size, root),
        ),
        (
            "of an origin with something after it".into(),
            forge.checkpoint(&format!("{origin} x"), size, root),
        ),
        (
            "of no entries".into(),
            forge.checkpoint(&origin, 0, vidimus_ledger::tree::empty_root()),
        ),
    ];
    for length in [131_072, 131_073] {
        let witness = format!("— w {}\n", "A".repeat(4_000));
        let mut long = with(&[plain, timed]);
        while length - long.len() > 2 * witness.len() {
            long += &witness;
        }
        let rest = (length - long.len() - "— w \n".len()) / 4 * 4;
        let name = "w".repeat(1 + (length - long.len() - "— w \n".len()) % 4);
        long += &format!("— {name} {}\n", "A".repeat(rest));
        notes.push((format!("of {} bytes", long.len()), long));
    }
    for at in (0..note.len()).step_by(11) {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 2;
        if let Ok(other) = String::from_utf8(bytes) {
            notes.push((format!("with another bit in byte {at}"), other));
        }
    }
    for (name, note) in notes {
        let mut other = header.clone();
        other["checkpoint"] = json!(note);
        let mut lines = sealed.lines.clone();
        lines[0] = written(&other);
        cases.file(
            &format!("a checkpoint {name}"),
            &finished(&lines),
            Some(sealed.log),
        );
    }
    let key_of = |key: &str| {
        let mut content = forge.content.clone();
        content.leaves[0]["data"]["log_key"] = json!(key);
        content
    };
    let key = text(&opened, "/data/log_key");
    let (name, rest) = key.split_once('+').expect("a verifier key has parts");
    let (id, public) = rest.split_once('+').expect("a verifier key has parts");
    for other in [
        other_key.verifier().to_string(),
        format!("{name}+{}+{public}", id.to_uppercase()),
        format!("{name}+00000000+{public}"),
        format!("{name}+{id}+{public}="),
        format!("{name}+{id}"),
        format!("+{id}+{public}"),
        format!("{name}+0{id}+{public}"),
        format!("{name}+{id}+{}", public.trim_end_matches('=')),
        format!("{name} +{id}+{public}"),
        String::new(),
        SigningKey::from_seed("other", &[9; 32])
            .expect("a name")
            .verifier()
            .to_string(),
    ] {
        cases.sealed(
            &format!("a log key `{other}`"),
            &forge.seal(&key_of(&other)),
        );
    }
}

fn trailers(cases: &mut Cases, sealed: &Sealed) {
    let file = sealed.file();
    let end = file.len() - 79;
    let digest = read(&file[end..file.len() - 1])["sha256"].clone();
    for (name, trailer) in [
        ("of another digest", json!({"sha256": "00".repeat(32)})),
        (
            "in capitals",
            json!({"sha256": digest.as_str().map(str::to_uppercase)}),
        ),
        ("with a member more", json!({"more": 1, "sha256": digest})),
        ("empty", json!({})),
        ("a string", digest.clone()),
        ("of a newer version", json!({"sha256": digest, "v": 2})),
    ] {
        let other = [&file[..end], &written(&trailer), b"\n"].concat();
        cases.file(&format!("a trailer {name}"), &other, Some(sealed.log));
    }
    let spaced = [&file[..end], b"{ ", &file[end + 1..]].concat();
    cases.file("a trailer with a space", &spaced, Some(sealed.log));
    cases.file(
        "a trailer without its end",
        &file[..file.len() - 1],
        Some(sealed.log),
    );
}
