//! The founding of a team's log, invitations, and further keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use vidimus_protocol::Violation;
use vidimus_protocol::api::{CeremonyStarted, Enrol, Found, Invite, Invited, Models};
use vidimus_protocol::entry::Profile;
use vidimus_protocol::envelope::Role;
use vidimus_protocol::id::ReviewerId;
use vidimus_protocol::state::name_is_fit;

use super::Strict;
use super::auth::{NoAgent, SessionAuth};
use crate::Gateway;
use crate::ceremonies::Whose;
use crate::enrolment::Claimant;
use crate::founding::NewSession;
use crate::keys::random_id;
use crate::problem::Refusal;
use crate::sequencer::may_last;

/// Found a team's log
///
/// Begins the key of its first administrator. The page is `/c/{id}`.
#[utoipa::path(
    post,
    path = "/v1/founding",
    operation_id = "found",
    tag = "people",
    request_body = Found,
    responses((status = 201, description = "the key prompt is open", body = CeremonyStarted)),
    extensions(("x-refusals" = json!([
        "forbidden", "already_set_up", "bad_name", "session_too_long", "too_many_ceremonies", "webauthn"
    ]))),
)]
pub(super) async fn found(
    State(gateway): State<Gateway>,
    _anybody: NoAgent,
    Strict(found): Strict<Found>,
) -> Result<(StatusCode, Json<CeremonyStarted>), Refusal> {
    gateway.may_found(&found.name)?;
    if gateway.founding_code().is_none() || !gateway.0.founding_code.is(&found.code) {
        return Err(Refusal::forbidden(
            "this is not the code that the gateway told whoever started it",
        ));
    }
    may_last(found.session_expires_at, gateway.0.clock.wall())?;
    let session = NewSession {
        token_hash: found.token_hash,
        expires_at: found.session_expires_at,
    };
    let whose = Whose::Founder {
        name: found.name,
        session,
    };
    begin(&gateway, whose, false)
}

/// Invite a person
///
/// For an administrator. What comes of it counts once an administrator signs for it.
#[utoipa::path(
    post,
    path = "/v1/invitations",
    operation_id = "invite",
    tag = "people",
    security(("session" = [])),
    request_body = Invite,
    responses((status = 201, description = "an invitation for one person, good for a day", body = Invited)),
    extensions(("x-refusals" = json!(["not_allowed", "unknown_reviewer", "bad_name", "team_only"]))),
)]
pub(super) async fn invite(
    State(gateway): State<Gateway>,
    SessionAuth(session): SessionAuth,
    Strict(invite): Strict<Invite>,
) -> Result<(StatusCode, Json<Invited>), Refusal> {
    let committed = gateway.0.shared.read();
    let state = &committed.state;
    let log = state.log().ok_or(Violation::NotOpened)?.id;
    let host = state.reviewer(&session.reviewer);
    if !host.is_some_and(|host| host.is(Role::Administrator)) {
        return Err(Violation::NotAllowed.into());
    }
    if gateway.0.premises.profile != Profile::Team {
        return Err(Violation::TeamOnly.into());
    }
    let (who, name) = match invite.reviewer {
        Some(id) => {
            let known = state.reviewer(&id).filter(|person| !person.removed);
            let name = known.ok_or(Violation::UnknownReviewer)?.name.clone();
            ((id, true), name)
        }
        None => ((ReviewerId::from_random(random_id()), false), invite.name),
    };
    if !name_is_fit(&name) {
        return Err(Violation::BadName.into());
    }
    let now = gateway.0.clock.wall();
    let (invitation, expires_at) = gateway.0.invitations.seal(log, who, name, now);
    let invited = Invited {
        expires_at,
        invitation,
        reviewer: who.0,
    };
    Ok((StatusCode::CREATED, Json(invited)))
}

/// Enrol a key
///
/// With an invitation, or a further one of the person who is signed in. The page is `/c/{id}`. The key counts
/// once it is admitted.
#[utoipa::path(
    post,
    path = "/v1/enrolments",
    operation_id = "enrol",
    tag = "people",
    security((), ("session" = [])),
    request_body = Enrol,
    responses((status = 201, description = "the key prompt is open", body = CeremonyStarted)),
    extensions(("x-refusals" = json!([
        "unauthorised", "forbidden", "bad_name", "unknown_reviewer", "too_many_ceremonies", "webauthn"
    ]))),
)]
pub(super) async fn enrol(
    State(gateway): State<Gateway>,
    session: Result<SessionAuth, Refusal>,
    Strict(enrol): Strict<Enrol>,
) -> Result<(StatusCode, Json<CeremonyStarted>), Refusal> {
    if !name_is_fit(&enrol.label) {
        return Err(Violation::BadName.into());
    }
    let has_session = session.is_ok();
    let (reviewer, name) = {
        let committed = gateway.0.shared.read();
        let state = &committed.state;
        match (enrol.invitation, session) {
            (Some(_), Err(refusal)) if refusal.status != 401 => return Err(refusal),
            (Some(text), _) => {
                let now = gateway.0.clock.wall();
                let invitation = gateway.0.invitations.open(&text, state, now)?;
                (invitation.reviewer, invitation.name)
            }
            (None, session) => {
                let SessionAuth(session) = session?;
                let person = state.reviewer(&session.reviewer);
                let person = person.ok_or(Violation::UnknownReviewer)?;
                (person.id, person.name.clone())
            }
        }
    };
    let claimant = Claimant {
        reviewer,
        name,
        label: enrol.label,
    };
    begin(&gateway, Whose::Claimant(claimant), has_session)
}

/// Models of authenticators
///
/// What the gateway knows of them from FIDO metadata, so that rules can name some. Empty without it.
#[utoipa::path(
    get,
    path = "/v1/models",
    operation_id = "models",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "the models, by AAGUID", body = Models)),
)]
pub(super) async fn models(
    State(gateway): State<Gateway>,
    SessionAuth(_): SessionAuth,
) -> Json<Models> {
    Json(Models {
        models: gateway.0.relying_party.models(),
    })
}

fn begin(
    gateway: &Gateway,
    whose: Whose,
    has_session: bool,
) -> Result<(StatusCode, Json<CeremonyStarted>), Refusal> {
    let (_, step) = gateway.registration(whose)?;
    let (ceremony, code) = gateway.0.ceremonies.start(step, has_session)?;
    Ok((
        StatusCode::CREATED,
        Json(CeremonyStarted { code, ceremony }),
    ))
}
