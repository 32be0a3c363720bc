//! Who is still missing among those who approved.

use std::collections::BTreeMap;

use vidimus_protocol::entry::Evaluation;

use crate::demands::People;

/// Whom an evaluation still asks for after these people have approved, each
/// with the groups that they are in. As many of them as can be are counted for
/// a group.
#[must_use]
pub fn missing(asked: &Evaluation, approved: &[&[String]]) -> People {
    let slots: Vec<&str> = asked
        .groups
        .iter()
        .flat_map(|demand| (0..demand.people).map(|_| demand.group.as_str()))
        .collect();
    // Kuhn's algorithm: whoever stands in the way moves to another slot.
    let mut seats: Vec<Option<usize>> = vec![None; approved.len()];
    let mut of: BTreeMap<String, u64> = BTreeMap::new();
    for slot in 0..slots.len() {
        let mut tried = vec![false; approved.len()];
        if !seat(slot, &slots, approved, &mut seats, &mut tried) {
            *of.entry(slots[slot].to_owned()).or_default() += 1;
        }
    }
    let came = u64::try_from(approved.len()).unwrap_or(u64::MAX);
    let all = asked.quorum.saturating_sub(came).max(of.values().sum());
    People { all, of }
}

fn seat(
    slot: usize,
    slots: &[&str],
    people: &[&[String]],
    seats: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for person in 0..people.len() {
        let fits = people[person].iter().any(|group| group == slots[slot]);
        if !fits || std::mem::replace(&mut tried[person], true) {
            continue;
        }
        let moves = seats[person].is_none_or(|other| seat(other, slots, people, seats, tried));
        if moves {
            seats[person] = Some(slot);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use vidimus_protocol::entry::{Decision, FromGroup};

    fn asked(quorum: u64, groups: &[(&str, u64)]) -> Evaluation {
        let group = |(group, people): &(&str, u64)| FromGroup {
            group: (*group).to_owned(),
            people: *people,
        };
        Evaluation {
            decision: Decision::Ask,
            groups: groups.iter().map(group).collect(),
            quorum,
            ..Evaluation::refusing("a")
        }
    }

    fn words(asked: &Evaluation, approved: &[&[&str]]) -> String {
        let groups: Vec<Vec<String>> = approved
            .iter()
            .map(|groups| groups.iter().map(ToString::to_string).collect())
            .collect();
        let groups: Vec<&[String]> = groups.iter().map(Vec::as_slice).collect();
        missing(asked, &groups).words()
    }

    #[test]
    fn people_count_for_the_group_that_needs_them() {
        let two = asked(2, &[("security", 1), ("sre", 1)]);
        assert_eq!(words(&two, &[]), "1 from security and 1 from sre");
        assert_eq!(words(&two, &[&["sre"]]), "1 from security");
        assert_eq!(
            words(&two, &[&["security", "sre"], &["security"]]),
            "nobody"
        );
        assert_eq!(words(&two, &[&[], &[]]), "1 from security and 1 from sre");
    }

    #[test]
    fn others_fill_the_rest() {
        let three = asked(3, &[("sre", 1)]);
        assert_eq!(words(&three, &[]), "1 from sre and 2 more");
        assert_eq!(words(&three, &[&["sre"]]), "2 people");
        assert_eq!(words(&three, &[&[], &[]]), "1 from sre");
    }
}
