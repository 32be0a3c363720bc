//! Which people are still needed, by group. Pure.

use vidimus_protocol::entry::FromGroup;

/// Who is needed beside people who are in these groups; `None`: nobody.
pub(super) fn words(demands: &[FromGroup], quorum: u64, approved: &[&[String]]) -> Option<String> {
    let slots: Vec<&str> = demands
        .iter()
        .flat_map(|demand| (0..demand.people).map(|_| demand.group.as_str()))
        .collect();
    let empty = unfilled(&slots, approved);
    let given = u64::try_from(approved.len()).unwrap_or(u64::MAX);
    let open = u64::try_from(empty.len()).unwrap_or(u64::MAX);
    let more = quorum.saturating_sub(given).saturating_sub(open);
    let mut words = match empty.as_slice() {
        [] => Vec::new(),
        [_] => vec![format!("1 from {}", either(&slots, approved).join(" or "))],
        several => counted(several),
    };
    match (more, words.is_empty()) {
        (0, _) => {}
        (1, true) => words.push("1 more person".to_owned()),
        (more, true) => words.push(format!("{more} more people")),
        (more, false) => words.push(format!("{more} more")),
    }
    (!words.is_empty()).then(|| words.join(" and "))
}

/// Of which groups one more person would fill a slot: whoever approved may
/// count for another group than before.
fn either<'a>(slots: &[&'a str], approved: &[&[String]]) -> Vec<&'a str> {
    let before = unfilled(slots, approved).len();
    let mut groups = slots.to_vec();
    groups.dedup();
    groups.retain(|group| {
        let one = [(*group).to_owned()];
        let with: Vec<&[String]> = approved.iter().copied().chain([&one[..]]).collect();
        unfilled(slots, &with).len() < before
    });
    groups
}

fn counted(slots: &[&str]) -> Vec<String> {
    let mut words: Vec<(&str, u64)> = Vec::new();
    for slot in slots {
        match words.last_mut() {
            Some((group, count)) if group == slot => *count += 1,
            _ => words.push((slot, 1)),
        }
    }
    let word = |(group, count): (&str, u64)| format!("{count} from {group}");
    words.into_iter().map(word).collect()
}

/// The slots that nobody fills when as many as can be are filled, each person
/// one of them: Kuhn's algorithm, as the reducer counts.
fn unfilled<'a>(slots: &[&'a str], people: &[&[String]]) -> Vec<&'a str> {
    let mut seat_of: Vec<Option<usize>> = vec![None; people.len()];
    let empty = (0..slots.len()).filter(|slot| {
        let mut asked = vec![false; people.len()];
        !seat(*slot, slots, people, &mut seat_of, &mut asked)
    });
    empty.map(|slot| slots[slot]).collect()
}

fn seat(
    slot: usize,
    slots: &[&str],
    people: &[&[String]],
    seat_of: &mut [Option<usize>],
    asked: &mut [bool],
) -> bool {
    for person in 0..people.len() {
        let fits = people[person].iter().any(|group| group == slots[slot]);
        if !fits || std::mem::replace(&mut asked[person], true) {
            continue;
        }
        let moves = match seat_of[person] {
            Some(other) => seat(other, slots, people, seat_of, asked),
            None => true,
        };
        if moves {
            seat_of[person] = Some(slot);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(demands: &[(&str, u64)], quorum: u64, approved: &[&[&str]]) -> Option<String> {
        let demands: Vec<FromGroup> = demands
            .iter()
            .map(|(group, people)| FromGroup {
                group: (*group).to_owned(),
                people: *people,
            })
            .collect();
        let approved: Vec<Vec<String>> = approved
            .iter()
            .map(|groups| groups.iter().map(|group| (*group).to_owned()).collect())
            .collect();
        let approved: Vec<&[String]> = approved.iter().map(Vec::as_slice).collect();
        words(&demands, quorum, &approved)
    }

    #[test]
    fn what_is_missing_is_told_by_group() {
        let two = [("security", 1), ("sre", 1)];
        let said = |quorum, approved: &[&[&str]]| needed(&two, quorum, approved);
        let both = "1 from security and 1 from sre";
        assert_eq!(said(2, &[]).as_deref(), Some(both));
        assert_eq!(
            said(3, &[]).as_deref(),
            Some("1 from security and 1 from sre and 1 more")
        );
        assert_eq!(said(2, &[&["sre"]]).as_deref(), Some("1 from security"));
        assert_eq!(said(2, &[&["dba"]]).as_deref(), Some(both));
        // Who is in both counts for one, and either of the two groups is left.
        let either = Some("1 from security or sre");
        assert_eq!(said(2, &[&["security", "sre"]]).as_deref(), either);
        assert_eq!(said(2, &[&["security", "sre"], &["sre"]]), None);
        assert_eq!(
            said(3, &[&["security"], &["sre"]]).as_deref(),
            Some("1 more person")
        );
        assert_eq!(needed(&[("sre", 2)], 2, &[]).as_deref(), Some("2 from sre"));
        assert_eq!(needed(&[], 2, &[]).as_deref(), Some("2 more people"));
        assert_eq!(needed(&[], 1, &[&[]]), None);
    }
}
