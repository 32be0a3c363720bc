//! Measures what the product promises, as ratios to a floor of the same run.
//!
//! `cargo xtask bench` runs it and renders `docs/BENCHMARKS.md`. Rows have a
//! name, a value and a floor in one unit, their ratio, and a goal. One file a
//! subject; the console's rows are an example of its own crate.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::cast_precision_loss)]

mod agents;
mod concurrent;
mod feed;
mod footprint;
mod policy;
mod proposals;
mod raw;
mod release;
mod report;
#[path = "../../tests/support/mod.rs"]
mod support;
mod verification;

use std::path::Path;

use serde_json::json;

/// As in `vidimus`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: bench --out FILE --vidimus PROGRAM --idle PROGRAM [--only SUBJECT]";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [agents::SERVER] {
        return agents::serve();
    }
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let only = match arguments[..] {
        [.., "--only", only] => Some(only),
        _ => None,
    };
    if only.is_some() {
        arguments.truncate(arguments.len() - 2);
    }
    let ["--out", out, "--vidimus", vidimus, "--idle", idle] = arguments[..] else {
        panic!("{USAGE}");
    };
    let (out, vidimus, idle) = (Path::new(out), Path::new(vidimus), Path::new(idle));
    let wanted = |subject: &str| only.is_none_or(|only| only == subject);
    let folder = tempfile::tempdir_in(out.parent().unwrap()).unwrap();
    let folder = folder.path();
    let machine = json!({
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "system": std::fs::read_to_string("/proc/version").unwrap_or_default().split(" (").next(),
    });
    let mut rows = Vec::new();
    let mut one_at_a_time = None;
    if wanted("proposals") {
        // It keeps to one processor, on a thread that ends with it.
        let (row, rate) = proposals::durable_proposals(folder);
        rows.push(row);
        one_at_a_time = Some(rate);
    }
    if let Some(one_at_a_time) = one_at_a_time {
        rows.extend(concurrent::concurrent_proposals(folder, one_at_a_time).await);
    }
    if wanted("verification") {
        rows.push(verification::full_verification());
    }
    if wanted("release") {
        rows.push(release::verdict_to_child(folder, vidimus).await);
    }
    if wanted("agents") {
        rows.extend(agents::passing_calls(folder, vidimus));
        rows.extend(agents::held_calls(folder, vidimus).await);
    }
    if wanted("policy") {
        rows.extend(policy::evaluations(folder));
    }
    if wanted("feed") {
        rows.push(feed::one_client(folder));
        rows.extend(feed::thousand_clients(folder).await);
    }
    if wanted("footprint") {
        rows.extend(footprint::footprint(folder, vidimus, idle));
    }
    assert!(!rows.is_empty(), "{USAGE}: no such subject");
    let report = json!({ "machine": machine, "rows": rows });
    std::fs::write(out, serde_json::to_vec_pretty(&report).unwrap()).unwrap();
}
