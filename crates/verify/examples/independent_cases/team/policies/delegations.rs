//! Delegations: what a lent group counts for, and what takes it back.

use vidimus_policy::PolicyText;
use vidimus_protocol::envelope::{DelegationItem, Revocation, Role, Verdict};
use vidimus_protocol::state::LONGEST_DELEGATION_S;
use vidimus_protocol::{ActionId, DelegationId, Digest, Time};
use vidimus_verify::testkit::sample_action;

use super::{BOTH, Team, asking, cast, policy};
use crate::Cases;
use crate::forge::Forge;

/// One of sre; everybody may decide.
fn one() -> PolicyText {
    asking("@people(\"1 from sre\") @ttl(\"24h\")")
}

/// Only sre may decide.
fn theirs() -> PolicyText {
    policy(
        r#"@id("ask") @people("1 from sre") permit (principal, action == Vidimus::Action::"propose", resource);
@id("sre") permit (principal in Vidimus::Group::"sre", action == Vidimus::Action::"decide", resource);
@id("named") permit (principal, action == Vidimus::Action::"decide", resource) when { principal.name == "Dora" };"#,
    )
}

impl Team {
    fn lend(&mut self, to: &'static str, groups: &[&str]) -> DelegationId {
        self.lend_with(to, groups, |_| {})
    }

    fn lend_with(
        &mut self,
        to: &'static str,
        groups: &[&str],
        change: impl FnOnce(&mut DelegationItem),
    ) -> DelegationId {
        let to = self.about(to).reviewer;
        let (id, draft) = self.story.delegation_with(to, groups, change);
        self.write(draft);
        id
    }

    fn end_loan(&mut self, lent: DelegationId) -> &mut Self {
        let draft = self.story.delegation_revocation(lent);
        self.write(draft)
    }

    fn says(&mut self, who: &'static str, action: ActionId, verdict: Verdict) -> &mut Self {
        let named: &[&str] = match verdict {
            Verdict::Deny => &[],
            _ => &["decide"],
        };
        self.by(who).decide_naming(action, verdict, "so", named)
    }
}

/// Ben, who is in security and sre, has lent sre to Dora, under a policy of Ada's.
fn lent(text: &PolicyText) -> (Team, DelegationId) {
    let mut team = cast();
    team.by("Ada").bring(text);
    let lent = team.by("Ben").lend("Dora", &["sre"]);
    (team, lent)
}

/// Good logs.
pub(super) fn good() -> Vec<(String, Forge)> {
    let text = one();
    let (mut team, lent) = lent(&text);
    let action = team.proposed_under(&text, &sample_action(1));
    team.says("Dora", action, Verdict::Approve).run(action);
    team.by("Ben").end_loan(lent);
    vec![("delegation, used and ended".into(), team.forge())]
}

pub(super) fn write(cases: &mut Cases) {
    giving(cases);
    ending(cases);
    seats(cases);
    lenders(cases);
    by_policy(cases);
}

/// What may be lent, to whom and how long.
fn giving(cases: &mut Cases) {
    let until = |seconds: u64, ms: u64| {
        move |item: &mut DelegationItem| {
            let since = item.until.unix_ms() - 3_600_000;
            item.until = Time::from_unix_ms(since + seconds * 1000 + ms);
        }
    };
    type Change = Box<dyn Fn(&mut DelegationItem)>;
    let changes: [(&str, &[&str], Change); 11] = [
        ("right", &["sre"], Box::new(|_| {})),
        ("both", &["security", "sre"], Box::new(|_| {})),
        ("out of order", &["sre", "security"], Box::new(|_| {})),
        ("one twice", &["sre", "sre"], Box::new(|_| {})),
        ("none", &[], Box::new(|_| {})),
        ("a foreign one", &["dba"], Box::new(|_| {})),
        ("a foreign one too", &["dba", "sre"], Box::new(|_| {})),
        ("over at once", &["sre"], Box::new(until(0, 0))),
        ("over right after", &["sre"], Box::new(until(0, 1))),
        (
            "90 days",
            &["sre"],
            Box::new(until(LONGEST_DELEGATION_S, 0)),
        ),
        ("longer", &["sre"], Box::new(until(LONGEST_DELEGATION_S, 1))),
    ];
    for (name, groups, change) in changes {
        for to in ["Dora", "Cleo", "Ben", "Ada"] {
            let mut team = cast();
            team.by("Ben").lend_with(to, groups, |item| change(item));
            team.told(cases, &format!("delegation, {name} to {to}"));
        }
    }
    for roles in [&[Role::Administrator] as &[Role], &[Role::Reviewer], BOTH] {
        for who in ["Ben", "Dora"] {
            let mut team = cast();
            team.change(who, roles, &["security", "sre"]);
            team.by("Ben").lend("Dora", &["sre"]);
            team.told(cases, &format!("delegation, {who} as {roles:?}"));
        }
    }
    let mut team = cast();
    team.remove("Dora").by("Ben").lend("Dora", &["sre"]);
    team.told(cases, "delegation, to who has left");
    // Beside another one.
    for (to, groups) in [
        ("Dora", &["sre"] as &[&str]),
        ("Dora", &["security"]),
        ("Cleo", &["sre"]),
        ("Cleo", &["security"]),
    ] {
        for (name, pass, ends) in [
            ("beside", 0, false),
            ("behind", 3_600, false),
            ("after the end of", 0, true),
        ] {
            let (mut team, first) = lent(&one());
            team.story.pass(pass);
            if ends {
                team.end_loan(first);
            }
            team.lend(to, groups);
            team.told(cases, &format!("delegation, {groups:?} to {to} {name} one"));
        }
    }
    let (mut team, first) = lent(&one());
    team.lend_with("Dora", &["sre"], |item| item.delegation = first);
    team.told(cases, "delegation, of the same id");
    let (mut team, _) = lent(&one());
    team.by("Dora").lend("Cleo", &["sre"]);
    team.told(cases, "delegation, lent on");
    let mut personal = super::alone();
    personal.lend("Ada", &["sre"]);
    personal.told(cases, "delegation, personal");
}

/// Who ends it, and when.
fn ending(cases: &mut Cases) {
    for who in ["Ada", "Ben", "Cleo", "Dora"] {
        for pass in [0, 3_600] {
            let (mut team, given) = lent(&one());
            team.story.pass(pass);
            team.by(who).end_loan(given);
            team.told(cases, &format!("delegation, ended by {who} after {pass}"));
            team.by("Ben").end_loan(given);
            team.told(
                cases,
                &format!("delegation, ended by {who} after {pass}, twice"),
            );
        }
    }
    let (mut team, given) = lent(&one());
    let mut draft = team.story.delegation_revocation(given);
    if let vidimus_protocol::entry::Data::DelegationRevoked(data) = &mut draft.leaf.data {
        let mut item = data.signed.item.clone();
        item.given = Digest([7; 32]);
        let act = vidimus_protocol::envelope::ActType::DelegationRevoked;
        data.signed = team.story.sign(act, item, |_, _| {});
    }
    team.write(draft);
    team.told(cases, "delegation, ended as given by another entry");
}

/// When an approval counts for what was lent.
fn seats(cases: &mut Cases) {
    let text = one();
    for pass in [0, 3_590, 3_600, 3_610] {
        let (mut team, given) = lent(&text);
        let action = team.proposed_under(&text, &sample_action(1));
        team.story.pass(pass);
        team.says("Dora", action, Verdict::Approve).run(action);
        team.told(cases, &format!("delegation, approved after {pass}"));
        team.by("Ben").end_loan(given);
    }
    // Approved, and then something happens.
    type Since = fn(&mut Team, DelegationId);
    let since: [(&str, Since); 12] = [
        ("nothing", |_, _| {}),
        ("its time", |team, _| team.story.pass(3_700)),
        ("its end", |team, lent| {
            team.by("Ben").end_loan(lent);
        }),
        ("another to Dora", |team, _| {
            team.by("Ben").lend("Dora", &["security"]);
        }),
        ("its time and another to Dora", |team, _| {
            team.story.pass(3_700);
            team.by("Ben").lend("Dora", &["sre"]);
        }),
        ("its time and another to Cleo", |team, _| {
            team.story.pass(3_700);
            team.by("Ben").lend("Cleo", &["security"]);
        }),
        ("its time, and another to Cleo that ended", |team, _| {
            team.story.pass(3_700);
            let other = team.by("Ben").lend("Cleo", &["sre"]);
            team.end_loan(other);
        }),
        ("Ben's leaving", |team, _| {
            team.by("Ada").remove("Ben");
        }),
        ("Ben's leaving the group", |team, _| {
            team.by("Ada")
                .change("Ben", &[Role::Reviewer], &["security"]);
        }),
        ("Ben's role", |team, _| {
            team.by("Ada")
                .change("Ben", &[Role::Administrator], &["security", "sre"]);
        }),
        ("Ben's key", |team, _| {
            team.by("Ada").revoke("Ben", Revocation::Retired);
        }),
        ("Dora's joining the group", |team, lent| {
            team.by("Ada").change("Dora", &[Role::Reviewer], &["sre"]);
            team.by("Ada").end_loan(lent);
        }),
    ];
    for (name, then) in since {
        let (mut team, given) = lent(&text);
        let action = team.proposed_under(&text, &sample_action(1));
        team.says("Dora", action, Verdict::Approve);
        then(&mut team, given);
        team.run(action);
        team.told(cases, &format!("delegation, approved, then {name}"));
        let (mut team, given) = lent(&text);
        let action = team.proposed_under(&text, &sample_action(1));
        team.says("Dora", action, Verdict::Approve)
            .resolve(action, vidimus_protocol::entry::Resolution::Approved);
        if name.contains("its time") {
            // A permit is shorter than that.
            then(&mut team, given);
            team.permit(action);
        } else {
            team.permit(action);
            then(&mut team, given);
        }
        team.story.redeem(action);
        team.told(cases, &format!("delegation, a permit, then {name}"));
    }
    let mut team = cast();
    team.by("Ada").bring(&text);
    let action = team.proposed_under(&text, &sample_action(1));
    team.says("Dora", action, Verdict::Approve);
    team.by("Ben").lend("Dora", &["sre"]);
    team.run(action);
    team.told(cases, "delegation, approved before");
}

/// Who lends nothing for an action, or counts once.
fn lenders(cases: &mut Cases) {
    let two = asking("@people(\"2 from sre\") @veto(\"2\")");
    for (name, says) in [("approved", Verdict::Approve), ("denied", Verdict::Deny)] {
        for first in [true, false] {
            let (mut team, _) = lent(&two);
            let action = team.proposed_under(&two, &sample_action(1));
            if first {
                team.says("Ben", action, says);
            }
            team.says("Dora", action, Verdict::Approve);
            if !first {
                team.says("Ben", action, says);
            }
            team.run(action);
            team.told(cases, &format!("delegation, lender {name}, first {first}"));
        }
        let (mut team, _) = lent(&two);
        let action = team.proposed_under(&two, &sample_action(1));
        team.says("Dora", action, Verdict::Approve);
        team.says("Cleo", action, Verdict::Approve);
        team.says("Ben", action, says).run(action);
        team.told(cases, &format!("delegation, lender {name} beside two"));
    }
    // Two groups of one person make no two seats.
    let both = asking("@people(\"1 from security and 1 from sre\")");
    for groups in [&["sre"] as &[&str], &["security"], &["security", "sre"]] {
        for other in ["Cleo", "Ben"] {
            let mut team = cast();
            team.by("Ada").bring(&both);
            team.by("Ben").lend("Dora", groups);
            let action = team.proposed_under(&both, &sample_action(1));
            team.says("Dora", action, Verdict::Approve);
            team.says(other, action, Verdict::Approve).run(action);
            team.told(cases, &format!("delegation, {groups:?} beside {other}"));
        }
    }
    // Of who owns the agent, edited the action, or brought the policy.
    let text = one();
    let mut team = cast();
    team.change("Ada", BOTH, &["sre"]).bring(&text);
    team.lend("Dora", &["sre"]);
    let action = team.proposed_under(&text, &sample_action(1));
    team.says("Dora", action, Verdict::Approve).run(action);
    team.told(cases, "delegation, of the owner");
    for editor in ["Ben", "Cleo"] {
        let (mut team, _) = lent(&text);
        let old = team.proposed_under(&text, &sample_action(1));
        let action = team.by(editor).replace_under(&text, old, &sample_action(7));
        team.says("Dora", action, Verdict::Approve).run(action);
        team.told(cases, &format!("delegation, edited by {editor}"));
    }
    for seconds in [0, 3_500, 3_650] {
        let text = asking("@people(\"1 from sre\") @separate(\"1h\") @ttl(\"24h\")");
        let mut team = cast();
        team.change("Ben", BOTH, &["sre"]).bring(&text);
        team.by("Ben").bring(&text);
        team.lend_with("Dora", &["sre"], |item| {
            item.until = item.until.plus_seconds(24 * 3600);
        });
        let action = team.proposed_under(&text, &sample_action(1));
        team.story.pass(seconds);
        team.says("Dora", action, Verdict::Approve).run(action);
        team.told(cases, &format!("delegation, of an author, after {seconds}"));
    }
}

/// Which policies let who was lent a group.
fn by_policy(cases: &mut Cases) {
    let text = theirs();
    for names in [&["named"] as &[&str], &["sre"], &["named", "sre"]] {
        for lends in [true, false] {
            let (mut team, given) = lent(&text);
            if !lends {
                team.end_loan(given);
            }
            let action = team.proposed_under(&text, &sample_action(1));
            team.by("Dora")
                .decide_naming(action, Verdict::Approve, "so", names);
            team.by("Ada").rules(false, 0, 1);
            team.told(
                cases,
                &format!("delegation, approved naming {names:?}, lent {lends}"),
            );
        }
    }
}
