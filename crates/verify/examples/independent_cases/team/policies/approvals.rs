//! Who approves under a policy, when, naming what.

use serde_json::{Value, json};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::testkit::sample_action;

use super::{ASKS, BOTH, STRICT, alone, asking, cast, id_of, policy};
use crate::Cases;
use crate::acts::change;

pub(super) fn write(cases: &mut Cases) {
    let names: [&[&str]; 6] = [
        &[],
        &["you"],
        &["anything"],
        &["a", "you"],
        &["you", "a"],
        &["you", "you"],
    ];
    let text = policy(ASKS);
    for verdict in [Verdict::Approve, Verdict::Deny] {
        for policies in names {
            for action in [1, 7, 9] {
                let mut team = cast();
                team.by("Ada").bring(&text);
                let action = team.proposed_under(&text, &sample_action(action));
                team.by("Ben")
                    .decide_naming(action, verdict, "so", policies);
                team.told(cases, &format!("policy, {verdict:?} naming {policies:?}"));
            }
            let mut team = cast();
            let action = team.propose(1);
            team.by("Ben")
                .decide_naming(action, verdict, "so", policies);
            team.told(
                cases,
                &format!("no policy, {verdict:?} naming {policies:?}"),
            );
        }
    }
    // Reasons, keys, authors.
    let strict = policy(STRICT);
    for reason in ["", " ", "because"] {
        for verdict in [Verdict::Approve, Verdict::Deny] {
            let mut team = cast();
            team.by("Ada").bring(&strict);
            let action = team.proposed_under(&strict, &sample_action(1));
            let named: &[&str] = if verdict == Verdict::Approve {
                &["people"]
            } else {
                &[]
            };
            team.by("Ben").decide_naming(action, verdict, reason, named);
            team.told(cases, &format!("policy, {verdict:?} because `{reason}`"));
        }
    }
    // Who may by the policy, as the record says at that time.
    let of_sre = policy(
        r#"@id("ask") permit (principal, action == Vidimus::Action::"propose", resource);
@id("sre") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource)
when { principal.reviewer && !principal.administrator && principal.identity like "*@example.com" };
@id("not-late") forbid (principal, action == Vidimus::Action::"decide", resource)
when { context.time >= datetime("2026-11-21T09:35:00Z") };"#,
    );
    for (name, groups, seconds) in [
        ("in it", &["sre"] as &[&str], 0),
        ("in another", &["security"], 0),
        ("in none", &[], 0),
        ("late", &["sre"], 600),
    ] {
        for names in [&["sre"] as &[&str], &["not-late"], &["ask", "sre"]] {
            let mut team = cast();
            team.by("Ada").bring(&of_sre);
            let action = team.proposed_under(&of_sre, &sample_action(1));
            team.change("Dora", &[Role::Reviewer], groups);
            team.story.pass(seconds);
            team.by("Dora")
                .decide_naming(action, Verdict::Approve, "so", names);
            team.by("Ada").change("Dora", &[Role::Reviewer], &["sre"]);
            team.told(
                cases,
                &format!("policy, approved by somebody {name}, {names:?}"),
            );
        }
    }
    separations(cases);
    seen(cases);
}

/// Inputs are nothing that a verdict lists.
fn seen(cases: &mut Cases) {
    let text = policy(ASKS);
    let mut team = alone();
    team.bring(&text);
    let action = team.proposed_under(&text, &sample_action(1));
    team.approve_under(&text, action);
    let forge = team.forge();
    let verdict = forge.content.leaves.len() - 1;
    for part in 0..2 {
        for instead in [false, true] {
            let name = format!("policy, part {part} seen too, instead {instead}");
            change(cases, &forge, &name, |content| {
                let committed = content.leaves[verdict - 1]["parts"][part].clone();
                let seen = content.leaves[verdict].pointer_mut("/data/seen/parts");
                let seen = seen.and_then(Value::as_array_mut);
                let seen = seen.expect("a verdict lists what was seen");
                if instead {
                    seen.clear();
                }
                seen.insert(
                    0,
                    json!({"commit": committed["commit"], "name": committed["name"]}),
                );
            });
        }
    }
}

/// Nobody approves under what they brought, for a while.
fn separations(cases: &mut Cases) {
    for (name, annotations) in [
        ("an hour", "@separate(\"1h\")"),
        ("none", ""),
        ("a year", "@separate(\"365d\")"),
    ] {
        for seconds in [0, 3_590, 3_594, 3_595, 3_596, 3_597, 3_598, 3_599, 3_600] {
            for who in ["Ben", "Cleo", "Dora"] {
                let text = asking(&format!("{annotations} @ttl(\"24h\")"));
                let mut team = cast();
                team.by("Ada").change("Ben", BOTH, &[]);
                team.change("Cleo", BOTH, &[]);
                // Cleo's word is for another one.
                team.by("Cleo").bring(&asking("@ttl(\"1m\")"));
                team.by("Ada").bring(&text).by("Ben").bring(&text);
                let mut draft = team
                    .story
                    .proposal_under(&text, &sample_action(1), |inputs| {
                        inputs.wait_s = Some(86_400)
                    });
                let action = id_of(&draft);
                if let Data::ActionProposed(data) = &mut draft.leaf.data {
                    data.expires_at = draft.leaf.time.plus_seconds(data.evaluation.ttl_s);
                }
                team.write(draft);
                team.story.pass(seconds);
                team.by(who).approve_under(&text, action);
                team.told(
                    cases,
                    &format!("policy, {who} approves {seconds} s later, {name} apart"),
                );
            }
        }
    }
}
