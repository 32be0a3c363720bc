//! A team at a gateway: who founds it, joins it and signs.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)]

use reqwest::Method;
use serde_json::{Value, json};
use vidimus_gateway::{Config, Entrance, Public};
use vidimus_protocol::api::{Ack, CeremonyStarted, Invited};
use vidimus_protocol::envelope::{ActType, ReviewerItem, Role};
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::{Aaguid, Blob, Digest};
use vidimus_verify::testkit::Vendor;

use super::support::{Forgery, Reply, World, assert_with, config, now, registered_by, serve};

/// Somebody else at the same gateway.
pub struct Person {
    pub key: ::passkey::types::Passkey,
    pub reviewer: ReviewerId,
    pub session: String,
    /// Leaf hash of the enrolment of his key.
    pub enrolment: Digest,
}

pub fn team(dir: &std::path::Path) -> Config {
    let personal = config(dir);
    let port: u16 = std::fs::read_to_string(dir.join("port"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let public = Public {
        url: format!("http://localhost:{port}").parse().unwrap(),
        listen: None,
        entrance: Entrance::Loopback,
    };
    Config::team(personal.dir, public)
}

pub async fn founded(dir: &std::path::Path) -> World {
    serve(team(dir)).found_team(now()).await
}

pub fn hash(ack: &Ack, at: usize) -> Digest {
    Digest(vidimus_ledger::tree::leaf_hash(
        ack.entries[at].leaf.as_bytes(),
    ))
}

/// The other person's key signs next.
pub fn swap(world: &mut World, person: &mut Person) {
    std::mem::swap(&mut world.key, &mut person.key);
    std::mem::swap(&mut world.reviewer, &mut person.reviewer);
    std::mem::swap(&mut world.session, &mut person.session);
}

pub async fn enrol(world: &World, token: Option<&str>, body: &Value) -> Reply {
    world
        .call(Method::POST, "/v1/enrolments", token, Some(body))
        .await
}

/// Makes a key on the page that an enrolment began, and signs with it.
pub async fn claim(world: &World, started: Reply) -> (::passkey::types::Passkey, Ack) {
    claim_by(world, started, None).await
}

/// The same with an authenticator of that vendor.
async fn claim_by(
    world: &World,
    started: Reply,
    vendor: Option<&Vendor>,
) -> (::passkey::types::Passkey, Ack) {
    let CeremonyStarted { ceremony, .. } = started.json();
    let base = format!("/v1/ceremonies/{ceremony}");
    let (key, request) = registered_by(&world.http, &world.gateway.url(), &base, vendor).await;
    let challenge: Blob = serde_json::from_value(request["challenge"].clone()).unwrap();
    let challenge = Digest(challenge.0.try_into().unwrap());
    let assertion = assert_with(&key, &world.gateway.url(), challenge, &Forgery::default()).await;
    let view: Value = world
        .call(
            Method::POST,
            &format!("{base}/assertion"),
            None,
            Some(&json!({ "assertion": assertion })),
        )
        .await
        .json();
    let ack: Ack = serde_json::from_value(view["ack"].clone()).unwrap();
    world.proven(&ack);
    (key, ack)
}

pub async fn invited(world: &World, name: &str) -> Invited {
    world
        .post("/v1/invitations", &world.session, &json!({ "name": name }))
        .await
        .json()
}

/// Invited, enrolled, and not taken in yet.
pub async fn newcomer(world: &World, name: &str) -> Person {
    newcomer_by(world, name, None).await
}

async fn newcomer_by(world: &World, name: &str, vendor: Option<&Vendor>) -> Person {
    let invited = invited(world, name).await;
    let body = json!({ "invitation": invited.invitation, "label": "Phone" });
    let (key, ack) = claim_by(world, enrol(world, None, &body).await, vendor).await;
    Person {
        key,
        reviewer: invited.reviewer,
        session: String::new(),
        enrolment: hash(&ack, 0),
    }
}

pub async fn act<I: serde::Serialize>(world: &World, act: ActType, item: &I) -> Reply {
    let start = world.one(act, item).await;
    world
        .act(Some(&world.session), &start, &Forgery::default())
        .await
}

pub fn ack(reply: &Reply) -> Ack {
    let view: Value = reply.json();
    serde_json::from_value(view["ack"].clone()).unwrap()
}

pub async fn take_in(world: &World, person: &Person, name: &str, roles: &[Role]) {
    take_in_to(world, person, name, roles, &["sre"]).await;
}

async fn take_in_to(world: &World, person: &Person, name: &str, roles: &[Role], groups: &[&str]) {
    let item = ReviewerItem {
        credential: person.enrolment,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        identity: format!("{}@example.com", name.to_lowercase()),
        name: name.into(),
        reviewer: person.reviewer,
        roles: roles.to_vec(),
    };
    let taken = act(world, ActType::ReviewerRegistered, &item).await;
    world.proven(&ack(&taken));
}

/// A reviewer who is signed in, with a key that is synced.
pub async fn joined(world: &mut World, name: &str, roles: &[Role]) -> Person {
    joined_by(world, name, roles, None).await
}

/// The same with a key that cannot leave its device.
pub async fn joined_bound(world: &mut World, name: &str, roles: &[Role]) -> Person {
    let vendor = Vendor::new(Aaguid([7; 16]));
    joined_by(world, name, roles, Some(&vendor)).await
}

/// A reviewer who is signed in and in no group.
pub async fn outsider(world: &mut World, name: &str) -> Person {
    let mut person = newcomer(world, name).await;
    take_in_to(world, &person, name, &[Role::Reviewer], &[]).await;
    sign_in(world, &mut person).await;
    person
}

async fn sign_in(world: &mut World, person: &mut Person) {
    swap(world, person);
    world.session = world.sign_in().await;
    swap(world, person);
}

async fn joined_by(
    world: &mut World,
    name: &str,
    roles: &[Role],
    vendor: Option<&Vendor>,
) -> Person {
    let mut person = newcomer_by(world, name, vendor).await;
    take_in(world, &person, name, roles).await;
    sign_in(world, &mut person).await;
    person
}
