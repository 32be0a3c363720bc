//! Glass that stays, and reviews of what was broken.

use super::super::story::{ada, ben, ben_again, cleo, dan};
use super::policy::under_policy;
use super::*;
use crate::entry::Evaluation;
use crate::envelope::{Finding, Role};

/// Ben breaks glass for what was evaluated like that.
fn broken(story: &mut Story, entry: &mut Entry, change: impl FnOnce(&mut Evaluation)) {
    *story = under_policy();
    let mut leaf = story.proposed_urgent(action(0));
    if let Data::ActionProposed(data) = &mut leaf.data {
        change(&mut data.evaluation);
    }
    story.take(leaf);
    story.person = ben();
    let leaf = story.verdict(action(0), Verdict::BreakGlass);
    instead(story, entry, leaf);
}

/// What `person` says of the broken glass of the happy path.
fn reviewed_by(story: &mut Story, entry: &mut Entry, person: super::super::story::Person) {
    story.person = person;
    let leaf = story.reviewed(action(3), Finding::Justified);
    instead(story, entry, leaf);
}

macro_rules! item {
    ($entry:expr) => {
        data!($entry, VerdictReviewed).signed.item
    };
}

cases! { BROKEN:
    GlassStays, "where the policy does not let anybody", VerdictGiven, |story, entry| {
        broken(story, entry, |asked| asked.break_glass = false);
    };
    GlassStays, "where no policy is in force", VerdictGiven, |story, entry| {
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    GlassStays, "over a denial that is not enough", VerdictGiven, |story, entry| {
        broken(story, entry, |asked| asked.veto = Some(2));
        story.joins(cleo(), &[Role::Reviewer]);
        story.person = cleo();
        let denial = story.verdict(action(0), Verdict::Deny);
        story.take(denial);
        story.person = ben();
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    AssuranceMissing, "with a key that may leave its device", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        story.person = ben_again();
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    ReasonMissing, "with a reason of a word", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        entry.leaf.parts[0].size = 19;
    };
    WrongSeen, "unseen", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        proposals::resee(entry, |seen| seen.parts.clear());
    };
    NotSeenInFull, "without having seen the whole of it", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        proposals::resee(entry, |seen| seen.full = false);
    };
    BadEvaluation, "names no policy that lets them break glass", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        data!(entry, VerdictGiven).policies.clear();
    };
    OwnAction, "by whose agent it is", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        story.joins(cleo(), &[Role::Administrator]);
        story.person = cleo();
        let mut leaf = story.person_changed(ada());
        if let Data::ReviewerChanged(data) = &mut leaf.data {
            data.signed.item.roles = vec![Role::Administrator, Role::Reviewer];
        }
        story.take(leaf);
        story.person = ada();
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    DecidedAlready, "a second time", VerdictGiven, |story, entry| {
        broken(story, entry, |_| {});
        story.take(entry.leaf.clone());
        let leaf = story.verdict(action(0), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    TooManyUnreviewed, "a fourth that nobody has reviewed", VerdictGiven, |story, entry| {
        *story = under_policy();
        for number in 0..4 {
            let leaf = story.proposed_urgent(action(number));
            story.take(leaf);
        }
        story.person = ben();
        for number in 0..3 {
            let leaf = story.verdict(action(number), Verdict::BreakGlass);
            story.take(leaf);
        }
        let leaf = story.verdict(action(3), Verdict::BreakGlass);
        instead(story, entry, leaf);
    };
    BadEvaluation, "allowed where no policy is in force", ActionProposed, |_, entry| {
        data!(entry, ActionProposed).evaluation.break_glass = true;
    };
}

cases! { REVIEWED:
    UnknownAction, "of nothing", VerdictReviewed, |_, entry| item!(entry).action = action(9);
    WrongStatement, "of no verdict", VerdictReviewed, |_, entry| {
        item!(entry).verdict = Digest([1; 32]);
    };
    WrongStatement, "of an approval", VerdictReviewed, |story, entry| {
        let known = story.state.action(&action(0)).expect("proposed");
        let approval = known.verdicts[0].entry;
        item!(entry).action = action(0);
        item!(entry).verdict = approval.leaf;
        entry.leaf.refs[1] = approval;
    };
    WrongStatement, "a second time", VerdictReviewed, |story, entry| {
        story.next(Kind::VerdictReviewed);
        let leaf = story.reviewed(action(3), Finding::Unjustified);
        instead(story, entry, leaf);
    };
    WrongReason, "for another reason", VerdictReviewed, |_, entry| {
        item!(entry).reason_commit = Digest([1; 32]);
    };
    WrongParts, "without a reason", VerdictReviewed, |_, entry| entry.leaf.parts.clear();
    ReasonMissing, "without a word", VerdictReviewed, |_, entry| {
        entry.leaf.parts[0].size = 0;
    };
    NotAllowed, "by a reviewer", VerdictReviewed, |story, entry| {
        story.joins(cleo(), &[Role::Reviewer]);
        reviewed_by(story, entry, cleo());
    };
    OwnAction, "by who broke it", VerdictReviewed, |story, entry| {
        let mut leaf = story.person_changed(ben());
        if let Data::ReviewerChanged(data) = &mut leaf.data {
            data.signed.item.roles = vec![Role::Administrator, Role::Reviewer];
        }
        story.take(leaf);
        reviewed_by(story, entry, ben());
    };
    OwnAction, "by whose agent it was, while another could", VerdictReviewed, |story, entry| {
        story.joins(dan(), &[Role::Administrator]);
        reviewed_by(story, entry, ada());
    };
    StalePin, "does not cover the verdict", VerdictReviewed, |story, entry| {
        let known = story.state.action(&action(3)).expect("proposed");
        let verdict = known.verdicts[0].entry.index;
        data!(entry, VerdictReviewed).signed.envelope.pinned_size = Decimal(verdict);
    };
}
