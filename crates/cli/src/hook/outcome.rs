//! Reports how a released call ended, when the host says so. A call of which
//! nothing is heard stays *unknown*.

use std::time::Duration;

use serde_json::Value;
use vidimus_executor::{Executor, Report};
use vidimus_protocol::entry::Outcome;

use super::answer::Answer;
use super::call::Call;
use super::event::Moment;
use super::kept::Shelf;
use super::settings::Settings;

/// Most bytes of an output: its end.
const MAX_OUTPUT: usize = 64 << 10;

/// Reports it, if it was released here. Nothing here holds the agent back.
pub(crate) async fn report(call: &Call, settings: &Settings) -> Answer {
    match reported(call, settings).await {
        Ok(()) => Answer::Pass,
        Err(why) => Answer::Say(why),
    }
}

async fn reported(call: &Call, settings: &Settings) -> Result<(), String> {
    let home = settings.home();
    let shelf = Shelf::new(home.hook_state());
    let taken = shelf.take(call.name()).map_err(|why| why.to_string())?;
    let Some(released) = taken else {
        return Ok(());
    };
    let Some(report) = ending(call, released.input) else {
        return Ok(());
    };
    let executor = Executor::load(&home, Some(&released.agent), None);
    let executor = executor.map_err(|stop| stop.words)?;
    let done = executor.report(released.action, &report).await;
    done.map_err(|stop| stop.words)
}

/// How it ended; `None` when the host does not know either.
fn ending(call: &Call, released: vidimus_protocol::Digest) -> Option<Report> {
    if call.input_digest() != released {
        let words =
            "the host ran something else than was approved: another hook may have changed it";
        return Some(Report::failed(words, Duration::ZERO));
    }
    match &call.event.moment {
        Moment::Before => None,
        Moment::Failed { why, took } => Some(Report::failed(why, *took)),
        // The host does not say how a command ended.
        Moment::After { .. } if call.is_command() && !call.host.tells_exit => None,
        // It still runs, in the background.
        Moment::After { response, .. } if response.get("backgroundTaskId").is_some() => None,
        Moment::After { response, took } => {
            let (output, output_omitted) = output(response);
            Some(Report {
                output,
                output_omitted,
                ..Report::of(Outcome::Succeeded {}, *took)
            })
        }
    }
}

/// What a tool said: the end of it, and how many bytes are left out.
fn output(response: &Value) -> (Vec<u8>, u64) {
    let said = match response {
        Value::String(said) => said.clone(),
        response => ["stdout", "stderr", "text_result_for_llm"]
            .iter()
            .filter_map(|key| response.get(key)?.as_str())
            .collect(),
    };
    let mut output = said.into_bytes();
    let omitted = output.len().saturating_sub(MAX_OUTPUT);
    output.drain(..omitted);
    (output, u64::try_from(omitted).unwrap_or(u64::MAX))
}
