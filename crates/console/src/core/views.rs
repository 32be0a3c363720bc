//! The state, made into what is on screen.

use vidimus_protocol::id::ActionId;
use vidimus_protocol::state::{ActionState, Life, Route as KeyRoute};

use super::people::role_view;
use super::{Base, Core, now, pauses, policy_shadows};
use crate::board::{FrontId, Published, Sent};
use crate::inbox::{self, Hints, reviewer_name};
use crate::safe_text;
use crate::view::{
    ActionSummary, AgentView, CeremonyPurpose, CeremonyView, CheckpointView, Colour, ConsoleView,
    Event, Front, GatewayView, Phase, ReviewerView, Route,
};

/// Most rows of the recent list.
const MOST_RECENT: usize = 20;

impl Core {
    /// Publishes the view when it has changed.
    pub(super) fn publish(&self) {
        let published = Published {
            view: self.view(),
            prompted: self
                .ceremony
                .as_ref()
                .map(|ceremony| ceremony.front.clone()),
            authorised: self.authorised.clone(),
        };
        self.setting.board.publish(&self.setting.id, published);
    }

    /// Sends an event to one front, or to all.
    pub(super) fn send(&self, to: Option<FrontId>, event: Event) {
        self.setting.board.send(Sent {
            gateway: self.setting.id.clone(),
            to,
            event,
        });
    }

    fn view(&self) -> ConsoleView {
        let base = self.base.as_ref().ok();
        let mut notices: Vec<_> = self.notices.values().cloned().collect();
        notices.sort_by_key(|notice| std::cmp::Reverse(notice.tone as u8));
        self.veil(ConsoleView {
            front: Front::Desktop,
            phase: self.phase(),
            gateway: self.gateway_view(),
            reviewer: base.and_then(|base| self.reviewer_view(base)),
            ceremony: self.ceremony.as_ref().map(|ceremony| CeremonyView {
                purpose: self.purpose(&ceremony.purpose),
                route: route_view(ceremony.route),
                url: ceremony.url.clone(),
                code: ceremony.code.clone(),
                state: ceremony.state.clone(),
            }),
            inbox: base.map_or_else(Vec::new, |base| self.pending(base, true)),
            waits_for_others: base.map_or_else(Vec::new, |base| self.pending(base, false)),
            claims: base.map_or(0, |base| self.claims_for_us(base)),
            policies: base.map_or(0, |base| self.policies_for_us(base)),
            unreviewed: base.map_or(0, |base| self.glass_for_us(base)),
            delegations: self.own_delegations(),
            policies_missing: base.map_or(0, |base| self.policies_missing(base)),
            recent: base.map_or_else(Vec::new, |base| self.recent(base)),
            agents: base.map_or_else(Vec::new, |base| self.agents(base)),
            try_command: base.and_then(|base| self.try_command(base)),
            doubts: base.map_or_else(Vec::new, |base| self.doubt_views(base)),
            notices,
            verification: self.verification.clone(),
            policy_replay: (self.policy_replay.as_ref()).map(|running| running.progress),
            policy_shadow: self
                .policy_shadow
                .as_ref()
                .map(policy_shadows::Shadowed::summary),
            desktop: self.desktop.clone(),
        })
    }

    /// What is signed; of a policy, with what came of it.
    fn purpose(&self, purpose: &CeremonyPurpose) -> CeremonyPurpose {
        match purpose {
            CeremonyPurpose::Policy { words, digest, .. } => CeremonyPurpose::Policy {
                words: words.clone(),
                digest: digest.clone(),
                standing: self.policy_standing(digest),
            },
            other => other.clone(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        let base = match &self.base {
            Err(None) => return Phase::Starting,
            Err(Some(problem)) => {
                return Phase::Failed {
                    problem: problem.clone(),
                };
            }
            Ok(base) => base,
        };
        if let Some((problem, path)) = &self.frozen {
            return Phase::Frozen {
                problem: problem.clone(),
                evidence_path: path.display().to_string(),
            };
        }
        if let Some(entry) = base.replay.upgrade() {
            return Phase::UpgradeNeeded { entry };
        }
        if self.locked {
            self.locked_phase()
        } else if let Some(phase) = self.phase_elsewhere() {
            phase
        } else if self.log().is_none() {
            Phase::Setup
        } else if self.session.is_none() {
            Phase::SignedOut
        } else {
            Phase::Ready
        }
    }

    fn gateway_view(&self) -> GatewayView {
        let base = self.base.as_ref().ok();
        let about = self.followed.as_ref().map(|followed| &followed.about);
        GatewayView {
            id: self.setting.id.clone(),
            colour: about.map_or_else(Colour::default, |about| about.colour),
            team: self.followed.is_some(),
            name: about.map_or_else(
                || crate::GATEWAY_NAME.to_owned(),
                |about| safe_text::flat(&about.name),
            ),
            url: base.map_or_else(String::new, |base| base.client.base_url().to_string()),
            log: self.log().map(|log| log.to_string()),
            connection: self.connection.clone(),
            checkpoint: base.and_then(|base| {
                let pin = base.mirror.pin()?;
                Some(CheckpointView {
                    size: pin.checkpoint.size,
                    root: const_hex::encode(pin.checkpoint.root),
                    time_unix_ms: pin.time_unix_s.saturating_mul(1000),
                })
            }),
        }
    }

    /// What waits for this reviewer, or for others.
    fn pending(&self, base: &Base, for_us: bool) -> Vec<ActionSummary> {
        let mut waiting: Vec<_> = base
            .state()
            .waiting()
            .filter(|action| action.life() == Life::Pending)
            .filter(|action| self.waits_for_us(action) == for_us)
            .collect();
        waiting.sort_by_cached_key(|action| inbox::turn(action, base.headlines.get(&action.id)));
        let rows = waiting.into_iter();
        rows.map(|action| self.summary(base, action)).collect()
    }

    fn recent(&self, base: &Base) -> Vec<ActionSummary> {
        base.recent
            .iter()
            .filter_map(|id| base.state().action(id))
            .filter(|action| action.life() != Life::Pending)
            .take(MOST_RECENT)
            .map(|action| self.summary(base, action))
            .collect()
    }

    fn reviewer_view(&self, base: &Base) -> Option<ReviewerView> {
        let id = self.reviewer()?;
        let person = base.state().reviewer(&id)?;
        Some(ReviewerView {
            id: id.to_string(),
            roles: person.roles.iter().copied().map(role_view).collect(),
            name: reviewer_name(base.state(), id),
            route: route_view(base.key_route()),
        })
    }

    pub(super) fn summary(&self, base: &Base, action: &ActionState) -> ActionSummary {
        inbox::summary(
            base.state(),
            action,
            base.headlines.get(&action.id),
            self.hints(action.id),
        )
    }

    pub(super) fn hints(&self, action: ActionId) -> Hints {
        Hints {
            now: now(),
            present: self
                .present
                .as_ref()
                .map(|present| present.contains(&action)),
            silent_since: self.last_present.get(&action).copied(),
        }
    }

    fn agents(&self, base: &Base) -> Vec<AgentView> {
        let mut agents: Vec<_> = base.state().agents().collect();
        agents.sort_by_key(|agent| agent.entry.index);
        agents
            .into_iter()
            .map(|agent| {
                let profile = self.setting.home.agent_profile(&agent.name);
                AgentView {
                    id: agent.id.to_string(),
                    name: safe_text::flat(&agent.name),
                    profile_path: super::acts::name_is_fit(&agent.name)
                        .then_some(profile)
                        .filter(|profile| profile.exists())
                        .map(|profile| profile.display().to_string()),
                    revoked: agent.revoked,
                    pauses: pauses::views(
                        base.state(),
                        agent,
                        agent.standing_pauses(),
                        self.reviewer(),
                    ),
                }
            })
            .collect()
    }
}

impl Base {
    /// How the key of the person at this computer is reached: the founder's, as
    /// its enrolment proved, and a passkey once that counts no more.
    pub(super) fn key_route(&self) -> KeyRoute {
        let state = self.state();
        let founders = state
            .log()
            .and_then(|log| log.opened.founders.first())
            .and_then(|founder| state.credential(&founder.credential_id))
            .filter(|key| state.in_force(key).is_ok());
        founders
            .and_then(|key| self.routes.get(&key.id))
            .copied()
            .unwrap_or(KeyRoute::Browser)
    }
}

pub(super) fn route_view(route: KeyRoute) -> Route {
    match route {
        KeyRoute::Browser => Route::Browser,
        KeyRoute::Software => Route::Software,
    }
}
