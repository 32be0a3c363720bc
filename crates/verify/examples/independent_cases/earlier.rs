//! Earlier checkpoints: of this log, of another, of one with two histories, in every form that a file may have.

use serde_json::json;
use vidimus_ledger::note::SigningKey;
use vidimus_ledger::tree::{MemoryTree, empty_root, leaf_hash};
use vidimus_protocol::Digest;
use vidimus_protocol::trust::TrustFile;

use crate::Cases;
use crate::forge::{Forge, Sealed, read, text, written};
use crate::life;

pub(crate) fn write(cases: &mut Cases) {
    let good = life::good();
    let sealed = |wanted: &str| {
        let found = good.iter().find(|(name, _)| name == wanted);
        let (_, forge) = found.expect("a good log has this name");
        (forge, forge.sealed())
    };
    let (forge, run) = sealed("run");
    let texts = texts(forge, &run);
    for (name, earlier) in &texts {
        case(cases, &run, &format!("earlier: {name}"), earlier);
    }
    // Logs of one key that parted after their third entry, and one that went on.
    for (name, forge) in &good {
        let other = forge.sealed();
        case(
            cases,
            &run,
            &format!("earlier: the checkpoint of `{name}`"),
            &note(&other),
        );
        case(
            cases,
            &other,
            &format!("{name}, earlier: the checkpoint of a run"),
            &note(&run),
        );
    }
    // What is wrong with the export itself goes before; so does an anchor that does not hold.
    let later = forge.checkpoint(&origin(&run), 1_000, [1; 32]);
    let mut broken = run.lines.clone();
    let last = broken.len() - 1;
    broken[last].push(b' ');
    let trust = TrustFile::new(run.log).to_bytes();
    let broken = crate::forge::finished(&broken);
    cases.judged(
        "earlier: a later one, of a broken export",
        &broken,
        Some(&trust),
        Some(&later),
    );
    let other = TrustFile::new(Digest([7; 32])).to_bytes();
    cases.judged(
        "earlier: a later one, under another trust file",
        &run.file(),
        Some(&other),
        Some(&later),
    );
    // Entries that cannot be judged.
    for entry in [0, 4] {
        let mut content = forge.content.clone();
        content.leaves[entry] = json!({"kind": "tea.made", "v": 1});
        content
            .parts
            .retain(|part| part["index"].as_u64() < Some(4) && entry > 0);
        let unknown = forge.seal_tree(&content);
        for (name, earlier) in &texts {
            let name = format!("entry {entry} unknown, earlier: {name}");
            case(cases, &unknown, &name, earlier);
        }
        case(
            cases,
            &unknown,
            &format!("entry {entry} unknown, earlier: its own"),
            &note(&unknown),
        );
    }
}

fn case(cases: &mut Cases, sealed: &Sealed, name: &str, earlier: &str) {
    let trust = TrustFile::new(sealed.log).to_bytes();
    cases.judged(name, &sealed.file(), Some(&trust), Some(earlier));
    cases.judged(
        &format!("{name}, without trust"),
        &sealed.file(),
        None,
        Some(earlier),
    );
}

fn note(sealed: &Sealed) -> String {
    text(&read(&sealed.lines[0]), "/checkpoint")
}

fn origin(sealed: &Sealed) -> String {
    text(&read(&sealed.lines[sealed.leaf_at(0)]), "/data/origin")
}

fn texts(forge: &Forge, sealed: &Sealed) -> Vec<(String, String)> {
    let origin = origin(sealed);
    let mut tree = MemoryTree::new();
    for leaf in &sealed.lines[sealed.leaf_at(0)..sealed.parts_at()] {
        tree.push(leaf_hash(leaf));
    }
    let whole = note(sealed);
    let mut texts = vec![
        (
            "of no entries".into(),
            forge.checkpoint(&origin, 0, empty_root()),
        ),
        (
            "of no entries and another root".into(),
            forge.checkpoint(&origin, 0, [1; 32]),
        ),
        (
            "of the largest size".into(),
            forge.checkpoint(&origin, u64::MAX, [1; 32]),
        ),
        (
            "of another origin".into(),
            forge.checkpoint("vidimus/other", 3, tree.root_at(3).expect("so big")),
        ),
        (
            "of another origin, root and size".into(),
            forge.checkpoint("vidimus/other", 1_000, [1; 32]),
        ),
    ];
    for size in 1..=tree.size() + 2 {
        let root = tree.root_at(size).unwrap_or([1; 32]);
        texts.push((format!("of {size}"), forge.checkpoint(&origin, size, root)));
        texts.push((
            format!("of {size} with another root"),
            forge.checkpoint(&origin, size, [1; 32]),
        ));
    }
    let other_key = SigningKey::from_seed(&origin, &[8; 32]).expect("the origin is a name");
    for size in [3, 1_000] {
        let checkpoint = vidimus_ledger::checkpoint::Checkpoint {
            origin: origin.clone(),
            size,
            root: tree.root_at(3).expect("so big"),
        };
        let by_other = vidimus_ledger::checkpoint::sign(&checkpoint, &other_key, 1_795_260_000);
        texts.push((format!("of {size} by another key"), by_other));
    }
    let header = String::from_utf8(sealed.lines[0].clone()).expect("JSON");
    let file = String::from_utf8(sealed.file()).expect("JSON lines");
    let newer = header.replace("\"v\":1}", "\"v\":2}");
    for (name, text) in [
        ("in an export", file.clone()),
        ("in a header", header.clone()),
        ("in a header with a line feed", format!("{header}\n")),
        ("in a header and anything", format!("{header}\nanything")),
        (
            "in an export cut in its entries",
            file[..file.len() / 2].to_owned(),
        ),
        ("in a header cut", header[..header.len() / 2].to_owned()),
        ("in a header with a space", format!("{header} \n")),
        ("in a header with a space before it", format!(" {header}\n")),
        ("in a newer header", newer),
        (
            "in a header of no entries",
            header.replace(&format!("\"size\":{}", sealed.size), "\"size\":0"),
        ),
        (
            "in a header of another size",
            header.replace(&format!("\"size\":{}", sealed.size), "\"size\":2"),
        ),
        (
            "in a header of another log",
            header.replace(&sealed.log.to_string(), &"11".repeat(32)),
        ),
        (
            "in JSON",
            String::from_utf8(written(&json!({"checkpoint": whole}))).expect("JSON"),
        ),
        (
            "in a string",
            String::from_utf8(written(&json!(whole))).expect("JSON"),
        ),
        ("without its last line feed", whole.trim_end().to_owned()),
        ("with a line feed more", format!("{whole}\n")),
        ("with a space before it", format!(" {whole}")),
        ("with a BOM", format!("\u{feff}{whole}")),
        ("with carriage returns", whole.replace('\n', "\r\n")),
        (
            "without signatures",
            whole.split("\n\n").next().unwrap_or_default().to_owned() + "\n",
        ),
        ("with a broken signature", whole.replacen("= ", "A ", 1)),
        (
            "with an extension line",
            whole.replacen("\n\n", "\nextension\n\n", 1),
        ),
        ("empty", String::new()),
        (
            "a trust file",
            String::from_utf8(TrustFile::new(sealed.log).to_bytes()).expect("JSON"),
        ),
        ("a line", "x\n".into()),
    ] {
        texts.push((name.into(), text));
    }
    texts
}
