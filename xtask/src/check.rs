//! `cargo xtask check`: everything that can be judged without running Vidimus.

use anyhow::{Context, Result, bail};

use crate::packages::{self, COMPILE, DESKTOP};
use crate::shell::{Workspace, call};
use crate::steps::Steps;
use crate::{bindings, deep, direction, guards, mutants, node, sdk};

/// Pinned, so that a new release of the tool cannot change what passes.
const CARGO_DENY: &str = "0.20.2";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also ask the RustSec database for known vulnerabilities (needs the network; changes by the day)
    #[arg(long)]
    advisories: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("rules: text", || guards::run(workspace));
    steps.run("rules: who uses whom", || {
        let violations = direction::violations(&workspace.metadata)?;
        if !violations.is_empty() {
            bail!(
                "dependencies point the wrong way:\n  {}",
                violations.join("\n  ")
            );
        }
        Ok(())
    });
    steps.run("format", || {
        call(workspace.cargo().args(["fmt", "--all", "--check"]))
    });
    steps.run("system packages", || packages::ensure(&[COMPILE, DESKTOP]));
    // The desktop crate takes the built front end in when it compiles, so that comes first.
    if steps.run("ui: packages", || node::ensure_packages(workspace)) {
        steps.run("ui: build", || node::build(workspace));
        steps.run("ui: types and lints", || {
            call(workspace.npm().args(["run", "check"]))
        });
    }
    steps.run("sdk: Python types and lints", || {
        sdk::check_python(workspace)
    });
    steps.run("sdk: TypeScript types", || sdk::check_typescript(workspace));
    steps.run("clippy", || {
        call(workspace.cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]))
    });
    steps.run("docs", || {
        call(
            workspace
                .cargo()
                .env("RUSTDOCFLAGS", "--deny warnings")
                .args(["doc", "--workspace", "--no-deps", "--locked"]),
        )
    });
    steps.run("licences and sources", || deny(workspace, args.advisories));
    steps.run("bindings", || bindings::run(workspace));
    println!(
        "\n{}\n{}",
        deep::status(workspace)?,
        mutants::status(workspace)?
    );
    steps.finish()
}

fn deny(workspace: &Workspace, advisories: bool) -> Result<()> {
    let tools = workspace.target.join("tools");
    // Quick to build counts more here than quick to run. With the version already there this does nothing.
    call(
        workspace
            .cargo()
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .args(["install", "--quiet", "--locked", "--debug", "--root"])
            .arg(&tools)
            .args(["cargo-deny", "--version", CARGO_DENY]),
    )
    .context("installing cargo-deny")?;
    let mut deny = std::process::Command::new(tools.join("bin/cargo-deny"));
    deny.current_dir(&workspace.root).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    if advisories {
        deny.arg("advisories");
    }
    call(&mut deny)
}
