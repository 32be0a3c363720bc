//! Writes good and bad exports, and beside them what this crate's verifier says to each: the questions that a
//! second verifier, written from docs/spec alone, has to answer the same way. `tests/independent/agree.py`
//! asks them.
//!
//! `cargo run -p vidimus-verify --features testkit --example independent_cases -- FOLDER`; `cargo xtask test`
//! runs it as one of its steps.

mod acts;
mod authenticator;
mod contents;
mod fields;
mod files;
mod forge;
mod keys;
mod leaves;
mod life;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, sha256};
use vidimus_verify::export;

use crate::forge::{Content, Forge, Sealed};

/// Where cases are written.
pub(crate) struct Cases {
    folder: PathBuf,
    list: fs::File,
    written: BTreeSet<Digest>,
}

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let Some(folder) = folder else {
        return Err(std::io::Error::other(
            "name the folder to write the cases to",
        ));
    };
    let mut cases = Cases::create(&folder)?;
    life::write(&mut cases);
    systematic(&mut cases);
    acts::write(&mut cases);
    files::write(&mut cases);
    Ok(())
}

impl Cases {
    fn create(folder: &Path) -> std::io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            list: fs::File::create(folder.join("cases.jsonl"))?,
            written: BTreeSet::new(),
        })
    }

    /// A log under a right digest, judged with a trust file that names it.
    pub(crate) fn sealed(&mut self, name: &str, sealed: &Sealed) {
        self.file(name, &sealed.file(), Some(sealed.log));
    }

    /// Any file, judged with a trust file that names this log.
    pub(crate) fn file(&mut self, name: &str, file: &[u8], trust: Option<Digest>) {
        let trust = trust.map(|log| TrustFile::new(log).to_bytes());
        self.judged(name, file, trust.as_deref());
    }

    /// Any file and any trust file; the same bytes are written once.
    pub(crate) fn judged(&mut self, name: &str, file: &[u8], trust: Option<&[u8]>) {
        let id = sha256(&[file, b"\0", trust.unwrap_or_default()]);
        if !self.written.insert(id) {
            return;
        }
        let text = trust.map(String::from_utf8_lossy);
        let mut line = json!({"name": name, "file": format!("{}.vidimus", &id.to_string()[..16]), "trust": text});
        let answer = match trust.map(TrustFile::parse).transpose() {
            Ok(trust) => {
                let report =
                    export::verify(file, trust.as_ref(), |_| {}).expect("memory can be read");
                let wrong = report.wrong.as_ref();
                json!({
                    "code": report.conclusion.exit_code(),
                    "check": wrong.map(|wrong| wrong.check),
                    "entry": wrong.and_then(|wrong| wrong.entry),
                    "why": wrong.map(|wrong| wrong.why.clone()).or(report.upgrade),
                })
            }
            // What `vidimus verify` says to a trust file that it cannot take.
            Err(error) => {
                json!({"code": 2, "check": null, "entry": null, "why": error.to_string()})
            }
        };
        if let (Some(line), Value::Object(answer)) = (line.as_object_mut(), answer) {
            line.extend(answer);
        }
        let path = self
            .folder
            .join(line["file"].as_str().expect("just put there"));
        fs::write(path, file)
            .and_then(|()| writeln!(self.list, "{line}"))
            .expect("the folder can be written to");
    }
}

/// Every field of every kind of entry, every part line, and the order of entries.
fn systematic(cases: &mut Cases) {
    let mut seen_kinds = BTreeSet::new();
    for (name, forge) in life::good() {
        let others = strings(&forge.content);
        for index in 0..forge.content.leaves.len() {
            let leaf = &forge.content.leaves[index];
            // One entry of each kind and of each outcome is enough.
            let sort = [
                "/kind",
                "/data/resolution",
                "/data/evaluation/decision",
                "/data/signed/item/verdict",
            ]
            .map(|place| leaf.pointer(place).cloned().unwrap_or_default().to_string());
            if seen_kinds.insert(sort) {
                every_field(
                    cases,
                    &forge,
                    &format!("{name}, entry {index}"),
                    &others,
                    |content| &mut content.leaves[index],
                );
            }
            order(cases, &forge, &name, index);
        }
        // The parts of one log with every part are enough.
        let parts = if name == "run" {
            0..forge.content.parts.len()
        } else {
            0..0
        };
        for index in parts {
            every_field(
                cases,
                &forge,
                &format!("{name}, part {index}"),
                &others,
                |content| &mut content.parts[index],
            );
        }
    }
}

fn every_field(
    cases: &mut Cases,
    forge: &Forge,
    name: &str,
    others: &[String],
    whose: impl Fn(&mut Content) -> &mut Value,
) {
    let original = whose(&mut forge.content.clone()).clone();
    for place in fields::places(&original) {
        let value = original.pointer(&place).expect("it was found there");
        for (change, new) in fields::changes(value, others) {
            let mut content = forge.content.clone();
            fields::put(whose(&mut content), &place, new);
            let name = format!("{name}, {place} {change}");
            cases.sealed(&name, &forge.seal(&content));
            if change == "longer" {
                cases.sealed(
                    &format!("{name}, the rest as it was"),
                    &forge.seal_tree(&content),
                );
            }
        }
    }
}

/// The entry left out, twice, swapped with the next, and moved to the end.
fn order(cases: &mut Cases, forge: &Forge, name: &str, index: usize) {
    type Move = fn(&mut Vec<usize>, usize);
    let moves: [(&str, Move); 4] = [
        ("left out", |order, at| {
            order.remove(at);
        }),
        ("twice", |order, at| order.insert(at, at)),
        ("again at the end", |order, at| order.push(at)),
        ("swapped with the next", |order, at| {
            let next = (at + 1) % order.len();
            order.swap(at, next);
        }),
    ];
    for (what, change) in moves {
        let mut order: Vec<usize> = (0..forge.content.leaves.len()).collect();
        change(&mut order, index);
        if !order.is_empty() {
            let name = format!("{name}, entry {index} {what}");
            cases.sealed(&name, &forge.seal_tree(&reordered(&forge.content, &order)));
        }
    }
}

/// The entries in another order; times stay where they are, references and parts go with their entry.
fn reordered(content: &Content, order: &[usize]) -> Content {
    let mut new = content.clone();
    let place = |old: &Value| {
        let old = old.as_u64().and_then(|at| usize::try_from(at).ok());
        order.iter().position(|at| Some(*at) == old)
    };
    new.leaves = order.iter().map(|at| content.leaves[*at].clone()).collect();
    for (at, leaf) in new.leaves.iter_mut().enumerate() {
        let clock = content.leaves.get(at).or(content.leaves.last());
        leaf["time"] = clock.expect("a log has entries")["time"].clone();
        for reference in leaf["refs"].as_array_mut().into_iter().flatten() {
            reference["index"] = json!(place(&reference["index"]).unwrap_or(0));
        }
    }
    new.parts.retain_mut(|part| {
        let at = place(&part["index"]);
        part["index"] = json!(at);
        at.is_some()
    });
    new.parts.sort_by_key(|part| part["index"].as_u64());
    new
}

/// Every string of the log, to be put where it does not belong.
fn strings(content: &Content) -> Vec<String> {
    let all = content.leaves.iter().flat_map(|leaf| {
        let places = fields::places(leaf).into_iter();
        places.filter_map(|place| leaf.pointer(&place)?.as_str().map(str::to_owned))
    });
    all.collect::<BTreeSet<_>>().into_iter().collect()
}
