//! What an agent is told in place of a tool's result.

use serde_json::{Value, json};
use vidimus_executor::Stop;
use vidimus_protocol::ActionId;

/// A result of the proxy's own.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// A word for programs.
    pub(crate) status: &'static str,
    /// Words for whoever reads.
    pub(crate) words: String,
    pub(crate) action: Option<ActionId>,
    /// What the reviewer asks.
    pub(crate) questions: Vec<String>,
    /// The name of the tool that waits, when there is something to wait for.
    pub(crate) wait: Option<String>,
}

/// How a result has to look for whoever asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Clients hold a structured result to the tool's schema, so there is none.
    pub(crate) has_schema: bool,
    /// Results say of what sort they are since 2026-07-28.
    pub(crate) is_stateless: bool,
}

impl Told {
    /// Why the tool was not called.
    pub(crate) fn stopped(tool: &str, stop: &Stop, action: Option<ActionId>) -> Self {
        Self {
            status: stop.why.as_str(),
            words: format!("Vidimus did not call the tool `{tool}`: {stop}."),
            action,
            ..Self::default()
        }
    }

    /// Nobody knows whether the tool did what it was called for.
    pub(crate) fn unknown(tool: &str, words: &str, action: ActionId) -> Self {
        Self {
            status: "unknown",
            words: format!(
                "The tool `{tool}` was called once, as it was approved, and its result is unknown: {words}. It is not called again. Look at what it was to do."
            ),
            action: Some(action),
            ..Self::default()
        }
    }

    /// It is not over. `is_running`: it was approved.
    pub(crate) fn pending(
        tool: &str,
        is_running: bool,
        action: ActionId,
        questions: Vec<String>,
        wait: String,
    ) -> Self {
        let mut words = if is_running {
            format!("The call of `{tool}` was approved and runs.")
        } else {
            format!(
                "Not called yet: a person has to approve this call of `{tool}` first. Do not call `{tool}` again for this, it would be asked for once more."
            )
        };
        for question in &questions {
            words += &format!(" The reviewer asks: {question}");
        }
        words += &format!(" Call the tool `{wait}` with {{\"action\": \"{action}\"");
        if !questions.is_empty() {
            words += ", \"answer\": \"...\"";
        }
        words += "} to wait for the decision and get the result.";
        Self {
            status: if is_running { "running" } else { "pending" },
            words,
            action: Some(action),
            questions,
            wait: Some(wait),
        }
    }

    /// The result, as JSON.
    pub(crate) fn to_result(&self, form: Form) -> String {
        let is_pending = self.wait.is_some();
        let mut about = json!({"status": self.status});
        if let Some(action) = self.action {
            about["action"] = action.to_string().into();
        }
        if !self.questions.is_empty() {
            about["questions"] = self.questions.clone().into();
        }
        if let Some(wait) = &self.wait {
            about["wait_tool"] = wait.as_str().into();
        }
        let mut result = json!({
            "_meta": {"vidimus": about},
            "content": [{"type": "text", "text": self.words}],
            // Without a schema, *pending* is no failure. With one, a result that is
            // none must have a structure that only the tool could give.
            "isError": !is_pending || form.has_schema,
        });
        if !form.has_schema {
            result["structuredContent"] = json!({"vidimus": about});
        }
        if form.is_stateless {
            result["resultType"] = Value::from("complete");
        }
        result.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_executor::Why;

    #[test]
    fn a_result_fits_whoever_asked() {
        let action = ActionId::from_random([1; 16]);
        let told = Told::pending("t", false, action, vec![], "w".into());
        let result = |has_schema, is_stateless| {
            let form = Form {
                has_schema,
                is_stateless,
            };
            serde_json::from_str::<Value>(&told.to_result(form)).expect("it is JSON")
        };
        let plain = result(false, false);
        assert_eq!(plain["isError"], false);
        assert_eq!(plain["structuredContent"]["vidimus"]["status"], "pending");
        assert_eq!(plain["structuredContent"]["vidimus"]["wait_tool"], "w");
        assert_eq!(plain["resultType"], Value::Null);
        let strict = result(true, true);
        assert_eq!(strict["isError"], true);
        assert_eq!(strict["structuredContent"], Value::Null);
        assert_eq!(strict["_meta"]["vidimus"]["action"], action.to_string());
        assert_eq!(strict["resultType"], "complete");
    }

    #[test]
    fn each_end_is_told_apart() {
        for why in Why::ALL {
            let told = Told::stopped("t", &Stop::new(why, "so it is"), None);
            assert_eq!(told.status, why.as_str());
            assert!(told.words.contains("so it is"));
        }
    }
}
