//! Starting at login: `autostart/vidimus.desktop` in the person's
//! configuration folder, as the Desktop Application Autostart Specification
//! (freedesktop.org) has it.
//!
//! The file is ours: it is written whole and removed whole.

use std::path::{Path, PathBuf};

use vidimus_client::home::Home;

const FILE: &str = "autostart/vidimus.desktop";

/// How a program that is started at login says so.
pub(crate) const HIDDEN: &str = "--hidden";

/// The autostart of a person.
pub(crate) struct Autostart {
    /// `None` where nothing says where it belongs.
    file: Option<PathBuf>,
    text: Result<String, String>,
}

impl Autostart {
    /// That of this program for a home.
    pub(crate) fn of(home: &Home) -> Self {
        let folder = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        // An AppImage runs from a place that is gone when it ends.
        let program = folder("APPIMAGE").map_or_else(std::env::current_exe, Ok);
        let text = program
            .map_err(|error| format!("this program does not know its own file: {error}"))
            .and_then(|program| entry(&program, home.root()));
        Self {
            file: config.map(|config| config.join(FILE)),
            text,
        }
    }

    /// Whether it starts at login. A person's desktop may have switched off
    /// what is there.
    pub(crate) fn is_on(&self) -> bool {
        let Some(text) = self
            .file
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file).ok())
        else {
            return false;
        };
        let off = ["Hidden=true", "X-GNOME-Autostart-enabled=false"];
        !text.lines().any(|line| off.contains(&line.trim()))
    }

    /// Starts at login, or no longer.
    ///
    /// # Errors
    /// Why that could not be set, in words.
    pub(crate) fn set(&self, on: bool) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Err("set `HOME`: nothing says where your desktop looks".into());
        };
        let done = if on {
            let text = self.text.as_ref().map_err(Clone::clone)?;
            write(file, text)
        } else {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        done.map_err(|error| format!("`{}`: {error}", file.display()))
    }
}

/// Whole or not at all. The folder is the person's, and others may read it.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let new = file.with_extension("desktop.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, file)
}

fn entry(program: &Path, root: Option<&Path>) -> Result<String, String> {
    let mut exec = argument(program)?;
    if let Some(root) = root {
        exec.push_str(" --home ");
        exec.push_str(&argument(root)?);
    }
    Ok(format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=Vidimus\n\
         Comment=Holds what agents want to run until you have signed it\n\
         Exec={exec} {HIDDEN}\n\
         Icon=vidimus\n\
         Terminal=false\n\
         X-GNOME-Autostart-enabled=true\n"
    ))
}

/// A path as one quoted argument of `Exec`: quoted by its own rule first, then
/// escaped as a string of the file, with `%` doubled.
fn argument(path: &Path) -> Result<String, String> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(char::is_control))
        .ok_or_else(|| format!("`{}` cannot be written into such a file", path.display()))?;
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '\\' => out.push_str(r"\\\\"),
            '"' | '`' | '$' => {
                out.push_str(r"\\");
                out.push(character);
            }
            '%' => out.push_str("%%"),
            plain => out.push(plain),
        }
    }
    out.push('"');
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_path_stays_one_argument() {
        let quoted = |path: &str| argument(Path::new(path));
        assert_eq!(quoted("/usr/bin/x").unwrap(), r#""/usr/bin/x""#);
        assert_eq!(quoted("/a b/100%").unwrap(), r#""/a b/100%%""#);
        assert_eq!(quoted(r#"/"$`\"#).unwrap(), r#""/\\"\\$\\`\\\\""#);
        assert!(quoted("/a\nExec=evil").is_err());
    }

    #[test]
    fn it_is_written_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let autostart = Autostart {
            file: Some(folder.path().join(FILE)),
            text: entry(Path::new("/usr/bin/vidimus-console"), Some(Path::new("/h"))),
        };
        assert!(!autostart.is_on());
        autostart.set(true).unwrap();
        assert!(autostart.is_on());
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let exec = "Exec=\"/usr/bin/vidimus-console\" --home \"/h\" --hidden\n";
        assert!(text.contains(exec), "{text}");
        // What a desktop's own settings switch off is off.
        for off in ["Hidden=true", "X-GNOME-Autostart-enabled=false"] {
            std::fs::write(folder.path().join(FILE), format!("{text}{off}\n")).unwrap();
            assert!(!autostart.is_on(), "{off}");
        }
        autostart.set(false).unwrap();
        autostart.set(false).unwrap();
        assert!(!folder.path().join(FILE).exists());
    }
}
