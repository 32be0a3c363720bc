//! From approval to start: the permit, the redemption, the proof.
//!
//! Order: what would run is compared with what was approved; the permit is
//! redeemed; the proof is checked with the trust file; what would run is
//! compared again; only then the caller gets a [`Released`].

use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::ClientError;
use vidimus_ledger::checkpoint::Checkpoint;
use vidimus_protocol::api::{ActionStatus, Bundle, Redeem};
use vidimus_protocol::entry::{Data, Parsed};
use vidimus_protocol::permit::Claims;
use vidimus_protocol::{ActionId, Digest, Leaf, action::Action};
use vidimus_verify::bundle::{self, Approver, BundleReport, Consent, Wanted};
use vidimus_verify::permit;

use crate::clock::now;
use crate::report::Report;
use crate::request::Request;
use crate::setup::{AGENT_PAUSED, Executor};
use crate::stop::{Stop, Why};
use crate::text::visible;

/// How long a lost answer to the redemption is asked after.
const AFTER_LOSS: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(500);

/// What is held back, and can say what it would be if it ran now.
pub trait Subject {
    /// The action of a run at this moment, or what cannot be looked at any
    /// more, a line for each.
    fn now(&self) -> impl Future<Output = Result<Action, Vec<String>>> + Send;

    /// What differs, a line for each; never empty when the two differ.
    fn differences(&self, approved: &Action, now: &Action) -> Vec<String> {
        if approved == now {
            Vec::new()
        } else {
            vec!["the action".into()]
        }
    }
}

/// A permit that nobody has used yet. One that is dropped lapses.
#[derive(Debug)]
pub struct Permit {
    jws: String,
    digest: Digest,
}

/// The one release of an action: it may run now, once. Its outcome is still to
/// be [reported](Executor::report).
#[derive(Debug)]
#[must_use = "without a report its result is unknown"]
pub struct Released {
    /// The action.
    pub action: ActionId,
    /// Those who approved it, as they are in the log. None: the policy released it.
    pub reviewers: Vec<Approver>,
}

impl Released {
    /// By whom, in words for a terminal.
    #[must_use]
    pub fn by(&self) -> String {
        let words = |approver: &Approver| {
            let name = visible(&approver.name);
            match approver.consent {
                Consent::Seen => name,
                Consent::InAdvance => format!("{name} in advance"),
                Consent::BrokenGlass => format!("{name}, who broke glass"),
            }
        };
        let names: Vec<_> = self.reviewers.iter().map(words).collect();
        if names.is_empty() {
            "released by the policy".to_owned()
        } else {
            format!("approved by {}", names.join(", "))
        }
    }
}

impl Executor {
    /// Gets the permit of an approved action, if what would run is still that.
    ///
    /// # Errors
    /// A [`Stop`]; nothing has run.
    pub async fn permit(&self, request: &Request, subject: &impl Subject) -> Result<Permit, Stop> {
        let digest = expect_approved(request, subject).await?;
        match self.gateway.permit(request.id()).await {
            Ok(reply) => Ok(Permit {
                jws: reply.permit,
                digest,
            }),
            Err(ClientError::Problem {
                problem,
                status: 409 | 410,
            }) if problem.code != AGENT_PAUSED => Err(Stop::new(
                Why::Expired,
                format!(
                    "it was approved, but cannot be released any more: {}. Nothing has run here",
                    visible(&problem.detail)
                ),
            )
            .over()),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// Redeems the permit and proves the approval. From then on the action is
    /// used up: when this fails afterwards, it has reported that nothing ran.
    ///
    /// # Errors
    /// A [`Stop`]; nothing has run.
    pub async fn redeem(
        &self,
        request: &Request,
        permit: Permit,
        subject: &impl Subject,
    ) -> Result<Released, Stop> {
        // Read before: releases overlap, and another may see more meanwhile.
        let newest = self.newest.read().map_err(unproven)?;
        let bundle = self.redeemed(request, &permit).await?;
        let proof = Proof {
            permit: &permit,
            bundle: &bundle,
            newest: newest.as_ref(),
        };
        match self.proven(request, &proof, subject).await {
            Ok(released) => Ok(released),
            Err(stop) => Err(self.not_started(request, stop).await),
        }
    }

    /// Reports that a released action did not start. What is reported can
    /// never be redacted, so what has changed stays here.
    pub async fn not_started(&self, request: &Request, stop: Stop) -> Stop {
        let words = match stop.why {
            Why::Changed => "what would run was not what was approved any more",
            _ => &stop.words,
        };
        let report = Report::not_started(request.action.kind(), words);
        match self.report(request.id(), &report).await {
            Ok(()) => stop,
            Err(unreported) => Stop {
                words: format!("{stop}; {unreported}"),
                ..stop
            },
        }
        .over()
    }

    async fn proven(
        &self,
        request: &Request,
        proof: &Proof<'_>,
        subject: &impl Subject,
    ) -> Result<Released, Stop> {
        let report = self.prove(request, proof)?;
        expect_approved(request, subject).await?;
        Ok(Released {
            action: request.id(),
            reviewers: report.reviewers,
        })
    }

    /// A lost answer is asked after: if the redemption did not happen it is
    /// made again, if it did, the action is used up.
    async fn redeemed(&self, request: &Request, permit: &Permit) -> Result<Bundle, Stop> {
        let action = request.id();
        let body = Redeem {
            action_digest: permit.digest,
            permit: permit.jws.clone(),
        };
        let begun = Instant::now();
        let mut lost = false;
        loop {
            let error = match self.gateway.redeem(action, &body).await {
                Ok(bundle) => return Ok(bundle),
                Err(error) => error,
            };
            match &error {
                ClientError::Unreachable { sent, .. } if begun.elapsed() < AFTER_LOSS => {
                    lost |= sent;
                    tokio::time::sleep(PAUSE).await;
                }
                ClientError::Problem { .. } if lost && self.is_redeemed(action).await => {
                    let words = "the gateway's answer to the redemption was lost; nothing has run, and the permit is used. Propose it anew";
                    return Err(self.not_started(request, Stop::internal(words)).await);
                }
                _ => return Err(self.stop(&error)),
            }
        }
    }

    async fn is_redeemed(&self, action: ActionId) -> bool {
        let view = self.gateway.action(action, 0, None).await;
        view.is_ok_and(|view| view.status == ActionStatus::Redeemed)
    }

    /// The log that the trust file names must hold the approval of exactly
    /// this, by somebody whose key chains to its founder.
    fn prove(&self, request: &Request, proof: &Proof<'_>) -> Result<BundleReport, Stop> {
        let Proof {
            permit,
            bundle,
            newest,
        } = *proof;
        let claims = self.claims(&permit.jws, bundle).map_err(unproven)?;
        let [detail] = &claims.authorization_details;
        if detail.digest != permit.digest || claims.approval.id != request.id() {
            return Err(unproven("the permit is for another action".into()));
        }
        let wanted = Wanted {
            action: request.id(),
            action_digest: permit.digest,
            content: &request.action,
            permit: claims.jti,
            newest,
        };
        let report =
            bundle::check(bundle, &self.trust, &wanted).map_err(|why| unproven(why.to_string()))?;
        if (report.agent, report.executor) != (self.profile.agent, self.profile.executor) {
            return Err(unproven("it is for another agent".into()));
        }
        self.newest
            .advance(&report.checkpoint.checkpoint)
            .map_err(unproven)?;
        Ok(report)
    }

    /// The permit's claims, by a key that the log's first entry names. That
    /// this entry is the trusted one, `bundle::check` proves.
    fn claims(&self, jws: &str, bundle: &Bundle) -> Result<Claims, String> {
        let first = bundle.entries.first().ok_or("it is empty")?;
        let Ok(Parsed::Known(leaf)) = Leaf::parse(first.leaf.as_bytes()) else {
            return Err("its first entry cannot be read".into());
        };
        let Data::LogOpened(opened) = &leaf.data else {
            return Err("its first entry opens no log".into());
        };
        let seconds = now().unix_ms() / 1000;
        permit::check(jws, &opened.permit_keys, seconds, &self.profile.executor)
            .map_err(|why| why.to_string())
    }
}

/// What the gateway answered to a redemption, beside what was asked for.
#[derive(Clone, Copy)]
struct Proof<'a> {
    permit: &'a Permit,
    bundle: &'a Bundle,
    /// The newest checkpoint that was known before.
    newest: Option<&'a Checkpoint>,
}

fn unproven(why: String) -> Stop {
    Stop::new(
        Why::Unproven,
        format!(
            "the gateway's proof does not hold: {}. Nothing has run",
            visible(&why)
        ),
    )
}

/// The digest of what would run now, if that is what was approved.
async fn expect_approved(request: &Request, subject: &impl Subject) -> Result<Digest, Stop> {
    let action = subject.now().await.map_err(|gone| Stop::changed(&gone))?;
    if action != request.action {
        let mut differences = subject.differences(&request.action, &action);
        if differences.is_empty() {
            differences.push("the action".into());
        }
        return Err(Stop::changed(&differences));
    }
    request.digest_of(&action)
}
