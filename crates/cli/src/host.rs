//! A host's settings file, and our entries in it. Everything else in the file
//! stays as it is, byte for byte.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;
use serde_json::Value;
use vidimus_protocol::strict;

use crate::args::{HookClient, HostArgs};
use crate::stop::{Stop, code};

/// Most bytes of a settings file.
const MAX: u64 = 4 << 20;
/// The event before a call, and those after it.
pub(crate) const BEFORE: &str = "PreToolUse";
pub(crate) const AFTER: [&str; 2] = ["PostToolUse", "PostToolUseFailure"];
/// How long the host gives to the report of an outcome, seconds.
const REPORT_S: u64 = 90;

/// A settings file as it is.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// The file, behind all links.
    pub(crate) path: PathBuf,
    /// Its content; `None` when there is none yet.
    pub(crate) text: Option<String>,
}

/// Our entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Seconds until the host ends the hook that it asks before a call.
    pub(crate) timeout_s: u64,
}

impl HostSettings {
    /// Reads the file that the command line means.
    pub(crate) fn load(args: &HostArgs) -> Result<Self, Stop> {
        let path = match (&args.settings, args.project) {
            (Some(path), _) => std::path::absolute(path).map_err(Stop::internal)?,
            (None, true) => std::env::current_dir()
                .map_err(Stop::internal)?
                .join(".claude/settings.json"),
            (None, false) => config_folder(args.client)?.join("settings.json"),
        };
        Self::read(&path)
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Stop> {
        let failed = |why: &dyn std::fmt::Display| {
            Stop::internal(format!("`{}` cannot be used: {why}", path.display()))
        };
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    path: path.into(),
                    text: None,
                });
            }
            Err(why) => return Err(failed(&why)),
        };
        let metadata = fs::metadata(&path).map_err(|why| failed(&why))?;
        if !metadata.is_file() || metadata.len() > MAX {
            return Err(failed(&"it is no file of at most 4 MiB"));
        }
        let text = fs::read_to_string(&path).map_err(|why| failed(&why))?;
        Ok(Self {
            path,
            text: Some(text),
        })
    }

    /// Its content as JSON.
    pub(crate) fn value(&self) -> Result<Value, Stop> {
        let Some(text) = self.text.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(Value::Object(serde_json::Map::new()));
        };
        let refused = |why: &dyn std::fmt::Display| {
            Stop::new(
                code::INTERNAL,
                format!(
                    "`{}` is not what the host reads: {why}. Nothing was changed. Mend it, then try again",
                    self.path.display()
                ),
            )
        };
        let limit = usize::try_from(MAX).unwrap_or(usize::MAX);
        strict::check_text(text.as_bytes(), limit).map_err(|why| refused(&why))?;
        let value: Value = serde_json::from_str(text).map_err(|why| refused(&why))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(refused(&"it is no JSON object"))
        }
    }

    /// The text with our entry in it, in place of any older one of ours.
    pub(crate) fn with(&self, entry: &Entry) -> Result<String, Stop> {
        if self.entries()? == entry.all() {
            return Ok(self.text.clone().unwrap_or_default());
        }
        let (root, hooks) = self.hooks_without_ours(true)?;
        let hooks = hooks.ok_or_else(|| self.unusable("`hooks` is no object"))?;
        for (event, value) in entry.all() {
            let list = hooks
                .array_value_or_create(&event)
                .ok_or_else(|| self.unusable(&format!("`hooks.{event}` is no list")))?;
            list.append(input(&value));
        }
        Ok(ending(root.to_string()))
    }

    /// The text without any entry of ours.
    pub(crate) fn without(&self) -> Result<String, Stop> {
        if self.entries()?.is_empty() {
            return Ok(self.text.clone().unwrap_or_default());
        }
        let (root, hooks) = self.hooks_without_ours(false)?;
        if let Some(hooks) = hooks
            && hooks.properties().is_empty()
            && let Some(property) = root.object_value().and_then(|root| root.get("hooks"))
        {
            property.remove();
        }
        Ok(root.to_string())
    }

    /// Our entries as they stand there: event and content.
    pub(crate) fn entries(&self) -> Result<Vec<(String, Value)>, Stop> {
        let value = self.value()?;
        let mut entries = Vec::new();
        for event in [BEFORE, AFTER[0], AFTER[1]] {
            let groups = value["hooks"][event].as_array();
            for group in groups.into_iter().flatten() {
                if is_ours(group) {
                    entries.push((event.to_owned(), group.clone()));
                }
            }
        }
        Ok(entries)
    }

    /// Writes the file whole, with the rights that it had, and a copy of what
    /// was there beside it. Returns the copy's path.
    pub(crate) fn replace(&self, text: &str) -> Result<Option<PathBuf>, Stop> {
        let failed = |why: std::io::Error| {
            Stop::internal(format!(
                "`{}` cannot be written: {why}",
                self.path.display()
            ))
        };
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(failed)?;
        let backup = match &self.text {
            Some(old) => Some(self.keep(old).map_err(failed)?),
            None => None,
        };
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        // A new file holds nothing private, and a managed one that its reader
        // cannot open is no hook at all.
        let rights = match fs::metadata(&self.path) {
            Ok(metadata) => metadata.permissions(),
            Err(_) => fs::Permissions::from_mode(0o644),
        };
        file.as_file().set_permissions(rights).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        if Self::read(&self.path)?.text != self.text {
            return Err(self.unusable("somebody changed it meanwhile. Try again"));
        }
        if self.text.is_none() {
            file.persist_noclobber(&self.path)
        } else {
            file.persist(&self.path)
        }
        .map_err(|why| failed(why.error))?;
        Ok(backup)
    }

    fn keep(&self, old: &str) -> std::io::Result<PathBuf> {
        let beside = |number: u32| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".before-vidimus-{number}"));
            PathBuf::from(name)
        };
        let mut number = 1;
        loop {
            let path = beside(number);
            match fs::File::create_new(&path) {
                Ok(mut file) => {
                    file.set_permissions(fs::metadata(&self.path)?.permissions())?;
                    file.write_all(old.as_bytes())?;
                    file.sync_all()?;
                    return Ok(path);
                }
                Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(why) => return Err(why),
            }
        }
    }

    /// The document and its `hooks`, from which ours are gone.
    fn hooks_without_ours(&self, make: bool) -> Result<(CstRootNode, Option<CstObject>), Stop> {
        self.value()?;
        let text = self.text.as_deref().unwrap_or_default();
        let root =
            CstRootNode::parse(text, &STRICT).map_err(|why| self.unusable(&why.to_string()))?;
        let top = if make {
            root.object_value_or_create()
        } else {
            root.object_value()
        };
        let top = top.ok_or_else(|| self.unusable("it is no JSON object"))?;
        let hooks = if make {
            top.object_value_or_create("hooks")
        } else {
            top.object_value("hooks")
        };
        for event in [BEFORE, AFTER[0], AFTER[1]] {
            if let Some(hooks) = &hooks
                && let Some(list) = hooks.array_value(event)
            {
                remove_ours(&list);
                if list.elements().is_empty()
                    && let Some(property) = hooks.get(event)
                {
                    property.remove();
                }
            }
        }
        Ok((root, hooks))
    }

    fn unusable(&self, why: &str) -> Stop {
        Stop::internal(format!(
            "`{}` cannot be edited: {why}. Nothing was changed",
            self.path.display()
        ))
    }
}

impl Entry {
    /// For each event, as the host reads it.
    pub(crate) fn all(&self) -> Vec<(String, Value)> {
        let mut hook = serde_json::json!({
            "type": "command",
            "command": self.program,
            "args": self.arguments,
        });
        let group = |hook: &Value| serde_json::json!({"matcher": "*", "hooks": [hook]});
        let mut before = hook.clone();
        before["timeout"] = self.timeout_s.into();
        before["onFailure"] = "block".into();
        before["statusMessage"] = "Vidimus: a person decides".into();
        hook["timeout"] = REPORT_S.into();
        let mut all = vec![(BEFORE.to_owned(), group(&before))];
        all.extend(AFTER.map(|event| (event.to_owned(), group(&hook))));
        all
    }
}

/// Where the host keeps the user's settings.
pub(crate) fn config_folder(client: HookClient) -> Result<PathBuf, Stop> {
    match client {
        HookClient::Claude => {
            let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
            set("CLAUDE_CONFIG_DIR")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(set("HOME")?).join(".claude")))
                .ok_or_else(|| Stop::new(code::NOT_SET_UP, "`HOME` is not set"))
        }
    }
}

/// Whether a group of hooks was written by us.
pub(crate) fn is_ours(group: &Value) -> bool {
    let hooks = group["hooks"].as_array();
    hooks.is_some_and(|hooks| matches!(&hooks[..], [hook] if starts_us(hook)))
}

fn starts_us(hook: &Value) -> bool {
    let words = hook["args"].as_array();
    words.is_some_and(|words| words.len() >= 3 && words[0] == "hook" && words[1] == "--client")
}

fn remove_ours(list: &CstArray) {
    for element in list.elements() {
        if value_of(&element).is_some_and(|value| is_ours(&value)) {
            element.remove();
        }
    }
}

fn value_of(node: &CstNode) -> Option<Value> {
    serde_json::from_str(&node.to_string()).ok()
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), input(value));
            CstInputValue::Object(members.iter().map(member).collect())
        }
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => json!(text.as_str()),
        Value::Bool(truth) => json!(*truth),
        Value::Null => CstInputValue::Null,
    }
}

fn ending(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// JSON and nothing more.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
