//! The page of a key prompt: what it shows, and the steps of a registration.

mod heading;
mod people;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use vidimus_policy::Rule;
use vidimus_protocol::action::{
    Action, Change, Command, FileChange, FileState, GitPush, Payload, ResourceChange, Sql, Stdin,
    Target, TerraformPlan, ToolCall,
};
use vidimus_protocol::api::{CeremonyState, StartCeremony, VerdictExtras};
use vidimus_protocol::entry::Profile;
use vidimus_protocol::envelope::{
    ActType, EditItem, Finding, GrantItem, ReviewItem, Verdict, VerdictItem,
};
use vidimus_protocol::id::{ActionId, CeremonyId};
use vidimus_protocol::state::Standing;
use vidimus_protocol::{Blob, Digest, Violation, diff};
use webauthn_rs::prelude::{CreationChallengeResponse, RegisterPublicKeyCredential};

use self::heading::Heading;
use super::Strict;
use super::actions::id;
use super::auth::NoAgent;
use super::ceremonies::{item, out_of_order, read_edit, read_grant, read_policy};
use super::feed::off_the_async_threads;
use crate::Gateway;
use crate::ceremonies::{Step, TRIES, Whose};
use crate::edit::EditedAction;
use crate::enrolment::Claim;
use crate::founding::Opening;
use crate::grants::Covered;
use crate::problem::Refusal;
use crate::relying_party::Registered;

/// What the page shows and may do next.
#[derive(Serialize)]
pub(super) struct Page {
    /// `setup`, or the act's type.
    purpose: &'static str,
    /// What a signed act is headed with; a registration says it at each step.
    heading: Option<Heading>,
    /// `code`, `registration`, `assertion`, or how it ended.
    step: &'static str,
    /// Code to compare with the console; none where one is typed.
    code: Option<String>,
    /// What is signed, in words.
    statement: Vec<Line>,
    /// What the browser is asked to make a key.
    registration: Option<Box<CreationChallengeResponse>>,
    /// What the key is asked.
    request: Option<KeyRequest>,
}

/// One labelled line of the statement.
#[derive(Serialize)]
struct Line {
    label: &'static str,
    value: String,
}

/// Options of `navigator.credentials.get`.
#[derive(Serialize)]
pub(super) struct KeyRequest {
    challenge: Blob,
    rp_id: String,
    credentials: Vec<Blob>,
}

impl KeyRequest {
    fn new(gateway: &Gateway, challenge: Digest, credentials: Vec<Blob>) -> Self {
        Self {
            challenge: Blob(challenge.0.to_vec()),
            rp_id: gateway.0.premises.rp_id.clone(),
            credentials,
        }
    }
}

pub(super) async fn page(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
) -> Result<Json<Page>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id::<CeremonyId>(&ceremony)?)?;
    let over = match ceremony.view().state {
        CeremonyState::Waiting => None,
        CeremonyState::Done => Some("done"),
        CeremonyState::Cancelled => Some("cancelled"),
        CeremonyState::Failed => Some("failed"),
    };
    // The first key of a personal log has its code typed, which proves more.
    let typed = gateway.0.premises.profile == Profile::Personal && gateway.log().is_none();
    let setup = |step, request| Page {
        purpose: "setup",
        heading: None,
        step,
        code: (!typed && over.is_none()).then(|| ceremony.code().to_owned()),
        statement: Vec::new(),
        registration: None,
        request,
    };
    let start = match &*ceremony.step() {
        _ if over.is_some() => return Ok(Json(setup(over.unwrap_or_default(), None))),
        Step::Code { .. } => return Ok(Json(setup("code", None))),
        Step::Registration { options, whose, .. } => {
            let mut page = setup("registration", None);
            page.registration = Some(options.clone());
            if let Whose::Claimant(_) = whose {
                page.purpose = ActType::CredentialEnrolled.as_str();
            }
            return Ok(Json(page));
        }
        Step::Claim(claim) => {
            let request = KeyRequest::new(
                &gateway,
                claim.envelope.challenge(),
                vec![claim.credential_id()],
            );
            let mut page = setup("assertion", Some(request));
            page.purpose = ActType::CredentialEnrolled.as_str();
            return Ok(Json(page));
        }
        Step::Founding(draft) => {
            let request = KeyRequest::new(
                &gateway,
                draft.envelope.challenge(),
                vec![draft.credential_id()],
            );
            return Ok(Json(setup("assertion", Some(request))));
        }
        Step::Over => return Ok(Json(setup("busy", None))),
        Step::Act(start) => start.clone(),
    };
    let challenge = start.envelope.challenge();
    let credentials = {
        let committed = gateway.0.shared.read();
        committed
            .state
            .credentials()
            .filter(|key| key.reviewer == start.envelope.signer)
            .filter(|key| key.standing == Standing::InForce)
            .map(|key| key.id.clone())
            .collect()
    };
    Ok(Json(Page {
        purpose: start.envelope.r#type.as_str(),
        heading: Some(Heading::of(start.envelope.r#type)),
        step: "assertion",
        code: Some(ceremony.code().to_owned()),
        statement: statement(gateway.clone(), *start).await?,
        registration: None,
        request: Some(KeyRequest::new(&gateway, challenge, credentials)),
    }))
}

/// The item in words. The display trusts the gateway here; the console shows
/// the same from bytes that it verified.
async fn statement(gateway: Gateway, start: StartCeremony) -> Result<Vec<Line>, Refusal> {
    let text = start.items.first().map(String::as_str).unwrap_or_default();
    match start.envelope.r#type {
        ActType::VerdictGiven => verdict_lines(gateway, &item(text)?, start.verdict.as_ref()).await,
        ActType::ActionEdited => {
            let digest = item::<EditItem>(text)?.edited_digest;
            let edited = read_edit(gateway, start.clone()).await?;
            Ok(edit_lines(&edited, digest))
        }
        ActType::GrantGiven => {
            let item: GrantItem = item(text)?;
            let reason = start
                .grant
                .as_ref()
                .map(|extras| extras.reason.bytes.clone());
            let covered = read_grant(gateway.clone(), start.clone()).await?;
            let agent = {
                let state = &gateway.0.shared.read().state;
                let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
                let agent = state.agent(&action.agent).ok_or(Violation::UnknownAgent)?;
                agent.name.clone()
            };
            Ok(grant_lines(
                &covered,
                &item,
                &agent,
                &reason.unwrap_or_default().0,
            ))
        }
        ActType::VerdictReviewed => {
            let reason = start.review.map(|extras| extras.reason.bytes.0);
            review_lines(gateway, &item(text)?, &reason.unwrap_or_default()).await
        }
        ActType::CredentialEnrolled => Err(Violation::WrongActType.into()),
        ActType::PolicyChanged => {
            let set = read_policy(gateway.clone(), start.clone()).await?;
            let act = start.envelope.r#type;
            let mut lines = people::lines(&gateway.0.shared.read().state, act, text)?;
            let says =
                |rule: &Rule| Line::new("It says", &format!("{}: {}", rule.id, rule.words()));
            lines.extend(set.rules().map(says));
            Ok(lines)
        }
        act => people::lines(&gateway.0.shared.read().state, act, text),
    }
}

/// What an action does, as its payload says.
async fn proposed(gateway: Gateway, id: ActionId) -> Result<Action, Refusal> {
    let proposal = {
        let committed = gateway.0.shared.read();
        let action = committed.state.action(&id);
        action.ok_or(Violation::UnknownAction)?.proposal.index
    };
    let payload =
        off_the_async_threads(move || Ok(gateway.0.shared.store().part(proposal, "payload")?))
            .await?;
    let bytes = payload
        .ok_or_else(|| Refusal::not_found("payload"))?
        .bytes
        .0;
    Action::parse(&bytes).map_err(Refusal::malformed)
}

/// Who broke glass for what, and what is to be thought of it.
async fn review_lines(
    gateway: Gateway,
    item: &ReviewItem,
    reason: &[u8],
) -> Result<Vec<Line>, Refusal> {
    let finding = match item.finding {
        Finding::Justified => "it could not wait",
        Finding::Unjustified => "it should have waited",
    };
    let mut lines = vec![Line::new("Review of a broken glass", finding)];
    {
        let state = &gateway.0.shared.read().state;
        let action = state.action(&item.action).ok_or(Violation::UnknownAction)?;
        let mut given = action.verdicts.iter();
        let given = given.find(|given| given.entry.leaf == item.verdict);
        let given = given.ok_or(Violation::WrongStatement)?;
        lines.push(Line::new("Broken by", &people::name(state, given.reviewer)));
    }
    lines.extend(action_lines(&proposed(gateway, item.action).await?));
    lines.push(Line::new("Reason", &String::from_utf8_lossy(reason)));
    Ok(lines)
}

async fn verdict_lines(
    gateway: Gateway,
    item: &VerdictItem,
    extras: Option<&VerdictExtras>,
) -> Result<Vec<Line>, Refusal> {
    let action = proposed(gateway, item.action).await?;
    let verdict = match item.verdict {
        Verdict::Approve => "Approve: it runs once",
        Verdict::Deny => "Deny: it does not run",
        Verdict::BreakGlass => {
            "Break glass: it runs once, without the others whom the policy asks for. Every administrator is told, and one of them reviews it"
        }
    };
    let mut lines = vec![Line::new("Verdict", verdict)];
    lines.extend(action_lines(&action));
    if extras.is_some_and(|extras| extras.seen.full) {
        lines.push(Line::new("Review", "you have seen the whole of it"));
    }
    let reason = extras.map_or(&[][..], |extras| &extras.reason.bytes.0);
    lines.push(Line::new("Reason", &String::from_utf8_lossy(reason)));
    lines.push(Line::new("Digest", &item.action_digest.to_string()));
    Ok(lines)
}

/// Everything that may run, then how often and how long.
fn grant_lines(covered: &Covered, item: &GrantItem, agent: &str, reason: &[u8]) -> Vec<Line> {
    let uses = format!("each proposal like this one, {} times", item.uses);
    let mut lines = vec![
        Line::new("Approve in advance", &uses),
        Line::new("Of the agent", agent),
        Line::new("Proposed before", &item.until.to_string()),
    ];
    lines.extend(action_lines(&covered.like));
    let places = covered.shape.free.iter();
    lines.extend(places.map(|place| Line::new("May differ", &place.words())));
    if covered.shape.free.is_empty() {
        lines.push(Line::new("May differ", "(nothing)"));
    }
    lines.push(Line::new("Reason", &String::from_utf8_lossy(reason)));
    lines.push(Line::new("Digest", &item.action_digest.to_string()));
    lines
}

fn with_command(mut lines: Vec<Line>, command: &Command) -> Vec<Line> {
    lines.extend(command_lines(command));
    lines
}

fn file_lines(change: &FileChange, target: &Target) -> Vec<Line> {
    let state = |state: &FileState| {
        let text = state.text.as_deref().unwrap_or("(not text, or too long)");
        format!("mode {}, SHA-256 {}: {text}", state.mode, state.sha256)
    };
    let before = change.before.as_ref();
    vec![
        Line::new("System", &target.system),
        Line::new("File", &change.path),
        Line::new("As", &change.user),
        Line::new("Before", &before.map_or_else(|| "(nothing)".into(), state)),
        Line::new("After", &state(&change.after)),
    ]
}

fn push_lines(push: &GitPush) -> Vec<Line> {
    let mut lines = vec![Line::new("Repository", &push.remote)];
    for one in &push.refs {
        let end = |id: &Option<String>| id.clone().unwrap_or_else(|| "(nothing)".into());
        let text = format!("{}: {} to {}", one.name, end(&one.old), end(&one.new));
        lines.push(Line::new("Reference", &text));
        if one.lost > 0 {
            lines.push(Line::new("Commits lost", &one.lost.to_string()));
        }
    }
    lines
}

fn call_lines(call: &ToolCall, target: &Target) -> Vec<Line> {
    vec![
        Line::new("System", &target.system),
        Line::new("Server", &call.server),
        Line::new("Tool", &call.tool),
        Line::new("Arguments", &call.arguments),
    ]
}

fn sql_lines(sql: &Sql) -> Vec<Line> {
    let database = sql.database.as_deref().unwrap_or("(not reachable)");
    let statements = sql.statements.iter();
    let statements = statements.map(|one| Line::new("Statement", &one.text));
    std::iter::once(Line::new("Database", database))
        .chain(statements)
        .collect()
}

fn plan_lines(plan: &TerraformPlan) -> Vec<Line> {
    let changes = plan.changes.iter();
    let change = |one: &ResourceChange| format!("{}: {}", one.address, one.actions.join(" and "));
    changes
        .map(|one| Line::new("Resource", &change(one)))
        .collect()
}

/// What the edit changes, then all of the new action.
fn edit_lines(edited: &EditedAction, digest: Digest) -> Vec<Line> {
    let mut lines = vec![Line::new(
        "Edit",
        "another action takes its place and is decided anew",
    )];
    let side = |text: Option<String>| text.unwrap_or_else(|| "(nothing)".into());
    for difference in diff::of_actions(&edited.before, &edited.after) {
        lines.push(Line::new("Changed", &difference.what));
        lines.push(Line::new("From", &side(difference.before)));
        lines.push(Line::new("To", &side(difference.after)));
    }
    lines.extend(action_lines(&edited.after));
    lines.push(Line::new("New digest", &digest.to_string()));
    lines
}

fn action_lines(action: &Action) -> Vec<Line> {
    match &action.payload {
        Payload::Command(command) => command_lines(command),
        Payload::FileChange(change) => file_lines(change, &action.target),
        Payload::GitPush(push) => with_command(push_lines(push), &push.command),
        Payload::Json(change) => change_lines(change, &action.target),
        Payload::McpToolCall(call) => call_lines(call, &action.target),
        Payload::Sql(sql) => with_command(sql_lines(sql), &sql.command),
        Payload::TerraformPlan(plan) => with_command(plan_lines(plan), &plan.command),
    }
}

fn change_lines(change: &Change, target: &Target) -> Vec<Line> {
    let json = |value: &Option<serde_json::Value>| {
        value
            .as_ref()
            .map_or_else(|| "(nothing)".to_owned(), ToString::to_string)
    };
    vec![
        Line::new("Operation", &change.operation),
        Line::new("System", &target.system),
        Line::new("Resource", &target.resource),
        Line::new("Environment", &target.environment),
        Line::new("Before", &json(&change.before)),
        Line::new("After", &json(&change.after)),
    ]
}

fn command_lines(command: &Command) -> Vec<Line> {
    let arguments: Vec<_> = command
        .argv
        .iter()
        .map(|text| format!("\"{}\"", plain(text)))
        .collect();
    let mut lines = vec![
        Line::new("Program", &command.program.path),
        Line::new("Arguments", &arguments.join(" ")),
        Line::new("Folder", &command.cwd),
    ];
    if let Some(interpreter) = &command.interpreter {
        lines.push(Line::new("Interpreter", &interpreter.file.path));
    }
    if let Some(script) = &command.script {
        lines.push(Line::new(
            "Script",
            &format!("{} ({})", script.file.path, script.file.sha256),
        ));
    }
    for file in &command.files {
        lines.push(Line::new("File", &file.file.path));
    }
    for var in &command.env {
        let value = var.value.as_deref().unwrap_or("(bound, not shown)");
        lines.push(Line::new("Environment", &format!("{}={value}", var.name)));
    }
    match &command.stdin {
        Stdin::Null => {}
        Stdin::Inherited => lines.push(Line::new("Standard input", "(not bound)")),
        Stdin::Bound(input) => lines.push(Line::new("Standard input", &input.sha256.to_string())),
    }
    lines
}

impl Line {
    fn new(label: &'static str, value: &str) -> Self {
        let value = plain(value);
        Self { label, value }
    }
}

/// Text in which nothing can hide: whatever is no visible ASCII or letter of
/// some script stands as its escape.
fn plain(text: &str) -> String {
    let visible = |c: char| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let escape = |c: char| {
        if visible(c) {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// `POST …/code`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypedCode {
    code: String,
}

pub(super) async fn code(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Strict(typed): Strict<TypedCode>,
) -> Result<Json<CreationChallengeResponse>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    let mut step = ceremony.step();
    let Step::Code {
        code,
        tries,
        name,
        session,
    } = &mut *step
    else {
        return Err(out_of_order());
    };
    let digits: String = typed
        .code
        .chars()
        .filter(|typed| !typed.is_whitespace())
        .collect();
    let right =
        aws_lc_rs::constant_time::verify_slices_are_equal(digits.as_bytes(), code.as_bytes())
            .is_ok();
    if !right {
        *tries += 1;
        let left = TRIES.saturating_sub(*tries);
        if left > 0 {
            return Err(Refusal::forbidden(format!(
                "this is not the code that the console shows: {left} tries left"
            )));
        }
        drop(step);
        let refusal = Refusal::forbidden("too many wrong codes: start again from the console");
        ceremony.end(Err(refusal.clone()));
        return Err(refusal);
    }
    let whose = Whose::Founder {
        name: name.clone(),
        session: *session,
    };
    let (options, next) = gateway.registration(whose)?;
    *step = next;
    Ok(Json(options))
}

pub(super) async fn registration(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Strict(credential): Strict<RegisterPublicKeyCredential>,
) -> Result<Json<KeyRequest>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    let mut step = ceremony.step();
    let Step::Registration { state, whose, .. } = &*step else {
        return Err(out_of_order());
    };
    let now = gateway.0.clock.wall();
    let registered = gateway.0.relying_party.finish(&credential, state, now)?;
    let credential_id = registered.credential_id.clone();
    let (challenge, next) = match whose {
        Whose::Founder { name, session } => {
            let Registered {
                credential_id,
                public_key,
                backup_eligible,
                proven,
                registration,
            } = registered;
            let opening = Opening::new(&gateway.0.premises, name, credential_id, public_key, now);
            let draft = opening.enrol(registration, backup_eligible, proven, *session, now);
            let draft = Box::new(draft);
            (draft.envelope.challenge(), Step::Founding(draft))
        }
        Whose::Claimant(claimant) => {
            let committed = gateway.0.shared.read();
            let log = committed.state.log().ok_or(Violation::NotOpened)?.id;
            let claim = Box::new(Claim::new(claimant, registered, log, &committed.tree, now));
            (claim.envelope.challenge(), Step::Claim(claim))
        }
    };
    *step = next;
    Ok(Json(KeyRequest::new(
        &gateway,
        challenge,
        vec![credential_id],
    )))
}

const PAGE: &str = include_str!("../../ceremony/ceremony.html");
const SCRIPT: &str = include_str!("../../ceremony/ceremony.js");
const STYLE: &str = include_str!("../../ceremony/ceremony.css");
const JOIN: &str = include_str!("../../ceremony/join.html");
const JOIN_SCRIPT: &str = include_str!("../../ceremony/join.js");
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/c/{id}` is the page; its script and style stand beside it.
pub(super) async fn document(Path(file): Path<String>) -> Result<Response, Refusal> {
    let (kind, text) = match file.as_str() {
        "ceremony.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "ceremony.css" => ("text/css; charset=utf-8", STYLE),
        "join.js" => ("text/javascript; charset=utf-8", JOIN_SCRIPT),
        _ => {
            id::<CeremonyId>(&file).map_err(|_| Refusal::not_found("page"))?;
            ("text/html; charset=utf-8", PAGE)
        }
    };
    Ok(answer(kind, text))
}

/// `/join`: where an invited person begins whose console does not follow this
/// gateway.
pub(super) async fn join(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    if gateway.0.premises.profile != Profile::Team {
        return Err(Refusal::not_found("page"));
    }
    Ok(answer("text/html; charset=utf-8", JOIN))
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CSP),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_a_line() {
        assert_eq!(plain("rm -rf été"), "rm -rf été");
        assert_eq!(
            plain("a\u{202e}b\u{200b}\n\u{1b}[2J"),
            "a\\u{202e}b\\u{200b}\\u{a}\\u{1b}[2J"
        );
    }
}
