//! A policy at a gateway, what is decided under it, and what then runs.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};
use vidimus_policy::{PolicyFile, PolicyText};
use vidimus_protocol::Digest;
use vidimus_protocol::action::{Action, POLICY_TYPE};
use vidimus_protocol::api::{Ack, PolicyExtras, Propose, StartCeremony};
use vidimus_protocol::entry::Data;
use vidimus_protocol::envelope::{ActType, PolicyItem, Verdict};
use vidimus_protocol::trust::TrustFile;
use vidimus_verify::bundle::{self, BundleError, BundleReport, Wanted};

use super::people::{Person, ack, swap};
use super::support::{self, Forgery, Held, Reply, World, commit, content};

pub fn text(policy: &str) -> PolicyText {
    let file = PolicyFile {
        name: "policy.cedar".into(),
        text: policy.into(),
    };
    PolicyText::new(vec![file]).unwrap()
}

/// A change of the policy to this text, ready for a key.
pub async fn change(world: &World, policy: &str, replaces: Digest) -> StartCeremony {
    let content = content(POLICY_TYPE, &text(policy).to_bytes());
    change_to(world, PolicyExtras { policy: content }, replaces).await
}

pub async fn change_to(world: &World, extras: PolicyExtras, replaces: Digest) -> StartCeremony {
    let item = PolicyItem {
        policy: commit(&extras.policy),
        replaces,
    };
    let start = world.one(ActType::PolicyChanged, &item).await;
    StartCeremony {
        policy: Some(extras),
        ..start
    }
}

pub async fn sign(world: &World, start: &StartCeremony) -> Reply {
    world
        .act(Some(&world.session), start, &Forgery::default())
        .await
}

pub async fn in_force(world: &World, policy: &str) -> Ack {
    let start = change(world, policy, world.log).await;
    let reply = sign(world, &start).await;
    let ack = ack(&reply);
    world.proven(&ack);
    ack
}

/// What a person says of a proposal.
pub async fn verdict_by(
    world: &mut World,
    person: &mut Person,
    ack: &Ack,
    verdict: Verdict,
    reason: &str,
) -> Reply {
    swap(world, person);
    let draft = world.draft(ack, verdict, reason).await;
    let reply = sign(world, &draft.start()).await;
    swap(world, person);
    reply
}

/// The answer to who redeems the permit of an action.
pub async fn redemption(world: &World, agent: &Held, propose: &Propose) -> Reply {
    let permit: Value = world.permit(agent, propose.action).await.json();
    let body = json!({ "action_digest": commit(&propose.payload), "permit": permit["permit"] });
    let path = format!("/v1/actions/{}/redeem", propose.action);
    world.post(&path, &agent.token, &body).await
}

/// The bundle that proves that it may run.
pub async fn redeemed(world: &World, agent: &Held, propose: &Propose) -> Ack {
    redemption(world, agent, propose).await.json()
}

/// What an executor with a trust file finds.
pub fn proves(world: &World, propose: &Propose, bundle: &Ack) -> Result<BundleReport, BundleError> {
    let last = support::leaf(bundle, bundle.entries.len() - 1);
    let Data::PermitRedeemed(redeemed) = last.data else {
        panic!("no redemption");
    };
    let content = Action::parse(&propose.payload.bytes.0).unwrap();
    let wanted = Wanted {
        action: propose.action,
        action_digest: commit(&propose.payload),
        content: &content,
        permit: redeemed.permit,
        newest: None,
    };
    bundle::check(bundle, &TrustFile::new(world.log), &wanted)
}

/// Where an action stands, as its agent is told.
pub async fn status(world: &World, agent: &Held, propose: &Propose) -> String {
    let view = world.status(agent, propose.action).await;
    view["status"].as_str().unwrap().to_owned()
}
