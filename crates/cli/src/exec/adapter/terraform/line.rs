//! The command line of a `terraform apply` or `terraform destroy`.

use crate::out::visible;

/// A command line that is known in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Options of Terraform itself.
    pub(super) global: Vec<String>,
    /// Options that a plan is made with.
    pub(super) planning: Vec<String>,
    /// Options that stay.
    kept: Vec<String>,
    /// The saved plan, if one is named.
    pub(super) plan: Option<String>,
}

/// Options of a plan: with `=VALUE`, or a value that follows for `-var` and
/// `-var-file`.
const PLANNING: &[&str] = &["destroy", "refresh-only", "replace", "var", "var-file"];
/// Options of both, or of the application.
const KEPT: &[&str] = &[
    "lock",
    "lock-timeout",
    "no-color",
    "parallelism",
    "compact-warnings",
];
/// Options that leave out of a plan what nobody would miss in it.
const HIDING: &[&str] = &[
    "refresh",
    "target",
    "target-file",
    "exclude",
    "exclude-file",
];
/// Options that a saved plan makes void.
const VOID: &[&str] = &["auto-approve", "input"];

impl Line {
    /// `None` when it applies nothing.
    pub(super) fn read(argv: &[String]) -> Result<Option<Self>, String> {
        let mut words = argv.iter().skip(1);
        let mut line = Self {
            global: Vec::new(),
            planning: Vec::new(),
            kept: Vec::new(),
            plan: None,
        };
        loop {
            match words.next().map(String::as_str) {
                Some("apply") => break,
                Some("destroy") => {
                    line.planning.push("-destroy".into());
                    break;
                }
                Some(word) if word.starts_with("-chdir=") && line.global.is_empty() => {
                    line.global.push(word.into());
                }
                _ => return Ok(None),
            }
        }
        while let Some(word) = words.next() {
            // Both `-x` and `--x` are taken.
            let option = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
            let name = option.map(|option| option.split('=').next().unwrap_or_default());
            match name {
                None if line.plan.is_none() => line.plan = Some(word.clone()),
                None => return Err("`terraform apply` takes one saved plan".into()),
                Some("help") => return Ok(None),
                Some(name) if PLANNING.contains(&name) => {
                    line.planning.push(word.clone());
                    if matches!(name, "var" | "var-file") && !word.contains('=') {
                        line.planning.extend(words.next().cloned());
                    }
                }
                Some(name) if KEPT.contains(&name) => line.kept.push(word.clone()),
                Some(name) if VOID.contains(&name) => {}
                Some(name) if HIDING.contains(&name) => {
                    return Err(format!(
                        "`-{name}` leaves things out of the plan, which cannot be seen in it: leave it out, or hold it as a plain command with `--plain`"
                    ));
                }
                Some(_) => {
                    return Err(format!(
                        "what `{}` does to `terraform apply` is not known here: leave it out, or hold it as a plain command with `--plain`",
                        visible(word)
                    ));
                }
            }
        }
        if line.plan.is_some() && !line.planning.is_empty() {
            return Err("a saved plan has its options already: leave them out".into());
        }
        Ok(Some(line))
    }

    /// The folder that Terraform works in, from where it is started.
    pub(super) fn folder(&self) -> &str {
        let chdir = self.global.first();
        chdir
            .and_then(|one| one.strip_prefix("-chdir="))
            .unwrap_or(".")
    }

    /// What runs: the application of a saved plan.
    pub(super) fn exact(&self, terraform: &str, file: &str) -> Vec<String> {
        let mut argv = vec![terraform.to_owned()];
        argv.extend(self.global.iter().cloned());
        argv.extend(["apply".to_owned(), "-input=false".to_owned()]);
        argv.extend(self.kept.iter().cloned());
        argv.push(file.to_owned());
        argv
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(line: &str) -> Result<Option<Line>, String> {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        Line::read(&argv)
    }

    #[test]
    fn what_makes_the_plan_and_what_applies_it_are_told_apart() {
        let line = read(
            "terraform -chdir=x apply -auto-approve -var a=b -var-file=c --replace=d -lock=false",
        );
        let line = line.unwrap().unwrap();
        assert_eq!(line.planning, ["-var", "a=b", "-var-file=c", "--replace=d"]);
        let exact = line.exact("terraform", "/p.tfplan");
        assert_eq!(
            exact.join(" "),
            "terraform -chdir=x apply -input=false -lock=false /p.tfplan"
        );
        let again = Line::read(&exact).unwrap().unwrap();
        assert_eq!(again.plan.as_deref(), Some("/p.tfplan"));
        assert_eq!(again.folder(), "x");
        let line = read("terraform destroy").unwrap().unwrap();
        assert_eq!(line.planning, ["-destroy"]);
        assert_eq!(line.folder(), ".");
    }

    #[test]
    fn what_applies_nothing_is_left_alone_and_what_is_not_known_is_refused() {
        for line in [
            "terraform plan",
            "terraform",
            "terraform -version",
            "terraform apply -help",
            "terraform -chdir=a -chdir=b apply",
        ] {
            assert_eq!(read(line), Ok(None), "{line}");
        }
        for line in [
            "terraform apply -state=x",
            "terraform apply a b",
            "terraform apply -var a=b p.tfplan",
            "terraform apply -json",
            "terraform apply -refresh=false",
            "terraform apply --target=a.b",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
