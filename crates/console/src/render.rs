//! An action, made into what a reviewer reads: from the very bytes that are
//! signed, and from nothing else.
//!
//! Three origins stay apart: what the agent claims, what Vidimus computed, what
//! the policy says.

mod artefact;
mod change;
pub(crate) mod sections;

use vidimus_protocol::action::{self, Action, Command, Context, Payload, Stdin};
use vidimus_protocol::entry::{Assurance, Decision, Evaluation};
use vidimus_protocol::{RunId, Time};

use crate::act::sentence;
use crate::safe_text;
use crate::view::{
    CommandView, EnvView, Fact, FileView, InputView, SafeText, ScriptView, WhatView,
};

/// Name and version that a verdict's `seen` records.
pub const RENDERER: &str = concat!("vidimus-console/", env!("CARGO_PKG_VERSION"));

/// What stands in place of a text that is not part of the payload.
const NO_TEXT: &str = "Not UTF-8 text, or larger than 256 KiB. Its content is bound by its digest, but you cannot read it here.";

/// Most characters of a short title.
const SHORT_TITLE: usize = 100;

/// The command in one line, quoted as a shell would want it.
///
/// `argv[0]` is what the program is told its name is; where that is not the
/// name of the file that is executed, the file stands there instead.
#[must_use]
pub fn command_line(command: &Command) -> String {
    let mut words = Vec::with_capacity(command.argv.len());
    let called = command.argv.first().map_or("", String::as_str);
    words.push(quoted(if called_by_its_name(command) {
        called
    } else {
        &command.program.path
    }));
    words.extend(command.argv.iter().skip(1).map(|word| quoted(word)));
    words.join(" ")
}

/// What will run, in one line.
#[must_use]
pub fn title(action: &Action) -> String {
    match &action.payload {
        Payload::Command(command) => command_line(command),
        Payload::FileChange(change) => format!("write {}", change.path),
        Payload::GitPush(push) => {
            let names = push.refs.iter().map(|one| one.name.as_str());
            format!("git push {}", names.collect::<Vec<_>>().join(" "))
        }
        Payload::Json(change) => change.operation.clone(),
        Payload::McpToolCall(call) => format!("{} {}", call.tool, call.arguments),
        Payload::Sql(sql) => {
            let texts = sql.statements.iter().map(|one| one.text.as_str());
            texts.collect::<Vec<_>>().join("; ")
        }
        Payload::TerraformPlan(plan) => {
            let first = plan.changes.iter().map(|one| one.address.as_str());
            format!("terraform apply {}", first.collect::<Vec<_>>().join(" "))
        }
    }
}

/// Enough of it to know it by.
#[must_use]
pub fn short_title(action: &Action) -> String {
    let title = title(action);
    match title.char_indices().nth(SHORT_TITLE) {
        Some((at, _)) => format!("{}…", &title[..at]),
        None => title,
    }
}

/// Where it runs, in one line: for a program of its own, host and folder.
#[must_use]
pub fn target_line(action: &Action) -> String {
    let target = &action.target;
    match (&action.payload, action.command()) {
        (Payload::GitPush(push), _) => push.remote.clone(),
        (Payload::Sql(sql), _) if sql.database.is_some() => {
            sql.database.clone().unwrap_or_default()
        }
        (Payload::McpToolCall(call), _) => call.server.clone(),
        (_, Some(command)) => format!("{}:{}", target.system, command.cwd),
        _ => format!(
            "{} · {} · {}",
            target.system, target.resource, target.environment
        ),
    }
}

/// What will run.
#[must_use]
pub fn what(action: &Action) -> WhatView {
    match &action.payload {
        Payload::Command(of) => WhatView::Command(Box::new(command(of))),
        Payload::FileChange(of) => WhatView::Artefact(Box::new(artefact::file_change(of))),
        Payload::GitPush(of) => WhatView::Artefact(Box::new(artefact::push(of))),
        Payload::Json(of) => WhatView::Change(Box::new(change::view(of, &action.target))),
        Payload::McpToolCall(of) => WhatView::Artefact(Box::new(artefact::tool_call(of))),
        Payload::Sql(of) => WhatView::Artefact(Box::new(artefact::sql(of))),
        Payload::TerraformPlan(of) => WhatView::Artefact(Box::new(artefact::plan(of))),
    }
}

fn command(command: &Command) -> CommandView {
    CommandView {
        program: file(&command.program),
        interpreter: command
            .interpreter
            .as_ref()
            .map(|interpreter| file(&interpreter.file)),
        script: command.script.as_ref().map(|script| ScriptView {
            file: file(&script.file),
            lines: script.text.as_deref().map(safe_text::lines),
            omitted: script.text.is_none().then(|| NO_TEXT.into()),
        }),
        argv: command
            .argv
            .iter()
            .map(|word| safe_text::code(word))
            .collect(),
        cwd: safe_text::code(&command.cwd),
        env: command
            .env
            .iter()
            .map(|var| EnvView {
                name: safe_text::code(&var.name),
                value: var.value.as_deref().map(safe_text::code),
            })
            .collect(),
        input: match &command.stdin {
            Stdin::Null | Stdin::Inherited => None,
            Stdin::Bound(input) => Some(InputView {
                size: input.size,
                sha256: input.sha256.to_string(),
                lines: input.text.as_deref().map(safe_text::lines),
                omitted: input.text.is_none().then(|| NO_TEXT.into()),
            }),
        },
        files: command
            .files
            .iter()
            .map(|named| file(&named.file))
            .collect(),
        not_bound: command
            .not_bound
            .iter()
            .map(|what| safe_text::flat(what))
            .collect(),
    }
}

/// What the agent says about it.
#[must_use]
pub fn claims(context: Option<&Context>, run: Option<&RunId>) -> Vec<Fact> {
    let of = |what: fn(&Context) -> &Option<String>| context.and_then(|all| what(all).as_deref());
    [
        ("Why", of(|context| &context.intent)),
        ("On behalf of", of(|context| &context.on_behalf_of)),
        ("Run", run.map(RunId::as_str)),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some(fact(label, safe_text::prose(value?), false)))
    .collect()
}

/// What is known about the proposal from the ledger.
#[derive(Clone, Debug)]
pub struct Known {
    /// The agent's name.
    pub agent: String,
    /// Its id.
    pub agent_id: String,
    /// Its owner's name.
    pub owner: String,
    /// When it was proposed.
    pub proposed_at: Time,
    /// Bytes of the payload.
    pub payload_size: u64,
}

/// What Vidimus computed.
#[must_use]
pub fn computed(action: &Action, known: &Known) -> Vec<Fact> {
    let mut facts = action
        .command()
        .map(|command| oddities(command, action))
        .unwrap_or_default();
    facts.extend([
        fact(
            "Agent",
            safe_text::prose(&format!("{} ({})", known.agent, known.agent_id)),
            false,
        ),
        fact("Acts for", safe_text::prose(&known.owner), false),
    ]);
    match action.command() {
        Some(command) => facts.extend(surroundings(command, action)),
        None => facts.extend(place(action)),
    }
    facts.extend([
        fact(
            "Proposed",
            safe_text::prose(&time_words(known.proposed_at)),
            false,
        ),
        fact(
            "Signed bytes",
            safe_text::prose(&format!(
                "{} bytes, {}",
                known.payload_size,
                action::PAYLOAD_TYPE
            )),
            false,
        ),
    ]);
    facts
}

/// What is not as it seems at first sight.
fn oddities(command: &Command, action: &Action) -> Vec<Fact> {
    let argument = command
        .interpreter
        .as_ref()
        .and_then(|interpreter| interpreter.argument.as_deref())
        .map(|argument| ("Interpreter argument", argument));
    let resource = (action.target.resource != command.cwd)
        .then_some(("Says it acts on", action.target.resource.as_str()));
    let called = (!called_by_its_name(command))
        .then_some(("Called as", command.argv.first().map_or("", String::as_str)));
    [argument, resource, called]
        .into_iter()
        .flatten()
        .map(|(label, value)| fact(label, safe_text::code(value), true))
        .collect()
}

/// Where it runs, for what is no command; a change's own view says it.
fn place(action: &Action) -> Vec<Fact> {
    if let Payload::Json(_) = action.payload {
        return Vec::new();
    }
    let target = &action.target;
    vec![
        fact("Host", safe_text::code(&target.system), true),
        fact("Acts on", safe_text::code(&target.resource), true),
        fact("Environment", safe_text::code(&target.environment), true),
    ]
}

fn surroundings(command: &Command, action: &Action) -> [Fact; 4] {
    let input = match &command.stdin {
        Stdin::Null => "empty",
        Stdin::Inherited => "whatever the agent's terminal or pipe sends: not bound",
        Stdin::Bound(_) => "bound, shown beside the arguments",
    };
    [
        fact("Host", safe_text::code(&action.target.system), true),
        fact(
            "Environment",
            safe_text::code(&action.target.environment),
            true,
        ),
        fact(
            "Runs as",
            safe_text::code(&format!("{} (uid {})", command.user, command.uid)),
            true,
        ),
        fact("Standard input", safe_text::prose(input), false),
    ]
}

/// What the policy says: the decision first, then what asked for it.
#[must_use]
pub fn policy(evaluation: &Evaluation) -> Vec<Fact> {
    let by = match evaluation.policies.as_slice() {
        [] => String::new(),
        ids => format!(", by {}", ids.join(", ")),
    };
    let decision = match evaluation.decision {
        Decision::Ask => ask(evaluation),
        Decision::Refuse => "It may not run.".to_owned(),
        Decision::Release => format!("Released by the policy{by}: nobody was asked."),
    };
    let mut facts = vec![said("Decision", &decision)];
    facts.extend(demands(evaluation));
    facts.extend(because(evaluation));
    if evaluation.decision == Decision::Ask {
        facts.push(said("Waits at most", &duration_words(evaluation.ttl_s)));
        facts.extend(evaluation.escalate.iter().map(|step| {
            let after = duration_words(step.after_s);
            let words = format!("{}, when nobody has decided after {after}", step.group);
            said("Escalated to", &words)
        }));
        facts.push(said(
            "Once approved, starts within",
            &duration_words(evaluation.use_s),
        ));
    }
    facts.push(fact("Policy", safe_text::code(&evaluation.policy), true));
    facts
}

fn ask(evaluation: &Evaluation) -> String {
    let named: u64 = evaluation.groups.iter().map(|group| group.people).sum();
    match (evaluation.quorum, evaluation.groups.as_slice()) {
        (1, []) => "One person must approve it.".to_owned(),
        (1, [one]) => format!("One person from {} must approve it.", one.group),
        (several, []) => format!("{several} people must approve it."),
        (several, [one]) if named == several => {
            format!("{several} people from {} must approve it.", one.group)
        }
        (several, _) => format!("{several} people must approve it: {}.", people(evaluation)),
    }
}

/// Who must approve it, in words.
#[must_use]
pub fn people(evaluation: &Evaluation) -> String {
    let groups = &evaluation.groups;
    let named: u64 = groups.iter().map(|group| group.people).sum();
    let mut words: Vec<String> = groups
        .iter()
        .map(|group| format!("{} from {}", group.people, group.group))
        .collect();
    match (evaluation.quorum.saturating_sub(named), words.is_empty()) {
        (0, _) => {}
        (1, true) => words.push("1 person".to_owned()),
        (more, true) => words.push(format!("{more} people")),
        (more, false) => words.push(format!("{more} more")),
    }
    words.join(" and ")
}

/// What an approval must be like, beside who gives it.
fn demands(evaluation: &Evaluation) -> Vec<Fact> {
    let mut facts = Vec::new();
    if evaluation.decision != Decision::Ask {
        return facts;
    }
    if evaluation.reason_required {
        facts.push(said("Reason", "Whoever approves it must say why."));
    }
    if evaluation.full_review {
        facts.push(said(
            "Review",
            "Whoever approves it must have gone through the whole of it. Nobody approves it in advance.",
        ));
    }
    if !evaluation.assurance.is_empty() {
        let sort = assurance(&evaluation.assurance);
        facts.push(said("Key", &format!("Only {sort} count for it.")));
    }
    if evaluation.grace_s > 0 {
        facts.push(said(
            "Grace time",
            &format!(
                "Once enough people have approved it, it can still be denied for {}.",
                duration_words(evaluation.grace_s)
            ),
        ));
    }
    if evaluation.separate_s > 0 {
        facts.push(said(
            "Separation",
            &format!(
                "Whoever signed its policy does not approve it in the first {} of that policy.",
                duration_words(evaluation.separate_s)
            ),
        ));
    }
    if evaluation.break_glass {
        facts.push(said("In an emergency", "One person may break glass."));
    }
    if let Some(veto) = evaluation.veto {
        facts.push(said("Denial", &format!("{veto} denials end it.")));
    }
    facts
}

/// Which keys count, in words.
#[must_use]
pub fn assurance(wanted: &[Assurance]) -> String {
    let words: Vec<_> = wanted
        .iter()
        .map(|assurance| match assurance {
            Assurance::DeviceBound => "cannot leave their device",
            Assurance::ProvenModel => "prove which model they are",
        })
        .collect();
    format!("keys that {}", words.join(" and "))
}

/// What each policy asked for, or why it is refused or released.
fn because(evaluation: &Evaluation) -> Vec<Fact> {
    let reason = |reason: &String| {
        let by = evaluation.policies.iter().find_map(|id| {
            let rest = reason
                .strip_prefix(id.as_str())?
                .strip_prefix(" asks for ")?;
            Some(said(&format!("Policy {id} asks for"), &sentence(rest)))
        });
        by.unwrap_or_else(|| said("Because", reason))
    };
    evaluation.reasons.iter().map(reason).collect()
}

/// A fact in words.
pub(crate) fn said(label: &str, text: &str) -> Fact {
    fact(label, safe_text::prose(text), false)
}

/// What happens if nobody decides, for people who wonder whether to get up.
#[must_use]
pub fn on_expiry(expires_at: Time, quorum: u64) -> String {
    let nobody = if quorum == 1 {
        "nobody decides"
    } else {
        "too few people decide"
    };
    format!(
        "If {nobody} until {}, it does not run. The agent is told that it expired, not that it was denied, and may ask again.",
        time_words(expires_at)
    )
}

/// What happens if nobody stops what has its quorum.
#[must_use]
pub fn on_start(starts_at: Time) -> String {
    format!(
        "It may run from {} on, unless somebody denies it before. Whoever approved it can take that back.",
        time_words(starts_at)
    )
}

/// Marks in everything that is shown for review.
#[must_use]
pub fn marks(what: &WhatView, facts: &[&[Fact]]) -> u32 {
    let of_what = match what {
        WhatView::Command(view) => command_marks(view),
        WhatView::Change(view) => change::marks(view),
        WhatView::Artefact(view) => artefact::marks(view),
    };
    facts
        .iter()
        .copied()
        .flatten()
        .map(|fact| fact.value.marks())
        .fold(of_what, u32::saturating_add)
}

fn command_marks(view: &CommandView) -> u32 {
    let file = |file: &FileView| file.path.marks();
    let lines = |lines: &[SafeText]| {
        lines
            .iter()
            .map(SafeText::marks)
            .fold(0, u32::saturating_add)
    };
    let script = view.script.as_ref().map_or(0, |script| {
        // The script file and the program are the same file behind a `#!` line.
        let path = if script.file.path == view.program.path {
            0
        } else {
            file(&script.file)
        };
        path.saturating_add(script.lines.as_deref().map_or(0, lines))
    });
    let env = view.env.iter().map(|var| {
        var.name
            .marks()
            .saturating_add(var.value.as_ref().map_or(0, SafeText::marks))
    });
    let input = view.input.as_ref().and_then(|input| input.lines.as_deref());
    [
        file(&view.program),
        script,
        lines(&view.argv),
        view.cwd.marks(),
    ]
    .into_iter()
    .chain(view.interpreter.as_ref().map(file))
    .chain(view.files.iter().map(file))
    .chain(env)
    .chain(input.map(lines))
    .fold(0, u32::saturating_add)
}

/// `2026-11-21 09:30:00 UTC`.
#[must_use]
pub fn time_words(time: Time) -> String {
    let text = time.to_string();
    format!("{} {} UTC", &text[..10], &text[11..19])
}

/// `15 min`, `1 h 5 min`, `30 s`.
#[must_use]
pub fn duration_words(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let words: Vec<String> = [(hours, "h"), (minutes, "min"), (rest, "s")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    if words.is_empty() {
        "0 s".into()
    } else {
        words.join(" ")
    }
}

fn called_by_its_name(command: &Command) -> bool {
    let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
    command
        .argv
        .first()
        .is_some_and(|called| name(called) == name(&command.program.path))
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"-_./:=,@%+^".contains(&byte) || !byte.is_ascii()
    };
    if !word.is_empty() && word.bytes().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn file(file: &action::File) -> FileView {
    FileView {
        path: safe_text::code(&file.path),
        size: file.size,
        sha256: file.sha256.to_string(),
    }
}

fn fact(label: &str, value: SafeText, mono: bool) -> Fact {
    Fact {
        label: label.into(),
        value,
        mono,
    }
}

#[cfg(test)]
pub(crate) mod tests;
