//! `vidimus policy starter`: policies to begin with, as files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use vidimus_policy::starter;

use super::profile;
use crate::args::StarterArgs;
use crate::out::{answer, detail, quote, say};
use crate::stop::{Stop, code};

/// Runs `vidimus policy starter`. Returns the exit code.
pub(super) fn run(args: &StarterArgs) -> Result<u8, Stop> {
    let folder = &args.folder;
    let files = starter(profile(args.personal));
    let there = files
        .iter()
        .map(|file| folder.join(&file.name))
        .find(|path| path.symlink_metadata().is_ok());
    if let Some(there) = there {
        return Err(Stop::new(
            code::USAGE,
            format!(
                "`{}` is there already and is not overwritten: name another folder",
                there.display()
            ),
        ));
    }
    fs::create_dir_all(folder).map_err(|why| cannot_write(folder, &why))?;
    for file in &files {
        let path = folder.join(&file.name);
        write(&path, &file.text).map_err(|why| cannot_write(&path, &why))?;
        answer(&path.display().to_string());
    }
    let personal = if args.personal { " --personal" } else { "" };
    let folder = quote(&folder.display().to_string());
    say(
        "written. Change them to your needs: the groups are examples, and agt_000… is no agent. Then",
    );
    detail(&format!("  vidimus policy check{personal} {folder}"));
    detail(&format!("  vidimus policy test{personal} {folder}"));
    Ok(0)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

fn cannot_write(path: &Path, why: &io::Error) -> Stop {
    Stop::new(
        code::USAGE,
        format!("cannot write `{}`: {why}", path.display()),
    )
}
