//! `vidimus policy test`: runs the tests that stand beside the policies.

use serde::Serialize;
use vidimus_policy::fixtures::Outcome;

use super::files::{self, Read};
use super::{WRONG, count, line, profile, refuse};
use crate::args::TestArgs;
use crate::out::{self, Colour, answer, paint};
use crate::stop::Stop;

/// Runs `vidimus policy test`. Returns the exit code.
pub(super) fn run(args: &TestArgs) -> Result<u8, Stop> {
    let read = match files::read(&args.paths, profile(args.personal))? {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let cases = match read.cases() {
        Ok(cases) => cases,
        Err(problems) => return Ok(refuse(&problems, args.json)),
    };
    let outcomes: Vec<Outcome> = cases.iter().map(|case| case.run(&read.set)).collect();
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let failed = outcomes.len() - passed;
    // What is not tested has not passed.
    let exit_code = if failed == 0 && passed > 0 { 0 } else { WRONG };
    if args.json {
        out::document(&Document {
            cases: outcomes,
            exit_code,
            failed,
            passed,
            r#type: "vidimus-policy-tests",
            v: 1,
        });
        return Ok(exit_code);
    }
    for outcome in &outcomes {
        print(&read, outcome);
    }
    answer(&match (passed, failed) {
        (0, 0) => "there are no tests: put NAME.json beside the policies, as docs/spec/policy.md#tests says. `vidimus policy starter` writes some to begin with".to_owned(),
        (passed, 0) => paint(&format!("{} passed", count(passed, "test", "tests")), Colour::Green),
        (passed, failed) => paint(&format!("{failed} failed, {passed} passed"), Colour::Red),
    });
    Ok(exit_code)
}

#[derive(Serialize)]
struct Document {
    cases: Vec<Outcome>,
    exit_code: u8,
    failed: usize,
    passed: usize,
    r#type: &'static str,
    v: u64,
}

fn print(read: &Read, outcome: &Outcome) {
    let case = line(&outcome.case);
    if outcome.passed() {
        answer(&format!("{}  {case}", paint("ok  ", Colour::Green)));
        return;
    }
    let file = read.place(&outcome.file);
    answer(&format!("{}  {case}  ({file})", paint("FAIL", Colour::Red)));
    for row in &outcome.differences {
        answer(&line(&format!(
            "        {}: expected {}, got {}",
            row.what, row.before, row.after
        )));
    }
    for reason in &outcome.evaluation.reasons {
        answer(&format!("        because: {}", line(reason)));
    }
}
