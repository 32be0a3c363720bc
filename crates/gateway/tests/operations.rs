//! What those who look after a gateway ask it: health, numbers, a copy of the ledger.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prometheus_parse::{Scrape, Value as Sampled};
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::{Value, json};
use support::{World, commit, content, now, proposal, serve};
use vidimus_gateway::{BackupError, Clock, Gateway, GuardError, OpenError};
use vidimus_protocol::Time;
use vidimus_protocol::entry::Outcome;
use vidimus_protocol::envelope::Verdict;

const PATIENCE: Duration = Duration::from_secs(60);

/// The machine's clocks, and how far somebody turned the wall clock.
#[derive(Default)]
struct Turned(Mutex<u64>);

impl Clock for Turned {
    fn wall(&self) -> Time {
        Time::from_unix_ms(now().unix_ms() + *self.0.lock().unwrap())
    }

    fn boot(&self) -> Duration {
        vidimus_gateway::SystemClock.boot()
    }
}

/// Waits until `/healthz` answers that.
async fn health(world: &World, wanted: Result<(), &str>) {
    let began = Instant::now();
    loop {
        let reply = world.call(Method::GET, "/healthz", None, None).await;
        let found = match reply.status {
            200 => {
                assert_eq!(reply.json::<Value>(), json!({ "status": "ok" }));
                Ok(())
            }
            _ => Err(reply.refused()),
        };
        if found.as_ref().map_err(String::as_str).copied() == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{found:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Turned::default());
    let fresh = serve(support::config_with(folder.path(), clock.clone()));
    let world = fresh.found(now()).await;
    health(&world, Ok(())).await;
    *clock.0.lock().unwrap() = 600_000;
    health(&world, Err("clock")).await;
    *clock.0.lock().unwrap() = 0;
    health(&world, Ok(())).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (_, first) = world.propose(&agent, &["before"]).await;

    // A file that refuses every entry, until it is mended.
    let side = rusqlite::Connection::open(folder.path().join("gateway.db")).unwrap();
    side.execute_batch(
        "CREATE TRIGGER refuses BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .unwrap();
    let refused = world
        .post("/v1/actions", &agent.token, &proposal(&["refused"]))
        .await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.refused(), "store");
    health(&world, Err("store")).await;
    // While the disk is in question nothing is tried, and all of it is said.
    let at_once = world
        .post("/v1/actions", &agent.token, &proposal(&["refused too"]))
        .await;
    assert_eq!(at_once.refused(), "store");
    let scraped = Scraped::of(&world).await;
    assert_eq!(scraped.value("vidimus_ready", &[]), 0.0);
    assert_eq!(
        scraped.value("vidimus_ledger_write_failures_total", &[]),
        1.0
    );
    side.execute_batch("DROP TRIGGER refuses").unwrap();
    health(&world, Ok(())).await;
    let (_, second) = world.propose(&agent, &["after"]).await;
    assert_eq!(second.entries[0].index, first.entries[0].index + 1);

    // Memory and disk contradict each other: there is no way on.
    side.execute_batch(
        "CREATE TRIGGER refuses BEFORE INSERT ON leaves BEGIN SELECT RAISE(ABORT, 'no'); END;
         UPDATE leaves SET leaf = x'7b7d' WHERE idx = 1",
    )
    .unwrap();
    let refused = world
        .post("/v1/actions", &agent.token, &proposal(&["never"]))
        .await;
    assert_eq!(refused.refused(), "gateway_closed");
    health(&world, Err("sequencer_gone")).await;
    world.stop().await;
}

/// One scrape: the value of each sample by name and labels.
struct Scraped {
    text: String,
    samples: BTreeMap<String, f64>,
}

impl Scraped {
    async fn of(world: &World) -> Self {
        let url = format!("{}/metrics", world.gateway.url());
        let answer = world.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let text = answer.text().await.unwrap();
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = Scrape::parse(lines).unwrap();
        let mut samples = BTreeMap::new();
        for sample in scrape.samples {
            let mut labels: Vec<_> = sample
                .labels
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            labels.sort();
            let name = format!("{} {}", sample.metric, labels.join(" "));
            let value = match sample.value {
                Sampled::Counter(value) | Sampled::Gauge(value) | Sampled::Untyped(value) => value,
                Sampled::Histogram(buckets) => buckets.last().unwrap().count,
                Sampled::Summary(_) => panic!("{name} is no summary"),
            };
            assert!(
                samples.insert(name.clone(), value).is_none(),
                "{name} twice"
            );
        }
        for name in samples.keys() {
            assert!(name.starts_with("vidimus_"), "{name}");
        }
        Self { text, samples }
    }

    #[track_caller]
    fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let name = format!("{name} {}", labels.join(" "));
        *self
            .samples
            .get(&name)
            .unwrap_or_else(|| panic!("no `{name}` in\n{}", self.text))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_tell_the_story_and_nothing_else() {
    const NEEDLE: &str = "needle-in-a-haystack";
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path()).await;
    let agent = world.connect().await;
    let (propose, ack) = world.propose(&agent, &[NEEDLE]).await;
    world.decide(&ack, Verdict::Approve, NEEDLE).await;
    let permit: Value = world.permit(&agent, propose.action).await.json();
    let redeem = json!({ "permit": permit["permit"], "action_digest": commit(&propose.payload) });
    let path = format!("/v1/actions/{}/redeem", propose.action);
    assert_eq!(world.post(&path, &agent.token, &redeem).await.status, 200);
    let report = json!({
        "duration_ms": 12, "outcome": Outcome::Exited { code: 3 }, "output_omitted": 0,
        "output": content("application/octet-stream", NEEDLE.as_bytes()),
    });
    let path = format!("/v1/actions/{}/outcome", propose.action);
    assert_eq!(world.post(&path, &agent.token, &report).await.status, 200);
    let (_, denied) = world.propose(&agent, &[NEEDLE]).await;
    world.decide(&denied, Verdict::Deny, NEEDLE).await;
    let (pending, _) = world.propose(&agent, &[NEEDLE]).await;

    // Somebody waits, and somebody asks for what is not there.
    let waiting = {
        let url = format!(
            "{}/v1/actions/{}?wait=30",
            world.gateway.url(),
            pending.action
        );
        let request = world.http.get(url).bearer_auth(&agent.token);
        tokio::spawn(async move { request.send().await })
    };
    for unknown in 0..40 {
        let path = format!("/v1/{NEEDLE}/{unknown}");
        let method = Method::from_bytes(format!("{}{unknown}", "NEEDLE").as_bytes()).unwrap();
        let reply = world.call(method, &path, None, None).await;
        assert!(reply.status >= 400);
    }
    let began = Instant::now();
    let scraped = loop {
        let scraped = Scraped::of(&world).await;
        if scraped.value("vidimus_waiting_clients", &[]) == 1.0 {
            break scraped;
        }
        assert!(began.elapsed() < PATIENCE, "{}", scraped.text);
    };
    waiting.abort();

    let value = |name: &str, labels: &[&str]| scraped.value(name, labels);
    for (kind, logged) in [
        ("log.opened", 1.0),
        ("credential.enrolled", 1.0),
        ("agent.registered", 1.0),
        ("action.proposed", 3.0),
        ("verdict.given", 2.0),
        ("action.resolved", 2.0),
        ("permit.issued", 1.0),
        ("permit.redeemed", 1.0),
        ("action.completed", 1.0),
    ] {
        let label = format!("kind={kind}");
        assert_eq!(value("vidimus_entries_total", &[&label]), logged, "{kind}");
    }
    assert_eq!(value("vidimus_verdicts_total", &["verdict=approve"]), 1.0);
    assert_eq!(value("vidimus_verdicts_total", &["verdict=deny"]), 1.0);
    assert_eq!(
        value("vidimus_resolutions_total", &["resolution=approved"]),
        1.0
    );
    assert_eq!(
        value("vidimus_resolutions_total", &["resolution=denied"]),
        1.0
    );
    assert_eq!(value("vidimus_outcomes_total", &["outcome=failed"]), 1.0);
    assert_eq!(value("vidimus_actions_pending", &[]), 1.0);
    assert_eq!(value("vidimus_ledger_entries", &[]), 13.0);
    assert_eq!(value("vidimus_ready", &[]), 1.0);
    assert_eq!(value("vidimus_feed_clients", &[]), 0.0);
    assert_eq!(value("vidimus_ledger_write_failures_total", &[]), 0.0);
    assert_eq!(value("vidimus_refusals_total", &["code=not_found"]), 40.0);
    let proposed = ["method=POST", "route=/v1/actions", "status=201"];
    assert_eq!(
        value("vidimus_http_request_duration_seconds", &proposed),
        3.0
    );
    let unmatched = ["method=other", "route=unmatched", "status=404"];
    assert_eq!(
        value("vidimus_http_request_duration_seconds", &unmatched),
        40.0
    );
    assert!(value("vidimus_commit_duration_seconds", &[]) >= 8.0);
    assert!(value("vidimus_commit_entries", &[]) >= 8.0);
    assert!(value("vidimus_sequencer_busy_seconds_total", &[]) > 0.0);
    assert!(value("vidimus_ledger_size_bytes", &[]) > 4_000_000.0);
    assert!(value("vidimus_ledger_wal_size_bytes", &[]) > 4_000_000.0);
    assert!(value("vidimus_disk_free_bytes", &[]) > 0.0);
    assert!(value("vidimus_checkpoint_age_seconds", &[]) < 120.0);
    let version = format!("version={}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value("vidimus_build_info", &[&version]), 1.0);

    let lower = scraped.text.to_lowercase();
    let ids = [
        pending.action.to_string(),
        agent.agent.to_string(),
        agent.token,
    ];
    for secret in ids.iter().map(String::as_str).chain([NEEDLE, "needle"]) {
        assert!(!lower.contains(&secret.to_lowercase()), "{secret}");
    }
    let documented = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md"),
    )
    .unwrap();
    let names: HashSet<_> = scraped
        .samples
        .keys()
        .filter_map(|name| name.split(' ').next())
        .map(|name| name.trim_end_matches("_count").trim_end_matches("_sum"))
        .collect();
    for name in names {
        assert!(
            documented.contains(&format!("`{name}`")),
            "{name} is not in docs/OPERATIONS.md"
        );
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_to_loopback_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = serve(support::config(folder.path()));
    for path in ["/healthz", "/metrics"] {
        let url = format!("{}{path}", fresh.gateway.url());
        let asked = fresh.http.get(&url).header(HOST, "evil.example").send();
        assert_eq!(asked.await.unwrap().status(), 421, "{path}");
        let page = fresh
            .http
            .get(&url)
            .header("origin", "http://evil.example")
            .send();
        assert_eq!(page.await.unwrap().status(), 403, "{path}");
        assert_eq!(
            fresh.http.get(&url).send().await.unwrap().status(),
            200,
            "{path}"
        );
    }
    fresh.stop().await;
}

/// As `docs/OPERATIONS.md` says: the guard stays, all else is put aside.
fn restore(copy: &Path, dir: &Path) {
    for name in [
        "gateway.db",
        "gateway.db-wal",
        "gateway.db-shm",
        "keys.json",
        "port",
    ] {
        let _not_there = std::fs::remove_file(dir.join(name));
    }
    for name in ["gateway.db", "keys.json", "port"] {
        std::fs::copy(copy.join(name), dir.join(name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_is_resumed_unless_the_log_went_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("gateway");
    let missing = vidimus_gateway::backup(&dir, &folder.path().join("nothing"));
    assert!(matches!(missing, Err(BackupError::Missing { .. })));

    let world = World::new(&dir).await;
    let agent = world.connect().await;
    let url = world.gateway.url();
    let writer = {
        let (http, url, token) = (world.http.clone(), url.clone(), agent.token.clone());
        tokio::spawn(async move {
            for _ in 0..40 {
                let sent = http.post(format!("{url}/v1/actions")).bearer_auth(&token);
                let reply = sent.json(&proposal(&["x"])).send().await.unwrap();
                assert_eq!(reply.status(), 201);
            }
        })
    };
    let early = folder.path().join("early");
    let copied = {
        let (dir, early) = (dir.clone(), early.clone());
        tokio::task::spawn_blocking(move || vidimus_gateway::backup(&dir, &early).unwrap())
            .await
            .unwrap()
    };
    writer.await.unwrap();
    assert!(copied.entries >= 3 && copied.entries <= 43, "{copied:?}");
    let late = folder.path().join("late");
    let whole = vidimus_gateway::backup(&dir, &late).unwrap();
    assert_eq!(whole.entries, 43);
    let again = vidimus_gateway::backup(&dir, &late);
    assert!(
        matches!(again, Err(BackupError::File { .. })),
        "never written over"
    );
    let session = world.session.clone();
    assert_eq!(world.get("/v1/session", &session).await.status, 200);
    world.stop().await;

    for (path, mode) in [
        (&late, 0o700),
        (&late.join("keys.json"), 0o600),
        (&late.join("gateway.db"), 0o600),
    ] {
        let found = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
    assert!(!late.join("last-signed").exists());

    // The newest copy resumes; who was signed in signs in again.
    restore(&late, &dir);
    let resumed = serve(support::config(&dir));
    let reply = resumed
        .http
        .post(format!("{url}/v1/actions"))
        .bearer_auth(&agent.token)
        .json(&proposal(&["after"]));
    assert_eq!(reply.send().await.unwrap().status(), 201);
    let signed_in = resumed
        .http
        .get(format!("{url}/v1/session"))
        .bearer_auth(&session);
    assert_eq!(signed_in.send().await.unwrap().status(), 401);
    resumed.stop().await;
    assert_eq!(World::leaves(&dir).len(), 44);

    // An older one does not: others hold proofs of what is gone.
    restore(&late, &dir);
    match Gateway::open(support::config(&dir)) {
        Err(
            error @ OpenError::Guard(GuardError::Restored {
                ledger: 43,
                signed: 44,
            }),
        ) => {
            let words = error.to_string();
            assert!(words.contains("an older copy was restored"), "{words}");
        }
        other => panic!("{:?}", other.err()),
    }
}
