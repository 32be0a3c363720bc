//! Key prompts: nonces, pages, registration, assertions, sessions.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use vidimus_protocol::api::{
    CeremonyStarted, CeremonyState, CeremonyView, NonceReply, SessionView, StartCeremony,
    SubmitAssertion,
};
use vidimus_protocol::envelope::{ActType, VerdictItem};
use vidimus_protocol::id::CeremonyId;
use vidimus_protocol::{Blob, Digest, Violation, strict};
use webauthn_rs::prelude::{CreationChallengeResponse, RegisterPublicKeyCredential};

use super::Strict;
use super::actions::{Wait, id};
use super::auth::{NoAgent, SessionAuth};
use super::feed::off_the_async_threads;
use crate::ceremonies::{Step, TRIES};
use crate::founding::{Opening, RP_ID};
use crate::problem::Refusal;
use crate::sequencer::{Answer, Request};
use crate::{Gateway, ceremony_code, unexpected};

pub(super) async fn nonce(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
) -> Result<Json<NonceReply>, Refusal> {
    match gateway.ask(Request::Nonce).await? {
        Answer::Nonce(nonce) => Ok(Json(nonce)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn session(SessionAuth(session): SessionAuth) -> Json<SessionView> {
    Json(SessionView {
        expires_at: session.expires_at,
        reviewer: session.reviewer,
    })
}

pub(super) async fn end_session(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
) -> Result<StatusCode, Refusal> {
    gateway.ask(Request::EndSession(session.token_hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn start(
    State(gateway): State<Gateway>,
    session: Result<SessionAuth, Refusal>,
    Strict(start): Strict<StartCeremony>,
) -> Result<(StatusCode, Json<CeremonyStarted>), Refusal> {
    match (start.envelope.r#type, session) {
        (ActType::CredentialEnrolled, _) => {
            return Err(Refusal::forbidden(
                "the first key is set up from the console's own window",
            ));
        }
        // Opening a session is how one comes to have one. Agents stay out.
        (ActType::SessionOpened, Err(refusal)) if refusal.status != 401 => return Err(refusal),
        (ActType::SessionOpened, _) => {}
        (_, session) => {
            let SessionAuth(session) = session?;
            if session.reviewer != start.envelope.signer {
                return Err(Violation::ForeignCredential.into());
            }
        }
    }
    let ceremony = gateway.0.ceremonies.start(Step::Act(Box::new(start)))?;
    Ok((StatusCode::CREATED, Json(CeremonyStarted { ceremony })))
}

pub(super) async fn view(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<CeremonyView>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    Ok(Json(ceremony.ended(wait.duration()).await))
}

pub(super) async fn cancel(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
) -> Result<StatusCode, Refusal> {
    gateway.0.ceremonies.get(id(&ceremony)?)?.cancel();
    Ok(StatusCode::NO_CONTENT)
}

/// What the page shows and may do next.
#[derive(Serialize)]
pub(super) struct Page {
    /// `setup`, or the act's type.
    purpose: &'static str,
    /// `code`, `registration`, `assertion`, or how it ended.
    step: &'static str,
    /// Code to compare with the console; none while it is to be typed.
    code: Option<String>,
    /// What is signed, in words.
    statement: Vec<Line>,
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
    rp_id: &'static str,
    credentials: Vec<Blob>,
}

impl KeyRequest {
    fn new(challenge: Digest, credentials: Vec<Blob>) -> Self {
        Self {
            challenge: Blob(challenge.0.to_vec()),
            rp_id: RP_ID,
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
    let setup = |step, code, request| Page {
        purpose: "setup",
        step,
        code,
        statement: Vec::new(),
        request,
    };
    let start = match &*ceremony.step() {
        _ if over.is_some() => return Ok(Json(setup(over.unwrap_or_default(), None, None))),
        Step::Code { .. } => return Ok(Json(setup("code", None, None))),
        Step::Registration { .. } => return Ok(Json(setup("registration", None, None))),
        Step::Founding { draft, code } => {
            let request = KeyRequest::new(draft.envelope.challenge(), vec![draft.credential_id()]);
            return Ok(Json(setup("assertion", Some(code.clone()), Some(request))));
        }
        Step::Over => return Ok(Json(setup("busy", None, None))),
        Step::Act(start) => start.clone(),
    };
    let challenge = start.envelope.challenge();
    let credentials = {
        let committed = gateway.0.shared.read();
        committed
            .state
            .credentials()
            .filter(|key| key.reviewer == start.envelope.signer)
            .map(|key| key.id.clone())
            .collect()
    };
    Ok(Json(Page {
        purpose: start.envelope.r#type.as_str(),
        step: "assertion",
        code: Some(ceremony_code(challenge)),
        statement: statement(gateway.clone(), *start).await?,
        request: Some(KeyRequest::new(challenge, credentials)),
    }))
}

/// The items in words. The display trusts the gateway here; the console shows
/// the same from bytes that it verified.
async fn statement(gateway: Gateway, start: StartCeremony) -> Result<Vec<Line>, Refusal> {
    let items: Vec<serde_json::Value> = start
        .items
        .iter()
        .map(|item| strict::parse(item.as_bytes(), 16 << 10))
        .collect::<Result<_, _>>()
        .map_err(Refusal::malformed)?;
    let mut lines = Vec::new();
    for item in items {
        match start.envelope.r#type {
            ActType::VerdictGiven => {
                let item: VerdictItem = serde_json::from_value(item).map_err(Refusal::malformed)?;
                let reason = start
                    .verdict
                    .as_ref()
                    .map(|extras| extras.reason.bytes.0.clone());
                lines.extend(
                    verdict_lines(gateway.clone(), &item, reason.unwrap_or_default()).await?,
                );
            }
            _ => {
                for (label, field) in [("Agent", "name"), ("Until", "expires_at")] {
                    if let Some(value) = item.get(field).and_then(|value| value.as_str()) {
                        lines.push(Line {
                            label,
                            value: value.to_owned(),
                        });
                    }
                }
            }
        }
    }
    Ok(lines)
}

async fn verdict_lines(
    gateway: Gateway,
    item: &VerdictItem,
    reason: Vec<u8>,
) -> Result<Vec<Line>, Refusal> {
    let proposal = {
        let committed = gateway.0.shared.read();
        committed
            .state
            .action(&item.action)
            .ok_or(Violation::UnknownAction)?
            .proposal
            .index
    };
    let payload =
        off_the_async_threads(move || Ok(gateway.0.shared.store().part(proposal, "payload")?))
            .await?;
    let bytes = payload
        .ok_or_else(|| Refusal::not_found("payload"))?
        .bytes
        .0;
    let action = vidimus_protocol::action::Action::parse(&bytes).map_err(Refusal::malformed)?;
    let verdict = match item.verdict {
        vidimus_protocol::envelope::Verdict::Approve => "Approve: it runs once",
        vidimus_protocol::envelope::Verdict::Deny => "Deny: it does not run",
    };
    let line = |label, value: String| Line { label, value };
    Ok(vec![
        line("Verdict", verdict.to_owned()),
        line("Program", action.payload.program.path),
        line(
            "Arguments",
            action
                .payload
                .argv
                .iter()
                .map(|text| format!("{text:?}"))
                .collect::<Vec<_>>()
                .join(" "),
        ),
        line("Folder", action.payload.cwd),
        line("Reason", String::from_utf8_lossy(&reason).into_owned()),
        line("Digest", item.action_digest.to_string()),
    ])
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
    let (options, state) = gateway.0.relying_party.start(name)?;
    let (name, session) = (name.clone(), *session);
    *step = Step::Registration {
        state: Box::new(state),
        name,
        session,
    };
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
    let Step::Registration {
        state,
        name,
        session,
    } = &*step
    else {
        return Err(out_of_order());
    };
    let registered = gateway.0.relying_party.finish(&credential, state)?;
    let now = gateway.0.clock.wall();
    let opening = Opening::new(
        &gateway.0.premises,
        name,
        registered.credential_id.clone(),
        registered.public_key,
        now,
    );
    let draft = Box::new(opening.enrol(registered.registration, *session, now));
    let challenge = draft.envelope.challenge();
    *step = Step::Founding {
        code: ceremony_code(challenge),
        draft,
    };
    Ok(Json(KeyRequest::new(
        challenge,
        vec![registered.credential_id],
    )))
}

pub(super) async fn assertion(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Path(ceremony): Path<String>,
    Strict(SubmitAssertion { assertion }): Strict<SubmitAssertion>,
) -> Result<Json<CeremonyView>, Refusal> {
    let ceremony = gateway.0.ceremonies.get(id(&ceremony)?)?;
    if ceremony.challenge().is_none() {
        return Err(out_of_order());
    }
    let request = match ceremony.take() {
        Step::Founding { draft, .. } => Request::Found { draft, assertion },
        Step::Act(start) => Request::Act { start, assertion },
        _ => return Err(out_of_order()),
    };
    let result = match gateway.ask(request).await {
        Ok(Answer::Ack(ack)) => Ok(Some(ack)),
        Ok(_) => Ok(None),
        Err(refusal) => Err(refusal),
    };
    ceremony.end(result.clone());
    result.map(|_| Json(ceremony.view()))
}

fn out_of_order() -> Refusal {
    Refusal::conflict(
        "out_of_order",
        "this key prompt is at another step: reload the page",
    )
}

const PAGE: &str = include_str!("../../ceremony/ceremony.html");
const SCRIPT: &str = include_str!("../../ceremony/ceremony.js");
const STYLE: &str = include_str!("../../ceremony/ceremony.css");
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/c/{id}` is the page; its script and style stand beside it.
pub(super) async fn document(Path(file): Path<String>) -> Result<Response, Refusal> {
    let (kind, text) = match file.as_str() {
        "ceremony.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "ceremony.css" => ("text/css; charset=utf-8", STYLE),
        _ => {
            id::<CeremonyId>(&file).map_err(|_| Refusal::not_found("page"))?;
            ("text/html; charset=utf-8", PAGE)
        }
    };
    Ok((
        [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_SECURITY_POLICY, CSP),
        ],
        text,
    )
        .into_response())
}
