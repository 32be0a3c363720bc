//! Who is still missing among those who approved.

use vidimus_protocol::entry::Evaluation;

/// Whom an evaluation still asks for after these people have approved, each
/// with the groups that they are in; `None`: nobody. As many of them as can be
/// are counted for a group.
#[must_use]
pub fn missing(asked: &Evaluation, approved: &[&[String]]) -> Option<String> {
    let slots: Vec<&str> = asked
        .groups
        .iter()
        .flat_map(|demand| (0..demand.people).map(|_| demand.group.as_str()))
        .collect();
    let empty = unfilled(&slots, approved);
    let given = u64::try_from(approved.len()).unwrap_or(u64::MAX);
    let open = u64::try_from(empty.len()).unwrap_or(u64::MAX);
    let rest = asked.quorum.saturating_sub(given).saturating_sub(open);
    let mut words = match empty.as_slice() {
        [] => Vec::new(),
        [_] => vec![format!("1 from {}", either(&slots, approved).join(" or "))],
        several => counted(several),
    };
    let more = if given > 0 { " more" } else { "" };
    match (rest, words.is_empty()) {
        (0, _) => {}
        (1, true) => words.push(format!("1{more} person")),
        (rest, true) => words.push(format!("{rest}{more} people")),
        (rest, false) => words.push(format!("{rest} more")),
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
    use vidimus_protocol::entry::{Decision, FromGroup};

    fn needed(demands: &[(&str, u64)], quorum: u64, approved: &[&[&str]]) -> Option<String> {
        let group = |(group, people): &(&str, u64)| FromGroup {
            group: (*group).to_owned(),
            people: *people,
        };
        let asked = Evaluation {
            decision: Decision::Ask,
            groups: demands.iter().map(group).collect(),
            quorum,
            ..Evaluation::refusing("a")
        };
        let approved: Vec<Vec<String>> = approved
            .iter()
            .map(|groups| groups.iter().map(ToString::to_string).collect())
            .collect();
        let approved: Vec<&[String]> = approved.iter().map(Vec::as_slice).collect();
        missing(&asked, &approved)
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
        assert_eq!(needed(&[], 2, &[]).as_deref(), Some("2 people"));
        assert_eq!(needed(&[], 1, &[]).as_deref(), Some("1 person"));
        assert_eq!(needed(&[], 3, &[&[]]).as_deref(), Some("2 more people"));
        assert_eq!(
            needed(&[("sre", 1)], 3, &[]).as_deref(),
            Some("1 from sre and 2 more")
        );
        // Who is in no group that is asked for fills none of its places.
        assert_eq!(
            needed(&[("sre", 1)], 3, &[&[], &[]]).as_deref(),
            Some("1 from sre")
        );
        assert_eq!(needed(&[], 1, &[&[]]), None);
    }
}
