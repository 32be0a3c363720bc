//! Verifying and exporting the mirror, from what is on the disk.
//!
//! *Verify* trusts nothing that the console holds in memory: it writes the
//! whole mirror out as an export and runs the same check over it that `vidimus
//! verify` runs anywhere else, with this computer's trust file.

use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vidimus_ledger::tree::leaf_hash;
use vidimus_mirror::Mirror;
use vidimus_protocol::entry::Parsed;
use vidimus_protocol::trust::TrustFile;
use vidimus_protocol::{Digest, Leaf};
use vidimus_verify::export::{self, Check, Conclusion, Report, Writer};

use super::{Answer, Core, Message, now};
use crate::act::sentence;
use crate::view::{Problem, Reply, Verification};

/// The screen is told this often.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// How long what is on its way may take to arrive.
const SETTLING: Duration = Duration::from_secs(5);
/// Leaves that are read at a time.
const STRIDE: u64 = 1024;

/// How a verification goes.
pub(crate) enum Progress {
    /// It is here.
    At { done: u64, total: u64 },
    /// It is over.
    Over(Verification),
}

impl Core {
    pub(super) fn verify(&mut self) -> Result<Reply, Problem> {
        if matches!(self.verification, Verification::Running { .. }) {
            return Ok(Reply::Accepted);
        }
        let base = self.base()?;
        let total = base.mirror.size();
        if total == 0 {
            return Err(nothing_yet());
        }
        self.verification = Verification::Running { done: 0, total };
        let job = Job {
            mirror: self.setting.files.mirror(),
            trust: self.setting.files.trust.clone(),
            folder: self.setting.files.folder.clone(),
            console: self.setting.inbox.clone(),
        };
        self.setting.runtime.spawn_blocking(move || {
            let started = Instant::now();
            let result = match job.run() {
                Ok(report) => result_of(report, started.elapsed()),
                Err(error) => failed(
                    None,
                    Problem::local("The verification could not be run", error),
                ),
            };
            job.tell(Progress::Over(result));
        });
        Ok(Reply::Accepted)
    }

    pub(super) fn verified(&mut self, progress: Progress) {
        self.verification = match progress {
            Progress::At { done, total } => Verification::Running { done, total },
            Progress::Over(result) => result,
        };
    }

    pub(super) fn export(&mut self, reply: Answer) {
        let (Some(log), Ok(base)) = (self.log(), &self.base) else {
            return self.answers.push((reply, Err(nothing_yet())));
        };
        if base.mirror.size() == 0 {
            return self.answers.push((reply, Err(nothing_yet())));
        }
        let mirror = self.setting.files.mirror();
        let folder = download_folder(self.setting.home.data());
        self.setting.runtime.spawn_blocking(move || {
            let result = export_file(&mirror, &folder, log)
                .map(|(path, size)| Reply::Exported {
                    path: path.display().to_string(),
                    size,
                })
                .map_err(|error| Problem::local("The export could not be written", error));
            super::answer(reply, result);
        });
    }
}

struct Job {
    mirror: PathBuf,
    trust: PathBuf,
    folder: PathBuf,
    console: mpsc::UnboundedSender<Message>,
}

impl Job {
    fn run(&self) -> anyhow::Result<Report> {
        let trust = TrustFile::parse(&std::fs::read(&self.trust)?)?;
        let mut file = tempfile::tempfile_in(&self.folder)?;
        write_export(&settled(&self.mirror)?, BufWriter::new(&file))?;
        file.rewind()?;
        let mut told = Instant::now();
        let report = export::verify(BufReader::new(file), Some(&trust), |at| {
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.tell(Progress::At {
                    done: at.entries,
                    total: at.of,
                });
            }
        })?;
        Ok(report)
    }

    fn tell(&self, progress: Progress) {
        // The console may have stopped meanwhile.
        let _stopped = self.console.send(Message::Verified(progress));
    }
}

/// The mirror at a moment at which nothing is on its way: parts follow their
/// entries, and entries their checkpoint. What does not come within patience is
/// missing, and for the verifier to name.
fn settled(path: &Path) -> anyhow::Result<Mirror> {
    let until = Instant::now() + SETTLING;
    loop {
        let mirror = Mirror::open_read_only(path)?;
        let covered = mirror.pin().map(|pin| pin.checkpoint.size) == Some(mirror.size());
        if (covered && mirror.missing_parts(1)?.is_empty()) || Instant::now() >= until {
            return Ok(mirror);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes a mirror out as an export.
fn write_export<W: Write>(mirror: &Mirror, out: W) -> anyhow::Result<W> {
    let size = mirror.size();
    let log = mirror
        .log()
        .ok_or_else(|| anyhow::anyhow!("there is no log yet"))?;
    let note = mirror
        .pin_note()
        .ok_or_else(|| anyhow::anyhow!("there is no checkpoint yet"))?;
    let mut parts = Vec::new();
    let mut hashes = Vec::new();
    let mut from = 0;
    // The header announces the parts and the hashes stand before the leaves, so
    // they come first.
    while from < size {
        let until = size.min(from + STRIDE);
        for (leaf, index) in mirror.leaves(from..until)?.iter().zip(from..) {
            hashes.push(Digest(leaf_hash(leaf)));
            if let Ok(Parsed::Known(leaf)) = Leaf::parse(leaf) {
                parts.extend(leaf.parts.into_iter().map(|part| (index, part.name)));
            }
        }
        from = until;
    }
    let mut here = Vec::with_capacity(parts.len());
    for (index, name) in parts {
        // What is missing is for the verifier to name.
        if mirror.part(index, &name)?.is_some() {
            here.push((index, name));
        }
    }
    let count = u64::try_from(here.len())?;
    let mut writer = Writer::new(out, log, note, &hashes, count)?;
    let mut from = 0;
    while from < size {
        let until = size.min(from + STRIDE);
        for leaf in mirror.leaves(from..until)? {
            writer.leaf(&leaf)?;
        }
        from = until;
    }
    for (index, name) in here {
        let content = mirror
            .part(index, &name)?
            .ok_or_else(|| io::Error::other("a part vanished while it was read"))?;
        writer.part(index, &name, &content)?;
    }
    Ok(writer.finish()?)
}

fn export_file(mirror: &Path, folder: &Path, log: Digest) -> anyhow::Result<(PathBuf, u64)> {
    let mirror = settled(mirror)?;
    let name = format!("vidimus-{}-{}", &log.to_string()[..8], mirror.size());
    let mut number = 1;
    let (path, file) = loop {
        let path = match number {
            1 => folder.join(format!("{name}.vidimus")),
            number => folder.join(format!("{name}-{number}.vidimus")),
        };
        let opened = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(file) => break (path, file),
            // Never over a file that somebody kept.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {
                number += 1;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let written = write_export(&mirror, BufWriter::new(&file)).map(drop);
    if let Err(error) = written.and_then(|()| Ok(file.sync_all()?)) {
        // Half an export is worse than none.
        std::fs::remove_file(&path)?;
        return Err(error);
    }
    let bytes = file.metadata()?.len();
    Ok((path, bytes))
}

/// `~/Downloads` where there is one, else the data folder.
fn download_folder(data: &Path) -> PathBuf {
    std::env::var_os("HOME")
        .map(|home| Path::new(&home).join("Downloads"))
        .filter(|folder| folder.is_absolute() && folder.is_dir())
        .unwrap_or_else(|| data.to_owned())
}

fn result_of(report: Report, took: Duration) -> Verification {
    let signatures = report
        .rows
        .iter()
        .find(|row| row.check == Check::Signatures)
        .map_or(0, |row| row.checked);
    match (report.conclusion, report.wrong) {
        (Conclusion::Verified, _) => Verification::Passed {
            entries: report.entries,
            signatures,
            at_unix_ms: now().unix_ms(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            remarks: report
                .remarks
                .iter()
                .map(|remark| sentence(remark))
                .collect(),
        },
        (Conclusion::UpgradeNeeded, _) => failed(
            None,
            Problem::new(
                "upgrade_needed",
                sentence(&report.upgrade.unwrap_or_default()),
                "Install a newer Vidimus and verify again.",
            ),
        ),
        (_, Some(wrong)) => failed(
            wrong.entry,
            Problem::new(
                "verification_failed",
                format!(
                    "The check of the {} failed: {}",
                    wrong.check,
                    sentence(&wrong.why)
                ),
                "Decide nothing. Keep an export as evidence, and find out who changed this computer's copy.",
            ),
        ),
        (_, None) => failed(
            None,
            Problem::new(
                "verification_failed",
                "The copy on this computer is anchored by nobody.",
                "Put the trust file back from your copy.",
            ),
        ),
    }
}

fn failed(entry: Option<u64>, problem: Problem) -> Verification {
    Verification::Failed {
        entry,
        problem,
        at_unix_ms: now().unix_ms(),
    }
}

fn nothing_yet() -> Problem {
    Problem::new(
        "nothing_yet",
        "There is no log on this computer yet.",
        "Set up your key first.",
    )
}
