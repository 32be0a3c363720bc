#![allow(clippy::unwrap_used)]
use super::*;

/// Central Europe, as calendars are exported.
const BERLIN: &str = "BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
";

fn text(zones: &str, events: &[&str]) -> String {
    let events: String = (1..)
        .zip(events)
        .map(|(number, event)| {
            let uid = if event.contains("UID:") {
                String::new()
            } else {
                format!("UID:{number}\n")
            };
            format!("BEGIN:VEVENT\n{uid}{event}\nEND:VEVENT\n")
        })
        .collect();
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{zones}{events}END:VCALENDAR\n")
}

fn calendar(zones: &str, events: &[&str]) -> Calendar {
    Calendar::read("test", &text(zones, events)).unwrap()
}

fn wrong(zones: &str, event: &str) -> String {
    Calendar::read("test", &text(zones, &[event]))
        .unwrap_err()
        .message
}

fn on(calendar: &Calendar, time: &str) -> bool {
    calendar.at(time.parse().unwrap()).on
}

/// Begins at the first, is over at the last.
fn lasts(calendar: &Calendar, from: &str, until: &str) {
    let ms = |time: &str, by: i64| {
        let time: Time = time.parse().unwrap();
        Time::from_unix_ms(time.unix_ms().checked_add_signed(by).unwrap())
    };
    assert!(!calendar.at(ms(from, -1)).on, "before {from}");
    assert!(calendar.at(ms(from, 0)).on, "at {from}");
    assert!(calendar.at(ms(until, -1)).on, "before {until}");
    assert!(!calendar.at(ms(until, 0)).on, "at {until}");
}

#[test]
fn office_hours_follow_the_clock_on_the_wall() {
    let hours = calendar(
        BERLIN,
        &[
            "DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T170000\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        ],
    );
    lasts(
        &hours,
        "2026-03-27T08:00:00.000Z",
        "2026-03-27T16:00:00.000Z",
    );
    // Summer time begins on a Sunday.
    lasts(
        &hours,
        "2026-03-30T07:00:00.000Z",
        "2026-03-30T15:00:00.000Z",
    );
    lasts(
        &hours,
        "2026-10-26T08:00:00.000Z",
        "2026-10-26T16:00:00.000Z",
    );
    lasts(
        &hours,
        "2041-11-22T08:00:00.000Z",
        "2041-11-22T16:00:00.000Z",
    );
    assert!(!on(&hours, "2026-03-28T09:00:00.000Z"));
    assert!(!on(&hours, "2026-01-02T09:00:00.000Z"));
    // Questions come in any order.
    assert!(on(&hours, "2026-03-27T09:00:00.000Z"));
}

#[test]
fn days_are_those_of_the_only_zone() {
    let freeze = calendar(
        BERLIN,
        &["DTSTART;VALUE=DATE:20261223\nDTEND;VALUE=DATE:20270103"],
    );
    lasts(
        &freeze,
        "2026-12-22T23:00:00.000Z",
        "2027-01-02T23:00:00.000Z",
    );
    // A day on which clocks change has 23 hours.
    let day = calendar(BERLIN, &["DTSTART;VALUE=DATE:20260329"]);
    lasts(&day, "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z");
    let utc = calendar("", &["DTSTART;VALUE=DATE:20260329\nDURATION:P1W"]);
    lasts(&utc, "2026-03-29T00:00:00.000Z", "2026-04-05T00:00:00.000Z");
}

#[test]
fn a_time_that_clocks_leave_out_or_repeat() {
    let at = |local: &str| {
        let event = format!("DTSTART;TZID=Europe/Berlin:{local}\nDURATION:PT10M");
        calendar(BERLIN, &[&event])
    };
    lasts(
        &at("20260329T023000"),
        "2026-03-29T01:30:00.000Z",
        "2026-03-29T01:40:00.000Z",
    );
    lasts(
        &at("20260329T015959"),
        "2026-03-29T00:59:59.000Z",
        "2026-03-29T01:09:59.000Z",
    );
    lasts(
        &at("20261025T023000"),
        "2026-10-25T00:30:00.000Z",
        "2026-10-25T00:40:00.000Z",
    );
    lasts(
        &at("20261025T030000"),
        "2026-10-25T02:00:00.000Z",
        "2026-10-25T02:10:00.000Z",
    );
    // Before the first change.
    lasts(
        &at("19700201T000000"),
        "1970-01-31T23:00:00.000Z",
        "1970-01-31T23:10:00.000Z",
    );
}

#[test]
fn times_are_left_out_added_and_moved() {
    let night = calendar(
        BERLIN,
        &[
            "UID:n\nDTSTART;TZID=Europe/Berlin:20261102T200000\nDURATION:PT12H\nRRULE:FREQ=WEEKLY;UNTIL=20261201T190000Z\nRDATE;TZID=Europe/Berlin:20261105T200000\nEXDATE:20261109T190000Z\nATTENDEE;CN=\"Ada; or: B\":MAILTO:Ada@Example.org",
            "UID:n\nRECURRENCE-ID;TZID=Europe/Berlin:20261116T200000\nDTSTART;TZID=Europe/Berlin:20261117T200000\nDURATION:PT12H\nATTENDEE:mailto:bob@example.org\nATTENDEE;PARTSTAT=DECLINED:mailto:ada@example.org",
            "UID:n\nRECURRENCE-ID;TZID=Europe/Berlin:20261123T200000\nDTSTART;TZID=Europe/Berlin:20261123T200000\nDURATION:PT12H\nSTATUS:CANCELLED",
        ],
    );
    let people = |time: &str| -> Vec<String> {
        night.at(time.parse().unwrap()).people.into_iter().collect()
    };
    assert_eq!(people("2026-11-02T20:00:00.000Z"), ["ada@example.org"]);
    assert_eq!(people("2026-11-03T06:59:59.000Z"), ["ada@example.org"]);
    assert!(people("2026-11-03T07:00:00.000Z").is_empty());
    assert_eq!(people("2026-11-05T20:00:00.000Z"), ["ada@example.org"]);
    assert!(!on(&night, "2026-11-09T20:00:00.000Z"), "left out");
    assert!(!on(&night, "2026-11-16T20:00:00.000Z"), "moved away");
    assert_eq!(people("2026-11-17T20:00:00.000Z"), ["bob@example.org"]);
    assert!(!on(&night, "2026-11-23T20:00:00.000Z"), "cancelled");
    assert!(on(&night, "2026-11-30T20:00:00.000Z"));
    assert!(!on(&night, "2026-12-07T20:00:00.000Z"), "its end is over");
}

#[test]
fn rules_give_what_the_standard_says() {
    let cases = [
        (
            "20260131T120000Z",
            "FREQ=MONTHLY",
            &["2026-03-31", "2026-05-31"][..],
            "2026-02-28",
        ),
        (
            "20260130T120000Z",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            &["2026-02-27", "2026-03-31"],
            "2026-02-28",
        ),
        (
            "20260105T120000Z",
            "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,SU",
            &["2026-01-18", "2026-01-19"],
            "2026-01-11",
        ),
        (
            "20240229T120000Z",
            "FREQ=YEARLY",
            &["2028-02-29"],
            "2026-02-28",
        ),
        (
            "20260101T120000Z",
            "FREQ=DAILY;COUNT=3",
            &["2026-01-03"],
            "2026-01-04",
        ),
        (
            "20260101T120000Z",
            "FREQ=DAILY;UNTIL=20260103T120000Z",
            &["2026-01-03"],
            "2026-01-04",
        ),
        (
            "20260110T120000Z",
            "FREQ=MONTHLY;BYDAY=2SA",
            &["2026-02-14"],
            "2026-02-10",
        ),
    ];
    for (start, rule, days, not) in cases {
        let event = format!("DTSTART:{start}\nDURATION:PT1H\nRRULE:{rule}");
        let calendar = calendar("", &[&event]);
        for day in days {
            assert!(
                on(&calendar, &format!("{day}T12:30:00.000Z")),
                "{rule}: {day}"
            );
        }
        assert!(
            !on(&calendar, &format!("{not}T12:30:00.000Z")),
            "{rule}: {not}"
        );
    }
}

#[test]
fn the_first_time_is_one_of_those_that_are_counted() {
    let on_monday = |more: &str| {
        let event =
            format!("DTSTART:20260101T120000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO{more}");
        let calendar = calendar("", &[&event]);
        let days = ["2026-01-01", "2026-01-05", "2026-01-12"];
        days.map(|day| on(&calendar, &format!("{day}T12:30:00.000Z")))
    };
    assert_eq!(on_monday(""), [true, true, true]);
    assert_eq!(on_monday(";COUNT=2"), [true, true, false]);
    assert_eq!(on_monday(";COUNT=1"), [true, false, false]);
    let never =
        "DTSTART:20260101T120000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30";
    let never = calendar("", &[never]);
    lasts(
        &never,
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T13:00:00.000Z",
    );
}

#[test]
fn outlooks_zones_are_read() {
    let zone = "BEGIN:VTIMEZONE\nTZID:Eastern Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=11\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=2SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
    let at = |day: &str| {
        let event = format!("DTSTART;TZID=Eastern Standard Time:{day}T090000\nDURATION:PT1H");
        calendar(zone, &[&event])
    };
    lasts(
        &at("20261031"),
        "2026-10-31T13:00:00.000Z",
        "2026-10-31T14:00:00.000Z",
    );
    lasts(
        &at("20261101"),
        "2026-11-01T14:00:00.000Z",
        "2026-11-01T15:00:00.000Z",
    );
}

#[test]
fn long_events_reach_into_later_windows() {
    let year = calendar("", &["DTSTART:20260101T000000Z\nDURATION:P366D"]);
    lasts(
        &year,
        "2026-01-01T00:00:00.000Z",
        "2027-01-02T00:00:00.000Z",
    );
}

#[test]
fn what_comes_next_is_told() {
    let shifts = calendar(
        "",
        &[
            "DTSTART:20260105T080000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;INTERVAL=2\nATTENDEE:mailto:ada@example.org",
            "DTSTART:20260106T080000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;INTERVAL=2",
        ],
    );
    let next = shifts.next("2026-11-23T07:59:59.000Z".parse().unwrap(), 2);
    let times: Vec<String> = next
        .iter()
        .map(|one| format!("{} {}", one.from, one.people.len()))
        .collect();
    assert_eq!(
        times,
        ["2026-11-22T08:00:00.000Z 0", "2026-11-23T08:00:00.000Z 1"]
    );
    assert_eq!(next[0].until, next[1].from);
    assert_eq!(shifts.next(next[0].until, 100).len(), 32);
}

#[test]
fn what_is_not_understood_is_a_mistake() {
    for (event, part) in [
        ("DURATION:PT1H", "has no DTSTART"),
        ("DTSTART:20260101T000000Z", "takes no time"),
        (
            "DTSTART:20260101T000000Z\nDTEND:20260101T000000Z",
            "does not end within",
        ),
        (
            "DTSTART:20260101T000000Z\nDTEND:20280101T000000Z",
            "does not end within",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT0S",
            "does not end within",
        ),
        ("DTSTART:20260101T000000Z\nDURATION:1H", "no length"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1D", "no length"),
        ("DTSTART:20260101T000000Z\nDURATION:P1DT", "no length"),
        ("DTSTART:20260101T000000Z\nDURATION:PT1S1H", "no length"),
        (
            "DTSTART:20260101T000000Z\nDTEND:20260101T010000Z\nDURATION:PT1H",
            "DTEND too",
        ),
        (
            "DTSTART:20260101T000000Z\nDTSTART:20260101T000000Z\nDURATION:PT1H",
            "twice",
        ),
        ("DTSTART:20261301T000000Z\nDURATION:PT1H", "no time"),
        ("DTSTART:20260101T240000Z\nDURATION:PT1H", "no time"),
        ("DTSTART:20260101\nDURATION:PT1H", "no time"),
        (
            "DTSTART;VALUE=DATE:20260101T000000Z\nDURATION:PT1H",
            "no time",
        ),
        (
            "DTSTART;VALUE=PERIOD:20260101T000000Z/PT1H\nDURATION:PT1H",
            "VALUE=PERIOD",
        ),
        (
            "DTSTART;TZID=Europe/Rome:20260101T000000\nDURATION:PT1H",
            "no VTIMEZONE",
        ),
        (
            "DTSTART;TZID=Europe/Berlin:20260101T000000Z\nDURATION:PT1H",
            "in UTC and has a TZID",
        ),
        (
            "DTSTART;VALUE=DATE:20260101\nDTEND:20260102T000000Z",
            "a date and DTSTART",
        ),
        (
            "DTSTART;VALUE=DATE:20260101\nEXDATE:20260102T000000Z",
            "a date and DTSTART",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nEXRULE:FREQ=DAILY",
            "EXDATE",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260101T000000Z",
            "all that follow",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRECURRENCE-ID:20260101T000000Z\nRRULE:FREQ=DAILY",
            "all that follow",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY",
            "FREQ",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:INTERVAL=2",
            "FREQ",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYHOUR=1",
            "BYHOUR=1",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;FREQ=DAILY",
            "twice",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=0",
            "COUNT=0",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=+2",
            "COUNT=+2",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20270101T000000Z;COUNT=2",
            "use one",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20250101T000000Z",
            "ends before it begins",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=1MO",
            "BYDAY=1MO",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYSETPOS=1",
            "nothing of which",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=1MO,TU",
            "BYDAY=1MO,TU",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=-5MO",
            "BYDAY=-5MO",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=6MO",
            "BYDAY=6MO",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nSUMMARY",
            "a name, a colon",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nSUMMARY;A=1;A=2:x",
            "each once",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nSUM MARY:x",
            "letters",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nSUMMARY:\u{7}",
            "control character",
        ),
        (
            "DTSTART:20260101T000000Z\nDURATION:PT1H\nEND:VALARM",
            "what ends here",
        ),
    ] {
        let message = wrong(BERLIN, event);
        assert!(message.contains(part), "{event}\n{message}");
    }
    let other = BERLIN.replace("Berlin", "Rome");
    let open = wrong(
        &format!("{BERLIN}{other}"),
        "DTSTART:20260101T000000\nDURATION:PT1H",
    );
    assert!(open.contains("several"), "{open}");
    assert!(wrong(&format!("{BERLIN}{BERLIN}"), "").contains("another zone"));
    let offset = BERLIN.replace("+0200", "0200");
    assert!(wrong(&offset, "").contains("no offset"));
    let nothing = "BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n";
    assert!(wrong(nothing, "").contains("no STANDARD"));
    let event = "UID:1\nDTSTART:20260101T000000Z\nDURATION:PT1H";
    let twice = Calendar::read("test", &text("", &[event, event])).unwrap_err();
    assert_eq!(twice.line, 8);
    assert!(twice.message.contains("another event"));
    let moved = format!("{event}\nRECURRENCE-ID:20260101T000000Z");
    let twice = Calendar::read("test", &text("", &[event, &moved, &moved])).unwrap_err();
    assert!(twice.message.contains("another event"));
}

#[test]
fn a_file_is_one_calendar() {
    for (text, part) in [
        ("", "ends before"),
        ("BEGIN:VCALENDAR", "ends before"),
        ("VERSION:2.0\n", "begins with"),
        ("BEGIN:VEVENT\n", "begins with"),
        (" x", "goes on"),
        (
            "BEGIN:VCALENDAR\nX:1\n\n y\nEND:VCALENDAR",
            "a name, a colon",
        ),
        (
            "BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCALENDAR",
            "nothing follows",
        ),
        (&"BEGIN:VCALENDAR\n".repeat(9), "too deep"),
    ] {
        let message = Calendar::read("test", text).unwrap_err().message;
        assert!(message.contains(part), "{text}: {message}");
    }
    let folded = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:2026\r\n 0101T000000Z\r\nDURA\r\n\tTION:PT1H\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n\r\n";
    let folded = Calendar::read("test", folded).unwrap();
    lasts(
        &folded,
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T01:00:00.000Z",
    );
    assert_eq!((folded.name(), folded.events()), ("test", 1));
}
