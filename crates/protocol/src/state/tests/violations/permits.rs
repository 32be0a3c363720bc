//! Resolutions, permits and outcomes.

use super::*;

cases! { RESOLUTIONS:
    UnknownAction, "of nothing", ActionResolved, |_, entry| {
        data!(entry, ActionResolved).action = ActionId::from_random([0; 16]);
    };
    NotPending, "resolved twice", ActionResolved, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    NoQuorum, "approved by nobody", VerdictGiven, |story, entry| {
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    NoQuorum, "approved against a denial", VerdictGiven, |story, entry| {
        let deny = story.verdict(action(0), Verdict::Deny);
        story.take(deny);
        approve_by_another(story);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    NoQuorum, "approved though refused", ActionProposed, |story, entry| {
        let refused = story.proposed_as(action(0), Decision::Refuse);
        story.take(refused);
        let verdict = story.verdict(action(0), Verdict::Approve);
        story.take(verdict);
        let leaf = story.resolved(action(0), Resolution::Approved);
        instead(story, entry, leaf);
    };
    NoQuorum, "the key is gone", ActionResolved, |story, _| forget_key(story);
    UnfoundedResolution, "approved too late", ActionResolved, |_, entry| {
        later(entry, TTL_S);
    };
    UnfoundedResolution, "nobody denied", ActionResolved, |story, entry| {
        let leaf = story.resolved(action(0), Resolution::Denied);
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "expired early", ActionResolved, |story, entry| {
        story.later(TTL_S);
        story.now = before(story.now, 1);
        let leaf = story.resolved(action(0), Resolution::Expired);
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "withdrawn too late", VerdictGiven, |story, entry| {
        story.later(TTL_S);
        let leaf = story.resolved(action(0), Resolution::Withdrawn);
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "withdrawn when denied", VerdictGiven, |story, entry| {
        let deny = story.verdict(action(0), Verdict::Deny);
        story.take(deny);
        let leaf = story.resolved(action(0), Resolution::Withdrawn);
        instead(story, entry, leaf);
    };
    UnfoundedResolution, "no policy refused", ActionResolved, |story, entry| {
        let leaf = story.resolved(action(0), Resolution::Refused);
        instead(story, entry, leaf);
    };
    WrongActor, "withdrawn by the gateway", VerdictGiven, |story, entry| {
        let leaf = story.resolved(action(0), Resolution::Withdrawn);
        instead(story, entry, leaf);
        entry.leaf.actor = Actor::Gateway;
    };
    BadEvaluation, "good for too long", ActionResolved, |_, entry| {
        let longer = entry.leaf.time.plus_seconds(USE_S + 1);
        data!(entry, ActionResolved).use_before = Some(longer);
    };
    BadEvaluation, "withdrawn and usable", VerdictGiven, |story, entry| {
        let leaf = story.resolved(action(0), Resolution::Withdrawn);
        instead(story, entry, leaf);
        data!(entry, ActionResolved).use_before = Some(story.now.plus_seconds(USE_S));
    };
}

cases! { PERMITS:
    UnknownAction, "for nothing", PermitIssued, |_, entry| {
        data!(entry, PermitIssued).action = ActionId::from_random([0; 16]);
    };
    NotApproved, "still pending", ActionResolved, |story, entry| {
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
    };
    NotApproved, "withdrawn", VerdictGiven, |story, entry| {
        let withdrawn = story.resolved(action(0), Resolution::Withdrawn);
        story.take(withdrawn);
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
    };
    NoQuorum, "the key is gone", PermitIssued, |story, _| forget_key(story);
    NoQuorum, "the key is gone", PermitRedeemed, |story, _| forget_key(story);
    NoQuorum, "somebody denied, nobody approved", PermitIssued, |story, _| {
        // No resolution leads here; the count stands by itself all the same.
        let known = story.state.actions.get_mut(&action(0)).expect("proposed");
        known.verdicts[0].verdict = Verdict::Deny;
    };
    PermitExists, "one is in force", PermitRedeemed, |story, entry| {
        let leaf = story.issued(action(0), permit(7));
        instead(story, entry, leaf);
    };
    PermitExists, "redeemed already", ActionCompleted, |story, entry| {
        let leaf = story.issued(action(0), permit(7));
        instead(story, entry, leaf);
    };
    BadPermit, "another executor", PermitIssued, |_, entry| {
        data!(entry, PermitIssued).audience = ExecutorId::from_random([0; 16]);
    };
    BadPermit, "another key", PermitIssued, |_, entry| {
        data!(entry, PermitIssued).kid = "other".into();
    };
    BadPermit, "no life", PermitIssued, |_, entry| {
        data!(entry, PermitIssued).expires_at = entry.leaf.time;
    };
    BadPermit, "too long a life", PermitIssued, |_, entry| {
        let data = data!(entry, PermitIssued);
        data.expires_at = Time::from_unix_ms(data.expires_at.unix_ms() + 1);
    };
    BadPermit, "longer than the approval", PermitIssued, |story, entry| {
        story.later(USE_S - 1);
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
        let data = data!(entry, PermitIssued);
        data.expires_at = Time::from_unix_ms(data.expires_at.unix_ms() + 1);
    };
    BadPermit, "an id used before", PermitLapsed, |story, entry| {
        let lapsed = entry.leaf.clone();
        first(story, entry, lapsed);
        let leaf = story.issued(action(0), permit(0));
        instead(story, entry, leaf);
    };
    NoSuchPermit, "another one lapses", PermitLapsed, |_, entry| {
        data!(entry, PermitLapsed).permit = permit(7);
    };
    NoSuchPermit, "another one is used", PermitRedeemed, |_, entry| {
        data!(entry, PermitRedeemed).permit = permit(7);
    };
    NoSuchPermit, "used after it lapsed", PermitLapsed, |story, entry| {
        let lapsed = entry.leaf.clone();
        first(story, entry, lapsed);
        let leaf = story.redeemed(action(0));
        instead(story, entry, leaf);
    };
    NoSuchPermit, "used twice", PermitRedeemed, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    NotDue, "lapsed early", PermitLapsed, |_, entry| {
        entry.leaf.time = before(entry.leaf.time, 1);
    };
    TooLate, "used at its end", PermitRedeemed, |_, entry| {
        later(entry, PERMIT_S);
    };
    NotRunning, "an outcome before it ran", PermitRedeemed, |story, entry| {
        let leaf = story.completed(action(0));
        instead(story, entry, leaf);
    };
    NotRunning, "a second outcome", ActionCompleted, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    WrongParts, "too many words", ActionCompleted, |_, entry| {
        data!(entry, ActionCompleted).outcome = Outcome::FailedToStart {
            why: "x".repeat(501),
        };
    };
    WrongOutcome, "a command that succeeds in words", ActionCompleted, |_, entry| {
        data!(entry, ActionCompleted).outcome = Outcome::Succeeded {};
    };
    WrongOutcome, "a change that exits", ActionCompleted, |story, _| {
        story.state.actions.get_mut(&action(0)).expect("proposed").kind = ActionKind::Json;
    };
}

/// A second person who approves, which no entry of this version can bring.
fn approve_by_another(story: &mut Story) {
    let known = story.state.actions.get_mut(&action(0)).expect("proposed");
    let mut other = known.verdicts[0].clone();
    (other.reviewer, other.verdict) = (stranger(), Verdict::Approve);
    known.verdicts.push(other);
}

/// A revocation, which no entry of this version can bring.
fn forget_key(story: &mut Story) {
    story.state.credentials.clear();
}
