//! `cargo xtask package`: builds the programs and puts them into a .deb and an .rpm.
//!
//! One tree of files is staged for both; `dpkg-deb` and `rpmbuild`, the distributions' own tools, pack it. The same
//! programs give the same bytes, whoever packs them and when. What is in the packages: docs/PACKAGES.md.
//!
//! Out of scope: AppImage, dmg and msi, which the Tauri command line builds from `tauri.conf.json`.

mod deb;
mod notices;
mod rpm;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::node;
use crate::packages::{self, COMPILE, DESKTOP, PACKAGE};
use crate::shell::{Workspace, call, output};

/// The profile whose packages are for people. Those of any other stand in a folder of their own.
pub(crate) const RELEASE: &str = "release";
/// Who answers for the packages.
const MAINTAINER: &str = "The Vidimus maintainers <vidimus@users.noreply.github.com>";
/// Libraries that a program opens by name while it runs, which no linker knows of: soname, Debian package.
const OPENED_BY_NAME: &[(&str, &str)] = &[(
    "libayatana-appindicator3.so.1",
    "libayatana-appindicator3-1",
)];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The cargo profile of the programs
    #[arg(long, default_value = RELEASE)]
    profile: String,
    /// Build nothing and pack the programs of this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "profile")]
    programs: Option<PathBuf>,
}

/// Programs, and where their packages go.
pub(crate) struct Order {
    programs: PathBuf,
    out: PathBuf,
    effort: Effort,
}

/// What compressing may cost.
#[derive(Clone, Copy)]
enum Effort {
    /// As small as it gets: for people.
    Much,
    /// Larger and ten times as fast: for tests.
    Little,
}

impl Order {
    /// What cargo builds with a profile. Only a release stands where people look.
    pub(crate) fn of_profile(target: &Path, profile: &str) -> Self {
        let top = target.join("package");
        Self {
            // The one profile whose folder has another name.
            programs: target.join(if profile == "dev" { "debug" } else { profile }),
            effort: if profile == RELEASE {
                Effort::Much
            } else {
                Effort::Little
            },
            out: if profile == RELEASE {
                top
            } else {
                top.join(profile)
            },
        }
    }

    fn of_folder(target: &Path, programs: &Path) -> Result<Self> {
        Ok(Self {
            programs: fs::canonicalize(programs)
                .with_context(|| format!("finding `{}`", programs.display()))?,
            out: target.join("package/given"),
            effort: Effort::Much,
        })
    }

    /// Where the packages go.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }
}

pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if let Some(programs) = &args.programs {
        packages::ensure(&[COMPILE, PACKAGE])?;
        return make(workspace, &Order::of_folder(&workspace.target, programs)?);
    }
    packages::ensure(&[COMPILE, DESKTOP, PACKAGE])?;
    node::ensure_packages(workspace)?;
    node::build_if_stale(workspace)?;
    build_programs(workspace, &args.profile)?;
    make(
        workspace,
        &Order::of_profile(&workspace.target, &args.profile),
    )
}

/// Builds what the packages hold. Both in one build, so that no feature of one test or another gets in.
pub(crate) fn build_programs(workspace: &Workspace, profile: &str) -> Result<()> {
    call(workspace.cargo().args([
        "build",
        "--locked",
        "--profile",
        profile,
        "--package",
        "vidimus-desktop",
        "--package",
        "vidimus-cli",
    ]))
}

/// Packs programs that are built, and says what came out.
pub(crate) fn make(workspace: &Workspace, order: &Order) -> Result<()> {
    let out = &order.out;
    let files = pack(workspace, order, out)?;
    let sums = output(Command::new("sha256sum").current_dir(out).args(&files))?;
    write(&out.join("SHA256SUMS"), &sums)?;
    println!("\nIn {}:\n", out.display());
    for (name, sum) in files.iter().zip(sums.lines()) {
        let size = fs::metadata(out.join(name))
            .with_context(|| format!("looking at `{name}`"))?
            .len();
        let sum = sum.split_whitespace().next().unwrap_or_default();
        println!("  {name}\n    {size} bytes\n    sha256 {sum}");
    }
    println!(
        "\nNot built here: AppImage, dmg and msi. They are configured in tauri.conf.json and UNTESTED \
         (docs/PACKAGES.md says how to build them)."
    );
    Ok(())
}

/// Packs the same programs again, elsewhere and later, and fails unless every byte is the same.
pub(crate) fn again(workspace: &Workspace, order: &Order) -> Result<()> {
    let second = workspace.target.join("package-again");
    for name in pack(workspace, order, &second)? {
        let read = |folder: &Path| {
            let path = folder.join(&name);
            fs::read(&path).with_context(|| format!("reading {}", path.display()))
        };
        if read(&order.out)? != read(&second)? {
            bail!(
                "`{name}` of the same programs differs between {} and {}",
                order.out.display(),
                second.display()
            );
        }
        println!("the same twice: {name}");
    }
    fs::remove_dir_all(&second).with_context(|| format!("removing {}", second.display()))
}

/// Makes both packages in `out` and returns their names.
fn pack(workspace: &Workspace, order: &Order, out: &Path) -> Result<Vec<String>> {
    let contents = Contents {
        version: version(workspace)?,
        moment: Moment::of(workspace)?,
        programs: order.programs.clone(),
        effort: order.effort,
        work: out.join("staged"),
    };
    if contents.work.exists() {
        fs::remove_dir_all(&contents.work)
            .with_context(|| format!("emptying {}", contents.work.display()))?;
    }
    make_folder(&contents.work)?;
    let names = vec![
        deb::pack(workspace, &contents, out)?,
        rpm::pack(workspace, &contents, out)?,
    ];
    fs::remove_dir_all(&contents.work)
        .with_context(|| format!("removing {}", contents.work.display()))?;
    Ok(names)
}

/// What both packages are made of.
struct Contents {
    version: String,
    moment: Moment,
    /// Where the built programs are.
    programs: PathBuf,
    effort: Effort,
    /// A folder to work in.
    work: PathBuf,
}

impl Contents {
    /// The libraries that a program opens by name.
    fn opened_by_name(&self) -> Result<Vec<(&'static str, &'static str)>> {
        let mut opened = Vec::new();
        for program in stage::PROGRAMS {
            let path = self.programs.join(program);
            let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            opened.extend(OPENED_BY_NAME.iter().filter(|(soname, _)| {
                bytes
                    .windows(soname.len())
                    .any(|window| window == soname.as_bytes())
            }));
        }
        opened.dedup();
        Ok(opened)
    }
}

/// The one time that stands in the packages: that of the commit, or what `SOURCE_DATE_EPOCH` says.
struct Moment {
    unix_s: u64,
}

impl Moment {
    fn of(workspace: &Workspace) -> Result<Self> {
        let text = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text,
            Err(_) => output(workspace.git().args(["log", "-1", "--format=%ct"])).context(
                "the packages are dated by the commit; without git, set SOURCE_DATE_EPOCH to seconds since 1970",
            )?,
        };
        let unix_s = text
            .trim()
            .parse()
            .with_context(|| format!("`{}` is no number of seconds", text.trim()))?;
        Ok(Self { unix_s })
    }

    /// In a form that `date` knows.
    fn format(&self, form: &str) -> Result<String> {
        let at = format!("--date=@{}", self.unix_s);
        let text = output(
            Command::new("date")
                .env("LC_ALL", "C")
                .args(["--utc", &at, form]),
        )?;
        Ok(text.trim().to_owned())
    }
}

fn version(workspace: &Workspace) -> Result<String> {
    workspace.metadata["packages"]
        .as_array()
        .and_then(|packages| {
            packages
                .iter()
                .find(|package| package["name"] == "vidimus-desktop")
        })
        .and_then(|package| package["version"].as_str())
        .map(str::to_owned)
        .context("`cargo metadata` names no version of the desktop")
}

/// A file of `packaging/` with its `@NAMES@` filled in.
fn filled(workspace: &Workspace, file: &str, values: &[(&str, &str)]) -> Result<String> {
    let path = workspace.root.join("packaging").join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    fill(text, values).with_context(|| format!("filling in {}", path.display()))
}

fn fill(mut text: String, values: &[(&str, &str)]) -> Result<String> {
    for (name, value) in values {
        let mark = format!("@{name}@");
        if !text.contains(&mark) {
            bail!("`{mark}` is not there");
        }
        text = text.replace(&mark, value);
    }
    Ok(text)
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_release_stands_where_people_look() {
        let places = |profile| {
            let order = Order::of_profile(Path::new("/target"), profile);
            [order.programs, order.out].map(|path| path.display().to_string())
        };
        assert_eq!(places("release"), ["/target/release", "/target/package"]);
        assert_eq!(places("dev"), ["/target/debug", "/target/package/dev"]);
        assert_eq!(
            places("ci-release"),
            ["/target/ci-release", "/target/package/ci-release"]
        );
    }

    #[test]
    fn a_value_without_its_place_is_an_error() {
        let text = || "Version: @VERSION@-1".to_owned();
        let filled = fill(text(), &[("VERSION", "1.2.3")]).expect("it has its place");
        assert_eq!(filled, "Version: 1.2.3-1");
        fill(text(), &[("ARCHITECTURE", "amd64")]).expect_err("it has none");
    }
}
