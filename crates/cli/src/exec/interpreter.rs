//! Which argument of a known interpreter is a script.
//!
//! Only plain cases are taken: flags known to stand alone, then the script.
//! In every other case the file is bound as an ordinary argument, by name.

/// A family of interpreters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Shell,
    Python,
    Perl,
    Ruby,
    Node,
}

impl Family {
    /// The family that a program belongs to, by its file name.
    pub(crate) fn of(program: &str) -> Option<Self> {
        let name = program.rsplit('/').next().unwrap_or(program);
        // `python3.11`, `ruby3.1`, `perl5.36.0`
        let stem =
            name.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
        match stem {
            "sh" | "ash" | "bash" | "dash" | "ksh" | "mksh" | "zsh" => Some(Self::Shell),
            "python" | "pypy" => Some(Self::Python),
            "perl" => Some(Self::Perl),
            "ruby" => Some(Self::Ruby),
            "node" | "nodejs" => Some(Self::Node),
            _ => None,
        }
    }

    /// Whether it runs a script from a descriptor. Node looks for the file
    /// behind one by name.
    pub(crate) fn takes_descriptor(self) -> bool {
        self != Self::Node
    }

    /// Letters of flags that stand alone and leave the next argument be.
    fn letters(self) -> &'static str {
        match self {
            Self::Shell => "efuvx",
            Self::Python => "BEIOPbdqsuv",
            Self::Perl => "Twt",
            Self::Ruby => "w",
            Self::Node => "",
        }
    }

    /// Position of the script in `argv`, in the plain case.
    pub(crate) fn script(self, argv: &[String]) -> Option<usize> {
        let flag = |text: &str| {
            text.strip_prefix('-').is_some_and(|letters| {
                !letters.is_empty() && letters.chars().all(|one| self.letters().contains(one))
            })
        };
        let at = (1..argv.len()).find(|at| !flag(&argv[*at]))?;
        let plain = !argv[at].starts_with(['-', '+']) && !argv[at].is_empty();
        plain.then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: &str) -> Option<usize> {
        let argv: Vec<String> = line.split(' ').map(Into::into).collect();
        Family::of(&argv[0])?.script(&argv)
    }

    #[test]
    fn finds_the_script_in_plain_cases_only() {
        assert_eq!(script("bash x.sh -c"), Some(1));
        assert_eq!(script("/bin/sh -eu -x x.sh"), Some(3));
        assert_eq!(script("python3.11 -u x.py"), Some(2));
        assert_eq!(script("perl5.36.0 x.pl"), Some(1));
        for line in [
            "bash -c x.sh",
            "bash -ec x.sh",
            "bash -o pipefail x.sh",
            "bash -s x.sh",
            "bash --norc x.sh",
            "bash +x x.sh",
            "python3 -m x.py",
            "python3 -",
            "node --require a.js x.js",
            "ruby -e x",
            "perl -n x",
            "bash",
            "bash -x",
            "ls x.sh",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    #[test]
    fn families_by_file_name() {
        assert_eq!(Family::of("/usr/bin/python3"), Some(Family::Python));
        assert_eq!(Family::of("nodejs"), Some(Family::Node));
        assert_eq!(Family::of("bashful"), None);
        assert_eq!(Family::of("5"), None);
    }
}
