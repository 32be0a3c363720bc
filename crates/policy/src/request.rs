//! Inputs, as Cedar takes them.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use vidimus_protocol::Time;
use vidimus_protocol::action::{StatementClass, Target};
use vidimus_protocol::envelope::Role;

use crate::calendar::Calendar;
use crate::evaluate::{MAX_ANSWERING, Question};
use crate::facts::{
    CommandFacts, FileFacts, GitFacts, JsonFacts, SqlFacts, TerraformFacts, ToolFacts,
};
use crate::inputs::{AgentInput, Inputs, PersonInput};

type Value = RestrictedExpression;
type Fields = Vec<(String, Value)>;

/// What Cedar is asked about: with the entities that the answer may hang on, and
/// no others.
pub(crate) struct Asked {
    context: Context,
    pub(crate) entities: Entities,
    /// The principal, then what it is in.
    pub(crate) principals: Vec<EntityUid>,
    /// The resource, then what it is in.
    pub(crate) resources: Vec<EntityUid>,
}

/// Most bytes of inputs that policies look at: every `like` reads its text
/// anew, and everybody waits meanwhile.
pub const MAX_SEEN: usize = 256 << 10;
/// Most characters of Cedar's own words.
const MAX_WORDS: usize = 300;

/// Why a question has no answer, which means no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Cedar did not take what was made of the inputs.
    #[error("the inputs cannot be evaluated: {0}")]
    BadInputs(String),
    /// More than [`MAX_SEEN`].
    #[error(
        "it is too long for the policy to look at: its inputs have {0} bytes, more than {MAX_SEEN}"
    )]
    TooLong(usize),
    /// More than an entry can name.
    #[error("{0} policies give the answer, more than {MAX_ANSWERING}: join some of them")]
    TooMany(usize),
}

fn bad(error: impl std::fmt::Display) -> Unanswered {
    Unanswered::BadInputs(error.to_string().chars().take(MAX_WORDS).collect())
}

macro_rules! types {
    ($($name:ident = $text:literal,)*) => {
        $(static $name: LazyLock<EntityTypeName> = LazyLock::new(|| {
            $text.parse().expect("a type's name")
        });)*
    };
}

types! {
    AGENT = "Vidimus::Agent",
    ACTION = "Vidimus::Action",
    ENVIRONMENT = "Vidimus::Environment",
    GROUP = "Vidimus::Group",
    PERSON = "Vidimus::Person",
    SYSTEM = "Vidimus::System",
    TARGET = "Vidimus::Target",
}

fn uid(of: &LazyLock<EntityTypeName>, id: impl AsRef<str>) -> EntityUid {
    EntityUid::from_type_name_and_id(EntityTypeName::clone(of), EntityId::new(id))
}

pub(crate) fn action_uid(question: Question) -> EntityUid {
    uid(&ACTION, question.as_str())
}

impl Asked {
    /// May this agent propose it; may it go without a person?
    pub(crate) fn of_agent(inputs: &Inputs, calendars: &[Calendar]) -> Result<Self, Unanswered> {
        let agent = uid(&AGENT, inputs.agent.id.to_string());
        Self::new(agent, None, inputs, inputs.time, calendars)
    }

    /// May this person approve it, at that time?
    pub(crate) fn of_person(
        person: &PersonInput,
        inputs: &Inputs,
        time: Time,
        calendars: &[Calendar],
    ) -> Result<Self, Unanswered> {
        let principal = uid(&PERSON, person.id.to_string());
        Self::new(principal, Some(person), inputs, time, calendars)
    }

    /// The request that asks this question.
    pub(crate) fn request(&self, question: Question) -> Result<Request, Unanswered> {
        let [principal, ..] = self.principals.as_slice() else {
            return Err(bad("nobody asks"));
        };
        let [resource, ..] = self.resources.as_slice() else {
            return Err(bad("nothing is asked about"));
        };
        let (principal, resource) = (principal.clone(), resource.clone());
        let context = self.context.clone();
        Request::new(principal, action_uid(question), resource, context, None).map_err(bad)
    }

    fn new(
        principal: EntityUid,
        decider: Option<&PersonInput>,
        inputs: &Inputs,
        time: Time,
        calendars: &[Calendar],
    ) -> Result<Self, Unanswered> {
        let size = inputs.to_bytes().len();
        if size > MAX_SEEN {
            return Err(Unanswered::TooLong(size));
        }
        let owner = &inputs.agent.owner;
        // Who decides is seen as they are then, also where they own the agent.
        let owner = decider.filter(|who| who.id == owner.id).unwrap_or(owner);
        let (target, around) = target(&inputs.target);
        let groups = decider.unwrap_or(owner).groups.iter();
        let principals = std::iter::once(principal)
            .chain(groups.map(|group| uid(&GROUP, group)))
            .collect();
        let resources = std::iter::once(target.clone()).chain(around.clone());
        let resources = resources.collect();
        let other = decider.filter(|who| who.id != owner.id);
        let entities = [
            agent(&inputs.agent, owner)?,
            person(owner)?,
            Entity::new(target, attributes(&inputs.target), around).map_err(bad)?,
        ];
        let other = other.map(person).transpose()?;
        let mut fields = context(inputs, time);
        fields.extend(of_calendars(calendars, time, decider.unwrap_or(owner)));
        let entities = Entities::from_entities(entities.into_iter().chain(other), None);
        Ok(Self {
            context: Context::from_pairs(fields).map_err(bad)?,
            entities: entities.map_err(bad)?,
            principals,
            resources,
        })
    }
}

fn agent(agent: &AgentInput, owner: &PersonInput) -> Result<Entity, Unanswered> {
    let owner_uid = Value::new_entity_uid(uid(&PERSON, owner.id.to_string()));
    let fields = HashMap::from([
        ("name".to_owned(), text(&agent.name)),
        ("owner".to_owned(), owner_uid),
    ]);
    Entity::new(uid(&AGENT, agent.id.to_string()), fields, groups(owner)).map_err(bad)
}

fn person(person: &PersonInput) -> Result<Entity, Unanswered> {
    let is = |role| Value::new_bool(person.roles.contains(&role));
    let fields = HashMap::from([
        ("administrator".to_owned(), is(Role::Administrator)),
        ("identity".to_owned(), text(&person.identity)),
        ("name".to_owned(), text(&person.name)),
        ("reviewer".to_owned(), is(Role::Reviewer)),
    ]);
    Entity::new(uid(&PERSON, person.id.to_string()), fields, groups(person)).map_err(bad)
}

fn groups(person: &PersonInput) -> HashSet<EntityUid> {
    let groups = person.groups.iter();
    groups.map(|group| uid(&GROUP, group)).collect()
}

/// A target's id, in which the first two slashes are the separators, and what
/// it is in.
fn target(target: &Target) -> (EntityUid, HashSet<EntityUid>) {
    let escaped = |text: &str| text.replace('%', "%25").replace('/', "%2F");
    let id = format!(
        "{}/{}/{}",
        escaped(&target.environment),
        escaped(&target.system),
        target.resource
    );
    let around = HashSet::from([
        uid(&ENVIRONMENT, &target.environment),
        uid(&SYSTEM, &target.system),
    ]);
    (uid(&TARGET, id), around)
}

fn attributes(target: &Target) -> HashMap<String, Value> {
    HashMap::from([
        ("environment".to_owned(), text(&target.environment)),
        ("resource".to_owned(), text(&target.resource)),
        ("system".to_owned(), text(&target.system)),
    ])
}

fn context(inputs: &Inputs, time: Time) -> Fields {
    let facts = &inputs.facts;
    let effects = facts.effects.iter().map(|effect| effect.as_str());
    let agent = uid(&AGENT, inputs.agent.id.to_string());
    let mut fields = vec![
        field("agent", Value::new_entity_uid(agent)),
        field("effects", set(effects)),
        field("first_of_kind", Value::new_bool(inputs.first_of_kind)),
        field("kind", text(inputs.kind.as_str())),
        field("last_hour", long(inputs.last_hour)),
        field("last_hour_of_kind", long(inputs.last_hour_of_kind)),
        field("proposed", Value::new_datetime(inputs.time.to_string())),
        field("time", Value::new_datetime(time.to_string())),
        field("weekday", long(weekday(time))),
    ];
    let optional = [
        ("command", facts.command.as_ref().map(CommandFacts::fields)),
        ("file", facts.file.as_ref().map(FileFacts::fields)),
        ("git", facts.git.as_ref().map(GitFacts::fields)),
        ("json", facts.json.as_ref().map(JsonFacts::fields)),
        ("sql", facts.sql.as_ref().map(SqlFacts::fields)),
        (
            "terraform",
            facts.terraform.as_ref().map(TerraformFacts::fields),
        ),
        ("tool", facts.tool.as_ref().map(ToolFacts::fields)),
    ];
    let optional = optional.into_iter().filter_map(|(name, fields)| {
        // The names are distinct, which is all that could be wrong.
        Some(field(name, Value::new_record(fields?).ok()?))
    });
    fields.extend(optional);
    fields.extend(
        inputs
            .run
            .as_ref()
            .map(|run| field("run", text(run.as_str()))),
    );
    fields
}

/// Which of them have something now, and which have it for that person.
fn of_calendars(calendars: &[Calendar], time: Time, person: &PersonInput) -> Fields {
    let (mut on, mut on_duty) = (Vec::new(), Vec::new());
    for calendar in calendars {
        let now = calendar.at(time);
        if now.on {
            on.push(calendar.name());
        }
        if now.people.contains(&person.identity) {
            on_duty.push(calendar.name());
        }
    }
    vec![field("calendars", set(on)), field("on_duty", set(on_duty))]
}

impl CommandFacts {
    fn fields(&self) -> Fields {
        vec![
            field("args", set(&self.args)),
            field("cwd", text(&self.cwd)),
            field("env", set(&self.env)),
            field("line", text(&self.line)),
            field("name", text(&self.name)),
            field("program", text(&self.program)),
            field("root", Value::new_bool(self.root)),
            field("user", text(&self.user)),
        ]
    }
}

impl FileFacts {
    fn fields(&self) -> Fields {
        vec![
            field("creates", Value::new_bool(self.creates)),
            field("path", text(&self.path)),
            field("root", Value::new_bool(self.root)),
            field("user", text(&self.user)),
        ]
    }
}

impl GitFacts {
    fn fields(&self) -> Fields {
        vec![
            field("deletes", Value::new_bool(self.deletes)),
            field("refs", set(&self.refs)),
            field("remote", text(&self.remote)),
            field("rewrites", Value::new_bool(self.rewrites)),
        ]
    }
}

impl JsonFacts {
    fn fields(&self) -> Fields {
        vec![
            field("operation", text(&self.operation)),
            field("removes", Value::new_bool(self.removes)),
        ]
    }
}

impl SqlFacts {
    fn fields(&self) -> Fields {
        let classes = self.classes.iter().map(|class| class_name(*class));
        let database = self.database.as_ref();
        let database = database.map(|database| field("database", text(database)));
        let mut fields = vec![
            field("classes", set(classes)),
            field("tables", set(&self.tables)),
            field("whole_table", Value::new_bool(self.whole_table)),
        ];
        fields.extend(database);
        fields
    }
}

impl TerraformFacts {
    fn fields(&self) -> Fields {
        vec![
            field("addresses", set(&self.addresses)),
            field("creates", long(self.creates)),
            field("deletes", long(self.deletes)),
            field("replaces", long(self.replaces)),
            field("types", set(&self.types)),
            field("updates", long(self.updates)),
        ]
    }
}

impl ToolFacts {
    fn fields(&self) -> Fields {
        vec![
            field("server", text(&self.server)),
            field("tool", text(&self.tool)),
        ]
    }
}

fn class_name(class: StatementClass) -> &'static str {
    match class {
        StatementClass::Read => "read",
        StatementClass::Session => "session",
        StatementClass::Write => "write",
        StatementClass::Delete => "delete",
        StatementClass::Schema => "schema",
        StatementClass::Permission => "permission",
        StatementClass::Unknown => "unknown",
    }
}

fn field(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn long(number: u64) -> Value {
    Value::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn set<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::new_set(texts.into_iter().map(|one| text(one.as_ref())))
}

/// 1 Monday to 7 Sunday, UTC. The epoch began on a Thursday.
fn weekday(time: Time) -> u64 {
    (time.unix_ms() / 86_400_000 + 3) % 7 + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn weekdays_are_right() {
        for (day, expected) in [
            ("1970-01-01", 4),
            ("2026-11-22", 7),
            ("2026-11-23", 1),
            ("2028-02-29", 2),
        ] {
            let time: Time = format!("{day}T23:59:59.999Z").parse().unwrap();
            assert_eq!(weekday(time), expected, "{day}");
        }
    }

    #[test]
    fn no_two_targets_have_one_id() {
        let of = |environment: &str, system: &str, resource: &str| {
            target(&Target {
                environment: environment.into(),
                resource: resource.into(),
                system: system.into(),
            })
            .0
        };
        assert_ne!(of("a", "b", "c/d"), of("a", "b/c", "d"));
        assert_ne!(of("a/b", "c", "d"), of("a", "b", "c/d"));
        assert_ne!(of("a%2Fb", "c", "d"), of("a/b", "c", "d"));
    }
}
