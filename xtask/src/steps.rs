//! A list of named steps: all of them run, then a table says how each went and how long it took.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Runs steps and remembers how each went, so that one failure does not hide the next.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs one step; its error is printed here and counted at the end. Returns whether it passed.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        println!("\n── {name}");
        let start = Instant::now();
        let result = step();
        let passed = result.is_ok();
        if let Err(error) = result {
            println!("✗ {name}: {error:#}");
        }
        self.done.push(Step {
            name,
            took: start.elapsed(),
            passed,
        });
        passed
    }

    /// Prints the table and fails with the names of the steps that failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let failed: Vec<_> = self
            .done
            .iter()
            .filter(|step| !step.passed)
            .map(|step| step.name)
            .collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn table(&self) -> String {
        let widest = self
            .done
            .iter()
            .map(|step| step.name.chars().count())
            .max()
            .unwrap_or(0);
        self.done
            .iter()
            .map(|step| {
                let mark = if step.passed { '✓' } else { '✗' };
                format!(
                    "{mark} {:widest$} {:>8.1} s\n",
                    step.name,
                    step.took.as_secs_f64()
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_step_lets_the_next_run_and_is_named_at_the_end() {
        let mut steps = Steps::default();
        let mut second_ran = false;
        assert!(!steps.run("first", || Err(anyhow!("broken"))));
        assert!(steps.run("second", || {
            second_ran = true;
            Ok(())
        }));
        assert!(second_ran);
        let table = steps.table();
        assert!(
            table.contains("✗ first") && table.contains("✓ second"),
            "{table}"
        );
        let error = steps.finish().expect_err("one step failed");
        assert_eq!(error.to_string(), "failed: first");
    }

    #[test]
    fn passing_steps_pass() {
        let mut steps = Steps::default();
        steps.run("only", || Ok(()));
        steps.finish().expect("nothing failed");
    }
}
