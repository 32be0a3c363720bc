//! Who may use whom among our crates, judged on `cargo metadata`.
//!
//! Dependencies of tests are free: a gateway test may well drive the client.

use anyhow::{Context, Result};
use serde_json::Value;

/// Each package with those of ours that it may use. A package that is not listed here is an error, so that
/// whoever adds one decides where it stands.
const MAY_USE: &[(&str, &[&str])] = &[
    ("vidimus-protocol", &[]),
    ("vidimus-ledger", &[]),
    ("vidimus-policy", &["vidimus-protocol"]),
    ("vidimus-client", &["vidimus-protocol"]),
    (
        "vidimus-verify",
        &["vidimus-protocol", "vidimus-ledger", "vidimus-policy"],
    ),
    ("vidimus-mirror", &["vidimus-protocol", "vidimus-ledger"]),
    (
        "vidimus-gateway",
        &[
            "vidimus-protocol",
            "vidimus-ledger",
            "vidimus-verify",
            "vidimus-policy",
        ],
    ),
    (
        "vidimus-console",
        &[
            "vidimus-client",
            "vidimus-mirror",
            "vidimus-verify",
            "vidimus-gateway",
            "vidimus-protocol",
            "vidimus-ledger",
            "vidimus-policy",
        ],
    ),
    (
        "vidimus-executor",
        &[
            "vidimus-client",
            "vidimus-verify",
            "vidimus-protocol",
            "vidimus-ledger",
        ],
    ),
    (
        "vidimus-mcp",
        &[
            "vidimus-client",
            "vidimus-executor",
            "vidimus-protocol",
            "vidimus-ledger",
        ],
    ),
    (
        "vidimus-cli",
        &[
            "vidimus-console",
            "vidimus-client",
            "vidimus-executor",
            "vidimus-mcp",
            "vidimus-mirror",
            "vidimus-verify",
            "vidimus-gateway",
            "vidimus-policy",
            "vidimus-protocol",
            "vidimus-ledger",
        ],
    ),
    (
        "vidimus-desktop",
        &[
            "vidimus-console",
            "vidimus-client",
            "vidimus-mirror",
            "vidimus-verify",
            "vidimus-gateway",
            "vidimus-policy",
            "vidimus-protocol",
            "vidimus-ledger",
        ],
    ),
    ("xtask", &[]),
];

/// Every dependency that points the wrong way, in words.
pub(crate) fn violations(metadata: &Value) -> Result<Vec<String>> {
    let packages = metadata["packages"]
        .as_array()
        .context("`cargo metadata` lists no packages")?;
    let name_of = |value: &Value| {
        value["name"]
            .as_str()
            .map(str::to_owned)
            .context("`cargo metadata` left out a name")
    };
    let ours = packages.iter().map(name_of).collect::<Result<Vec<_>>>()?;

    let mut violations = Vec::new();
    for package in packages {
        let name = name_of(package)?;
        let Some((_, allowed)) = MAY_USE.iter().find(|(listed, _)| *listed == name) else {
            violations.push(format!(
                "`{name}` has no place in the table of xtask/src/direction.rs: say there what it may use"
            ));
            continue;
        };
        let dependencies = package["dependencies"]
            .as_array()
            .with_context(|| format!("`cargo metadata` lists no dependencies of `{name}`"))?;
        for dependency in dependencies {
            let used = name_of(dependency)?;
            let only_in_tests = dependency["kind"] == "dev";
            if !only_in_tests && ours.contains(&used) && !allowed.contains(&used.as_str()) {
                violations.push(format!("`{name}` must not use `{used}`"));
            }
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace(user: &str, used: &str, kind: Value) -> Value {
        json!({"packages": [
            {"name": user, "dependencies": [{"name": used, "kind": kind}, {"name": "serde", "kind": null}]},
            {"name": used, "dependencies": []},
        ]})
    }

    fn judge(user: &str, used: &str, kind: Value) -> Vec<String> {
        violations(&workspace(user, used, kind)).expect("the metadata is complete")
    }

    #[test]
    fn the_right_way_is_silent() {
        assert!(judge("vidimus-gateway", "vidimus-ledger", Value::Null).is_empty());
    }

    #[test]
    fn the_wrong_way_is_named() {
        let wrong = judge("vidimus-ledger", "vidimus-protocol", Value::Null);
        assert_eq!(wrong, ["`vidimus-ledger` must not use `vidimus-protocol`"]);
        assert_eq!(
            judge("vidimus-client", "vidimus-gateway", json!("build")).len(),
            1
        );
        assert_eq!(
            judge("vidimus-mirror", "vidimus-verify", Value::Null).len(),
            1
        );
    }

    #[test]
    fn tests_may_use_anything() {
        assert!(judge("vidimus-client", "vidimus-gateway", json!("dev")).is_empty());
    }

    #[test]
    fn a_new_package_must_be_placed() {
        let wrong = judge("vidimus-novelty", "vidimus-protocol", Value::Null);
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].contains("vidimus-novelty"), "{wrong:?}");
    }

    #[test]
    fn the_table_itself_never_points_back() {
        // A package may only use what stands above it.
        for (position, (name, allowed)) in MAY_USE.iter().enumerate() {
            for used in *allowed {
                let theirs = MAY_USE.iter().position(|(listed, _)| listed == used);
                assert!(
                    theirs.is_some_and(|theirs| theirs < position),
                    "{name} uses {used}"
                );
            }
        }
    }

    #[test]
    fn metadata_without_packages_is_an_error() {
        violations(&json!({})).expect_err("nothing to judge is no pass");
    }
}
