//! Who was told about an action, and whether it arrived: the gateway's word.

use axum::Json;
use axum::extract::{Path, State};
use vidimus_protocol::ActionId;
use vidimus_protocol::api::DeliveriesView;

use super::actions::id;
use super::auth::SessionAuth;
use super::feed::off_the_async_threads;
use crate::Gateway;
use crate::problem::Refusal;

/// Who was told
///
/// Messages of webhooks about an action, and whether they arrived: the gateway's word.
#[utoipa::path(
    get,
    path = "/v1/actions/{action}/deliveries",
    operation_id = "deliveries",
    tag = "consoles",
    security(("session" = [])),
    params(("action" = ActionId, Path, description = "the action")),
    responses((status = 200, description = "one for each event and endpoint", body = DeliveriesView)),
    extensions(("x-refusals" = json!(["unknown_action", "store", "gateway_closed"]))),
)]
pub(super) async fn about(
    State(gateway): State<Gateway>,
    _session: SessionAuth,
    Path(action): Path<String>,
) -> Result<Json<DeliveriesView>, Refusal> {
    let action: ActionId = id(&action)?;
    if gateway.0.shared.read().state.action(&action).is_none() {
        return Err(vidimus_protocol::Violation::UnknownAction.into());
    }
    off_the_async_threads(move || Ok(Json(gateway.0.webhooks.about(action)))).await
}
