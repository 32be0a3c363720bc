//! A set of policies: read, validated, indexed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use serde_json::Value;
use vidimus_protocol::entry::Profile;

use crate::SCHEMA;
use crate::bounds::{beyond, on_deep_stack};
use crate::calendar::{Calendar, MAX_EVENTS};
use crate::demands::{Demands, People, in_words};
use crate::evaluate::Question;
use crate::request::action_uid;
use crate::slices::Slices;
use crate::text::{PolicyFile, PolicyText};

/// Most policies of a set.
pub const MAX_POLICIES: usize = 5000;
/// Most problems that are found in one file.
const MOST_PROBLEMS: usize = 100;
/// What of the context names calendars.
const OF_CALENDARS: [&str; 2] = ["calendars", "on_duty"];
/// Most characters of what a policy says of itself.
const MAX_WHY: usize = 300;

/// A set of policies that can be evaluated.
#[derive(Debug)]
pub struct Set {
    name: String,
    rules: BTreeMap<String, Rule>,
    calendars: Vec<Calendar>,
    propose: Slices,
    release: Slices,
    decide: Slices,
}

/// What Vidimus knows of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `@id`.
    pub id: String,
    /// The file that holds it.
    pub file: String,
    /// Its first line there, from 1.
    pub line: usize,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// The questions that it answers.
    pub questions: Vec<Question>,
    /// `@why`: itself in words.
    pub why: Option<String>,
    /// What it asks for, where it permits to propose.
    pub demands: Demands,
    /// Its own text.
    pub text: String,
}

impl Rule {
    /// What it does where it applies, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.permits, self.questions.as_slice()) {
            (true, [Question::Propose]) => format!("asks for {}", self.demands.words()),
            (true, [Question::Release]) => "lets it run without a person".to_owned(),
            (true, _) => "lets them approve".to_owned(),
            (false, _) => "forbids it".to_owned(),
        }
    }
}

/// What is wrong with a policy text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The policy, where it is known.
    pub policy: Option<String>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if let Some(policy) = &self.policy {
            write!(f, "{policy}: ")?;
        }
        f.write_str(&self.message)
    }
}

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let (schema, _warnings) =
        Schema::from_cedarschema_str(SCHEMA).expect("the schema of this crate");
    Validator::new(schema)
});

impl Set {
    /// Reads a policy text that is to come in force in a log of that profile.
    /// `name` is how evaluations call it.
    ///
    /// # Errors
    /// Every [`Problem`] that is found, Cedar's warnings too, in the order of
    /// files and lines.
    pub fn parse(text: &PolicyText, profile: Profile, name: &str) -> Result<Self, Vec<Problem>> {
        on_deep_stack(|| Self::read(text, profile, name, Door::Draft))
    }

    /// Reads a policy text that a log has: what Cedar warns of may stand there.
    ///
    /// # Errors
    /// As [`Set::parse`].
    pub fn in_log(text: &PolicyText, profile: Profile, name: &str) -> Result<Self, Vec<Problem>> {
        on_deep_stack(|| Self::read(text, profile, name, Door::Log))
    }

    fn read(
        text: &PolicyText,
        profile: Profile,
        name: &str,
        door: Door,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut rules = BTreeMap::new();
        let mut all = PolicySet::new();
        for file in text.policies() {
            for written in read(file, &mut problems) {
                let rule = rule(file, &written, profile, &mut problems);
                let Some(rule) = rule else { continue };
                if rules.contains_key(&rule.id) {
                    let why = format!("another policy is called `{}` too", rule.id);
                    problems.push(problem(file, &written, why));
                    continue;
                }
                let policy = written.policy.new_id(PolicyId::new(&rule.id));
                // The ids are distinct, which is all that could be wrong.
                let _distinct = all.add(policy);
                rules.insert(rule.id.clone(), rule);
            }
        }
        let calendars = calendars(text, &mut problems);
        if problems.is_empty() {
            problems.extend(lacking(text, &rules));
        }
        if door == Door::Draft {
            problems.extend(without_calendar(text, &all, &rules));
        }
        problems.extend(validate(text, &all, &rules, door));
        if !problems.is_empty() {
            problems.sort_by(|one, next| {
                (&one.file, one.line, one.column).cmp(&(&next.file, next.line, next.column))
            });
            return Err(problems);
        }
        let mut set = Self {
            name: name.to_owned(),
            rules,
            calendars,
            propose: Slices::default(),
            release: Slices::default(),
            decide: Slices::default(),
        };
        for policy in all.policies() {
            let id: &str = policy.id().as_ref();
            let questions = set.rules.get(id).map(|rule| rule.questions.clone());
            for question in questions.unwrap_or_default() {
                set.slices_mut(question).add(policy);
            }
        }
        Ok(set)
    }

    /// The same set, called otherwise by evaluations.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How evaluations call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its policies, by id.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.values()
    }

    /// The policy of that id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.get(id)
    }

    /// Its calendars, by name.
    #[must_use]
    pub fn calendars(&self) -> &[Calendar] {
        &self.calendars
    }

    pub(crate) fn slices(&self, question: Question) -> &Slices {
        match question {
            Question::Propose => &self.propose,
            Question::Release => &self.release,
            Question::Decide => &self.decide,
        }
    }

    fn slices_mut(&mut self, question: Question) -> &mut Slices {
        match question {
            Question::Propose => &mut self.propose,
            Question::Release => &mut self.release,
            Question::Decide => &mut self.decide,
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        on_deep_stack(|| {
            for slices in [&mut self.propose, &mut self.release, &mut self.decide] {
                *slices = Slices::default();
            }
        });
    }
}

/// What a text is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    /// To come in force: what Cedar warns of is wrong.
    Draft,
    /// Because it was: warnings change from version to version.
    Log,
}

/// A policy where it stands in its file.
struct Written {
    policy: Policy,
    /// Its first byte, and the line of that.
    offset: usize,
    line: usize,
}

/// The policies of a file, in their order.
fn read(file: &PolicyFile, problems: &mut Vec<Problem>) -> Vec<Written> {
    if let Some((offset, why)) = beyond(&file.text) {
        problems.push(at(file, offset, why));
        return Vec::new();
    }
    let parsed: PolicySet = match file.text.parse() {
        Ok(parsed) => parsed,
        Err(errors) => {
            for error in cedar_problems(&errors).into_iter().take(MOST_PROBLEMS) {
                problems.push(at(file, error.0, error.1));
            }
            return Vec::new();
        }
    };
    if let Some(template) = parsed.templates().next() {
        let offset = file.text.find(&template.to_string()).unwrap_or_default();
        let why = "it is a template: write `?principal` and `?resource` out";
        problems.push(at(file, offset, why.to_owned()));
    }
    let mut policies: Vec<Policy> = parsed.policies().cloned().collect();
    policies.sort_by_key(|policy| number(policy.id()));
    let (mut offset, mut line) = (0, 1);
    let place = |policy: Policy| {
        // Cedar keeps the text of each as it was written.
        let text = policy.to_string();
        let rest = file.text.get(offset..).unwrap_or_default();
        let start = rest.find(text.trim()).unwrap_or_default();
        line += rest[..start].matches('\n').count();
        let written = Written {
            policy,
            offset: offset + start,
            line,
        };
        offset += start + text.trim().len();
        line += text.trim().matches('\n').count();
        written
    };
    policies.into_iter().map(place).collect()
}

/// Cedar numbers the policies of a text: `policy12`.
fn number(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    let digits = id.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap_or_default()
}

/// What Cedar found, with the byte where it found it.
fn cedar_problems(errors: &cedar_policy::ParseErrors) -> Vec<(usize, String)> {
    errors
        .iter()
        .map(|error| {
            let diagnostic: &dyn miette::Diagnostic = error;
            let offset = diagnostic
                .labels()
                .and_then(|mut labels| labels.next())
                .map_or(0, |label| label.offset());
            let help = diagnostic.help().map(|help| format!(". {help}"));
            (offset, format!("{error}{}", help.unwrap_or_default()))
        })
        .collect()
}

fn at(file: &PolicyFile, offset: usize, message: String) -> Problem {
    let (line, column) = place(&file.text, offset);
    Problem {
        file: file.name.clone(),
        line,
        column,
        policy: None,
        message,
    }
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

fn problem(file: &PolicyFile, written: &Written, message: String) -> Problem {
    Problem {
        policy: written.policy.annotation("id").map(str::to_owned),
        ..at(file, written.offset, message)
    }
}

fn rule(
    file: &PolicyFile,
    written: &Written,
    profile: Profile,
    problems: &mut Vec<Problem>,
) -> Option<Rule> {
    let policy = &written.policy;
    let before = problems.len();
    let mut wrong = |why: String| problems.push(problem(file, written, why));
    let permits = policy.effect() == Effect::Permit;
    let questions = questions(policy, permits).unwrap_or_else(|why| {
        wrong(why);
        Vec::new()
    });
    let mut demands = Demands {
        people: People::anybody(1),
        ..Demands::default()
    };
    let (mut id, mut why, mut asks) = (None, None, false);
    for (name, value) in policy.annotations() {
        match name {
            "id" if id_is_fit(value) => id = Some(value.to_owned()),
            "id" => wrong(format!(
                "`{value}` is no id: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`"
            )),
            "why" if why_is_fit(value) => why = Some(value.to_owned()),
            "why" => wrong(format!("`@why` is one line of 1 to {MAX_WHY} characters")),
            _ => match demands.read(name, value) {
                Ok(true) => asks = true,
                Ok(false) => wrong(format!(
                    "`@{name}` is unknown: use id, why, people, reason, assurance, break_glass, escalate, grace, review, separate, standing, ttl, use or veto"
                )),
                Err(why) => wrong(format!("`@{name}`: {why}")),
            },
        }
    }
    if asks && (!permits || questions != [Question::Propose]) {
        wrong("only a policy that permits to propose asks for people, times or reasons".to_owned());
    }
    // The time of what never happens is a mistake.
    if let (Some((_, after)), Some(ttl)) = (demands.escalate.first_key_value(), demands.ttl)
        && *after >= ttl
    {
        let (after, ttl) = (in_words(*after), in_words(ttl));
        wrong(format!(
            "it expires after {ttl}, so nobody is told after {after}: make the time in `@escalate` shorter than `@ttl`, or `@ttl` longer"
        ));
    }
    if demands.full_review && demands.standing {
        wrong(
            "`@review` wants the whole of each seen, and nobody sees what they approve in advance: leave `@review` or `@standing` out"
                .to_owned(),
        );
    }
    let one_person = demands.people == People::anybody(1)
        && demands.veto.is_none()
        && !demands.break_glass
        && demands.escalate.is_empty();
    if profile == Profile::Personal && !one_person {
        wrong(
            "a personal log has one person: leave `@people`, `@veto`, `@break_glass` and `@escalate` out"
                .to_owned(),
        );
    }
    if id.is_none() && problems.len() == before {
        problems.push(problem(
            file,
            written,
            "it has no id: put `@id(\"its-name\")` before it".to_owned(),
        ));
    }
    if problems.len() > before {
        return None;
    }
    Some(Rule {
        id: id?,
        file: file.name.clone(),
        line: written.line,
        permits,
        questions,
        why,
        demands,
        text: policy.to_string(),
    })
}

/// The questions that a policy answers. What permits names its one: a policy
/// for everything would release what it lets somebody propose.
fn questions(policy: &Policy, permits: bool) -> Result<Vec<Question>, String> {
    let named = |uids: &[cedar_policy::EntityUid]| {
        let mut questions = Vec::new();
        for uid in uids {
            let question = Question::ALL.iter().find(|one| action_uid(**one) == *uid);
            let unknown = || {
                format!(
                    "`{uid}` is no question: use Vidimus::Action::\"propose\", \"release\" or \"decide\""
                )
            };
            questions.push(*question.ok_or_else(unknown)?);
        }
        Ok(questions)
    };
    match policy.action_constraint() {
        ActionConstraint::Eq(uid) => named(&[uid]),
        ActionConstraint::In(_) | ActionConstraint::Any if permits => Err(
            "what permits names one question: `action == Vidimus::Action::\"propose\"`, \"release\" or \"decide\""
                .to_owned(),
        ),
        ActionConstraint::In(uids) => named(&uids),
        ActionConstraint::Any => Ok(Question::ALL.to_vec()),
    }
}

/// The calendars of a text.
fn calendars(text: &PolicyText, problems: &mut Vec<Problem>) -> Vec<Calendar> {
    let mut calendars = Vec::new();
    let mut events = 0;
    for (name, file) in text.calendars() {
        let wrong = |line, message| Problem {
            line,
            ..at(file, 0, message)
        };
        match Calendar::read(name, &file.text) {
            Ok(calendar) => {
                events += calendar.events();
                calendars.push(calendar);
            }
            Err(found) => problems.push(wrong(found.line, found.message)),
        }
        if events > MAX_EVENTS {
            let why = format!("all calendars together have more than {MAX_EVENTS} events");
            problems.push(wrong(1, why));
            break;
        }
    }
    calendars
}

/// Policies that ask for a calendar that is not there: a mistake in a name
/// would leave out what it is to forbid.
fn without_calendar(
    text: &PolicyText,
    all: &PolicySet,
    rules: &BTreeMap<String, Rule>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for policy in all.policies() {
        let Some(rule) = rules.get(id_of(policy.id())) else {
            continue;
        };
        if !OF_CALENDARS.iter().any(|name| rule.text.contains(name)) {
            continue;
        }
        let mut wrong = |message| {
            problems.push(Problem {
                file: rule.file.clone(),
                line: rule.line,
                column: 1,
                policy: Some(rule.id.clone()),
                message,
            });
        };
        let mut names = BTreeSet::new();
        match policy.to_json() {
            Ok(json) => asked_for(&json, &mut names),
            Err(error) => wrong(error.to_string()),
        }
        for name in names {
            if !text.calendars().any(|(known, _)| known == name) {
                wrong(format!(
                    "there is no calendar `{name}`: add a file `{name}.ics`, or name one that is there"
                ));
            }
        }
    }
    problems
}

/// The names that an expression, in Cedar's JSON form, looks for in
/// [`OF_CALENDARS`].
fn asked_for(expression: &Value, names: &mut BTreeSet<String>) {
    let Some(members) = expression.as_object() else {
        let items = expression.as_array().into_iter().flatten();
        items.for_each(|item| asked_for(item, names));
        return;
    };
    for (operator, operands) in members {
        let attribute = operands["left"]["."]["attr"].as_str();
        if operator.starts_with("contains")
            && attribute.is_some_and(|it| OF_CALENDARS.contains(&it))
        {
            let one = &operands["right"]["Value"];
            let several = operands["right"]["Set"].as_array().into_iter().flatten();
            let values = several.map(|item| &item["Value"]).chain([one]);
            names.extend(values.filter_map(Value::as_str).map(str::to_owned));
        }
        asked_for(operands, names);
    }
}

/// What a set needs so that anything can happen under it.
fn lacking(text: &PolicyText, rules: &BTreeMap<String, Rule>) -> Option<Problem> {
    let permits = |question| {
        rules
            .values()
            .any(|rule| rule.permits && rule.questions.contains(&question))
    };
    let message = if rules.len() > MAX_POLICIES {
        format!("it has {} policies, more than {MAX_POLICIES}", rules.len())
    } else if !permits(Question::Propose) {
        "no policy permits to propose anything: everything would be refused".to_owned()
    } else if !permits(Question::Decide) {
        "no policy permits anybody to decide: nothing could be approved. `permit (principal, action == Vidimus::Action::\"decide\", resource);` lets every reviewer".to_owned()
    } else {
        return None;
    };
    let file = text.policies().next().or(text.files.first());
    Some(Problem {
        file: file.map(|file| file.name.clone()).unwrap_or_default(),
        line: 1,
        column: 1,
        policy: None,
        message,
    })
}

fn validate(
    text: &PolicyText,
    all: &PolicySet,
    rules: &BTreeMap<String, Rule>,
    door: Door,
) -> Vec<Problem> {
    let found = VALIDATOR.validate(all, ValidationMode::Strict);
    let errors = found
        .validation_errors()
        .filter_map(|error| Some(invalid(text, rules.get(id_of(error.policy_id()))?, error)));
    let warnings = found.validation_warnings();
    let warnings = warnings.filter(|_| door == Door::Draft);
    let warnings = warnings.filter_map(|warning| {
        Some(invalid(
            text,
            rules.get(id_of(warning.policy_id()))?,
            warning,
        ))
    });
    let mut found: Vec<Problem> = errors.chain(warnings).collect();
    // One mistake is found once for each question that the policy answers.
    found.sort_by(|one, next| {
        let key = |problem: &Problem| (problem.policy.clone(), problem.line, problem.column);
        (key(one), &one.message).cmp(&(key(next), &next.message))
    });
    found.dedup_by(|next, one| {
        next.policy == one.policy && (next.line, next.column) == (one.line, one.column)
    });
    found
}

fn id_of(id: &PolicyId) -> &str {
    id.as_ref()
}

/// What the validator found in a policy, where it found it.
fn invalid(text: &PolicyText, rule: &Rule, found: &dyn miette::Diagnostic) -> Problem {
    let labels = found.labels();
    let label = labels.and_then(|mut labels| labels.next());
    let file = text.policies().find(|file| file.name == rule.file);
    let place = file
        .zip(label)
        .map(|(file, label)| place(&file.text, label.offset()))
        .filter(|(line, _)| *line >= rule.line);
    let (line, column) = place.unwrap_or((rule.line, 1));
    let message = found.to_string();
    // Cedar names the policy at the beginning, as we do.
    let named = format!("for policy `{}`, ", rule.id);
    let message = message.strip_prefix(&named).unwrap_or(&message);
    Problem {
        file: rule.file.clone(),
        line,
        column,
        policy: Some(rule.id.clone()),
        message: format!("{message}{}", help(found)),
    }
}

fn help(diagnostic: &dyn miette::Diagnostic) -> String {
    let help = diagnostic.help().map(|help| format!(". {help}"));
    help.unwrap_or_default()
}

fn id_is_fit(id: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(allowed)
}

fn why_is_fit(why: &str) -> bool {
    let length = why.chars().count();
    (1..=MAX_WHY).contains(&length) && !why.chars().any(char::is_control)
}
