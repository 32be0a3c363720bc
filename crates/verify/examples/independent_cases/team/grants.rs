//! Standing grants: what they cover, when they count, and what ends them.

use serde_json::{Value, json};
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Data, Resolution};
use vidimus_protocol::envelope::{GrantItem, Revocation, Role, Verdict};
use vidimus_protocol::{ActionId, Digest, GrantId, strict};
use vidimus_verify::testkit::{Draft, FLAGS, sample_action, sample_kinds};

use super::Team;
use crate::Cases;
use crate::forge::Forge;

/// Ada, who owns the agent; Ben, Cleo and Dora, who review.
fn cast() -> Team {
    let mut team = Team::of_two();
    team.join("Cleo", &[Role::Reviewer])
        .join("Dora", &[Role::Reviewer]);
    team
}

fn id_of(draft: &Draft) -> ActionId {
    match &draft.leaf.data {
        Data::ActionProposed(data) => data.action,
        _ => unreachable!("a proposal proposes"),
    }
}

fn shape(free: &Value) -> Vec<u8> {
    strict::canonical(&json!({ "free": free }))
}

/// Nothing may differ.
pub(super) fn as_it_is() -> Vec<u8> {
    shape(&json!([]))
}

/// The third argument may be any short word.
fn any_unit() -> Vec<u8> {
    shape(&json!([{"at": "/payload/argv/2", "may": {"word": 8}}]))
}

impl Team {
    fn propose_this(&mut self, action: &Action) -> ActionId {
        let draft = self.story.proposal_of(action, None);
        let id = id_of(&draft);
        self.write(draft);
        id
    }

    pub(super) fn grant(&mut self, like: ActionId, shape: Vec<u8>) -> GrantId {
        self.grant_with(like, shape, |_| {})
    }

    fn grant_with(
        &mut self,
        like: ActionId,
        shape: Vec<u8>,
        change: impl FnOnce(&mut GrantItem),
    ) -> GrantId {
        let (grant, draft) = self.story.grant_with(like, shape, change);
        self.write(draft);
        grant
    }

    fn end_grant(&mut self, grant: GrantId) -> &mut Self {
        let draft = self.story.grant_revocation(grant);
        self.write(draft)
    }

    /// Proposes what these grants are said to approve, of so many people asked.
    fn propose_under(&mut self, action: &Action, grants: &[GrantId], quorum: u64) -> ActionId {
        let mut draft = self.story.proposal_of(action, None);
        for grant in grants {
            self.story.use_grant(&mut draft, *grant, &[]);
        }
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            data.evaluation.quorum = quorum;
        }
        let id = id_of(&draft);
        self.write(draft);
        id
    }

    /// Ben's grant over a first action.
    fn granted(&mut self) -> GrantId {
        let like = self.propose_this(&sample_action(1));
        self.by("Ben").grant(like, any_unit())
    }
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Team);
    let courses: [(&str, Course); 4] = [
        ("used", |team| {
            let grant = team.granted();
            let action = team.propose_under(&sample_action(2), &[grant], 1);
            team.run(action);
        }),
        ("one of two approvals", |team| {
            let grant = team.granted();
            let action = team.propose_under(&sample_action(2), &[grant], 2);
            team.by("Cleo").approve(action).run(action);
        }),
        ("two grants", |team| {
            let like = team.propose_this(&sample_action(1));
            let first = team.by("Ben").grant(like, any_unit());
            let second = team.by("Cleo").grant(like, shape(&json!([])));
            let action = team.propose_under(&sample_action(1), &[first, second], 2);
            team.run(action);
        }),
        ("ended", |team| {
            let grant = team.granted();
            team.by("Ada").end_grant(grant);
        }),
    ];
    let told = courses.map(|(name, course)| {
        let mut team = cast();
        course(&mut team);
        (format!("grant, {name}"), team.forge())
    });
    told.into()
}

pub(super) fn write(cases: &mut Cases) {
    shapes(cases);
    giving(cases);
    uses(cases);
    afterwards(cases);
}

/// Shapes against actions that differ from what was seen.
fn shapes(cases: &mut Cases) {
    let at = |at: &str, may: Value| json!([{ "at": at, "may": may }]);
    let word = |pointer: &str| at(pointer, json!({"word": 8}));
    let command: &[(&str, Value)] = &[
        ("nothing free", json!([])),
        ("a word", word("/payload/argv/2")),
        (
            "a word of one byte",
            at("/payload/argv/2", json!({"word": 1})),
        ),
        (
            "one of two",
            at("/payload/argv/2", json!({"one_of": ["-x", "unit-2"]})),
        ),
        ("the program", word("/payload/argv/0")),
        ("a position with a zero", word("/payload/argv/02")),
        ("a position with a sign", word("/payload/argv/+2")),
        ("the end of the list", word("/payload/argv/-")),
        ("a position beyond", word("/payload/argv/9")),
        ("below an argument", word("/payload/argv/2/0")),
        ("all arguments", word("/payload/argv")),
        ("the user", word("/payload/user")),
        ("the target", word("/target/system")),
        ("no pointer", word("payload/argv/2")),
        ("the whole", word("")),
        ("a word of none", at("/payload/argv/2", json!({"word": 0}))),
        ("a word of 65", at("/payload/argv/2", json!({"word": 65}))),
        ("none of them", at("/payload/argv/2", json!({"one_of": []}))),
        (
            "unsorted values",
            at("/payload/argv/2", json!({"one_of": ["b", "a"]})),
        ),
        ("anything", at("/payload/argv/2", json!("anything"))),
        (
            "unsorted places",
            json!([{"at": "/payload/argv/2", "may": {"word": 8}}, {"at": "/payload/argv/1", "may": {"word": 8}}]),
        ),
        (
            "a place twice",
            json!([{"at": "/payload/argv/2", "may": {"word": 8}}, {"at": "/payload/argv/2", "may": {"word": 9}}]),
        ),
        (
            "two places",
            json!([{"at": "/payload/argv/1", "may": {"word": 8}}, {"at": "/payload/argv/2", "may": {"word": 8}}]),
        ),
    ];
    let others: Vec<(&str, Action)> = [
        ("the same", vec!["systemctl", "restart", "unit-1"]),
        ("another unit", vec!["systemctl", "restart", "unit-2"]),
        ("an option", vec!["systemctl", "restart", "-x"]),
        ("a long unit", vec!["systemctl", "restart", "unit-2345"]),
        ("no unit", vec!["systemctl", "restart", ""]),
        ("a letter", vec!["systemctl", "restart", "u"]),
        ("a blank", vec!["systemctl", "restart", "a b"]),
        ("a stop first", vec!["systemctl", "restart", ".unit"]),
        (
            "a letter that is not ASCII",
            vec!["systemctl", "restart", "été"],
        ),
        ("another verb", vec!["systemctl", "stop", "unit-2"]),
        (
            "a further argument",
            vec!["systemctl", "restart", "unit-2", "-f"],
        ),
        ("an argument less", vec!["systemctl", "restart"]),
    ]
    .map(|(name, argv)| (name, with(sample_action(1), "/payload/argv", json!(argv))))
    .into();
    let like = sample_action(1);
    for (name, free) in command {
        for (other, action) in &others {
            matrix(cases, &like, (name, free), (other, action));
        }
    }
    let file = json!({"path": "/srv/unit", "sha256": "00".repeat(32), "size": 1});
    let bound = with(
        sample_action(1),
        "/payload/files",
        json!([{"argument": 2, "file": file}]),
    );
    let elsewhere = with(bound.clone(), "/payload/argv/2", json!("unit-2"));
    for free in [word("/payload/argv/1"), word("/payload/argv/2")] {
        matrix(
            cases,
            &bound,
            ("beside a file, ", &free),
            ("the same", &bound),
        );
        let other = ("another unit", &elsewhere);
        matrix(cases, &bound, ("beside a file, ", &free), other);
    }
    json_actions(cases);
    for kind in sample_kinds() {
        let name = kind.kind().as_str();
        matrix(cases, &kind, ("nothing free", &json!([])), (name, &kind));
        let free = word("/payload/argv/1");
        matrix(cases, &kind, ("an argument", &free), (name, &kind));
        let free = word("/payload/command/argv/1");
        matrix(
            cases,
            &kind,
            ("its command's argument", &free),
            (name, &kind),
        );
    }
}

/// Actions of the kinds whose arguments are JSON.
fn json_actions(cases: &mut Cases) {
    let word = |pointer: &str| json!([{"at": pointer, "may": {"word": 8}}]);
    let change = |after: Value| {
        read(&json!({
            "kind": "json",
            "payload": {"after": after, "operation": "resize"},
            "target": {"environment": "staging", "resource": "db-1", "system": "database"},
        }))
    };
    let like =
        change(json!({"a/b": "x", "class": "small", "list": ["p", 1], "size": 2, "~b": "t"}));
    let places = [
        "/payload/after/class",
        "/payload/after/a~1b",
        "/payload/after/~0b",
        "/payload/after/~b",
        "/payload/after/~2b",
        "/payload/after/class~",
        "/payload/after/list/0",
        "/payload/after/list/1",
        "/payload/after/size",
        "/payload/after",
        "/payload/operation",
    ];
    let others = [
        (
            "the same",
            json!({"a/b": "x", "class": "small", "list": ["p", 1], "size": 2, "~b": "t"}),
        ),
        (
            "another ~b",
            json!({"a/b": "x", "class": "small", "list": ["p", 1], "size": 2, "~b": "u"}),
        ),
        (
            "another class",
            json!({"a/b": "x", "class": "large", "list": ["p", 1], "size": 2}),
        ),
        (
            "another a/b",
            json!({"a/b": "y", "class": "small", "list": ["p", 1], "size": 2}),
        ),
        (
            "another item",
            json!({"a/b": "x", "class": "small", "list": ["q", 1], "size": 2}),
        ),
        (
            "a number for it",
            json!({"a/b": "x", "class": 1, "list": ["p", 1], "size": 2}),
        ),
        (
            "true for one",
            json!({"a/b": "x", "class": "large", "list": ["p", true], "size": 2}),
        ),
        (
            "another size",
            json!({"a/b": "x", "class": "large", "list": ["p", 1], "size": 3}),
        ),
    ];
    for place in places {
        for (other, after) in &others {
            matrix(
                cases,
                &like,
                (place, &word(place)),
                (other, &change(after.clone())),
            );
        }
    }
    let call = |arguments: &str| {
        read(&json!({
            "kind": "mcp.tool_call",
            "payload": {
                "arguments": arguments, "definition": "{}", "secrets": [],
                "server": "files", "tool": "read",
            },
            "target": {"environment": "mcp", "resource": "read", "system": "files"},
        }))
    };
    let texts = [
        ("the same", r#"{"path":"a","times":3}"#),
        ("another path", r#"{"path":"b","times":3}"#),
        ("another order", r#"{"times":3,"path":"b"}"#),
        ("with blanks", r#"{ "path" : "a", "times" : 3 }"#),
        ("another number", r#"{"path":"b","times":4}"#),
        ("a number with a point", r#"{"path":"b","times":3.0}"#),
        ("a vast number", r#"{"path":"b","times":9007199254740993}"#),
        ("true", r#"{"path":"b","times":true}"#),
        ("an escape", r#"{"path":"\u0062","times":3}"#),
        ("more", r#"{"also":1,"path":"b","times":3}"#),
    ];
    let like = call(texts[0].1);
    for free in [
        json!([]),
        word("/payload/arguments/path"),
        word("/payload/arguments/times"),
        word("/payload/arguments"),
        word("/payload/tool"),
    ] {
        let name = free
            .pointer("/0/at")
            .and_then(Value::as_str)
            .unwrap_or("nothing")
            .to_owned();
        for (other, text) in texts {
            matrix(cases, &like, (&name, &free), (other, &call(text)));
        }
    }
    // Over what has no value.
    let vast = call(texts[6].1);
    let free = word("/payload/arguments/path");
    matrix(
        cases,
        &vast,
        ("a path beside a vast number", &free),
        ("the same", &vast),
    );
}

fn matrix(cases: &mut Cases, like: &Action, shaped: (&str, &Value), other: (&str, &Action)) {
    let mut team = Team::of_two();
    let seen = team.propose_this(like);
    let grant = team.by("Ben").grant(seen, shape(shaped.1));
    team.propose_under(other.1, &[grant], 1);
    let kind = like.kind().as_str();
    team.told(
        cases,
        &format!("grant, {kind}, {} free, {}", shaped.0, other.0),
    );
}

fn read(value: &Value) -> Action {
    Action::parse(&strict::canonical(value)).expect("an action")
}

fn with(action: Action, pointer: &str, value: Value) -> Action {
    let mut changed = serde_json::to_value(action).expect("an action is JSON");
    *changed.pointer_mut(pointer).expect("it is there") = value;
    read(&changed)
}

/// What a grant must be when it is given.
fn giving(cases: &mut Cases) {
    type Change = fn(&mut GrantItem);
    let changes: [(&str, Change); 11] = [
        ("as it is", |_| {}),
        ("for nothing", |item| item.uses = 0),
        ("once", |item| item.uses = 1),
        ("a thousand times", |item| item.uses = 1000),
        ("too often", |item| item.uses = 1001),
        ("90 days", |item| {
            item.until = item.until.plus_seconds(90 * 86_400 - 3600)
        }),
        ("longer than 90 days", |item| {
            item.until = item.until.plus_seconds(90 * 86_400 - 3599)
        }),
        ("over already", |item| {
            item.until = vidimus_protocol::Time::from_unix_ms(0)
        }),
        ("over another digest", |item| {
            item.action_digest = Digest([1; 32])
        }),
        ("over another proposal", |item| {
            item.proposal_leaf = Digest([1; 32])
        }),
        ("of another shape", |item| item.shape = Digest([1; 32])),
    ];
    for (name, change) in changes {
        let mut team = cast();
        let like = team.propose_this(&sample_action(1));
        team.by("Ben").grant_with(like, any_unit(), change);
        team.told(cases, &format!("grant, given {name}"));
    }
    for who in ["Ada", "Ben", "Cleo"] {
        let mut team = cast();
        team.join("Eve", &[Role::Administrator]);
        let like = team.propose_this(&sample_action(1));
        team.by(who).grant(like, any_unit());
        team.told(cases, &format!("grant, given by {who}"));
        let mut team = cast();
        let grant = team.granted();
        team.by(who).end_grant(grant).by("Dora").end_grant(grant);
        team.told(cases, &format!("grant, ended by {who} and again"));
    }
    let mut team = cast();
    team.join("Eve", &[Role::Administrator]);
    let like = team.propose_this(&sample_action(1));
    team.by("Eve").grant(like, any_unit());
    team.told(cases, "grant, given by who reviews nothing");
    for verdict in [Verdict::Approve, Verdict::Deny] {
        for who in ["Ben", "Cleo"] {
            let mut team = cast();
            let like = team.propose_under(&sample_action(1), &[], 2);
            team.by("Ben").decide(like, verdict);
            team.by(who).grant(like, any_unit());
            team.told(cases, &format!("grant, given by {who} after {verdict:?}"));
        }
    }
    for then in 1..=3 {
        for now in 1..=3 {
            let mut team = cast();
            let like = team.propose_under(&sample_action(1), &[], then);
            let grant = team.by("Ben").grant(like, any_unit());
            team.propose_under(&sample_action(2), &[grant], now);
            team.told(cases, &format!("grant, of {then} people, used for {now}"));
        }
    }
    for many in [64, 65] {
        let mut team = Team::of_two();
        let like = team.propose_this(&sample_action(1));
        team.by("Ben");
        for _ in 0..many {
            team.grant(like, shape(&json!([])));
        }
        team.told(cases, &format!("grant, {many} of them"));
    }
}

/// What happened between a grant and its use.
fn uses(cases: &mut Cases) {
    type Course = fn(&mut Team, GrantId);
    let courses: [(&str, Course); 14] = [
        ("nothing", |_, _| {}),
        ("it was ended", |team, grant| {
            team.by("Dora").end_grant(grant);
        }),
        ("the agent was paused and resumed", |team, _| {
            let pause = team.by("Dora").pause(None);
            team.resume(pause);
        }),
        ("a run was paused", |team, _| {
            team.by("Dora").pause(Some("nightly-42"));
        }),
        ("its key was revoked", |team, _| {
            team.by("Ada").revoke("Ben", Revocation::Lost);
        }),
        ("its signer has another key", |team, _| {
            team.claim_for("Ben's second", "Ben", FLAGS);
            team.by("Ben").admit("Ben's second");
            team.by("Ada").revoke("Ben", Revocation::Lost);
        }),
        ("its signer left", |team, _| {
            team.by("Ada").remove("Ben");
        }),
        ("its signer reviews no more", |team, _| {
            team.by("Ada").change("Ben", &[Role::Administrator], &[]);
        }),
        ("the agent was ended", |team, _| {
            team.by("Ada").end_agent();
        }),
        ("what it is over was denied", |_, _| {}),
        ("an hour passed", |team, _| {
            team.story.now = team.story.now.plus_seconds(3600);
        }),
        ("almost an hour passed", |team, _| {
            team.story.now = team.story.now.plus_seconds(3598);
        }),
        ("it was used nine times", |team, grant| {
            for _ in 0..9 {
                team.propose_under(&sample_action(3), &[grant], 1);
            }
        }),
        ("it was used ten times", |team, grant| {
            for _ in 0..10 {
                team.propose_under(&sample_action(3), &[grant], 1);
            }
        }),
    ];
    for (name, course) in courses {
        for quorum in [1, 2] {
            let mut team = cast();
            let like = team.propose_this(&sample_action(1));
            let grant = team.by("Ben").grant(like, any_unit());
            if name == "what it is over was denied" {
                team.by("Cleo").decide(like, Verdict::Deny);
                team.resolve(like, Resolution::Denied);
            }
            course(&mut team, grant);
            let action = team.propose_under(&sample_action(2), &[grant], quorum);
            team.told(cases, &format!("grant, {name}, of {quorum}"));
            team.resolve(action, Resolution::Approved);
            team.told(cases, &format!("grant, {name}, of {quorum}, approved"));
        }
    }
    lists(cases);
}

/// What a proposal may say of grants.
fn lists(cases: &mut Cases) {
    for (name, order) in [
        ("in order", vec![0, 1]),
        ("out of order", vec![1, 0]),
        ("one twice", vec![0, 0]),
        ("two of one person", vec![0, 2]),
    ] {
        let mut team = cast();
        let like = team.propose_this(&sample_action(1));
        let first = team.by("Ben").grant(like, any_unit());
        let second = team.by("Cleo").grant(like, any_unit());
        let third = team.by("Ben").grant(like, any_unit());
        let grants = [first, second, third];
        let grants: Vec<GrantId> = order.into_iter().map(|at| grants[at]).collect();
        team.propose_under(&sample_action(2), &grants, 2);
        team.told(cases, &format!("grant, several, {name}"));
    }
    // Of another agent or kind, by another actor, with policies.
    type Change = fn(&mut Draft);
    let changes: [(&str, Change); 4] = [
        ("naming a policy", |draft| {
            if let Data::ActionProposed(data) = &mut draft.leaf.data {
                data.grants[0].policies = vec!["a".into()];
            }
        }),
        ("standing", |draft| {
            if let Data::ActionProposed(data) = &mut draft.leaf.data {
                data.evaluation.standing = true;
            }
        }),
        ("refused", |draft| {
            if let Data::ActionProposed(data) = &mut draft.leaf.data {
                data.evaluation.decision = vidimus_protocol::entry::Decision::Refuse;
            }
        }),
        ("without its reference", |draft| {
            draft.leaf.refs.pop();
        }),
    ];
    for (name, change) in changes {
        let mut team = cast();
        let grant = team.granted();
        let mut draft = team.story.proposal_of(&sample_action(2), None);
        team.story.use_grant(&mut draft, grant, &[]);
        change(&mut draft);
        team.write(draft);
        team.told(cases, &format!("grant, a use {name}"));
    }
}

/// What happens to what a grant approved.
fn afterwards(cases: &mut Cases) {
    type Between = fn(&mut Team, ActionId, GrantId);
    let between: [(&str, Between); 8] = [
        ("nothing", |_, _, _| {}),
        ("the grant is ended", |team, _, grant| {
            team.by("Dora").end_grant(grant);
        }),
        ("its signer denies", |team, action, _| {
            team.by("Ben").decide(action, Verdict::Deny);
        }),
        ("its signer approves", |team, action, _| {
            team.by("Ben").approve(action);
        }),
        ("its signer recognises it", |team, action, _| {
            team.by("Ben").recognise(action);
        }),
        ("its key is revoked", |team, _, _| {
            team.by("Ada").revoke("Ben", Revocation::Lost);
        }),
        ("another approves", |team, action, _| {
            team.by("Cleo").approve(action);
        }),
        (
            "it is ended and its signer approves",
            |team, action, grant| {
                team.by("Dora").end_grant(grant);
                team.by("Ben").approve(action);
            },
        ),
    ];
    for (name, course) in between {
        for quorum in [1, 2] {
            for resolution in [Resolution::Approved, Resolution::Denied] {
                let mut team = cast();
                let grant = team.granted();
                let action = team.propose_under(&sample_action(2), &[grant], quorum);
                course(&mut team, action, grant);
                team.resolve(action, resolution);
                team.told(
                    cases,
                    &format!("grant, of {quorum}, {name}, then {resolution:?}"),
                );
                if resolution == Resolution::Approved {
                    team.permit(action);
                    team.told(cases, &format!("grant, of {quorum}, {name}, then a permit"));
                }
            }
        }
        // After the resolution: the quorum is counted anew.
        let mut team = cast();
        let grant = team.granted();
        let action = team.propose_under(&sample_action(2), &[grant], 1);
        team.resolve(action, Resolution::Approved).permit(action);
        course(&mut team, action, grant);
        team.story.redeem(action);
        team.told(
            cases,
            &format!("grant, with a permit, {name}, then redeemed"),
        );
    }
}
