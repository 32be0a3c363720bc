//! Logs under a policy: words for it, what it asks, who approves, and evaluations that it does not give.

mod approvals;
mod calendars;
mod delegations;
mod escalations;
mod full_review;
mod glass;
mod grace;
mod inputs;
mod kinds;
mod queries;
mod resolutions;
mod sources;
mod texts;
mod words;

use vidimus_policy::{PolicyFile, PolicyText};
use vidimus_protocol::ActionId;
use vidimus_protocol::action::Action;
use vidimus_protocol::entry::{Data, Evaluation, Resolution};
use vidimus_protocol::envelope::{Role, Verdict};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Draft, FLAGS, Story, sample_action};

use super::{BACKUP_ELIGIBLE, Revocation, SoftKey, Team};
use crate::Cases;
use crate::forge::Forge;

const BOTH: &[Role] = &[Role::Administrator, Role::Reviewer];
const ASKS: &str = r#"
@id("anything") @why("somebody looks") permit (principal, action == Vidimus::Action::"propose", resource);
@id("units") permit (principal, action == Vidimus::Action::"release", resource)
when { context has command && context.command.args.contains("unit-7") };
@id("no-nines") forbid (principal, action == Vidimus::Action::"propose", resource)
when { context has command && context.command.line like "*unit-9*" };
@id("you") permit (principal, action == Vidimus::Action::"decide", resource);
"#;
/// Everything that a policy can ask for.
const STRICT: &str = r#"
@id("all") @people("1 from sre and 1 from security and 1") @reason("required") @assurance("device-bound")
@separate("1h") @ttl("10m") @use("6m") @veto("2")
permit (principal, action == Vidimus::Action::"propose", resource);
@id("people") permit (principal, action == Vidimus::Action::"decide", resource) when { principal.reviewer };
"#;

fn policy(source: &str) -> PolicyText {
    PolicyText::new(vec![PolicyFile {
        name: "policy.cedar".into(),
        text: source.into(),
    }])
    .expect("one file")
}

/// That, and what lets everybody decide.
fn asking(annotations: &str) -> PolicyText {
    policy(&format!(
        "@id(\"ask\") {annotations}\npermit (principal, action == Vidimus::Action::\"propose\", resource);\n\
         @id(\"decide\") permit (principal, action == Vidimus::Action::\"decide\", resource);\n"
    ))
}

/// Ada, who is alone.
fn alone() -> Team {
    Team {
        story: Story::new(1, Algorithm::EdDsa),
        away: std::collections::BTreeMap::new(),
        hand: "Ada",
    }
}

/// Ada, who is the only administrator and owns the agent; three who review.
fn cast() -> Team {
    let mut team = Team::of_two();
    team.join("Cleo", &[Role::Reviewer])
        .join("Dora", &[Role::Reviewer]);
    team.change("Ben", &[Role::Reviewer], &["security", "sre"]);
    team.change("Cleo", &[Role::Reviewer], &["sre"]);
    team
}

impl Team {
    fn bring(&mut self, text: &PolicyText) -> &mut Self {
        let draft = self.story.policy(text);
        self.write(draft)
    }

    fn proposed_under(&mut self, text: &PolicyText, action: &Action) -> ActionId {
        let draft = self.story.proposal_under(text, action, |_| {});
        let id = id_of(&draft);
        self.write(draft);
        id
    }

    /// With other things asked than the policy does.
    fn proposed_with(
        &mut self,
        text: &PolicyText,
        change: impl FnOnce(&mut Evaluation),
    ) -> ActionId {
        let mut draft = self.story.proposal_under(text, &sample_action(1), |_| {});
        let id = id_of(&draft);
        if let Data::ActionProposed(data) = &mut draft.leaf.data {
            change(&mut data.evaluation);
        }
        self.write(draft);
        id
    }

    fn approve_under(&mut self, text: &PolicyText, action: ActionId) -> &mut Self {
        let inputs = self.story.inputs_of(action);
        let draft = self.story.approval_under(text, action, &inputs);
        self.write(draft)
    }

    fn decide_naming(
        &mut self,
        action: ActionId,
        verdict: Verdict,
        reason: &str,
        policies: &[&str],
    ) -> &mut Self {
        let mut draft = self.story.verdict(action, verdict, reason);
        if let Data::VerdictGiven(data) = &mut draft.leaf.data {
            data.policies = policies.iter().map(ToString::to_string).collect();
        }
        self.write(draft)
    }

    /// An edit of it by who signs, and what takes its place.
    fn replace_under(&mut self, text: &PolicyText, action: ActionId, new: &Action) -> ActionId {
        let (draft, successor) = self.story.edit(action, new);
        self.write(draft);
        let draft = self.story.succession(action, &successor);
        let draft = self.story.under(draft, text, new, |_| {});
        self.write(draft);
        let draft = self.story.supersession(action);
        self.write(draft);
        successor.action
    }
}

fn id_of(draft: &Draft) -> ActionId {
    match &draft.leaf.data {
        Data::ActionProposed(data) => data.action,
        _ => unreachable!("a proposal proposes"),
    }
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Team);
    let personal: [(&str, Course); 4] = [
        ("asked", |team| {
            let text = policy(ASKS);
            team.bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            team.approve_under(&text, action).run(action);
        }),
        ("released", |team| {
            let text = policy(ASKS);
            team.bring(&text);
            let action = team.proposed_under(&text, &sample_action(7));
            team.resolve(action, Resolution::Released).permit(action);
            team.story.redeem(action);
            team.story.complete(action);
        }),
        ("refused", |team| {
            let text = policy(ASKS);
            team.bring(&text);
            let action = team.proposed_under(&text, &sample_action(9));
            team.resolve(action, Resolution::Refused);
        }),
        ("a policy replaced", |team| {
            let (first, second) = (policy(ASKS), asking("@ttl(\"5m\")"));
            team.bring(&first);
            let before = team.proposed_under(&first, &sample_action(1));
            team.bring(&second);
            let after = team.proposed_under(&second, &sample_action(2));
            team.approve_under(&first, before).run(before);
            team.approve_under(&second, after).run(after);
        }),
    ];
    let of_team: [(&str, Course); 5] = [
        ("everything asked", |team| {
            let text = policy(STRICT);
            team.by("Ada").bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            for who in ["Ben", "Cleo", "Dora"] {
                team.by(who).approve_under(&text, action);
            }
            team.run(action);
        }),
        ("a veto of two", |team| {
            let text = policy(STRICT);
            team.by("Ada").bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            team.by("Ben").decide(action, Verdict::Deny);
            team.by("Cleo").approve_under(&text, action);
            team.by("Dora").decide(action, Verdict::Deny);
            team.resolve(action, Resolution::Denied);
        }),
        ("two administrators", |team| {
            let text = policy(ASKS);
            team.by("Ada").change("Ben", BOTH, &[]);
            team.bring(&text).by("Ben").bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            team.by("Ben").approve_under(&text, action).run(action);
        }),
        ("an edit", |team| {
            let text = policy(ASKS);
            team.by("Ada").bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            let edited = team
                .by("Ben")
                .replace_under(&text, action, &sample_action(2));
            team.by("Cleo").approve_under(&text, edited).run(edited);
        }),
        ("an edit that is released", |team| {
            let text = policy(ASKS);
            team.by("Ada").bring(&text);
            let action = team.proposed_under(&text, &sample_action(1));
            let edited = team
                .by("Ben")
                .replace_under(&text, action, &sample_action(7));
            team.resolve(edited, Resolution::Released).permit(edited);
        }),
    ];
    let personal = personal.map(|(name, course)| {
        let mut team = alone();
        course(&mut team);
        (format!("policy, {name}"), team.forge())
    });
    let of_team = of_team.map(|(name, course)| {
        let mut team = cast();
        course(&mut team);
        (format!("policy of a team, {name}"), team.forge())
    });
    personal
        .into_iter()
        .chain(of_team)
        .chain(delegations::good())
        .chain(escalations::good())
        .chain(full_review::good())
        .chain(glass::good())
        .chain(grace::good())
        .collect()
}

pub(super) fn write(cases: &mut Cases) {
    texts::write(cases);
    kinds::write(cases);
    queries::write(cases);
    calendars::write(cases);
    inputs::write(cases);
    words::write(cases);
    evaluations(cases);
    approvals::write(cases);
    resolutions::write(cases);
    delegations::write(cases);
    escalations::write(cases);
    full_review::write(cases);
    glass::write(cases);
    grace::write(cases);
    groups(cases);
    keys(cases);
}

/// What an evaluation may ask, and what not, with a policy and without.
fn evaluations(cases: &mut Cases) {
    use vidimus_protocol::entry::{Assurance, Decision, FromGroup};
    type Change = fn(&mut Evaluation);
    let from = |group: &str, people| FromGroup {
        group: group.into(),
        people,
    };
    let groups: Vec<(&str, Vec<FromGroup>, u64)> = vec![
        ("one", vec![from("sre", 1)], 1),
        ("more than people", vec![from("sre", 2)], 1),
        ("nobody of one", vec![from("sre", 0)], 1),
        ("unfit", vec![from("SRE", 1)], 1),
        ("empty", vec![from("", 1)], 1),
        ("long", vec![from(&"a".repeat(40), 1)], 1),
        ("too long", vec![from(&"a".repeat(41), 1)], 1),
        ("backwards", vec![from("sre", 1), from("a", 1)], 2),
        ("twice", vec![from("a", 1), from("a", 1)], 2),
        ("too many people", vec![from("a", 1), from("b", 2)], 2),
        (
            "sixteen",
            (0..16).map(|at| from(&format!("g{at:02}"), 1)).collect(),
            16,
        ),
        (
            "seventeen",
            (0..17).map(|at| from(&format!("g{at:02}"), 1)).collect(),
            17,
        ),
        ("huge", vec![from("a", (1 << 53) - 1), from("b", 1)], 2),
    ];
    let changes: [(&str, Change); 19] = [
        ("plain", |_| {}),
        ("without policies", |asked| asked.policies.clear()),
        ("of unsorted policies", |asked| {
            asked.policies = vec!["b".into(), "a".into()];
        }),
        ("of a policy twice", |asked| {
            asked.policies = vec!["a".into(), "a".into()];
        }),
        ("released, with people", |asked| {
            asked.decision = Decision::Release
        }),
        ("released", |asked| {
            asked.decision = Decision::Release;
            asked.quorum = 0;
        }),
        ("released by nothing", |asked| {
            asked.decision = Decision::Release;
            asked.quorum = 0;
            asked.policies.clear();
        }),
        ("refused", |asked| asked.decision = Decision::Refuse),
        ("refused by nothing", |asked| {
            asked.decision = Decision::Refuse;
            asked.policies.clear();
            asked.quorum = 0;
        }),
        ("of nobody", |asked| asked.quorum = 0),
        ("of two", |asked| asked.quorum = 2),
        ("of sixteen", |asked| asked.quorum = 16),
        ("of seventeen", |asked| asked.quorum = 17),
        ("with a veto of one", |asked| asked.veto = Some(1)),
        ("with a veto of none", |asked| asked.veto = Some(0)),
        ("with a veto of sixteen", |asked| asked.veto = Some(16)),
        ("with a veto of seventeen", |asked| asked.veto = Some(17)),
        ("with unsorted assurance", |asked| {
            asked.assurance = vec![Assurance::ProvenModel, Assurance::DeviceBound];
        }),
        ("with reason, assurance and separation", |asked| {
            asked.assurance = vec![Assurance::DeviceBound];
            asked.reason_required = true;
            asked.separate_s = 1;
        }),
    ];
    let text = policy(ASKS);
    for is_team in [false, true] {
        let begun = || {
            let mut team = if is_team { cast() } else { alone() };
            team.by("Ada").bring(&text);
            team
        };
        for (name, change) in changes {
            let mut team = begun();
            team.proposed_with(&text, change);
            team.told(cases, &format!("policy, team {is_team}, asked {name}"));
            // Without a policy.
            let mut team = if is_team { cast() } else { alone() };
            let mut draft = team.story.proposal();
            if let Data::ActionProposed(data) = &mut draft.leaf.data {
                data.evaluation.policies = vec!["a".into()];
                change(&mut data.evaluation);
                team.write(draft.clone());
                team.told(cases, &format!("no policy, team {is_team}, asked {name}"));
            }
            let mut team = if is_team { cast() } else { alone() };
            if let Data::ActionProposed(data) = &mut draft.leaf.data {
                data.evaluation.policies.clear();
            }
            team.write(draft);
            team.told(cases, &format!("no policies, team {is_team}, asked {name}"));
        }
        for (name, groups, quorum) in &groups {
            let mut team = begun();
            team.proposed_with(&text, |asked| {
                asked.groups.clone_from(groups);
                asked.quorum = *quorum;
            });
            team.told(cases, &format!("policy, team {is_team}, groups: {name}"));
        }
    }
}

/// People of groups, nobody for two.
fn groups(cases: &mut Cases) {
    let in_groups: [(&str, [&[&str]; 3]); 7] = [
        ("one each", [&["a"], &["b"], &["c"]]),
        ("chained", [&["a", "b"], &["b", "c"], &["a", "c"]]),
        ("one in all", [&["a", "b", "c"], &[], &[]]),
        ("two in the same", [&["a"], &["a"], &["b"]]),
        ("the last can move", [&["a", "b"], &["a"], &["c"]]),
        (
            "all in all",
            [&["a", "b", "c"], &["a", "b", "c"], &["a", "b", "c"]],
        ),
        ("nobody", [&[], &[], &[]]),
    ];
    let wanted = [
        "1 from a",
        "2 from a",
        "1 from a and 1 from b",
        "1 from a and 1 from b and 1 from c",
        "2 from a and 1 from b",
        "1 from a and 1",
        "3",
        "3 from a",
    ];
    for (name, members) in in_groups {
        for people in wanted {
            for approvers in 1..=3 {
                let text = asking(&format!("@people(\"{people}\")"));
                let mut team = cast();
                team.by("Ada");
                for (who, groups) in ["Ben", "Cleo", "Dora"].into_iter().zip(members) {
                    team.change(who, &[Role::Reviewer], groups);
                }
                team.bring(&text);
                let action = team.proposed_under(&text, &sample_action(1));
                for who in ["Ben", "Cleo", "Dora"].into_iter().take(approvers) {
                    team.by(who).approve_under(&text, action);
                }
                team.resolve(action, Resolution::Approved);
                let name = format!("policy, {people}, {name}, {approvers} approve");
                team.told(cases, &name);
                // Groups count as they are at each time.
                team.permit(action)
                    .by("Ada")
                    .change("Cleo", &[Role::Reviewer], &["b"]);
                team.story.redeem(action);
                team.told(cases, &format!("{name}, Cleo moves before it runs"));
            }
        }
    }
}

/// What a key must prove, and that no key is enrolled twice.
fn keys(cases: &mut Cases) {
    for wanted in ["device-bound", "proven-model", "device-bound, proven-model"] {
        for flags in [FLAGS, FLAGS | BACKUP_ELIGIBLE] {
            for verdict in [Verdict::Approve, Verdict::Deny] {
                let text = asking(&format!("@assurance(\"{wanted}\")"));
                let mut team = cast();
                team.claim_for("Ben's second", "Ben", flags);
                team.by("Ben").admit("Ben's second");
                team.by("Ada").bring(&text);
                let action = team.proposed_under(&text, &sample_action(1));
                let named: &[&str] = if verdict == Verdict::Approve {
                    &["decide"]
                } else {
                    &[]
                };
                team.by("Ben's second")
                    .decide_naming(action, verdict, "so", named);
                team.told(
                    cases,
                    &format!("policy, {verdict:?} with {flags:x} where it wants {wanted}"),
                );
            }
        }
    }
    for (first, second) in [("Fay", "Fay"), ("Fay", "Gus")] {
        for revoked in [false, true] {
            let mut team = cast();
            for who in [first, second] {
                let mut member = team.story.newcomer(who, Algorithm::EdDsa);
                member.key = SoftKey::from_seed(Algorithm::EdDsa, &[3; 32]);
                team.enrol(who, member, FLAGS);
                if revoked && !team.away.contains_key("gone") {
                    team.by("Ada").revoke(who, Revocation::Lost);
                    team.claim("gone");
                }
            }
            team.told(
                cases,
                &format!("the key of {first} enrolled by {second}, revoked {revoked}"),
            );
        }
    }
}
