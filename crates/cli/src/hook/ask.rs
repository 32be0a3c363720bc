//! Asks about a call: proposes it or finds it waiting, waits, and releases it
//! once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use vidimus_client::home::Home;
use vidimus_executor::{Decided, Executor, News, Request, Stop, Why, decided};
use vidimus_protocol::{ActionId, Time};

use super::answer::Answer;
use super::call::Call;
use super::kept::{KeptError, Place, Released, Shelf, Waiting};
use super::settings::Settings;
use crate::exec::words;
use crate::out::visible;

/// Why a call is not released, in words for the agent.
#[derive(Debug)]
struct No(String);

impl From<Stop> for No {
    fn from(stop: Stop) -> Self {
        Self(stop.words)
    }
}

impl From<KeptError> for No {
    fn from(why: KeptError) -> Self {
        Self(why.to_string())
    }
}

/// One call with all that asking takes.
struct Asking<'a> {
    call: &'a Call,
    home: &'a Home,
    executor: Executor,
    place: Place,
    shelf: &'a Shelf,
    wait: Duration,
}

/// How the waiting ended.
enum Ended {
    Decided(Result<Decided, Stop>),
    /// The reviewer wants to know something.
    Asked(String),
    /// The host waits no longer.
    Late,
    /// The host gave up.
    Stopped,
}

/// Whether a person lets this call through.
pub(crate) async fn ask(call: &Call, settings: &Settings) -> Answer {
    let home = settings.home();
    match decide(call, settings, &home).await {
        Ok(words) => Answer::Allow(words),
        Err(No(why)) => Answer::Deny(why),
    }
}

async fn decide(call: &Call, settings: &Settings, home: &Home) -> Result<String, No> {
    let executor = Executor::load(home, settings.agent.as_deref(), None)?;
    let shelf = Shelf::new(home.hook_state());
    shelf.tidy();
    let place = shelf.place(call.key())?;
    let asking = Asking {
        call,
        home,
        executor,
        place,
        shelf: &shelf,
        wait: Duration::from_secs(settings.wait_s),
    };
    asking.through().await
}

impl Asking<'_> {
    /// From the proposal to the release. Returns who approved.
    async fn through(self) -> Result<String, No> {
        let (waiting, expires_at) = match self.place.read()? {
            Some(waiting) => self.again(waiting).await?,
            None => self.anew().await?,
        };
        let request = Request::again(waiting.propose.clone())?;
        if let Some(expires_at) = expires_at {
            self.approval(&request, waiting, expires_at).await?;
        }
        self.release(&request).await
    }

    async fn anew(&self) -> Result<(Waiting, Option<Time>), No> {
        let action = self.call.action().map_err(|why| {
            No(format!(
                "this call cannot be shown to a person as it is, so it does not run: {}",
                visible(&why)
            ))
        })?;
        let request = Request::new(action, self.call.context().as_ref(), self.call.run(), None)?;
        let waiting = Waiting {
            agent: self.executor.profile.name.clone(),
            heard: 0,
            propose: request.propose.clone(),
            v: 1,
        };
        self.place.write(&waiting)?;
        let expires_at = self.propose(&request).await?;
        Ok((waiting, Some(expires_at)))
    }

    /// A call that waits already; the time is `None` once it is approved. What
    /// is over is told, and asked anew the next time.
    async fn again(&self, waiting: Waiting) -> Result<(Waiting, Option<Time>), No> {
        let request = Request::again(waiting.propose.clone())?;
        if waiting.v != 1 || waiting.agent != self.executor.profile.name {
            self.place.clear()?;
            return self.anew().await;
        }
        if self.call.action().as_ref() != Ok(&request.action) {
            // What was shown is not what would run: a person looks again.
            let withdrawn = self.executor.withdraw(request.id()).await;
            if !matches!(withdrawn.why, Why::Withdrawn) {
                return Err(withdrawn.into());
            }
            self.place.clear()?;
            return self.anew().await;
        }
        match self.executor.find(request.id()).await? {
            None => {
                let expires_at = self.propose(&request).await?;
                Ok((waiting, Some(expires_at)))
            }
            Some(view) => match decided(&view) {
                None => Ok((waiting, Some(view.expires_at))),
                Some(Ok(Decided::Approved)) => Ok((waiting, None)),
                Some(Ok(Decided::Superseded(to))) => Err(self.edited(&request, to).await?),
                Some(Err(stop)) => {
                    self.place.clear()?;
                    Err(again_asks(stop))
                }
            },
        }
    }

    async fn propose(&self, request: &Request) -> Result<Time, No> {
        let proposed = self.executor.propose(request).await;
        if proposed.as_ref().is_err_and(|stop| stop.over) {
            self.place.clear()?;
        }
        Ok(proposed?)
    }

    async fn approval(
        &self,
        request: &Request,
        mut waiting: Waiting,
        expires_at: Time,
    ) -> Result<(), No> {
        let id = request.id();
        let mut heard = usize::try_from(waiting.heard).unwrap_or(usize::MAX);
        let (ask, mut asked) = mpsc::unbounded_channel();
        let tell = |news: News<'_>| {
            if let News::Asked(question) = news {
                let text = String::from_utf8_lossy(&question.text.bytes.0);
                ask.send(visible(&text)).ok();
            }
        };
        let ended = tokio::select! {
            ended = self.executor.approval(id, expires_at, &mut heard, tell) => Ended::Decided(ended),
            Some(question) = asked.recv() => Ended::Asked(question),
            () = tokio::time::sleep(self.wait) => Ended::Late,
            () = stopped() => Ended::Stopped,
        };
        match ended {
            Ended::Decided(Ok(Decided::Approved)) => Ok(()),
            Ended::Decided(Ok(Decided::Superseded(to))) => Err(self.edited(request, to).await?),
            Ended::Decided(Err(stop)) if stop.over => {
                self.place.clear()?;
                Err(again_asks(stop))
            }
            Ended::Decided(Err(stop)) => Err(stop.into()),
            Ended::Asked(first) => {
                let mut questions = vec![first];
                questions.extend(std::iter::from_fn(|| asked.try_recv().ok()));
                waiting.heard = u64::try_from(heard).unwrap_or(u64::MAX);
                self.place.write(&waiting)?;
                let agent = &self.executor.profile.name;
                let words = ["answer", "--agent", agent, &id.to_string(), "TEXT"];
                Err(No(format!(
                    "not decided yet: the reviewer asks: {}\nAnswer with: {}\nThen make the same call again to go on waiting",
                    questions.join("\n"),
                    words::line(self.home, None, &words)
                )))
            }
            Ended::Late => Err(No(format!(
                "not decided yet: {id} waits for a person. Nothing has run. Make the same call again to go on waiting for this decision; any other call asks anew"
            ))),
            Ended::Stopped => {
                let stop = self.executor.withdraw(id).await;
                if stop.over {
                    self.place.clear()?;
                }
                Err(stop.into())
            }
        }
    }

    /// A reviewer edited it, and the host runs the call as it is or not at all.
    async fn edited(&self, request: &Request, to: ActionId) -> Result<No, No> {
        let stop = self.executor.decline_edit(request, to).await;
        self.place.clear()?;
        Ok(stop.into())
    }

    /// Uses the approval up. Returns who gave it.
    async fn release(&self, request: &Request) -> Result<String, No> {
        let permit = match self.executor.permit(request, self.call).await {
            Ok(permit) => permit,
            Err(stop) => {
                if stop.over {
                    self.place.clear()?;
                }
                return Err(stop.into());
            }
        };
        let released = self.executor.redeem(request, permit, self.call).await;
        // Used up or refused for good: the next call asks anew.
        let cleared = self.place.clear();
        let released = released?;
        let kept = Released {
            action: released.action,
            agent: self.executor.profile.name.clone(),
            input: self.call.input_digest(),
            v: 1,
        };
        let kept = cleared.and_then(|()| self.shelf.release(self.call.name(), &kept));
        if let Err(why) = kept {
            let stop = Stop::internal(format!("{why}. Nothing has run"));
            return Err(self.executor.not_started(request, stop).await.into());
        }
        Ok(released.by())
    }
}

/// How it ended, and whether it can be asked again: somebody who paused the
/// agent does not want that.
fn again_asks(stop: Stop) -> No {
    match stop.why {
        Why::Denied | Why::Refused | Why::Withdrawn => No(stop.words),
        _ => No(format!("{stop}. The same call asks anew")),
    }
}

/// The host gives up.
async fn stopped() {
    let listen = |kind| signal(kind).ok();
    let mut signals = [
        listen(SignalKind::terminate()),
        listen(SignalKind::interrupt()),
        listen(SignalKind::hangup()),
    ];
    let [term, int, hup] = &mut signals;
    let next = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    };
    tokio::select! {
        () = next(term) => {}
        () = next(int) => {}
        () = next(hup) => {}
    }
}
