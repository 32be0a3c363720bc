//! `vidimus webhook`: who is told what happens. It writes the gateway's
//! `webhooks.json`; a running gateway reads it at its next event.
//!
//! Format of the messages: `docs/spec/webhooks.md`.

use std::time::{SystemTime, UNIX_EPOCH};

use vidimus_client::home::Home;
use vidimus_gateway::webhooks::{self, Endpoint, Endpoints, EndpointsError};
use vidimus_protocol::Time;

use crate::args::WebhookCommand;
use crate::out::{answer, detail, say, visible};
use crate::stop::{Stop, code};

/// Most characters of an answer that are shown.
const SHOWN: usize = 300;

/// Runs `vidimus webhook`. Returns the exit code.
pub(crate) async fn run(command: WebhookCommand, home: &Home) -> Result<u8, Stop> {
    let dir = home.gateway_dir();
    if !dir.is_dir() {
        return Err(Stop::new(
            code::NOT_SET_UP,
            format!(
                "there is no gateway in `{}`: start `vidimus-console` or `vidimus gateway --personal` first",
                dir.display()
            ),
        ));
    }
    let mut endpoints = Endpoints::read(&dir).map_err(refused)?;
    match command {
        WebhookCommand::Add { name, url, events } => {
            let added = endpoints
                .add(&name, &url, &events, now())
                .map_err(refused)?;
            let (place, secret) = (added.place(), added.secret().reveal());
            endpoints.write(&dir).map_err(refused)?;
            say(&format!("{name} is told from now on, at {place}"));
            detail("Its secret, shown this once; the receiver needs it to check signatures:");
            answer(&secret);
            detail(&format!("Try it with `vidimus webhook test {name}`."));
            Ok(0)
        }
        WebhookCommand::List => {
            for line in lines(&endpoints) {
                answer(&line);
            }
            Ok(0)
        }
        WebhookCommand::Remove { name } => {
            endpoints.remove(&name).map_err(refused)?;
            endpoints.write(&dir).map_err(refused)?;
            say(&format!(
                "{name} is not told any more; what waits for it is given up"
            ));
            Ok(0)
        }
        WebhookCommand::Test { name } => {
            let endpoint = endpoints.named(&name).map_err(refused)?;
            test(endpoint).await
        }
    }
}

async fn test(endpoint: &Endpoint) -> Result<u8, Stop> {
    let name = endpoint.name();
    let pong = webhooks::ping(endpoint, now())
        .await
        .map_err(|why| Stop::new(1, format!("{name} at {}: {why}", endpoint.place())))?;
    let counts = if pong.arrived {
        "it arrived"
    } else {
        "that does not count as arrived: expected 200 to 299"
    };
    answer(&format!("{name} answered {}: {counts}", pong.status));
    let said: String = pong.said.chars().take(SHOWN).collect();
    if !said.trim().is_empty() {
        detail("The beginning of its answer, in its words:");
        answer(&format!("  {}", visible(said.trim())));
    }
    Ok(u8::from(!pong.arrived))
}

fn lines(endpoints: &Endpoints) -> Vec<String> {
    let widest = |of: fn(&Endpoint) -> usize| endpoints.iter().map(of).max().unwrap_or(0);
    let name = widest(|one| one.name().len());
    let place = widest(|one| one.place().len());
    let mut lines: Vec<_> = endpoints
        .iter()
        .map(|one| {
            let all = one.events().len() == webhooks::event_names().len();
            let events = if all {
                "all events".to_owned()
            } else {
                one.events().join(" ")
            };
            format!("{:name$}  {:place$}  {events}", one.name(), one.place())
        })
        .collect();
    if lines.is_empty() {
        lines.push("nobody is told: add an endpoint with `vidimus webhook add`".to_owned());
    }
    lines
}

fn refused(error: EndpointsError) -> Stop {
    let code = match error {
        EndpointsError::File { .. } | EndpointsError::Exposed { .. } => code::INTERNAL,
        _ => code::USAGE,
    };
    Stop::new(code, error.to_string())
}

fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time::from_unix_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
