//! From approval to outcome: released once, started, reported.
//!
//! What would run is compared with what was approved twice
//! (`vidimus_executor`); here are the signals between, the start and the end.

use vidimus_executor::{Executor, Released, Report, Request, Stop as Held, Subject, Why};
use vidimus_protocol::action::Action;

use super::diff;
use super::plan::Plan;
use super::run::{self, Ran, Running};
use super::signals::{Forwarded, Stops};
use crate::out::{say, visible};
use crate::stop::Stop;

/// An approved action, about to run.
pub(crate) struct Release<'a> {
    pub(crate) executor: &'a Executor,
    pub(crate) request: &'a Request,
    pub(crate) plan: &'a Plan,
}

impl Subject for Plan {
    fn now(&self) -> impl Future<Output = Result<Action, Vec<String>>> + Send {
        std::future::ready(self.now())
    }

    fn differences(&self, approved: &Action, now: &Action) -> Vec<String> {
        diff::differences(approved, now)
    }
}

impl Release<'_> {
    /// Runs it, once. Returns the exit code of the command.
    pub(crate) async fn run(self, stops: &mut Stops) -> Result<u8, Stop> {
        let permit = self.executor.permit(self.request, self.plan).await?;
        // Before anything is started: a signal must never end us and leave the
        // command behind.
        let mut signals = Forwarded::listen(stops).map_err(Stop::internal)?;
        if signals.stop_came().await {
            let words = "stopped after the approval, before the start; nothing has run, and the permit lapses unused";
            return Err(Held::new(Why::Withdrawn, words).into());
        }
        let released = self
            .executor
            .redeem(self.request, permit, self.plan)
            .await?;
        // From here on the action is used up, whatever happens.
        match self.start(&released, &mut signals).await {
            Ok(running) => self.finish(running, &mut signals).await,
            Err(stop) => Err(self
                .executor
                .not_started(released.action, stop)
                .await
                .into()),
        }
    }

    async fn start(
        &self,
        released: &Released,
        signals: &mut Forwarded<'_>,
    ) -> Result<Running, Held> {
        let names: Vec<_> = released
            .reviewers
            .iter()
            .map(|name| visible(name))
            .collect();
        say(&format!("approved by {}; starting", names.join(", ")));
        if signals.stop_came().await {
            let words = "stopped before the start; nothing has run, and the permit is used";
            return Err(Held::new(Why::Withdrawn, words));
        }
        let started = run::own_output().and_then(|output| run::start(self.plan, output));
        started.map_err(|why| {
            let program = visible(self.plan.program());
            Held::internal(format!("`{program}` could not be started: {why}"))
        })
    }

    async fn finish(&self, running: Running, signals: &mut Forwarded<'_>) -> Result<u8, Stop> {
        let action = self.request.id();
        let ran = tokio::select! {
            ran = running.finish(signals) => ran,
            never = self.executor.be_present(action) => match never {},
        };
        let ran = ran.map_err(|why| {
            Stop::internal(format!("how the command ended cannot be known: {why}"))
        })?;
        let Ran {
            outcome,
            duration,
            output,
            output_omitted,
            exit_code,
        } = ran;
        let report = Report {
            outcome,
            duration,
            output,
            output_omitted,
        };
        if let Err(why) = self.executor.report(action, &report).await {
            say(&why.words);
        }
        Ok(exit_code)
    }
}
