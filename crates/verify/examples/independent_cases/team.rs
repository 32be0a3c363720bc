//! Logs of a team, and of a person with several keys.

mod edits;
mod grants;
mod limits;
mod models;
mod pauses;
mod policies;
mod steps;

use std::collections::BTreeMap;

use vidimus_protocol::entry::{CredentialEnrolled, Data, Ref, Resolution};
use vidimus_protocol::envelope::{ActType, Revocation, Role, Verdict};
use vidimus_protocol::{Aaguid, ActionId, sha256};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{
    Draft, FLAGS, Member, SoftKey, Story, Vendor, attestation_object, registration_data,
    sample_action,
};

use crate::Cases;
use crate::forge::Forge;

/// BE of the authenticator data.
const BACKUP_ELIGIBLE: u8 = 0x08;

/// A team's story, and who is not at the keyboard.
pub(crate) struct Team {
    story: Story,
    away: BTreeMap<&'static str, Member>,
    hand: &'static str,
}

impl Team {
    /// Ada, who founded it.
    fn new() -> Self {
        Self {
            story: Story::team_of_one(1, Algorithm::EdDsa),
            away: BTreeMap::new(),
            hand: "Ada",
        }
    }

    /// Ada, her agent and Ben, who reviews.
    fn of_two() -> Self {
        let mut team = Self::new();
        team.join("Ben", &[Role::Reviewer]);
        team.agent();
        team
    }

    /// Whose key signs from here on.
    fn by(&mut self, name: &'static str) -> &mut Self {
        if name != self.hand {
            let mut member = self.away.remove(name).expect("this key is in the story");
            self.story.swap(&mut member);
            self.away.insert(self.hand, member);
            self.hand = name;
        }
        self
    }

    /// Somebody to do something about, who may be the one who signs.
    fn about(&mut self, name: &'static str) -> Member {
        let copy = |member: &Member| Member {
            key: SoftKey::from_seed(Algorithm::EdDsa, &[1; 32]),
            credential_id: member.credential_id.clone(),
            reviewer: member.reviewer,
            name: member.name.clone(),
            credential: member.credential,
        };
        if let Some(member) = self.away.get(name) {
            return copy(member);
        }
        let mut own = self.story.newcomer("nobody", Algorithm::EdDsa);
        self.story.swap(&mut own);
        let found = copy(&own);
        self.story.swap(&mut own);
        found
    }

    fn write(&mut self, draft: Draft) -> &mut Self {
        self.story.write(draft);
        self
    }

    /// A key that somebody new claims for himself.
    fn claim(&mut self, name: &'static str) -> &mut Self {
        let member = self.story.newcomer(name, Algorithm::EdDsa);
        self.enrol(name, member, FLAGS)
    }

    /// A key that claims to be another's.
    fn claim_for(&mut self, key: &'static str, person: &'static str, flags: u8) -> &mut Self {
        let person = self.about(person);
        let mut member = self.story.newcomer(&person.name, Algorithm::EdDsa);
        member.reviewer = person.reviewer;
        self.enrol(key, member, flags)
    }

    fn enrol(&mut self, name: &'static str, mut member: Member, flags: u8) -> &mut Self {
        self.story.swap(&mut member);
        let draft = self.enrolment(flags);
        self.story.write(draft);
        self.story.swap(&mut member);
        self.away.insert(name, member);
        self
    }

    fn enrolment(&mut self, flags: u8) -> Draft {
        let story = &mut self.story;
        let mut draft = story.enrolment();
        let Data::CredentialEnrolled(data) = &mut draft.leaf.data else {
            unreachable!("it enrols");
        };
        if flags != FLAGS {
            let mut item = data.signed.item.clone();
            let rp_id = &story.log.opened.rp_id;
            let registration =
                registration_data(rp_id, flags, &item.credential_id.0, &item.public_key);
            let object = attestation_object(&registration);
            item.attestation = sha256(&[&object.0]);
            item.backup_eligible = flags & BACKUP_ELIGIBLE != 0;
            **data = CredentialEnrolled {
                anchor: None,
                attestation_object: object,
                client_data_json: data.client_data_json.clone(),
                signed: story.sign(ActType::CredentialEnrolled, item, |_, _| {}),
            };
        }
        draft
    }

    fn register(&mut self, name: &'static str) -> &mut Self {
        let member = self.about(name);
        let draft = self.story.reviewer_registration(&member);
        self.write(draft)
    }

    fn join(&mut self, name: &'static str, roles: &[Role]) -> &mut Self {
        self.claim(name).register(name);
        if roles != [Role::Reviewer] {
            self.change(name, roles, &[]);
        }
        self
    }

    fn change(&mut self, name: &'static str, roles: &[Role], groups: &[&str]) -> &mut Self {
        let member = self.about(name);
        let draft = self.story.reviewer_change(&member, roles, groups);
        self.write(draft)
    }

    fn rename(&mut self, name: &'static str, new: &str) -> &mut Self {
        let mut member = self.about(name);
        member.name = new.into();
        let draft = self.story.reviewer_change(&member, &[Role::Reviewer], &[]);
        self.write(draft)
    }

    fn remove(&mut self, name: &'static str) -> &mut Self {
        let member = self.about(name);
        let draft = self.story.removal(&member);
        self.write(draft)
    }

    fn admit(&mut self, key: &'static str) -> &mut Self {
        let member = self.about(key);
        let draft = self.story.admission(&member);
        self.write(draft)
    }

    fn revoke(&mut self, key: &'static str, why: Revocation) -> &mut Self {
        let member = self.about(key);
        let draft = self.story.revocation(&member, why);
        self.write(draft)
    }

    fn rules(&mut self, device_bound: bool, max_age_days: u64, quorum: u64) -> &mut Self {
        let draft = self.story.rules(device_bound, max_age_days, quorum);
        self.write(draft)
    }

    fn agent(&mut self) -> &mut Self {
        let draft = self.story.registration();
        self.write(draft)
    }

    fn end_agent(&mut self) -> &mut Self {
        let draft = self.story.agent_revocation();
        self.write(draft)
    }

    /// Proposes an action that so many people must approve.
    fn propose(&mut self, quorum: u64) -> ActionId {
        let mut draft = self.story.proposal();
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        let action = data.action;
        data.evaluation.quorum = quorum;
        self.write(draft);
        action
    }

    fn decide(&mut self, action: ActionId, verdict: Verdict) -> &mut Self {
        let draft = self.story.verdict(action, verdict, "looks right");
        self.write(draft)
    }

    fn approve(&mut self, action: ActionId) -> &mut Self {
        self.decide(action, Verdict::Approve)
    }

    fn recognise(&mut self, action: ActionId) -> &mut Self {
        let draft = self.story.recognition(action);
        self.write(draft)
    }

    fn resolve(&mut self, action: ActionId, resolution: Resolution) -> &mut Self {
        let draft = self.story.resolution(action, resolution);
        self.write(draft)
    }

    fn permit(&mut self, action: ActionId) -> &mut Self {
        let draft = self.story.permit(action);
        self.write(draft)
    }

    fn run(&mut self, action: ActionId) -> &mut Self {
        self.resolve(action, Resolution::Approved).permit(action);
        self.story.redeem(action);
        self.story.complete(action);
        self
    }

    /// Edits an action; gives the one that takes its place.
    fn replace(&mut self, action: ActionId, number: u64) -> ActionId {
        self.story.replace(action, &sample_action(number))
    }

    /// Pauses the agent, or one run of it.
    fn pause(&mut self, run: Option<&str>) -> Ref {
        let run = run.map(|run| run.parse().expect("visible ASCII"));
        let draft = self.story.pause(run);
        self.story.write(draft)
    }

    fn resume(&mut self, pause: Ref) -> &mut Self {
        let draft = self.story.resumption(pause);
        self.write(draft)
    }

    fn withdraw_by(&mut self, action: ActionId, pause: Ref) -> &mut Self {
        let draft = self.story.withdrawal_by(action, pause);
        self.write(draft)
    }

    /// Proposes an action of that run.
    fn propose_in(&mut self, run: &str) -> ActionId {
        let mut draft = self.story.proposal();
        let Data::ActionProposed(data) = &mut draft.leaf.data else {
            unreachable!("a proposal proposes");
        };
        let action = data.action;
        data.run = run.parse().ok();
        self.write(draft);
        action
    }

    fn forge(self) -> Forge {
        Forge::with_keys(self.story, self.away.into_values().collect())
    }

    /// The log as it was told, with every signature as it is.
    fn told(&self, cases: &mut Cases, name: &str) {
        cases.file(name, &self.story.export(), Some(self.story.log.id));
    }
}

/// Good logs. They are short, so that each sort of entry comes early in one.
pub(crate) fn good() -> Vec<(String, Forge)> {
    type Course = fn(&mut Team);
    let courses: [(&str, Course); 13] = [
        ("models", |team| {
            let vendor = Vendor::new(Aaguid([7; 16]));
            team.attested("Ada's second", "Ada", &vendor)
                .admit("Ada's second")
                .by("Ada's second");
            let draft = team.story.rules_with(false, 0, 1, vec![vendor.model()]);
            team.write(draft);
        }),
        ("at work", |team| {
            let action = team.propose(1);
            team.by("Ben").approve(action).recognise(action).run(action);
        }),
        ("a further key", |team| {
            team.claim_for("Ben's second", "Ben", FLAGS | BACKUP_ELIGIBLE);
            team.by("Ben").admit("Ben's second");
            team.by("Ben's second").revoke("Ben", Revocation::Retired);
            let action = team.propose(1);
            team.approve(action).run(action);
        }),
        ("comes and goes", |team| {
            team.change("Ben", &[Role::Reviewer], &["security", "sre"]);
            team.remove("Ben");
        }),
        ("rules", |team| {
            team.rules(true, 365, 1).rules(false, 0, 1);
            let action = team.propose(1);
            team.by("Ben").approve(action).run(action);
        }),
        ("an edit", |team| {
            team.join("Cleo", &[Role::Reviewer]);
            let action = team.propose(1);
            team.by("Cleo").approve(action);
            let edited = team.by("Ben").replace(action, 7);
            let again = team.replace(edited, 8);
            team.by("Cleo").approve(again).run(again);
        }),
        ("a pause", |team| {
            let waits = team.propose(1);
            let runs = team.propose(1);
            team.by("Ben")
                .approve(runs)
                .resolve(runs, Resolution::Approved)
                .permit(runs);
            team.story.redeem(runs);
            let paused = team.pause(None);
            team.withdraw_by(waits, paused).story.complete(runs);
            team.resume(paused);
            let anew = team.propose(1);
            team.approve(anew).run(anew);
        }),
        ("a pause of a run", |team| {
            let of_it = team.propose_in("nightly-42");
            let of_another = team.propose_in("nightly-43");
            let paused = team.by("Ben").pause(Some("nightly-42"));
            team.withdraw_by(of_it, paused).approve(of_another);
            team.run(of_another);
            team.by("Ada").pause(Some("nightly-42"));
            team.by("Ben").resume(paused);
        }),
        ("an agent's end", |team| {
            let action = team.propose(1);
            team.by("Ben").approve(action);
            team.by("Ada").end_agent();
            team.story.pass(900);
            team.resolve(action, Resolution::Expired);
        }),
        ("a recovery", |team| {
            for name in ["Cleo", "Dora"] {
                team.join(name, &[Role::Administrator]);
            }
            team.claim_for("Ben's second", "Ben", FLAGS);
            for name in ["Ada", "Dora"] {
                team.by(name).admit("Ben's second");
            }
            team.revoke("Ben", Revocation::Lost);
            let action = team.propose(1);
            team.by("Ben's second").approve(action).run(action);
        }),
        ("two of three", |team| {
            for name in ["Cleo", "Dora"] {
                team.join(name, &[Role::Administrator, Role::Reviewer]);
            }
            team.rules(false, 0, 2);
            let action = team.propose(2);
            team.by("Cleo").approve(action);
            team.by("Dora").approve(action).run(action);
        }),
        ("a veto", |team| {
            team.join("Cleo", &[Role::Reviewer]);
            team.rules(false, 0, 2);
            let action = team.propose(2);
            team.by("Ben").approve(action);
            team.by("Cleo").decide(action, Verdict::Deny);
            team.recognise(action).resolve(action, Resolution::Denied);
        }),
        ("an approval given again", |team| {
            let action = team.propose(1);
            team.claim_for("Ben's second", "Ben", FLAGS);
            team.by("Ben").admit("Ben's second").approve(action);
            team.by("Ada").revoke("Ben", Revocation::Stolen);
            team.by("Ben's second").approve(action).run(action);
        }),
    ];
    let told = courses.map(|(name, course)| {
        let mut team = Team::of_two();
        course(&mut team);
        (format!("team, {name}"), team.forge())
    });
    let mut good: Vec<(String, Forge)> = told.into();
    good.push(("a person with two keys".into(), with_two_keys().forge()));
    good.extend(grants::good());
    good.extend(policies::good());
    good
}

/// A personal log whose owner changed his key.
fn with_two_keys_at_work() -> Team {
    let mut team = Team {
        story: Story::new(1, Algorithm::EdDsa),
        away: BTreeMap::new(),
        hand: "Ada",
    };
    team.claim_for("Ada's second", "Ada", FLAGS)
        .admit("Ada's second");
    team.by("Ada's second").revoke("Ada", Revocation::Lost);
    team
}

/// A personal log whose owner changes his key and ends his agent.
fn with_two_keys() -> Team {
    let mut team = with_two_keys_at_work();
    let action = team.propose(1);
    team.approve(action)
        .recognise(action)
        .run(action)
        .end_agent();
    team
}

pub(crate) fn write(cases: &mut Cases) {
    other_algorithms(cases);
    steps::write(cases);
    limits::write(cases);
    models::write(cases);
    pauses::write(cases);
    edits::write(cases);
    grants::write(cases);
    policies::write(cases);
}

fn other_algorithms(cases: &mut Cases) {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let (mut story, _) = Story::team(2, algorithm);
        let action = story.run();
        let draft = story.recognition(action);
        story.write(draft);
        let name = format!("team, {algorithm:?}");
        cases.file(&name, &story.export(), Some(story.log.id));
    }
}
