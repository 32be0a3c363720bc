//! A policy of a thousand rules: what it costs a proposal, beside Cedar alone.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityUid, PolicySet, Request, RestrictedExpression,
};
use serde_json::Value;
use vidimus_policy::{Approval, Inputs, PolicyFile, PolicyText, Set, replay};
use vidimus_protocol::action::{Action, Change, PAYLOAD_TYPE, POLICY_TYPE, Payload, Target};
use vidimus_protocol::api::{Ack, PolicyExtras, Propose};
use vidimus_protocol::entry::{Evaluation, Profile};
use vidimus_protocol::envelope::{ActType, PolicyItem};
use vidimus_protocol::id::ActionId;

use crate::report::{keep_to_one_processor, row};
use crate::support::{self, Forgery, World};

const POLICIES: usize = 1000;
const ENTITIES: usize = 10_000;
const SYSTEMS: usize = 190;
const TURNS: usize = 300;
const SYSTEM: &str = "db-42";

/// Fifty rules for everything, five for each of 190 systems.
fn policies() -> String {
    let propose = r#"permit (principal, action == Vidimus::Action::"propose", resource"#;
    let mut text = String::from(
        "@id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n",
    );
    for number in 0..POLICIES - SYSTEMS * 5 - 1 {
        let limit = 1000 + number;
        writeln!(
            text,
            "@id(\"any-{number}\") {propose}) when {{ context.last_hour < {limit} && context.kind != \"none-{number}\" }};"
        )
        .unwrap();
    }
    for system in 0..SYSTEMS {
        for rule in 0..5 {
            writeln!(
                text,
                "@id(\"db-{system}-{rule}\") @reason(\"required\") {propose} in Vidimus::System::\"db-{system}\") when {{ context.effects.contains(\"unknown\") && context.last_hour < {rule}00 + 100 }};"
            )
            .unwrap();
        }
    }
    text
}

fn text() -> PolicyText {
    let file = PolicyFile {
        name: "policy.cedar".into(),
        text: policies(),
    };
    PolicyText::new(vec![file]).unwrap()
}

fn inputs() -> Inputs {
    serde_json::from_value(serde_json::json!({
        "agent": {
            "id": "agt_01040g2081040g2081040g2081", "name": "deployer",
            "owner": {
                "groups": ["data", "sre"], "id": "rev_01040g2081040g2081040g2081",
                "identity": "ada", "name": "Ada", "roles": ["administrator", "reviewer"]
            }
        },
        "facts": {"effects": ["unknown"], "json": {"operation": "rotate_key", "removes": false}},
        "first_of_kind": false, "kind": "json", "last_hour": 3, "last_hour_of_kind": 3, "quorum": 1,
        "target": {"environment": "production", "resource": "users", "system": SYSTEM},
        "time": "2026-11-21T09:30:00.000Z"
    }))
    .unwrap()
}

/// What Cedar is asked by hand: the whole set, and every entity.
struct Bare {
    policies: PolicySet,
    entities: Entities,
    request: Request,
}

impl Bare {
    fn new() -> Self {
        let uid = |text: &str| text.parse::<EntityUid>().unwrap();
        let (ada, agent) = (
            uid("Vidimus::Person::\"p-0\""),
            uid("Vidimus::Agent::\"a\""),
        );
        let (system, target) = (
            format!("Vidimus::System::\"{SYSTEM}\""),
            "Vidimus::Target::\"t\"",
        );
        let string = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let person = |number: usize| {
            let group = uid(&format!("Vidimus::Group::\"g-{}\"", number % 100));
            let fields = HashMap::from([("name".to_owned(), string("somebody"))]);
            let id = uid(&format!("Vidimus::Person::\"p-{number}\""));
            Entity::new(id, fields, HashSet::from([group])).unwrap()
        };
        let owner = RestrictedExpression::new_entity_uid(ada);
        let fields = HashMap::from([
            ("name".to_owned(), string("a")),
            ("owner".to_owned(), owner),
        ]);
        let entities = (0..ENTITIES - 2).map(person).chain([
            Entity::new(agent.clone(), fields, HashSet::new()).unwrap(),
            Entity::new_no_attrs(uid(target), HashSet::from([uid(&system)])),
        ]);
        let context = [
            (
                "effects",
                RestrictedExpression::new_set([string("unknown")]),
            ),
            ("kind", string("json")),
            ("last_hour", RestrictedExpression::new_long(3)),
        ];
        let context = context.map(|(name, value)| (name.to_owned(), value));
        let context = Context::from_pairs(context).unwrap();
        let action = uid("Vidimus::Action::\"propose\"");
        Self {
            policies: policies().parse().unwrap(),
            entities: Entities::from_entities(entities, None).unwrap(),
            request: Request::new(agent, action, uid(target), context, None).unwrap(),
        }
    }

    fn ask(&self, authorizer: &Authorizer) -> Duration {
        let start = Instant::now();
        black_box(authorizer.is_authorized(&self.request, &self.policies, &self.entities));
        start.elapsed()
    }
}

/// Everything that an evaluation adds to a proposal but the disk: inputs read
/// from the state would be less than the copy made here.
fn evaluate(set: &Set, inputs: &Inputs) -> Duration {
    let start = Instant::now();
    let inputs = inputs.clone();
    black_box((set.evaluate(&inputs), inputs.to_bytes()));
    start.elapsed()
}

/// What a replay does with a proposal that one person approved, once its part is
/// read: `inputs` parsed, evaluated under the set, compared, and the approval
/// judged.
fn again(set: &Set, inputs: &[u8], approvals: &[Approval], before: &Evaluation) -> Duration {
    let start = Instant::now();
    let inputs = Inputs::parse(inputs).unwrap();
    black_box(replay(set, &inputs, before, approvals));
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// Three rows: an evaluation beside Cedar's bare call, its share of a proposal's
/// latency, and a replay beside the bare call. All on one processor, as the proposals one at a time.
pub(crate) fn evaluations(folder: &Path) -> Vec<Value> {
    let measure = || {
        keep_to_one_processor();
        let set = Set::parse(&text(), Profile::Personal, "bench").unwrap();
        let (inputs, bare, authorizer) = (inputs(), Bare::new(), Authorizer::new());
        // Once, so that the slice is there, as after the first proposal.
        evaluate(&set, &inputs);
        let bytes = inputs.to_bytes();
        let approvals = [Approval {
            person: inputs.agent.owner.clone(),
            time: inputs.time,
        }];
        let before = set.evaluate(&inputs);
        again(&set, &bytes, &approvals, &before);
        let turns = (0..TURNS).map(|_| {
            let ours = evaluate(&set, &inputs);
            let floor = bare.ask(&authorizer);
            (ours, (floor, again(&set, &bytes, &approvals, &before)))
        });
        let (ours, (floor, replays)): (Vec<_>, (Vec<_>, Vec<_>)) = turns.unzip();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let latency = runtime.block_on(proposals(folder));
        [ours, floor, latency, replays].map(median)
    };
    let [ours, floor, latency, replays] =
        std::thread::scope(|scope| scope.spawn(measure).join().unwrap());
    let (ratio, share) = (ours / floor, ours / latency);
    vec![
        row(
            "evaluation under 1,000 policies among 10,000 entities, median",
            "µs",
            ours,
            floor,
            ratio,
            "≤ 1.5 × Cedar's bare call",
            ratio <= 1.5,
        ),
        row(
            "evaluation, as a share of a proposal's latency, median",
            "µs",
            ours,
            latency,
            share,
            "≤ 0.05 of the latency",
            share <= 0.05,
        ),
        row(
            "replay of a proposal with one approval under 1,000 policies",
            "decisions/s",
            1e6 / replays,
            1e6 / floor,
            floor / replays,
            "≥ 1 × Cedar's bare calls",
            replays <= floor,
        ),
    ]
}

/// Proposals one at a time under the policy.
async fn proposals(folder: &Path) -> Vec<Duration> {
    let world = World::new(&folder.join("policy")).await;
    in_force(&world).await;
    let agent = world.connect().await;
    let url = format!("{}/v1/actions", world.gateway.url());
    let times = tokio::task::spawn_blocking(move || {
        let client = ureq::Agent::new_with_defaults();
        let propose = || {
            let body = serde_json::to_vec(&change());
            let start = Instant::now();
            let mut reply = client
                .post(&url)
                .header("authorization", format!("Bearer {}", agent.token))
                .content_type("application/json")
                .send(body.unwrap())
                .unwrap();
            let ack = reply.body_mut().read_to_vec().unwrap();
            black_box(serde_json::from_slice::<Ack>(&ack).unwrap());
            start.elapsed()
        };
        propose();
        (0..TURNS).map(|_| propose()).collect()
    });
    let times = times.await.unwrap();
    world.stop().await;
    times
}

fn change() -> Propose {
    let action = Action {
        payload: Payload::Json(Box::new(Change {
            after: Some(true.into()),
            before: None,
            operation: "rotate_key".into(),
        })),
        target: Target {
            environment: "production".into(),
            resource: "users".into(),
            system: SYSTEM.into(),
        },
    };
    Propose {
        action: ActionId::from_random(support::random16()),
        context: None,
        payload: support::content(PAYLOAD_TYPE, &action.to_bytes()),
        run: None,
        ttl_s: None,
    }
}

async fn in_force(world: &World) {
    let policy = support::content(POLICY_TYPE, &text().to_bytes());
    let item = PolicyItem {
        policy: support::commit(&policy),
        replaces: world.log,
    };
    let mut start = world.one(ActType::PolicyChanged, &item).await;
    start.policy = Some(PolicyExtras { policy });
    let reply = world
        .act(Some(&world.session), &start, &Forgery::default())
        .await;
    assert!(reply.status < 300, "the policy is refused");
}
