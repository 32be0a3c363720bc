//! Tells the gateway how a run ended.

use std::time::Duration;

use tokio::time::Instant;
use vidimus_client::ClientError;
use vidimus_protocol::action::{ActionKind, OUTPUT_TYPE};
use vidimus_protocol::api::{ActionStatus, Content, Known, ReportOutcome};
use vidimus_protocol::entry::Outcome;
use vidimus_protocol::strict::MAX_SAFE;
use vidimus_protocol::{ActionId, Blob};

use crate::random;
use crate::setup::Executor;
use crate::stop::Stop;

/// How long the outcome is tried to be reported.
const REPORT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// Most bytes of the words of an outcome.
const MAX_WHY: usize = 500;

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The end.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
    /// What it said; its end, when that is too long.
    pub output: Vec<u8>,
    /// Bytes of the output that were left out.
    pub output_omitted: u64,
}

impl Report {
    /// An end without an output.
    #[must_use]
    pub fn of(outcome: Outcome, duration: Duration) -> Self {
        Self {
            outcome,
            duration,
            output: Vec::new(),
            output_omitted: 0,
        }
    }

    /// An action of that kind was released and never started.
    #[must_use]
    pub fn not_started(kind: ActionKind, words: &str) -> Self {
        let why = shorten(words, MAX_WHY);
        let outcome = if kind.runs_a_program() {
            Outcome::FailedToStart { why }
        } else {
            Outcome::Failed { why }
        };
        Self::of(outcome, Duration::ZERO)
    }

    /// It ran and failed, in the words of whoever ran it.
    #[must_use]
    pub fn failed(words: &str, duration: Duration) -> Self {
        let why = shorten(words, MAX_WHY);
        Self::of(Outcome::Failed { why }, duration)
    }

    fn body(&self) -> Result<ReportOutcome, Stop> {
        let output = (!self.output.is_empty()).then(|| {
            Ok::<_, Stop>(Content {
                bytes: Blob(self.output.clone()),
                salt: random::digest()?,
                r#type: OUTPUT_TYPE.into(),
            })
        });
        Ok(ReportOutcome {
            duration_ms: u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            outcome: self.outcome.clone(),
            output: output.transpose()?,
            output_omitted: self.output_omitted,
        })
    }
}

impl Executor {
    /// Reports an outcome. A gateway that is down, or whose disk is full, may
    /// be back in a moment: it is tried for a minute.
    ///
    /// # Errors
    /// Why the console shows the result as *unknown*.
    pub async fn report(&self, action: ActionId, report: &Report) -> Result<(), Stop> {
        let body = report.body()?;
        let begun = Instant::now();
        let error = loop {
            match self.gateway.report(action, &body).await {
                Ok(_) => return Ok(()),
                Err(
                    ClientError::Unreachable { .. } | ClientError::Problem { status: 500.., .. },
                ) if begun.elapsed() < REPORT => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => break error,
            }
        };
        let stop = self.stop(&error);
        Err(Stop {
            words: format!(
                "the outcome could not be reported, so the console shows the result of {action} as unknown: {stop}"
            ),
            ..stop
        })
    }

    /// Tells the gateway, for ever, that somebody is still here. Only a hint
    /// for the screen, so what goes wrong is of no consequence.
    pub async fn be_present(&self, action: ActionId) -> std::convert::Infallible {
        loop {
            let known = Known {
                action,
                questions: MAX_SAFE,
                status: ActionStatus::Redeemed,
            };
            if !self
                .waits
                .news(known)
                .await
                .is_ok_and(|news| news.is_none())
            {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }
}

/// At most `most` bytes of a text; what was cut leaves a mark.
#[must_use]
pub fn shorten(words: &str, most: usize) -> String {
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
    fn what_never_started_ends_as_its_kind_can() {
        for kind in [
            ActionKind::Command,
            ActionKind::Sql,
            ActionKind::Json,
            ActionKind::McpToolCall,
        ] {
            assert!(
                Report::not_started(kind, "gone").outcome.fits(kind),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn long_words_are_cut_between_characters_and_marked() {
        assert_eq!(shorten("short", 500), "short");
        let cut = shorten(&"é".repeat(400), 500);
        assert!(cut.len() <= 500 && cut.ends_with("é…"), "{}", cut.len());
    }
}
