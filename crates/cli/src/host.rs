//! A host's settings file, and our entries in it. Everything else in the file
//! stays as it is, byte for byte.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstObject, CstRootNode};
use jsonc_parser::json;
use serde_json::Value;
use vidimus_protocol::strict;

use crate::args::HostArgs;
use crate::hosts::{Entry, Host, When};
use crate::stop::{Stop, code};

/// Most bytes of a settings file.
const MAX: u64 = 4 << 20;
/// How long the host gives to the report of an outcome, seconds.
const REPORT_S: u64 = 90;

/// A settings file as it is.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// Whose.
    pub(crate) host: &'static Host,
    /// The file, behind all links.
    pub(crate) path: PathBuf,
    /// Its content; `None` when there is none yet.
    pub(crate) text: Option<String>,
}

impl HostSettings {
    /// Reads the file that the command line means.
    pub(crate) fn load(args: &HostArgs) -> Result<Self, Stop> {
        let host = args.client.host();
        let path = match (&args.settings, args.project) {
            (Some(path), _) => std::path::absolute(path).map_err(Stop::internal)?,
            (None, true) => std::env::current_dir()
                .map_err(Stop::internal)?
                .join(host.settings.1),
            (None, false) => host.config_folder()?.join(host.settings.0),
        };
        Self::read(host, &path)
    }

    /// Reads a file.
    pub(crate) fn read(host: &'static Host, path: &Path) -> Result<Self, Stop> {
        let failed = |why: &dyn std::fmt::Display| {
            Stop::internal(format!("`{}` cannot be used: {why}", path.display()))
        };
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    host,
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
            host,
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
        let wanted = all(self.host, entry);
        if self.entries()? == wanted {
            return Ok(self.text.clone().unwrap_or_default());
        }
        let (root, hooks) = self.hooks_without_ours(true)?;
        let hooks = hooks.ok_or_else(|| self.unusable("`hooks` is no object"))?;
        for (event, value) in wanted {
            let list = hooks
                .array_value_or_create(event)
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
    pub(crate) fn entries(&self) -> Result<Vec<(&'static str, Value)>, Stop> {
        let value = self.value()?;
        let mut entries = Vec::new();
        for event in self.host.events {
            let listed = value["hooks"][*event].as_array();
            for one in listed.into_iter().flatten() {
                if self.host.ours(one).is_some() {
                    entries.push((*event, one.clone()));
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
        if Self::read(self.host, &self.path)?.text != self.text {
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
        if let Some(version) = self
            .host
            .version
            .filter(|_| make && top.get("version").is_none())
        {
            top.append("version", CstInputValue::Number(version.to_string()));
        }
        let hooks = if make {
            top.object_value_or_create("hooks")
        } else {
            top.object_value("hooks")
        };
        for event in self.host.events {
            if let Some(hooks) = &hooks
                && let Some(list) = hooks.array_value(event)
            {
                self.remove_ours(&list);
                if list.elements().is_empty()
                    && let Some(property) = hooks.get(event)
                {
                    property.remove();
                }
            }
        }
        Ok((root, hooks))
    }

    fn remove_ours(&self, list: &CstArray) {
        for element in list.elements() {
            let value = serde_json::from_str(&element.to_string()).ok();
            if value.is_some_and(|value: Value| self.host.ours(&value).is_some()) {
                element.remove();
            }
        }
    }

    fn unusable(&self, why: &str) -> Stop {
        Stop::internal(format!(
            "`{}` cannot be edited: {why}. Nothing was changed",
            self.path.display()
        ))
    }
}

/// For each event, as the host reads it.
pub(crate) fn all(host: &Host, entry: &Entry) -> Vec<(&'static str, Value)> {
    let after = Entry {
        timeout_s: REPORT_S,
        ..entry.clone()
    };
    let of = |(number, event): (usize, &&'static str)| {
        let value = match number {
            0 => (host.entry)(entry, When::Before),
            _ => (host.entry)(&after, When::After),
        };
        (*event, value)
    };
    host.events.iter().enumerate().map(of).collect()
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
