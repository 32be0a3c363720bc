//! The tools of the server, as it listed them last, and the tool that the
//! proxy adds to them.

use std::collections::BTreeMap;

use crate::json::{Object, elements, one_line, quoted};

/// The name of the added tool, unless the server has one of that name.
const WAIT: &str = "vidimus_wait";

/// Most bytes of names and definitions.
const MAX_BYTES: usize = 32 << 20;

/// What the server has listed.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    tools: BTreeMap<String, String>,
    /// Whether the server said that its tools have changed since.
    pub(crate) is_stale: bool,
}

/// One page of a listing.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) tools: Vec<(String, &'a str)>,
    /// The text of the cursor of the next page.
    pub(crate) next: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads the result of a `tools/list`, or says why nobody can: a tool that
    /// the proxy does not see could be another one for the client.
    pub(crate) fn read(result: &'a str) -> Result<Self, String> {
        let members = Object::read(result).map_err(|why| why.to_string())?;
        // Some readers take `Tools` for `tools`.
        let near = |key: &&str| *key != "tools" && key.to_uppercase() == "TOOLS";
        if let Some(key) = members.keys().find(near) {
            return Err(format!("it has {} beside `tools`", quoted(key)));
        }
        // The texts are slices of what was given.
        let range = crate::json::find(result, "/tools");
        let tools = range.and_then(|range| elements(&result[range]));
        let tools = tools.ok_or("it has no `tools`")?.into_iter().map(|text| {
            let tool = Object::read(text).map_err(|why| format!("a tool: {why}"))?;
            let name = tool.string("name").ok_or("a tool has no name")?;
            Ok((name, text))
        });
        Ok(Self {
            tools: tools.collect::<Result<_, String>>()?,
            next: members.string("nextCursor").map(|cursor| quoted(&cursor)),
        })
    }
}

impl Catalogue {
    /// Takes a page in, unless there would be too much.
    pub(crate) fn take(&mut self, page: &Page<'_>) -> Result<(), String> {
        let known = self.tools.iter();
        let known: usize = known.map(|(name, text)| name.len() + text.len()).sum();
        let new = page.tools.iter();
        let new: usize = new.map(|(name, text)| name.len() + text.len()).sum();
        if known + new > MAX_BYTES {
            return Err(format!("its tools take more than {} MiB", MAX_BYTES >> 20));
        }
        for (name, definition) in &page.tools {
            self.tools.insert(name.clone(), (*definition).to_owned());
        }
        Ok(())
    }

    pub(crate) fn definition(&self, tool: &str) -> Option<&str> {
        self.tools.get(tool).map(String::as_str)
    }

    /// Whether clients hold a structured result of this tool to its schema.
    pub(crate) fn has_output_schema(&self, tool: &str) -> bool {
        let definition = self.definition(tool).map(Object::read);
        definition.is_some_and(|read| {
            read.is_ok_and(|definition| definition.get("outputSchema").is_some())
        })
    }

    /// The name of the added tool: one that the server does not use.
    pub(crate) fn wait_name(&self) -> String {
        std::iter::once(WAIT.to_owned())
            .chain((2_u32..).map(|number| format!("{WAIT}_{number}")))
            .find(|name| !self.tools.contains_key(name))
            .unwrap_or_else(|| WAIT.to_owned())
    }

    /// The result of a `tools/list` with the added tool at its end.
    pub(crate) fn with_wait(&self, result: &str) -> Option<String> {
        let mut members = Object::read(result).ok()?;
        let mut tools = elements(members.get("tools")?)?.join(",");
        if !tools.is_empty() {
            tools.push(',');
        }
        tools.push_str(&wait_definition(&self.wait_name()));
        members.set("tools", format!("[{tools}]"));
        Some(one_line(members.to_text()))
    }
}

fn wait_definition(name: &str) -> String {
    serde_json::json!({
        "name": name,
        "title": "Wait for approval",
        "description": "Waits for a person's decision about a tool call that was answered with `pending`, then runs that call once, exactly as it was approved, and returns its result. Call it again if it answers `pending` again.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "action": {
                    "type": "string",
                    "description": "The action that the pending answer named, such as act_2081040g2081040g2081040g20."
                },
                "answer": {
                    "type": "string",
                    "description": "The answer to the reviewer's question, if the pending answer told of one."
                }
            },
            "required": ["action"],
            "additionalProperties": false
        }
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_tool_is_added_and_the_others_keep_their_text() {
        let result = r#"{"tools":[{"name":"a", "inputSchema":{"maximum":1.0}}],"x":[1 ]}"#;
        let page = Page::read(result).unwrap();
        assert_eq!(page.next, None);
        let mut catalogue = Catalogue::default();
        catalogue.take(&page).unwrap();
        let given = catalogue.with_wait(result).unwrap();
        assert!(
            given.starts_with(r#"{"tools":[{"name":"a", "inputSchema":{"maximum":1.0}},{"#),
            "{given}"
        );
        assert!(given.ends_with(r#""x":[1 ]}"#));
        let names: Vec<_> = (Page::read(&given).unwrap().tools.into_iter())
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["a", "vidimus_wait"]);
        let empty = Catalogue::default().with_wait(r#"{"tools":[]}"#).unwrap();
        assert_eq!(Page::read(&empty).unwrap().tools.len(), 1);
    }

    #[test]
    fn the_servers_own_names_are_left_alone() {
        let result = r#"{"tools":[{"name":"vidimus_wait"},{"name":"vidimus_wait_2"}]}"#;
        let mut catalogue = Catalogue::default();
        catalogue.take(&Page::read(result).unwrap()).unwrap();
        assert_eq!(catalogue.wait_name(), "vidimus_wait_3");
    }

    #[test]
    fn a_list_that_two_readers_could_read_in_two_ways_is_not_read() {
        for (result, words) in [
            (r#"{"tools":[],"tools":[]}"#, "twice"),
            (r#"{"tools":[],"Tools":[]}"#, "beside"),
            ("{\"tools\":[],\"tool\u{17f}\":[]}", "beside"),
            (r#"{"tools":{}}"#, "no `tools`"),
            (r#"{}"#, "no `tools`"),
            (r#"{"tools":[{"name":"a","name":"b"}]}"#, "twice"),
            (r#"{"tools":[{"title":"a"}]}"#, "no name"),
            (r#"{"tools":[1]}"#, "a tool"),
        ] {
            let why = Page::read(result).unwrap_err();
            assert!(why.contains(words), "{result}: {why}");
        }
    }

    #[test]
    fn tools_without_end_are_not_kept() {
        let mut catalogue = Catalogue::default();
        let long = "x".repeat(MAX_BYTES / 2);
        let result = format!(r#"{{"tools":[{{"name":"a","x":"{long}"}}]}}"#);
        catalogue.take(&Page::read(&result).unwrap()).unwrap();
        let result = result.replace(r#""a""#, r#""b""#);
        assert!(catalogue.take(&Page::read(&result).unwrap()).is_err());
        assert_eq!(catalogue.definition("b"), None);
    }

    #[test]
    fn a_result_to_a_schema_is_known() {
        let mut catalogue = Catalogue::default();
        let result = r#"{"tools":[{"name":"a","outputSchema":{}},{"name":"b"}],"nextCursor":"p"}"#;
        let page = Page::read(result).unwrap();
        assert_eq!(page.next.as_deref(), Some(r#""p""#));
        catalogue.take(&page).unwrap();
        assert!(catalogue.has_output_schema("a") && !catalogue.has_output_schema("b"));
    }
}
