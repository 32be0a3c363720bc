//! Full verification of an export, beside what no verifier can leave out.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;
use vidimus_ledger::tree::{MemoryTree, leaf_hash};
use vidimus_protocol::entry::{Data, Parsed};
use vidimus_protocol::{Blob, Digest, Leaf, sha256};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::export;
use vidimus_verify::testkit::Story;

use crate::report::row;

const ENTRIES: u64 = 100_000;
const RUNS: usize = 15;

/// `vidimus verify --trust` on an export, in memory. The floor is what no
/// verifier can leave out, on as many threads: each line read once as JSON, the
/// parts decoded, the file's digest, leaf hashes and tree, part commits, ES256
/// signatures.
pub(crate) fn full_verification() -> Value {
    eprintln!("making a log of {ENTRIES} entries");
    let mut story = Story::new(1, Algorithm::Es256);
    story.run_until(ENTRIES);
    let file = story.export();
    let trust = story.trust();
    let mut best_floor = Duration::MAX;
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        floor_of(&story, &file);
        best_floor = best_floor.min(start.elapsed());
        let start = Instant::now();
        let report = export::verify(file.as_slice(), Some(&trust), |_| {}).unwrap();
        best = best.min(start.elapsed());
        assert_eq!(report.conclusion.exit_code(), 0, "{report:?}");
    }
    let (value, floor) = (best.as_secs_f64(), best_floor.as_secs_f64());
    let ratio = floor / value;
    row(
        "full verification of 100,000 entries",
        "s",
        value,
        floor,
        ratio,
        "floor / value ≥ 0.8",
        ratio >= 0.8,
    )
}

/// What a part's line has to be decoded for.
#[derive(serde::Deserialize)]
struct PartContent {
    bytes: Blob,
    salt: Digest,
}

fn floor_of(story: &Story, file: &[u8]) {
    let key = &story.key.public_key().0;
    // An ES256 COSE key ends in x (32 bytes), its label and head, y (32 bytes).
    let (x, y) = (&key[key.len() - 67..key.len() - 35], &key[key.len() - 32..]);
    let point = [&[4], x, y].concat();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let lines: Vec<&[u8]> = file
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let parts_from = lines.len() - 1 - story.parts().len();
    let (entries, parts) = lines[..lines.len() - 1].split_at(parts_from);
    let read = |line: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(line).unwrap();
    let read_part = |line: &[u8]| {
        let part: PartContent = serde_json::from_slice(line).unwrap();
        sha256(&[&part.salt.0, &part.bytes.0])
    };
    let share = story.leaves().len().div_ceil(threads);
    let mut tree = MemoryTree::new();
    std::thread::scope(|scope| {
        let hashed: Vec<_> = story
            .leaves()
            .chunks(share)
            .map(|leaves| {
                let point = &point;
                scope.spawn(move || {
                    leaves
                        .iter()
                        .map(|leaf| floor_of_leaf(leaf, point))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let halves = [
            entries.split_at(entries.len() / 2),
            parts.split_at(parts.len() / 2),
        ];
        let work = move |entries: &[&[u8]], parts: &[&[u8]]| {
            for line in entries {
                black_box(read(line));
            }
            for line in parts {
                black_box(read_part(line));
            }
        };
        let half = scope.spawn(move || work(halves[0].0, halves[1].0));
        work(halves[0].1, halves[1].1);
        half.join().unwrap();
        black_box(sha256(&[file]));
        for part in hashed {
            tree.extend(part.join().unwrap());
        }
    });
    black_box(tree.root());
}

fn floor_of_leaf(leaf: &[u8], point: &[u8]) -> [u8; 32] {
    if leaf.windows(13).any(|window| window == b"verdict.given") {
        let Ok(Parsed::Known(Leaf {
            data: Data::VerdictGiven(given),
            ..
        })) = Leaf::parse(leaf)
        else {
            return leaf_hash(leaf);
        };
        let assertion = &given.signed.assertion;
        let hash = sha256(&[&assertion.client_data_json.0]);
        let message = [assertion.authenticator_data.0.as_slice(), &hash.0].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(&message, &assertion.signature.0)
            .unwrap();
    }
    leaf_hash(leaf)
}
