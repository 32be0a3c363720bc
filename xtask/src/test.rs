//! `cargo xtask test`: installs what the tests need and runs all of them.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::package::{self, Order};
use crate::packages::{self, COMPILE, DESKTOP, PACKAGE, PLAY, TEST};
use crate::shell::{Workspace, call, in_path};
use crate::steps::Steps;
use crate::{api, deep, hosts, independent, mcp, mutants, node, opinions, sdk, tour};

/// The release build that the tests drive: the release's features and assertions, not optimised, for time.
const RELEASE_PROFILE: &str = "ci-release";

/// Leaves the window open to the tests. Never in a release.
pub(crate) const WEBDRIVER: &str = "vidimus-desktop/webdriver";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also run the long tests (ignored ones with `deep` in their name) and write docs/DEEP.md; then what
    /// `cargo xtask mutants` has not done yet
    #[arg(long)]
    deep: bool,
    /// Change no other file for mutants after so many minutes
    #[arg(long, value_name = "MINUTES", requires = "deep")]
    within: Option<u64>,
    /// Only say whether the last deep run still speaks for this code
    #[arg(long, conflicts_with = "deep")]
    deep_status: bool,
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.deep_status {
        println!(
            "{}\n{}",
            deep::status(workspace)?,
            mutants::status(workspace)?
        );
        return Ok(());
    }
    let deep_commit = args.deep.then(|| deep::commit(workspace)).transpose()?;

    let programs = programs(&workspace.target);
    let order = Order::of_profile(&workspace.target, RELEASE_PROFILE);
    let mut steps = Steps::default();
    steps.run("system packages", || {
        packages::ensure(&[COMPILE, DESKTOP, PACKAGE, PLAY, TEST])
    });
    steps.run("terraform", || {
        ensure!(
            in_path("terraform"),
            "no `terraform` in `PATH`, and Debian has no package of it: install it from https://developer.hashicorp.com/terraform/install"
        );
        Ok(())
    });
    if steps.run("ui: packages", || node::ensure_packages(workspace)) {
        // Everything below takes the built front end in.
        steps.run("ui: build", || node::build(workspace));
        steps.run("ui: types and lints", || {
            call(workspace.npm().args(["run", "check"]))
        });
        steps.run("ui: unit tests", || call(workspace.npm().arg("test")));
        steps.run("ui: in the browser", || {
            call(workspace.npm().args(["run", "e2e"]))
        });
    }
    if steps.run("build: release programs", || {
        package::build_programs(workspace, RELEASE_PROFILE)
    }) && steps.run("packages", || package::make(workspace, &order))
    {
        steps.run("packages: the same again", || {
            package::again(workspace, &order)
        });
    }
    // Programs and tests in one build, so that both agree on the features of what they share.
    let built = steps.run("build: programs and tests", || {
        call(workspace.cargo().args([
            "build",
            "--locked",
            "--workspace",
            "--features",
            WEBDRIVER,
            "--bins",
            "--tests",
            "--examples",
        ]))
    });
    // After a failed build the programs that lie there are yesterday's: a test of them would say nothing.
    if built {
        steps.run("tests", || {
            call(workspace.cargo().envs(programs.iter().cloned()).args([
                "test",
                "--locked",
                "--workspace",
                "--features",
                WEBDRIVER,
                "--no-fail-fast",
            ]))
        });
        steps.run("independent verifier", || independent::run(workspace));
        steps.run("second opinions", || opinions::run(workspace));
        steps.run("hooks: Claude Code", || hosts::claude(workspace));
        steps.run("mcp: clients and servers", || mcp::run(workspace));
        steps.run("api: schemathesis", || api::conformance(workspace));
        steps.run("api: walk-through", || api::walk(workspace));
        steps.run("sdk: Python", || sdk::test_python(workspace));
        steps.run("sdk: TypeScript", || sdk::test_typescript(workspace));
        if let Some(commit) = &deep_commit {
            steps.run("deep tests", || {
                let mut programs = programs.clone();
                programs.extend(hosts::deep(workspace)?);
                deep::run(workspace, commit, &programs)
            });
            steps.run("mutants", || {
                mutants::run(workspace, &mutants::Args::stale(args.within))
            });
        }
    }
    steps.finish()
}

/// Where the tests, and the tour, find the programs that they drive from outside.
pub(crate) fn programs(target: &Path) -> Vec<(&'static str, OsString)> {
    vec![
        ("VIDIMUS_BIN", target.join("debug/vidimus").into()),
        (
            "VIDIMUS_CONSOLE_BIN",
            target.join("debug/vidimus-console").into(),
        ),
        ("VIDIMUS_TOUR_BIN", tour::player(target).into()),
        (
            "VIDIMUS_RELEASE_CONSOLE_BIN",
            target.join(RELEASE_PROFILE).join("vidimus-console").into(),
        ),
        (
            "VIDIMUS_PACKAGES",
            Order::of_profile(target, RELEASE_PROFILE).out().into(),
        ),
    ]
}
