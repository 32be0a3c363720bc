//! Taken, asked, answered, flagged.

use super::*;
use crate::action::{MAX_TEXT, TEXT_TYPE};
use crate::state::MAX_NOTES;

cases! { NOTES:
    UnknownAction, "takes nothing", ActionTaken, |_, entry| {
        data!(entry, ActionTaken).action = ActionId::from_random([0; 16]);
    };
    UnknownAction, "flags nothing", ActionFlagged, |_, entry| {
        data!(entry, ActionFlagged).action = ActionId::from_random([0; 16]);
    };
    NotPending, "taken after the resolution", PermitIssued, |story, entry| {
        let leaf = story.taken(action(0));
        instead(story, entry, leaf);
    };
    NotPending, "asked after the resolution", PermitIssued, |story, entry| {
        let leaf = story.asked(action(0));
        instead(story, entry, leaf);
    };
    NotPending, "answered after the resolution", PermitIssued, |story, entry| {
        let leaf = story.answered(action(0));
        instead(story, entry, leaf);
    };
    UnknownReviewer, "taken by a stranger", ActionTaken, |_, entry| {
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    UnknownReviewer, "asked by a stranger", ActionAsked, |_, entry| {
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    UnknownReviewer, "flagged by a stranger", ActionFlagged, |_, entry| {
        entry.leaf.actor = Actor::Reviewer(stranger());
    };
    TakenAlready, "taken twice", ActionTaken, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    WrongParts, "taken with words", ActionTaken, |_, entry| {
        entry.leaf.parts = vec![part("remark", TEXT_TYPE, "mine")];
    };
    WrongParts, "no question", ActionAsked, |_, entry| entry.leaf.parts.clear();
    WrongParts, "no answer", ActionAnswered, |_, entry| entry.leaf.parts.clear();
    WrongParts, "no remark", ActionFlagged, |_, entry| entry.leaf.parts.clear();
    WrongParts, "too many words", ActionAsked, |_, entry| {
        entry.leaf.parts[0].size = MAX_TEXT as u64 + 1;
    };
    NoSuchQuestion, "answers nothing", ActionAsked, |story, entry| {
        let leaf = story.answered(action(0));
        instead(story, entry, leaf);
    };
    NoSuchQuestion, "answers twice", ActionAnswered, |story, entry| {
        let same = entry.leaf.clone();
        first(story, entry, same);
    };
    NoSuchQuestion, "answers a remark", ActionAnswered, |story, entry| {
        let remark = story.flagged(action(0));
        let at = story.entry(remark.clone()).reference();
        first(story, entry, remark);
        entry.leaf.refs = vec![at];
    };
    NoSuchQuestion, "answers another action's question", ActionAnswered, |story, entry| {
        let other = story.proposed(action(1));
        first(story, entry, other);
        let question = story.asked(action(1));
        let at = story.entry(question.clone()).reference();
        first(story, entry, question);
        entry.leaf.refs = vec![at];
    };
    TooManyNotes, "one too many", ActionFlagged, |story, entry| {
        let known = story.state.actions.get_mut(&action(0)).expect("proposed");
        let note = known.notes[0].clone();
        known.notes.resize(MAX_NOTES, note);
        entry.index = story.state.size();
    };
}

#[test]
fn a_remark_may_come_after_the_end() {
    let mut story = Story::before(Kind::ActionCompleted);
    story.next(Kind::ActionCompleted);
    story.next(Kind::ActionFlagged);
}

#[test]
fn a_verdict_may_list_what_was_answered() {
    let mut story = Story::before(Kind::VerdictGiven);
    let answer = proposals::answer(&story);
    let leaf = story.leaf(Kind::VerdictGiven);
    let mut entry = story.entry(leaf);
    proposals::resee(&mut entry, |seen| seen.parts.insert(0, answer));
    assert!(story.state.apply(&entry).is_ok());
}

#[test]
fn the_last_who_took_it_has_it() {
    let story = Story::before(Kind::ActionAsked);
    let known = story.state.action(&action(0)).expect("proposed");
    let taken = known.taken_by().expect("taken");
    assert_eq!(taken.by, Actor::Reviewer(super::super::story::founder()));
    assert_eq!(taken.seen_name(), None);
}
