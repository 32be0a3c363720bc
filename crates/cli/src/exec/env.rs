//! The environment that the command gets: a short list, in clear or as a
//! commitment, and nothing else.

use std::collections::BTreeMap;
use std::ffi::OsString;

use vidimus_protocol::Digest;
use vidimus_protocol::action::{Command, EnvVar, SECRET_TYPE};
use zeroize::Zeroizing;

/// Variables that pass when they are set.
pub(crate) use vidimus_policy::USUAL_ENV as DEFAULT;

/// The whole environment of the command.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    vars: BTreeMap<String, Value>,
}

#[derive(Debug)]
enum Value {
    Clear(String),
    Secret {
        value: Zeroizing<String>,
        salt: Digest,
    },
}

/// Why the environment cannot be built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvError {
    #[error("`{0}` is not set: set it, or leave `--env {0}` or `--secret {0}` out")]
    Missing(String),
    #[error("the value of `{0}` is not UTF-8, so it cannot be shown")]
    NotUtf8(String),
    #[error("`{0}` is not the name of a variable")]
    Name(String),
    #[error("`PATH` decides what runs, so it cannot be a secret")]
    SecretPath,
    #[error("`{0}` stands in both `--env` and `--secret`")]
    Both(String),
    #[error("no randomness for a salt")]
    Random,
}

impl Environment {
    /// Picks the default variables, `clear` and `secret` out of what `read`
    /// gives. `salt` makes one fresh salt for each secret.
    pub(crate) fn pick(
        clear: &[String],
        secret: &[String],
        read: impl Fn(&str) -> Option<OsString>,
        salt: impl Fn() -> Option<Digest>,
    ) -> Result<Self, EnvError> {
        let mut vars = BTreeMap::new();
        let text = |name: &str, value: OsString| {
            value
                .into_string()
                .map_err(|_| EnvError::NotUtf8(name.into()))
        };
        for name in DEFAULT {
            if let Some(value) = read(name) {
                vars.insert(name.into(), Value::Clear(text(name, value)?));
            }
        }
        for name in clear {
            check_name(name)?;
            let value = read(name).ok_or_else(|| EnvError::Missing(name.clone()))?;
            vars.insert(name.clone(), Value::Clear(text(name, value)?));
        }
        for name in secret {
            check_name(name)?;
            if name == "PATH" {
                return Err(EnvError::SecretPath);
            }
            if clear.contains(name) {
                return Err(EnvError::Both(name.clone()));
            }
            let value = read(name).ok_or_else(|| EnvError::Missing(name.clone()))?;
            let value = Zeroizing::new(text(name, value)?);
            let salt = salt().ok_or(EnvError::Random)?;
            vars.insert(name.clone(), Value::Secret { value, salt });
        }
        Ok(Self { vars })
    }

    /// Builds the environment that was proposed: values in clear as they were
    /// approved, secrets out of what `read` gives, with their saved salts.
    pub(crate) fn restore(
        command: &Command,
        salts: &BTreeMap<String, Digest>,
        read: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, EnvError> {
        let mut vars = BTreeMap::new();
        for var in &command.env {
            let value = match (&var.value, salts.get(&var.name)) {
                (Some(value), _) => Value::Clear(value.clone()),
                (None, Some(salt)) => {
                    let missing = || EnvError::Missing(var.name.clone());
                    let value = read(&var.name)
                        .ok_or_else(missing)?
                        .into_string()
                        .map_err(|_| EnvError::NotUtf8(var.name.clone()))?;
                    Value::Secret {
                        value: Zeroizing::new(value),
                        salt: *salt,
                    }
                }
                (None, None) => return Err(EnvError::Missing(var.name.clone())),
            };
            vars.insert(var.name.clone(), value);
        }
        Ok(Self { vars })
    }

    /// The value of `PATH`.
    pub(crate) fn path(&self) -> Option<&str> {
        match self.vars.get("PATH") {
            Some(Value::Clear(path)) => Some(path),
            _ => None,
        }
    }

    /// What the proposal says about it, sorted by name.
    pub(crate) fn bound(&self) -> Vec<EnvVar> {
        let bound = |(name, value): (&String, &Value)| match value {
            Value::Clear(value) => EnvVar {
                commit: None,
                name: name.clone(),
                value: Some(value.clone()),
            },
            Value::Secret { value, salt } => {
                let commit = vidimus_ledger::part::commit(&salt.0, SECRET_TYPE, value.as_bytes())
                    .expect("the type is printable ASCII");
                EnvVar {
                    commit: Some(Digest(commit)),
                    name: name.clone(),
                    value: None,
                }
            }
        };
        self.vars.iter().map(bound).collect()
    }

    /// Names and values as the command gets them.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vars.iter().map(|(name, value)| match value {
            Value::Clear(value) => (name.as_str(), value.as_str()),
            Value::Secret { value, .. } => (name.as_str(), value.as_str()),
        })
    }

    /// The same without the secrets.
    pub(crate) fn in_clear(&self) -> Self {
        let clear = self.vars.iter().filter_map(|(name, value)| match value {
            Value::Clear(value) => Some((name.clone(), Value::Clear(value.clone()))),
            Value::Secret { .. } => None,
        });
        Self {
            vars: clear.collect(),
        }
    }

    /// Salts of the secrets, to be kept for a resume.
    pub(crate) fn salts(&self) -> BTreeMap<String, Digest> {
        self.vars
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Secret { salt, .. } => Some((name.clone(), *salt)),
                Value::Clear(_) => None,
            })
            .collect()
    }
}

fn check_name(name: &str) -> Result<(), EnvError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(EnvError::Name(name.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(name: &str) -> Option<OsString> {
        let known = [
            ("PATH", "/bin"),
            ("LD_PRELOAD", "/tmp/evil.so"),
            ("TOKEN", "s3cret"),
            ("USER", "ada"),
        ];
        known
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).into())
    }

    fn pick(clear: &[&str], secret: &[&str]) -> Result<Environment, EnvError> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
        Environment::pick(&own(clear), &own(secret), read, || Some(Digest([7; 32])))
    }

    #[test]
    fn only_the_short_list_passes() {
        let picked = pick(&[], &[]).unwrap();
        let values: Vec<_> = picked.values().collect();
        assert_eq!(values, [("PATH", "/bin"), ("USER", "ada")]);
    }

    #[test]
    fn what_is_asked_for_by_name_passes() {
        let picked = pick(&["LD_PRELOAD"], &[]).unwrap();
        assert!(picked.values().any(|(name, _)| name == "LD_PRELOAD"));
    }

    #[test]
    fn a_secret_is_given_and_not_shown() {
        let picked = pick(&[], &["TOKEN"]).unwrap();
        assert!(picked.values().any(|var| var == ("TOKEN", "s3cret")));
        let clear = picked.in_clear();
        let names: Vec<_> = clear.values().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "USER"]);
        let shown = picked.bound();
        let token = shown.iter().find(|var| var.name == "TOKEN").unwrap();
        assert_eq!(token.value, None);
        let commit = vidimus_ledger::part::commit(&[7; 32], SECRET_TYPE, b"s3cret").unwrap();
        assert_eq!(token.commit, Some(Digest(commit)));
    }

    #[test]
    fn refusals() {
        assert_eq!(
            pick(&["NONE"], &[]).unwrap_err(),
            EnvError::Missing("NONE".into())
        );
        assert_eq!(
            pick(&[], &["NONE"]).unwrap_err(),
            EnvError::Missing("NONE".into())
        );
        assert_eq!(
            pick(&["A=B"], &[]).unwrap_err(),
            EnvError::Name("A=B".into())
        );
        assert_eq!(pick(&[], &["PATH"]).unwrap_err(), EnvError::SecretPath);
        assert_eq!(
            pick(&["TOKEN"], &["TOKEN"]).unwrap_err(),
            EnvError::Both("TOKEN".into())
        );
        let broken = |_: &str| {
            use std::os::unix::ffi::OsStringExt as _;
            Some(OsString::from_vec(vec![0xff]))
        };
        assert_eq!(
            Environment::pick(&[], &[], broken, || None).unwrap_err(),
            EnvError::NotUtf8("HOME".into())
        );
    }
}
