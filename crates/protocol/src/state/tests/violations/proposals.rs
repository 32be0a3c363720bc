//! Proposals and verdicts.

use super::*;

cases! { PROPOSALS:
    UnknownAgent, "an agent of nobody", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).agent = AgentId::from_random([0; 16]);
    };
    ActionExists, "proposed twice", ActionProposed, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    BadEvaluation, "no time to decide", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).expires_at = entry.leaf.time;
    };
    BadEvaluation, "longer than its ttl", ActionProposed, |_, entry| {
        let data = data!(entry, ActionProposed);
        data.expires_at = Time::from_unix_ms(data.expires_at.unix_ms() + 1);
    };
    BadEvaluation, "asks nobody", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.quorum = 0;
    };
    BadEvaluation, "asks two", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.quorum = 2;
    };
    WrongParts, "no payload", ActionProposed, |_, entry| {
        entry.leaf.parts.remove(1);
    };
    WrongParts, "another type", ActionProposed, |_, entry| {
        entry.leaf.parts[1].r#type = CONTEXT_TYPE.into();
    };
    WrongParts, "too big", ActionProposed, |_, entry| {
        entry.leaf.parts[1].size = MAX_PAYLOAD as u64 + 1;
    };
    WrongParts, "unsorted", ActionProposed, |_, entry| {
        entry.leaf.parts.reverse();
    };
    WrongParts, "the payload twice", ActionProposed, |_, entry| {
        entry
            .leaf
            .parts
            .push(part("payload", PAYLOAD_TYPE, "other"));
    };
}

cases! { VERDICTS:
    UnknownAction, "on nothing", VerdictGiven, |_, entry| {
        verdict!(entry).item.action = ActionId::from_random([0; 16]);
    };
    NotPending, "after the resolution", PermitIssued, |story, entry| {
        let late = story.verdict(action(0), Verdict::Deny);
        instead(story, entry, late);
    };
    WrongProposal, "another proposal", VerdictGiven, |_, entry| {
        verdict!(entry).item.proposal_leaf = Digest([1; 32]);
    };
    WrongProposal, "another digest", VerdictGiven, |_, entry| {
        verdict!(entry).item.action_digest = Digest([1; 32]);
    };
    WrongProposal, "another expiry", VerdictGiven, |_, entry| {
        let item = &mut verdict!(entry).item;
        item.expires_at = item.expires_at.plus_seconds(1);
    };
    WrongReason, "another reason", VerdictGiven, |_, entry| {
        entry.leaf.parts[0].commit = Digest([1; 32]);
    };
    WrongParts, "no reason", VerdictGiven, |_, entry| {
        entry.leaf.parts.clear();
    };
    WrongSeen, "not what was signed", VerdictGiven, |_, entry| {
        data!(entry, VerdictGiven).seen.renderer = "other/1".into();
    };
    WrongSeen, "approved without the payload", VerdictGiven, |_, entry| {
        resee(entry, |seen| drop(seen.parts.pop()));
    };
    WrongSeen, "approved another payload", VerdictGiven, |_, entry| {
        resee(entry, |seen| seen.parts[1].commit = Digest([1; 32]));
    };
    WrongSeen, "approved without the context", VerdictGiven, |_, entry| {
        resee(entry, |seen| drop(seen.parts.remove(0)));
    };
    WrongSeen, "two payloads", VerdictGiven, |_, entry| {
        resee(entry, |seen| {
            seen.parts.push(SeenPart {
                commit: Digest([1; 32]),
                name: "payload".into(),
            });
        });
    };
    WrongSeen, "an answer that is not there", VerdictGiven, |_, entry| {
        resee(entry, |seen| {
            seen.parts.insert(0, SeenPart {
                commit: Digest([1; 32]),
                name: "answer.9".into(),
            });
        });
    };
    WrongSeen, "another answer", VerdictGiven, |story, entry| {
        let shown = answer(story);
        resee(entry, |seen| {
            seen.parts.insert(0, SeenPart {
                commit: Digest([1; 32]),
                ..shown
            });
        });
    };
    WrongSeen, "denied on what is not there", VerdictGiven, |_, entry| {
        verdict!(entry).item.verdict = Verdict::Deny;
        resee(entry, |seen| seen.parts[1].commit = Digest([1; 32]));
    };
    NotTheOwner, "not his agent", VerdictGiven, |story, _| {
        // No entry leads to a second person in a personal log.
        story.state.first_person(stranger(), "Eve", elsewhere());
        story
            .state
            .agents
            .get_mut(&agent())
            .expect("registered")
            .owner = stranger();
    };
    DecidedAlready, "denied, then approved", VerdictGiven, |story, entry| {
        let same = story.verdict(action(0), Verdict::Deny);
        first(story, entry, same);
    };
    DecidedAlready, "approved twice", VerdictGiven, |story, entry| {
        let same = story.verdict(action(0), Verdict::Approve);
        first(story, entry, same);
    };
    TooLate, "at the deadline", VerdictGiven, |_, entry| later(entry, TTL_S);
}

/// The answer of the happy path, as a verdict lists it.
pub(super) fn answer(story: &Story) -> SeenPart {
    let known = story.state.action(&action(0)).expect("proposed");
    let (_, answer) = known.questions().last().expect("asked");
    let answer = answer.expect("answered");
    SeenPart {
        commit: answer.text.expect("an answer has a text"),
        name: answer.seen_name().expect("an answer has a text"),
    }
}

/// Changes what the verdict says was seen, and what was signed with it.
pub(super) fn resee(entry: &mut Entry, change: impl FnOnce(&mut Seen)) {
    let data = data!(entry, VerdictGiven);
    change(&mut data.seen);
    data.signed.item.seen = data.seen.digest();
}
