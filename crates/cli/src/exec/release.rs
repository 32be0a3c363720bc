//! From approval to outcome: released once, started, reported.
//!
//! What would run is compared with what was approved twice
//! (`vidimus_executor`); here are the signals between, the start and the end.

use vidimus_executor::{Executor, Released, Report, Request, Stop as Held, Why};

use super::plan::Plan;
use super::run::{self, Ran, Running};
use super::signals::{Forwarded, Stops};
use super::work::Work;
use crate::out::{say, visible};
use crate::stop::{Stop, code};

/// An approved action, about to run.
pub(crate) struct Release<'a> {
    pub(crate) executor: &'a Executor,
    pub(crate) request: &'a Request,
    pub(crate) work: &'a Work,
}

impl Release<'_> {
    /// Runs it, once. Returns the exit code of the command.
    pub(crate) async fn run(self, stops: &mut Stops) -> Result<u8, Stop> {
        let permit = self.executor.permit(self.request, self.work).await?;
        // Before anything is started: a signal must never end us and leave the
        // command behind.
        let mut signals = Forwarded::listen(stops).map_err(Stop::internal)?;
        if signals.stop_came().await {
            let words = "stopped after the approval, before the start; nothing has run, and the permit lapses unused";
            return Err(Held::new(Why::Withdrawn, words).into());
        }
        let released = self
            .executor
            .redeem(self.request, permit, self.work)
            .await?;
        // From here on the action is used up, whatever happens.
        match self.start(&released, &mut signals).await {
            Ok(Some(running)) => self.finish(running, &mut signals).await,
            Ok(None) => self.written().await,
            Err(stop) => Err(self.executor.not_started(self.request, stop).await.into()),
        }
    }

    /// `None` where there is no program to start.
    async fn start(
        &self,
        released: &Released,
        signals: &mut Forwarded<'_>,
    ) -> Result<Option<Running>, Held> {
        say(&format!("{}; starting", released.by()));
        if signals.stop_came().await {
            let words = "stopped before the start; nothing has run, and the permit is used";
            return Err(Held::new(Why::Withdrawn, words));
        }
        match self.work {
            Work::Program { plan, .. } => started(plan).map(Some),
            Work::Writing(_) => Ok(None),
        }
    }

    async fn written(&self) -> Result<u8, Stop> {
        let Work::Writing(writing) = self.work else {
            return Err(Stop::internal("there is nothing to write"));
        };
        let (report, result) = writing.run();
        self.report(&report).await;
        result.map_err(|why| Stop::from(Held::internal(why).over()))?;
        say("the file is written");
        Ok(code::DONE)
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
        self.report(&report).await;
        Ok(exit_code)
    }

    async fn report(&self, report: &Report) {
        if let Err(why) = self.executor.report(self.request.id(), report).await {
            say(&why.words);
        }
    }
}

fn started(plan: &Plan) -> Result<Running, Held> {
    let started = run::own_output().and_then(|output| run::start(plan, output));
    started.map_err(|why| {
        let program = visible(plan.program());
        Held::internal(format!("`{program}` could not be started: {why}"))
    })
}
