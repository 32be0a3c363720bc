//! Names, licences and notices of the libraries that are linked into the programs: their licences ask for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::{Workspace, output};

/// The packages that the programs are built from.
const ROOTS: &[&str] = &["vidimus-cli", "vidimus-desktop"];
/// What is compiled into the front end.
const FRONT_END: &[&str] = &[
    "@codemirror/commands",
    "@codemirror/language",
    "@codemirror/lint",
    "@codemirror/state",
    "@codemirror/streamparser",
    "@codemirror/view",
    "@lezer/common",
    "@lezer/highlight",
    "@lezer/lr",
    "@marijn/find-cluster-break",
    "@tauri-apps/api",
    "crelt",
    "style-mod",
    "svelte",
    "w3c-keyname",
];
/// How files with a licence or a notice begin.
const NOTICES: &[&str] = &["licen", "copying", "notice", "copyright", "unlicense"];

/// The whole text: a list of the libraries, then each licence text once, under the names that it is for.
pub(super) fn collect(workspace: &Workspace) -> Result<String> {
    let mut libraries = linked(workspace)?;
    for name in FRONT_END {
        libraries.push(from_npm(&workspace.ui().join("node_modules").join(name))?);
    }
    libraries.sort_by(|one, other| one.title.cmp(&other.title));
    Ok(page(&libraries))
}

struct Library {
    /// Name and version.
    title: String,
    /// An SPDX expression.
    licence: String,
    /// The texts that come with it.
    texts: Vec<String>,
}

fn linked(workspace: &Workspace) -> Result<Vec<Library>> {
    let triple = output(workspace.cargo().args(["-vV"]))?;
    let triple = triple
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("`cargo -vV` names no host")?;
    let text = output(workspace.cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        triple,
    ]))?;
    let metadata: Value =
        serde_json::from_str(&text).context("reading the output of `cargo metadata`")?;
    let packages = by_id(&metadata["packages"])?;
    let nodes = by_id(&metadata["resolve"]["nodes"])?;
    let mut open: Vec<&str> = packages
        .iter()
        .filter(|(_, package)| ROOTS.iter().any(|root| package["name"] == *root))
        .map(|(id, _)| *id)
        .collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    let mut libraries = Vec::new();
    while let Some(id) = open.pop() {
        let package = packages
            .get(id)
            .with_context(|| format!("`cargo metadata` does not describe `{id}`"))?;
        // Our own packages have no source; everything else came from a registry.
        if package["source"].is_string() {
            libraries.push(library(package)?);
        }
        for used in nodes.get(id).map(|node| ordinary(node)).unwrap_or_default() {
            // A procedural macro runs in the compiler and is not in the program.
            let macro_only = packages
                .get(used)
                .is_some_and(|package| package["targets"][0]["kind"][0] == "proc-macro");
            if !macro_only && seen.insert(used) {
                open.push(used);
            }
        }
    }
    Ok(libraries)
}

fn by_id(list: &Value) -> Result<HashMap<&str, &Value>> {
    let list = list
        .as_array()
        .context("`cargo metadata` left out a list")?;
    Ok(list
        .iter()
        .filter_map(|item| Some((item["id"].as_str()?, item)))
        .collect())
}

/// What a package uses itself, not its build script or its tests.
fn ordinary(node: &Value) -> Vec<&str> {
    let uses = node["deps"].as_array().map(Vec::as_slice);
    uses.unwrap_or_default()
        .iter()
        .filter(|used| {
            let kinds = used["dep_kinds"].as_array().map(Vec::as_slice);
            kinds
                .unwrap_or_default()
                .iter()
                .any(|kind| kind["kind"].is_null())
        })
        .filter_map(|used| used["pkg"].as_str())
        .collect()
}

fn library(package: &Value) -> Result<Library> {
    let word = |field: &str| package[field].as_str().unwrap_or_default();
    let manifest = Path::new(word("manifest_path"));
    let folder = manifest.parent().context("a manifest is in a folder")?;
    Ok(Library {
        title: format!("{} {}", word("name"), word("version")),
        licence: word("license").to_owned(),
        texts: texts(folder)?,
    })
}

fn from_npm(folder: &Path) -> Result<Library> {
    let manifest = folder.join("package.json");
    let text =
        fs::read_to_string(&manifest).with_context(|| format!("reading {}", manifest.display()))?;
    let manifest: Value =
        serde_json::from_str(&text).with_context(|| format!("reading {}", manifest.display()))?;
    let word = |field: &str| manifest[field].as_str().unwrap_or_default();
    Ok(Library {
        title: format!("{} {}", word("name"), word("version")),
        licence: word("license").to_owned(),
        texts: texts(folder)?,
    })
}

fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("listing {}", folder.display()))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        if path.is_file() && NOTICES.iter().any(|start| name.starts_with(start)) {
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            // A few authors' names are written in other encodings.
            found.push(String::from_utf8_lossy(&bytes).trim().to_owned());
        }
    }
    Ok(found)
}

fn page(libraries: &[Library]) -> String {
    let mut page = "Libraries that are linked into the programs of Vidimus, with their licences.\n\
                    The texts that came with them follow the list.\n\n"
        .to_owned();
    let mut by_text: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for library in libraries {
        page.push_str(&format!("{}: {}\n", library.title, library.licence));
        for text in &library.texts {
            by_text.entry(text).or_default().push(&library.title);
        }
    }
    for (text, titles) in by_text {
        let rule = "-".repeat(78);
        page.push_str(&format!("\n{rule}\n{}\n\n{text}\n", titles.join(", ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_builds_or_tests_is_not_in_the_program() {
        let node = json!({"deps": [
            {"pkg": "linked", "dep_kinds": [{"kind": null}, {"kind": "dev"}]},
            {"pkg": "tests", "dep_kinds": [{"kind": "dev"}]},
            {"pkg": "script", "dep_kinds": [{"kind": "build"}]},
        ]});
        assert_eq!(ordinary(&node), ["linked"]);
    }

    #[test]
    fn a_text_stands_once_under_all_its_names() {
        let library = |title: &str, text: &str| Library {
            title: title.to_owned(),
            licence: "MIT".to_owned(),
            texts: vec![text.to_owned()],
        };
        let page = page(&[library("a 1", "words"), library("b 2", "words")]);
        assert_eq!(page.matches("words").count(), 1);
        assert!(page.contains("a 1: MIT\nb 2: MIT\n"), "{page}");
        assert!(page.contains("\na 1, b 2\n\nwords\n"), "{page}");
    }
}
