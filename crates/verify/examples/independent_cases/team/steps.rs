//! What anybody may sign or write after a course, whether it leads there or not; and lies of a gateway.

use vidimus_protocol::entry::{Data, Resolution, ReviewerChanged};
use vidimus_protocol::envelope::{
    ActType, AgentItem, AgentRevocationItem, ReviewerChangeItem, Revocation, Role, Verdict,
    token_hash,
};
use vidimus_protocol::{ActionId, AgentId, Digest, ExecutorId};
use vidimus_verify::cose::Algorithm;
use vidimus_verify::testkit::{Draft, FLAGS, Member, Story};

use super::{BACKUP_ELIGIBLE, Team};
use crate::Cases;

/// Administrator and reviewer.
const BOTH: &[Role] = &[Role::Administrator, Role::Reviewer];

type Course = fn(&mut Team, ActionId);

pub(super) fn write(cases: &mut Cases) {
    let signers = ["Ada", "Ben", "Cleo", "Ben's second", "Eve"];
    for (course_name, course) in COURSES {
        let mut told = |name: String, tell: &dyn Fn(&mut Team, ActionId)| {
            let (mut team, action) = cast();
            course(&mut team, action);
            team.by("Ada");
            tell(&mut team, action);
            team.told(cases, &name);
        };
        for signer in signers {
            for (step_name, step) in SIGNED {
                let name = format!("team, {course_name}, then {signer}: {step_name}");
                told(name, &|team, action| step(team.by(signer), action));
            }
        }
        for (step_name, step) in WRITTEN {
            told(
                format!("team, {course_name}, then {step_name}"),
                &|team, action| {
                    step(team, action);
                },
            );
        }
    }
    forgeries(cases);
    alone(cases);
}

/// What nobody can do in a personal log.
fn alone(cases: &mut Cases) {
    type Step = fn(&mut Team);
    let steps: [(&str, Step); 5] = [
        ("takes Eve in", |team| {
            team.claim("Eve").register("Eve");
        }),
        ("enrols Eve's key", |team| {
            team.claim("Eve");
        }),
        ("changes her own record", |team| {
            let ada = team.about("Ada");
            let record = ada.credential.expect("enrolled");
            let item = ReviewerChangeItem {
                groups: Vec::new(),
                identity: "ada".into(),
                name: ada.name,
                replaces: record.leaf,
                reviewer: ada.reviewer,
                roles: BOTH.to_vec(),
            };
            let signed = team.story.sign(ActType::ReviewerChanged, item, |_, _| {});
            let mut draft = team.story.rules(false, 0, 1);
            draft.leaf.data = Data::ReviewerChanged(Box::new(ReviewerChanged { signed }));
            draft.leaf.refs[1] = record;
            team.write(draft);
        }),
        ("rules", |team| {
            team.rules(false, 0, 1);
        }),
        ("revokes her last key", |team| {
            team.revoke("Ada's second", Revocation::Lost);
        }),
    ];
    for (name, step) in steps {
        let mut team = super::with_two_keys();
        step(&mut team);
        team.told(cases, &format!("a person with two keys {name}"));
    }
}

/// Ada, who founded it and owns the agent; Ben, who reviews and has a second key that is not admitted; Cleo, who
/// is an administrator alone; Eve, whom nobody took in; and an action that waits.
fn cast() -> (Team, ActionId) {
    let mut team = Team::of_two();
    team.join("Cleo", &[Role::Administrator]);
    team.claim_for("Ben's second", "Ben", FLAGS | BACKUP_ELIGIBLE);
    team.claim("Eve");
    let action = team.propose(1);
    (team, action)
}

const COURSES: &[(&str, Course)] = &[
    ("nothing more", |_, _| {}),
    ("Ben has left", |team, _| {
        team.remove("Ben");
    }),
    ("Ada has left", |team, _| {
        team.by("Cleo").remove("Ada");
    }),
    ("Ben's key is revoked", |team, _| {
        team.by("Ben").revoke("Ben", Revocation::Lost);
    }),
    ("Ben has two keys", |team, _| {
        team.by("Ben").admit("Ben's second");
    }),
    ("Ben changed his key", |team, _| {
        team.by("Ben").admit("Ben's second");
        team.revoke("Ben", Revocation::Retired);
    }),
    ("Ben's second key is revoked", |team, _| {
        team.by("Ben").revoke("Ben's second", Revocation::Lost);
    }),
    ("Ada gave her word", |team, _| {
        team.admit("Ben's second");
    }),
    ("Ada gave her word and is none of them", |team, _| {
        team.join("Dora", BOTH).join("Emma", BOTH);
        team.admit("Ben's second")
            .by("Cleo")
            .change("Ada", &[Role::Reviewer], &[]);
    }),
    ("Ada gave her word, four are there", |team, _| {
        team.join("Dora", BOTH).join("Emma", BOTH);
        team.admit("Ben's second");
    }),
    ("Ada gave her word, and the others left", |team, _| {
        team.join("Dora", BOTH).admit("Ben's second");
        team.remove("Dora").remove("Cleo");
    }),
    ("Cleo gave her word and lost her key", |team, _| {
        team.by("Cleo").admit("Ben's second");
        team.by("Ada").revoke("Cleo", Revocation::Stolen);
    }),
    ("Ben has another name", |team, _| {
        team.rename("Ben", "Benjamin");
    }),
    ("Ben is an administrator", |team, _| {
        team.change("Ben", BOTH, &[]);
    }),
    ("Ben is no reviewer", |team, action| {
        team.by("Ben").approve(action);
        team.by("Ada").change("Ben", &[Role::Administrator], &[]);
    }),
    ("Ada is the only administrator", |team, _| {
        team.change("Cleo", &[Role::Reviewer], &[]);
    }),
    ("only device-bound keys", |team, _| {
        team.by("Ben").admit("Ben's second");
        team.by("Ada").rules(true, 0, 1);
    }),
    ("keys are too old", |team, _| {
        team.rules(false, 1, 1).story.pass(86_400);
    }),
    ("two must approve", |team, _| {
        team.rules(false, 0, 2);
    }),
    ("Ben approved", |team, action| {
        team.by("Ben").approve(action);
    }),
    ("Ben approved and lost his key", |team, action| {
        team.by("Ben").approve(action);
        team.by("Ada").revoke("Ben", Revocation::Stolen);
    }),
    ("Ben denied and changed his key", |team, action| {
        team.by("Ben")
            .admit("Ben's second")
            .decide(action, Verdict::Deny);
        team.by("Ben's second").revoke("Ben", Revocation::Stolen);
    }),
    ("Ben denied and has left", |team, action| {
        team.by("Ben").decide(action, Verdict::Deny);
        team.by("Ada").remove("Ben");
    }),
    (
        "Ben approved what is not his agent's any more",
        |team, action| {
            team.by("Ben").approve(action);
            team.by("Cleo").end_agent();
        },
    ),
    ("there is a permit", |team, action| {
        team.by("Ben").approve(action);
        team.resolve(action, Resolution::Approved).permit(action);
    }),
    ("there is a permit and Ben has left", |team, action| {
        team.by("Ben").approve(action);
        team.resolve(action, Resolution::Approved).permit(action);
        team.by("Ada").remove("Ben");
    }),
    ("there is a permit and Ada has left", |team, action| {
        team.by("Ben").approve(action);
        team.resolve(action, Resolution::Approved).permit(action);
        team.by("Cleo").remove("Ada");
    }),
    ("there is a permit and no agent", |team, action| {
        team.by("Ben").approve(action);
        team.resolve(action, Resolution::Approved).permit(action);
        team.by("Ada").end_agent();
    }),
];

const SIGNED: &[(&str, Course)] = &[
    ("admits Ben's second key", |team, _| {
        team.admit("Ben's second");
    }),
    ("admits Ben's second key, and it is used", |team, _| {
        team.admit("Ben's second").by("Ben's second");
        team.revoke("Ben's second", Revocation::Retired);
    }),
    ("admits Eve's key", |team, _| {
        team.admit("Eve");
    }),
    ("revokes Ada's key", |team, _| {
        team.revoke("Ada", Revocation::Lost);
    }),
    ("revokes Ben's key", |team, _| {
        team.revoke("Ben", Revocation::Lost);
    }),
    ("revokes Ben's second key", |team, _| {
        team.revoke("Ben's second", Revocation::Lost);
    }),
    ("revokes Eve's key", |team, _| {
        team.revoke("Eve", Revocation::Lost);
    }),
    ("takes Eve in", |team, _| {
        team.register("Eve");
    }),
    ("takes Ben in again", |team, _| {
        team.register("Ben's second");
    }),
    ("changes Ada", |team, _| {
        team.change("Ada", &[Role::Reviewer], &[]);
    }),
    ("changes Ada's groups", |team, _| {
        team.change("Ada", BOTH, &["sre"]);
    }),
    ("changes Ben", |team, _| {
        team.change("Ben", BOTH, &[]);
    }),
    ("changes Cleo", |team, _| {
        team.change("Cleo", &[Role::Reviewer], &[]);
    }),
    ("removes Ada", |team, _| {
        team.remove("Ada");
    }),
    ("removes Ben", |team, _| {
        team.remove("Ben");
    }),
    ("removes Cleo", |team, _| {
        team.remove("Cleo");
    }),
    ("rules", |team, _| {
        team.rules(true, 2, 1);
    }),
    ("registers an agent of Ben's", |team, _| {
        let owner = team.about("Ben");
        let draft = another_agent(team, &owner);
        team.write(draft);
    }),
    ("revokes the agent", |team, _| {
        team.end_agent();
    }),
    ("approves", |team, action| {
        team.approve(action);
    }),
    ("denies", |team, action| {
        team.decide(action, Verdict::Deny);
    }),
    ("approves and it runs", |team, action| {
        team.approve(action).run(action);
    }),
    ("takes it", |team, action| {
        let draft = team.story.take(action);
        team.write(draft);
    }),
    ("enrols another key", |team, _| {
        let who = team.hand;
        team.claim_for("another", who, FLAGS);
    }),
];

const WRITTEN: &[(&str, Course)] = &[
    ("a proposal", |team, _| {
        team.propose(1);
    }),
    ("a proposal for two", |team, _| {
        team.propose(2);
    }),
    ("a proposal for seventeen", |team, _| {
        team.propose(17);
    }),
    ("it is approved", |team, action| {
        team.resolve(action, Resolution::Approved);
    }),
    ("it is denied", |team, action| {
        team.resolve(action, Resolution::Denied);
    }),
    ("it is withdrawn", |team, action| {
        team.resolve(action, Resolution::Withdrawn);
    }),
    ("it expires", |team, action| {
        team.story.pass(900);
        team.resolve(action, Resolution::Expired);
    }),
    ("another permit", |team, action| {
        team.story.pass(300);
        if team.lapse(action) {
            team.permit(action);
        }
    }),
    ("it is redeemed", |team, action| {
        if team.has_permit(action) {
            team.story.redeem(action);
            team.story.complete(action);
        }
    }),
];

impl Team {
    fn has_permit(&self, action: ActionId) -> bool {
        let issued = format!(r#""action":"{action}""#);
        self.story.leaves().iter().any(|leaf| {
            let leaf = String::from_utf8_lossy(leaf);
            leaf.contains("permit.issued") && leaf.contains(&issued)
        })
    }

    fn lapse(&mut self, action: ActionId) -> bool {
        let has_permit = self.has_permit(action);
        if has_permit {
            let draft = self.story.lapse(action);
            self.write(draft);
        }
        has_permit
    }
}

fn another_agent(team: &mut Team, owner: &Member) -> Draft {
    let item = AgentItem {
        agent: AgentId::from_random([0x22; 16]),
        executor: ExecutorId::from_random([0x23; 16]),
        name: "builder".into(),
        owner: owner.reviewer,
        token_hash: token_hash("another token"),
    };
    team.story.registration_with(item, |_, _| {})
}

/// An entry that is signed with a key of the gateway's own, in the name of who signs next.
fn with_a_made_up_key(story: &mut Story, tell: impl FnOnce(&mut Story) -> Draft) -> Draft {
    let mut mallory = story.newcomer("Mallory", Algorithm::EdDsa);
    std::mem::swap(&mut story.key, &mut mallory.key);
    let draft = tell(story);
    std::mem::swap(&mut story.key, &mut mallory.key);
    draft
}

fn forgeries(cases: &mut Cases) {
    for (name, forge) in FORGERIES {
        let (mut team, action) = cast();
        let draft = forge(&mut team, action);
        team.write(draft);
        team.told(cases, &format!("team, {name}"));
    }
}

type Forgery = fn(&mut Team, ActionId) -> Draft;

const FORGERIES: &[(&str, Forgery)] = &[
    ("the gateway takes Eve in, in Ada's name", |team, _| {
        let eve = team.about("Eve");
        with_a_made_up_key(&mut team.story, |story| story.reviewer_registration(&eve))
    }),
    (
        "the gateway enrols a key for Ada that admits itself",
        |team, _| {
            team.claim_for("Ada's second", "Ada", FLAGS)
                .by("Ada's second");
            team.story.admission_of_own()
        },
    ),
    ("the gateway admits a key in Ben's name", |team, _| {
        let second = team.about("Ben's second");
        team.by("Ben");
        with_a_made_up_key(&mut team.story, |story| story.admission(&second))
    }),
    ("the gateway gives Ben a role", |team, _| {
        let ben = team.about("Ben");
        with_a_made_up_key(&mut team.story, |story| {
            story.reviewer_change(&ben, BOTH, &["security"])
        })
    }),
    ("the gateway loosens the rules", |team, _| {
        with_a_made_up_key(&mut team.story, |story| story.rules(false, 0, 1))
    }),
    ("the gateway changes a signed group", |team, _| {
        let eve = team.about("Eve");
        let mut draft = team.story.reviewer_registration(&eve);
        if let Data::ReviewerRegistered(data) = &mut draft.leaf.data {
            data.signed.item.groups = vec!["security".into()];
        }
        draft
    }),
    ("a software key signs", |team, action| {
        team.by("Ben").story.origin = vidimus_protocol::state::software_origin(team.story.log.id);
        team.story.verdict(action, Verdict::Approve, "")
    }),
    ("a key is said to stay where it does not", |team, _| {
        let mut draft = team.enrolment_of_nobody(FLAGS | BACKUP_ELIGIBLE);
        if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
            data.signed.item.backup_eligible = false;
        }
        draft
    }),
    ("a key is said not to stay where it does", |team, _| {
        team.swap_in_nobody();
        let mut draft = team.story.enrolment();
        if let Data::CredentialEnrolled(data) = &mut draft.leaf.data {
            let mut item = data.signed.item.clone();
            item.backup_eligible = true;
            data.signed = team
                .story
                .sign(ActType::CredentialEnrolled, item, |_, _| {});
        }
        draft
    }),
    ("a removal under the type of a change", |team, _| {
        let ben = team.about("Ben");
        let mut draft = team.story.removal(&ben);
        if let Data::ReviewerRemoved(data) = &mut draft.leaf.data {
            data.signed.envelope.r#type = ActType::ReviewerChanged;
        }
        draft
    }),
    ("an envelope of another log", |team, _| {
        let own = std::mem::replace(&mut team.story.log.id, Digest([9; 32]));
        let draft = team.story.rules(false, 0, 1);
        team.story.log.id = own;
        draft
    }),
    ("Ada approves what she registered for Ben", |team, _| {
        let ben = team.about("Ben");
        decided_by_registrar(team, &ben)
    }),
    ("Ada approves what she registered for Cleo", |team, _| {
        let cleo = team.about("Cleo");
        decided_by_registrar(team, &cleo)
    }),
    ("Ada registers an agent of Eve's", |team, _| {
        let eve = team.about("Eve");
        another_agent(team, &eve)
    }),
    ("a verdict is recognised by another", |team, action| {
        team.by("Ben").approve(action).by("Cleo");
        team.story.recognition(action)
    }),
    ("a verdict is recognised by Ada", |team, action| {
        team.by("Ben").approve(action).by("Ada");
        team.story.recognition(action)
    }),
    ("a verdict is recognised twice", |team, action| {
        team.by("Ben").approve(action).recognise(action);
        team.story.recognition(action)
    }),
    (
        "a verdict is recognised with another key, after all",
        |team, action| {
            team.by("Ben")
                .admit("Ben's second")
                .approve(action)
                .run(action);
            team.by("Ben's second").story.recognition(action)
        },
    ),
    ("the agent is revoked twice", |team, _| {
        team.end_agent();
        team.story.agent_revocation()
    }),
    ("Ben ends an agent of his", |team, _| {
        let ben = team.about("Ben");
        let draft = another_agent(team, &ben);
        let registered = team.story.write(draft);
        let mut draft = team.by("Ben").story.agent_revocation();
        if let Data::AgentRevoked(data) = &mut draft.leaf.data {
            let item = AgentRevocationItem {
                agent: AgentId::from_random([0x22; 16]),
                registration: registered.leaf,
            };
            data.signed = team.story.sign(ActType::AgentRevoked, item, |_, _| {});
        }
        draft.leaf.refs[1] = registered;
        draft
    }),
];

impl Team {
    pub(super) fn swap_in_nobody(&mut self) {
        let mut nobody = self.story.newcomer("Nobody", Algorithm::EdDsa);
        self.story.swap(&mut nobody);
    }

    fn enrolment_of_nobody(&mut self, flags: u8) -> Draft {
        self.swap_in_nobody();
        self.enrolment(flags)
    }
}

/// Ada's verdict on what an agent proposes that she registered for somebody.
fn decided_by_registrar(team: &mut Team, owner: &Member) -> Draft {
    let draft = another_agent(team, owner);
    let registered = team.story.write(draft);
    let mut draft = team.story.proposal();
    let agent = AgentId::from_random([0x22; 16]);
    draft.leaf.refs[0] = registered;
    draft.leaf.actor = vidimus_protocol::Actor::Agent(agent);
    let Data::ActionProposed(data) = &mut draft.leaf.data else {
        unreachable!("a proposal proposes");
    };
    data.agent = agent;
    let action = data.action;
    team.write(draft);
    team.story.verdict(action, Verdict::Approve, "")
}
