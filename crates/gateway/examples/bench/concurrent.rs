//! Proposals of many clients at a time, beside one at a time and beside SQLite.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::{Connection as Sqlite, params};
use serde_json::Value;

use crate::raw::{self, Connection};
use crate::report::row;
use crate::support::{self, World};

/// Connections, each with one proposal in flight.
const CLIENTS: usize = 256;
/// Proposals of a connection, one after the other.
const EACH: usize = 16;
/// Agents that the connections belong to: one may have 1,000 pending actions.
const AGENTS: usize = 8;
const ROUNDS: usize = 7;
/// Rows of a transaction in SQLite's own rate.
const BATCH: usize = 100;
/// As the gateway's store: pages that the write-ahead log has room for.
const WAL_PAGES: usize = 1024;

/// Each proposal is acknowledged: committed, signed, proven. The clients share
/// one thread, the gateway runs as in `vidimus gateway`.
pub(crate) async fn concurrent_proposals(folder: &Path, one_at_a_time: f64) -> [Value; 2] {
    let (mut rates, mut writers, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    let total = (CLIENTS * EACH) as f64;
    for round in 0..ROUNDS {
        let ledger = folder.join(format!("concurrent-{round}"));
        let (took, busy) = propose_all(&ledger).await;
        rates.push(total / took.as_secs_f64());
        writers.push(total / busy);
        let copy = folder.join(format!("sqlite-{round}.db"));
        floors.push(total / insert_all(&ledger.join("gateway.db"), &copy).as_secs_f64());
    }
    let (value, writer, floor) = (middle(rates), middle(writers), middle(floors));
    let ratio = value / one_at_a_time;
    let to_one = row(
        "durable proposals of 256 clients, beside one at a time",
        "proposals/s",
        value,
        one_at_a_time,
        ratio,
        "≥ 10 × one at a time",
        ratio >= 10.0,
    );
    let ratio = writer / floor;
    let to_sqlite = row(
        "entries of 256 clients, group-committed by the one writer",
        "entries/s",
        writer,
        floor,
        ratio,
        "≥ 0.3 of SQLite's rate in batches of 100",
        ratio >= 0.3,
    );
    [to_one, to_sqlite]
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// How long all of them took, and how many seconds of that the writer was at
/// work.
async fn propose_all(ledger: &Path) -> (Duration, f64) {
    let world = World::new(ledger).await;
    let port = world.gateway.port();
    let mut requests: Vec<Vec<Vec<u8>>> = Vec::new();
    for _ in 0..AGENTS {
        let agent = world.connect().await;
        requests.extend((0..CLIENTS / AGENTS).map(|client| {
            let request = |turn: usize| {
                let words = ["deploy", &client.to_string(), &turn.to_string()];
                raw::proposal(port, &agent.token, &support::proposal(&words))
            };
            (0..EACH).map(request).collect()
        }));
    }
    let before = busy(port).await;
    // A thread of their own: it keeps its priority to its end.
    let clients = std::thread::spawn(move || {
        // Elsewhere they have processors of their own.
        rustix::process::setpriority_process(None, 10).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut clients = Vec::new();
            for requests in requests {
                clients.push((Connection::open(port).await, requests));
            }
            let start = Instant::now();
            let mut running = tokio::task::JoinSet::new();
            for (mut connection, requests) in clients {
                running.spawn(async move {
                    for request in requests {
                        connection.call(&request, "201").await;
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
            start.elapsed()
        })
    });
    let took = tokio::task::spawn_blocking(|| clients.join().unwrap())
        .await
        .unwrap();
    let busy = busy(port).await - before;
    world.stop().await;
    (took, busy)
}

/// Seconds that the gateway's writer has been at work.
async fn busy(port: u16) -> f64 {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let text = tokio::task::spawn_blocking(move || {
        let mut reply = ureq::get(url).call().unwrap();
        reply.body_mut().read_to_string().unwrap()
    });
    let text = text.await.unwrap();
    let name = "vidimus_sequencer_busy_seconds_total ";
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

/// The same rows into the same tables with the same settings.
fn insert_all(ledger: &Path, copy: &Path) -> Duration {
    let ledger = Sqlite::open(ledger).unwrap();
    let all = |query: &str| ledger.prepare(query).unwrap();
    let schema: Vec<String> = all("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let proposals = "WHERE leaf LIKE '%\"kind\":\"action.proposed\"%'";
    let leaves: Vec<(i64, Vec<u8>)> = all(&format!("SELECT idx, leaf FROM leaves {proposals}"))
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(leaves.len(), CLIENTS * EACH, "every proposal was logged");
    let entries: Vec<(i64, Vec<u8>, Vec<Part>)> = leaves
        .into_iter()
        .map(|(index, leaf)| {
            let parts =
                all("SELECT id, name, type, salt, bytes FROM parts WHERE id >= ?1 AND id < ?1 + 8")
                    .query_map([index * 8], |row| {
                        Ok((
                            row.get(0)?,
                            row.get(1)?,
                            row.get(2)?,
                            row.get(3)?,
                            row.get(4)?,
                        ))
                    })
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
            (index, leaf, parts)
        })
        .collect();

    let mut sqlite = Sqlite::open(copy).unwrap();
    sqlite.pragma_update(None, "journal_mode", "WAL").unwrap();
    sqlite.pragma_update(None, "synchronous", "FULL").unwrap();
    sqlite.execute_batch(&schema.join(";")).unwrap();
    sqlite.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let filler = format!("INSERT INTO filler VALUES (zeroblob({}))", WAL_PAGES * 4096);
    sqlite.execute(&filler, []).unwrap();
    restart(&sqlite);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Processors share units and caches. The gateway's writer has a
        // neighbour that reads requests; so does this one.
        scope.spawn(|| {
            for (_, leaf, _) in entries.iter().cycle() {
                black_box(serde_json::from_slice::<Value>(leaf).unwrap());
                if done.load(Relaxed) {
                    return;
                }
            }
        });
        let start = Instant::now();
        insert(&mut sqlite, &entries);
        let took = start.elapsed();
        done.store(true, Relaxed);
        took
    })
}

fn restart(sqlite: &Sqlite) {
    sqlite
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .unwrap();
}

fn insert(sqlite: &mut Sqlite, entries: &[(i64, Vec<u8>, Vec<Part>)]) {
    let mut pages = 0;
    for batch in entries.chunks(BATCH) {
        let transaction = sqlite.transaction().unwrap();
        {
            let mut leaf_in = transaction
                .prepare_cached("INSERT INTO leaves VALUES (?1, ?2)")
                .unwrap();
            let mut part_in = transaction
                .prepare_cached("INSERT INTO parts VALUES (?1, ?2, ?3, ?4, ?5)")
                .unwrap();
            for (index, leaf, parts) in batch {
                leaf_in.execute(params![index, leaf]).unwrap();
                pages += leaf.len();
                for (id, name, kind, salt, bytes) in parts {
                    part_in
                        .execute(params![id, name, kind, salt, bytes])
                        .unwrap();
                    pages += bytes.len();
                }
            }
        }
        transaction.commit().unwrap();
        if pages / 4096 > WAL_PAGES {
            restart(sqlite);
            pages = 0;
        }
    }
}

/// id, name, type, salt, bytes
type Part = (i64, String, String, Vec<u8>, Vec<u8>);
