//! From approval to outcome: the permit, the proof, the run, the report.
//!
//! Order: what would run is compared with what was approved; the permit is
//! redeemed; the proof is checked with the trust file; what would run is
//! compared again; it runs. After the redemption every way out reports an
//! outcome, and nothing is ever started twice.

use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::ClientError;
use vidimus_protocol::action::{Action, OUTPUT_TYPE, PAYLOAD_TYPE};
use vidimus_protocol::api::{ActionStatus, Bundle, Content, MAX_WAIT_S, Redeem, ReportOutcome};
use vidimus_protocol::entry::{Data, Outcome, Parsed};
use vidimus_protocol::permit::Claims;
use vidimus_protocol::{Blob, Digest, Leaf};
use vidimus_verify::bundle::{self, BundleReport, Wanted};
use vidimus_verify::permit;

use super::clock::now;
use super::diff;
use super::newest::Newest;
use super::plan::Plan;
use super::run::{self, Ran};
use super::saved::Saved;
use super::setup::{AGENT_PAUSED, Setup};
use super::signals::{Forwarded, Stops};
use crate::out::{say, visible};
use crate::random;
use crate::stop::{Stop, code};

/// How long the outcome is tried to be reported.
const REPORT: Duration = Duration::from_secs(60);
/// How long a lost answer to the redemption is asked after.
const AFTER_LOSS: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(500);
/// Most bytes of the words of an outcome.
const MAX_WHY: usize = 500;

/// An approved action, about to run.
pub(crate) struct Release<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) saved: &'a Saved,
    pub(crate) approved: &'a Action,
    pub(crate) plan: &'a Plan,
    pub(crate) newest: Newest,
}

impl Release<'_> {
    /// Runs it, once. Returns the exit code of the command.
    pub(crate) async fn run(self, stops: &mut Stops) -> Result<u8, Stop> {
        let digest = self.expect_approved()?;
        let permit = self.permit().await?;
        // Before anything is started: a signal must never end us and leave the
        // command behind.
        let mut signals = Forwarded::listen(stops).map_err(Stop::internal)?;
        if signals.stop_came().await {
            return Err(Stop::new(
                code::WITHDRAWN,
                "stopped after the approval, before the start; nothing has run, and the permit lapses unused",
            ));
        }
        let bundle = self.redeem(digest, &permit).await?;
        // From here on the action is used up, whatever happens.
        match self.start(digest, &permit, &bundle, &mut signals).await {
            Ok(running) => self.finish(running, &mut signals).await,
            Err(stop) => {
                let outcome = Outcome::FailedToStart {
                    why: shorten(&stop.words, MAX_WHY),
                };
                let report = ReportOutcome {
                    duration_ms: 0,
                    outcome,
                    output: None,
                    output_omitted: 0,
                };
                self.report(&report).await;
                Err(stop.over())
            }
        }
    }

    /// The digest of what would run now, if that is what was approved.
    fn expect_approved(&self) -> Result<Digest, Stop> {
        let changed = |lines: Vec<String>| {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| format!("\n  - {}", visible(line)))
                .collect();
            Stop::new(
                code::CHANGED,
                format!(
                    "what would run is not what was approved; nothing has run. Propose it anew. Changed:{}",
                    lines.concat()
                ),
            )
        };
        let action = self.plan.now().map_err(changed)?;
        let differences = diff::differences(self.approved, &action);
        if !differences.is_empty() {
            return Err(changed(differences));
        }
        digest(&self.saved.payload.salt, &action.to_bytes())
    }

    async fn permit(&self) -> Result<String, Stop> {
        match self.setup.gateway.permit(self.saved.action).await {
            Ok(reply) => Ok(reply.permit),
            Err(ClientError::Problem {
                problem,
                status: 409 | 410,
            }) if problem.code != AGENT_PAUSED => Err(Stop::new(
                code::EXPIRED,
                format!(
                    "it was approved, but cannot be released any more: {}. Nothing has run here",
                    visible(&problem.detail)
                ),
            )
            .over()),
            Err(error) => Err(self.setup.stop(&error)),
        }
    }

    /// Redeems the permit. A lost answer is asked after: if the redemption
    /// did not happen it is made again, if it did, the action is used up.
    async fn redeem(&self, action_digest: Digest, permit: &str) -> Result<Bundle, Stop> {
        let body = Redeem {
            action_digest,
            permit: permit.to_owned(),
        };
        let id = self.saved.action;
        let begun = Instant::now();
        let mut lost = false;
        loop {
            let error = match self.setup.gateway.redeem(id, &body).await {
                Ok(bundle) => return Ok(bundle),
                Err(error) => error,
            };
            match &error {
                ClientError::Unreachable { sent, .. } if begun.elapsed() < AFTER_LOSS => {
                    lost |= sent;
                    tokio::time::sleep(PAUSE).await;
                }
                ClientError::Problem { .. } if lost && self.is_redeemed().await => {
                    let words = "the gateway's answer to the redemption was lost; nothing has run, and the permit is used. Propose it anew";
                    self.report(&ReportOutcome {
                        duration_ms: 0,
                        outcome: Outcome::FailedToStart { why: words.into() },
                        output: None,
                        output_omitted: 0,
                    })
                    .await;
                    return Err(Stop::internal(words).over());
                }
                _ => return Err(self.setup.stop(&error)),
            }
        }
    }

    async fn is_redeemed(&self) -> bool {
        let view = self.setup.gateway.action(self.saved.action, 0, None).await;
        view.is_ok_and(|view| view.status == ActionStatus::Redeemed)
    }

    /// Checks the proof and everything once more, then starts the command.
    async fn start(
        &self,
        digest: Digest,
        permit: &str,
        bundle: &Bundle,
        signals: &mut Forwarded<'_>,
    ) -> Result<run::Running, Stop> {
        let report = self.prove(digest, permit, bundle)?;
        let names: Vec<_> = report
            .reviewers
            .iter()
            .map(|one| visible(&one.name))
            .collect();
        say(&format!("approved by {}; starting", names.join(", ")));
        if signals.stop_came().await {
            return Err(Stop::new(
                code::WITHDRAWN,
                "stopped before the start; nothing has run, and the permit is used",
            ));
        }
        self.expect_approved()?;
        let started = run::own_output().and_then(|output| run::start(self.plan, output));
        let running = started.map_err(|why| {
            let program = visible(self.plan.program());
            Stop::internal(format!("`{program}` could not be started: {why}"))
        })?;
        if let Err(why) = self.newest.write(&report.checkpoint.checkpoint) {
            say(&why);
        }
        Ok(running)
    }

    /// The log that the trust file names must hold the approval of exactly
    /// this, by somebody whose key chains to its founder.
    fn prove(&self, digest: Digest, jws: &str, bundle: &Bundle) -> Result<BundleReport, Stop> {
        let unproven = |why: String| {
            Stop::new(
                code::UNPROVEN,
                format!(
                    "the gateway's proof does not hold: {}. Nothing has run",
                    visible(&why)
                ),
            )
        };
        let claims = self.claims(jws, bundle).map_err(unproven)?;
        let [detail] = &claims.authorization_details;
        if detail.digest != digest || claims.approval.id != self.saved.action {
            return Err(unproven("the permit is for another action".into()));
        }
        let newest = self.newest.read().map_err(unproven)?;
        let wanted = Wanted {
            action: self.saved.action,
            action_digest: digest,
            permit: claims.jti,
            newest: newest.as_ref(),
        };
        let report = bundle::check(bundle, &self.setup.trust, &wanted)
            .map_err(|why| unproven(why.to_string()))?;
        let profile = &self.setup.profile;
        if (report.agent, report.executor) != (profile.agent, profile.executor) {
            return Err(unproven("it is for another agent".into()));
        }
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
        permit::check(
            jws,
            &opened.permit_keys,
            seconds,
            &self.setup.profile.executor,
        )
        .map_err(|why| why.to_string())
    }

    async fn finish(&self, running: run::Running, signals: &mut Forwarded<'_>) -> Result<u8, Stop> {
        let ran = tokio::select! {
            ran = running.finish(signals) => ran,
            never = self.be_present() => match never {},
        };
        let ran = ran.map_err(|why| {
            Stop::internal(format!("how the command ended cannot be known: {why}"))
        })?;
        let exit_code = ran.exit_code;
        self.report(&report_of(ran)?).await;
        Ok(exit_code)
    }

    /// Tells the gateway that somebody is still here. Only a hint for the
    /// screen, so what goes wrong is of no consequence.
    async fn be_present(&self) -> std::convert::Infallible {
        loop {
            let looked = self
                .setup
                .gateway
                .action(self.saved.action, MAX_WAIT_S, None)
                .await;
            if !looked.is_ok_and(|view| view.status == ActionStatus::Redeemed) {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }

    /// Reports an outcome. Without one the console shows *unknown*.
    async fn report(&self, report: &ReportOutcome) {
        let begun = Instant::now();
        let error = loop {
            match self.setup.gateway.report(self.saved.action, report).await {
                Ok(_) => return,
                // A gateway that is down, or whose disk is full, may be back
                // in a moment.
                Err(
                    ClientError::Unreachable { .. } | ClientError::Problem { status: 500.., .. },
                ) if begun.elapsed() < REPORT => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => break error,
            }
        };
        say(&format!(
            "the outcome could not be reported, so the console shows the result of {} as unknown: {}",
            self.saved.action,
            self.setup.stop(&error)
        ));
    }
}

/// The action digest: the payload part's commit.
pub(crate) fn digest(salt: &Digest, payload: &[u8]) -> Result<Digest, Stop> {
    vidimus_ledger::part::commit(&salt.0, PAYLOAD_TYPE, payload)
        .map(Digest)
        .map_err(Stop::internal)
}

fn report_of(ran: Ran) -> Result<ReportOutcome, Stop> {
    let output = if ran.output.is_empty() {
        None
    } else {
        Some(Content {
            bytes: Blob(ran.output),
            salt: random::digest()?,
            r#type: OUTPUT_TYPE.into(),
        })
    };
    Ok(ReportOutcome {
        duration_ms: u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX),
        outcome: ran.outcome,
        output,
        output_omitted: ran.output_omitted,
    })
}

fn shorten(words: &str, most: usize) -> String {
    if words.len() <= most {
        return words.to_owned();
    }
    let mark = "…";
    let end = (0..=most - mark.len())
        .rev()
        .find(|end| words.is_char_boundary(*end))
        .unwrap_or_default();
    format!("{}{mark}", &words[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_between_characters_and_marked() {
        assert_eq!(shorten("short", 500), "short");
        let cut = shorten(&"é".repeat(400), 500);
        assert!(cut.len() <= 500 && cut.ends_with("é…"), "{}", cut.len());
    }
}
