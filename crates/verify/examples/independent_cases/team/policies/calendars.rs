//! Calendars: which texts are right, and what they say at a time.

use vidimus_policy::{PolicyFile, PolicyText, Set};
use vidimus_protocol::entry::Profile;
use vidimus_protocol::envelope::Verdict;
use vidimus_verify::testkit::sample_action;

use super::{alone, cast};
use crate::Cases;

const PROPOSE: &str = "permit (principal, action == Vidimus::Action::\"propose\", resource)";
const DECIDE: &str =
    "@id(\"d\") permit (principal, action == Vidimus::Action::\"decide\", resource)";

const BERLIN: &str = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nDTSTART:19700329T020000\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\nEND:DAYLIGHT\nBEGIN:STANDARD\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nDTSTART:19701025T030000\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\nEND:STANDARD\nEND:VTIMEZONE\n";
/// As Outlook writes it.
const EASTERN: &str = "BEGIN:VTIMEZONE\nTZID:Eastern Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T020000\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=11\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=2SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";
/// Without summer time, since its rule has ended.
const TOKYO: &str = "BEGIN:VTIMEZONE\nTZID:Tokyo\nBEGIN:DAYLIGHT\nDTSTART:19480502T000000\nTZOFFSETFROM:+0900\nTZOFFSETTO:+1000\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=1SU;UNTIL=19510505T150000Z\nRDATE:19520501T000000,19530501T000000\nEND:DAYLIGHT\nBEGIN:STANDARD\nDTSTART:19480912T010000\nTZOFFSETFROM:+1000\nTZOFFSETTO:+090000\nRRULE:FREQ=YEARLY;BYMONTH=9;BYDAY=2SA;COUNT=6\nEND:STANDARD\nEND:VTIMEZONE\n";

/// A few thousand numbers without an order.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

pub(super) fn write(cases: &mut Cases) {
    for (zones, event) in EVENTS {
        let name = format!("calendar: {event} in {} bytes of zones", zones.len());
        told(cases, &name, &calendar(zones, event));
    }
    for text in WHOLE {
        told(cases, &format!("calendar: {text:?}"), text);
    }
    for zone in ZONES {
        let event =
            "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Z:20261120T000000\nDURATION:P3D\nEND:VEVENT\n";
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\n{zone}END:VTIMEZONE\n{event}END:VCALENDAR\n"
        );
        told(cases, &format!("calendar: zone {zone:?}"), &text);
    }
    let mut dice = Dice(7);
    let mut right = Vec::new();
    for number in 0..1_500 {
        let text = thrown(&mut dice);
        let files = files(std::slice::from_ref(&text));
        if Set::in_log(&files, Profile::Team, "x").is_ok() {
            right.push(text);
        } else {
            // A right one is told among others.
            told(cases, &format!("calendar: thrown {number}"), &text);
        }
    }
    for (number, many) in right.chunks(60).enumerate() {
        let files = files(many);
        let mut team = alone();
        team.bring(&files);
        for seconds in [
            0,
            7_201,
            43_200,
            3 * 86_400,
            11 * 86_399,
            40 * 86_400,
            200 * 86_400,
        ] {
            team.story.pass(seconds);
            team.proposed_under(&files, &sample_action(1));
        }
        team.told(cases, &format!("calendars: what {number} say in time"));
    }
    on_duty(cases);
    bound(cases);
}

fn told(cases: &mut Cases, name: &str, text: &str) {
    let files = files(&[text.to_owned()]);
    let mut team = alone();
    let draft = team.story.policy_of(files.to_bytes());
    team.write(draft);
    // What it says now, in the evaluation; one that is not right says nothing.
    if Set::in_log(&files, Profile::Personal, "x").is_ok() {
        team.proposed_under(&files, &sample_action(1));
    }
    team.told(cases, name);
}

/// A policy that says of each of these calendars whether something is on.
fn files(calendars: &[String]) -> PolicyText {
    let mut source = format!("{DECIDE};\n@id(\"p\") {PROPOSE};\n");
    let mut files = Vec::new();
    for (number, text) in calendars.iter().enumerate() {
        source += &format!(
            "@id(\"c{number}\") {PROPOSE} when {{ context.calendars.contains(\"c{number}\") }};\n"
        );
        files.push(PolicyFile {
            name: format!("c{number}.ics"),
            text: text.clone(),
        });
    }
    files.push(PolicyFile {
        name: "policy.cedar".into(),
        text: source,
    });
    PolicyText::new(files).expect("names of files")
}

fn calendar(zones: &str, event: &str) -> String {
    format!("BEGIN:VCALENDAR\n{zones}BEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n")
}

/// An event that repeats, around the time of these logs.
fn thrown(dice: &mut Dice) -> String {
    let (zones, zone) = [
        ("", ""),
        (BERLIN, "TZID=Europe/Berlin"),
        (EASTERN, "TZID=Eastern Standard Time"),
        (TOKYO, "TZID=Tokyo"),
    ][dice.below(4)];
    let year = dice.one(&["2024", "2025", "2026", "2026", "2026"]);
    let month = dice.one(&["01", "02", "03", "08", "10", "11", "11"]);
    let day = dice.one(&["01", "02", "09", "17", "21", "23", "28", "29", "30", "31"]);
    let whole = dice.below(5) == 0;
    let time = dice.one(&["000000", "023000", "093000", "093001", "180000", "235959"]);
    let start = match (whole, zone) {
        (true, _) => format!(";VALUE=DATE:{year}{month}{day}"),
        (false, "") => format!(":{year}{month}{day}T{time}Z"),
        (false, zone) => format!(";{zone}:{year}{month}{day}T{time}"),
    };
    let length = dice.one(&["PT1H", "PT10H30M", "P1D", "P2DT3H", "P1W", "P1DT1S"]);
    let length = match dice.below(6) {
        0 if whole => String::new(),
        _ => format!("\nDURATION:{length}"),
    };
    let frequency = dice.one(&["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY"]);
    let mut rule = format!("FREQ={frequency}");
    for (chance, part) in [
        (3, dice.one(&["INTERVAL=2", "INTERVAL=3", "INTERVAL=13"])),
        (
            6,
            dice.one(&[
                "COUNT=3",
                "COUNT=40",
                "UNTIL=20261201T120000Z",
                "UNTIL=20261130",
                "UNTIL=20270101T000000",
            ]),
        ),
        (
            2,
            dice.one(&[
                "BYDAY=MO,TU,WE,TH,FR",
                "BYDAY=SA,SU",
                "BYDAY=SU",
                "BYDAY=-1SU,1MO",
                "BYDAY=MO,WE,SA",
                "BYDAY=3SA",
                "BYDAY=5MO",
            ]),
        ),
        (
            4,
            dice.one(&["BYMONTH=11", "BYMONTH=2,8,11,12", "BYMONTH=1"]),
        ),
        (
            5,
            dice.one(&[
                "BYMONTHDAY=-1",
                "BYMONTHDAY=1,15,21,23",
                "BYMONTHDAY=31,30,29",
            ]),
        ),
        (6, dice.one(&["BYSETPOS=1", "BYSETPOS=-1,2", "BYSETPOS=3"])),
        (5, dice.one(&["WKST=SU", "WKST=WE"])),
    ] {
        if dice.below(chance) == 0 {
            rule = format!("{rule};{part}");
        }
    }
    let more = match dice.below(5) {
        0 if whole => "\nEXDATE;VALUE=DATE:20261121,20261123\nRDATE;VALUE=DATE:20261124",
        0 => "\nEXDATE:20261123T083000Z,20261121T093000Z\nRDATE:20261122T083000Z",
        _ => "",
    };
    calendar(
        zones,
        &format!("UID:1\nDTSTART{start}{length}\nRRULE:{rule}{more}"),
    )
}

/// Whoever decides is told by what the calendar says at their verdict.
fn on_duty(cases: &mut Cases) {
    let source = format!(
        "@id(\"p\") {PROPOSE};\n{DECIDE} when {{ context.on_duty.contains(\"on-call\") }};\n@id(\"owner\") {PROPOSE} when {{ context.on_duty.contains(\"on-call\") }};"
    );
    for people in [
        "ATTENDEE:mailto:dora@example.com",
        "ATTENDEE:MAILTO:Dora@Example.COM",
        "ATTENDEE;PARTSTAT=declined:mailto:dora@example.com",
        "ATTENDEE;CN=\"mailto:dora@example.com\":mailto:cleo@example.com",
        "ATTENDEE:dora@example.com",
        "ATTENDEE:mailto:ada\nATTENDEE:mailto:cleo@example.com",
        "ORGANIZER:mailto:dora@example.com",
        "SUMMARY:Dora",
    ] {
        for begin in ["20261121T000000Z", "20261121T100000Z"] {
            let event = format!("UID:1\nDTSTART:{begin}\nDURATION:PT12H\n{people}");
            let text = PolicyText::new(vec![
                PolicyFile {
                    name: "on-call.ics".into(),
                    text: calendar("", &event),
                },
                PolicyFile {
                    name: "policy.cedar".into(),
                    text: source.clone(),
                },
            ])
            .expect("names of files");
            for seconds in [0, 300] {
                let mut team = cast();
                team.by("Ada").bring(&text);
                let action = team.proposed_under(&text, &sample_action(1));
                team.story.pass(seconds);
                team.by("Dora")
                    .decide_naming(action, Verdict::Approve, "so", &["d"]);
                let name = format!("calendar: on duty {people} from {begin} after {seconds}");
                team.told(cases, &name);
            }
        }
    }
}

/// 500 events in all.
fn bound(cases: &mut Cases) {
    for (here, there) in [(250, 250), (250, 251), (501, 1), (500, 0)] {
        let many = |count: usize| {
            let events: String = (0..count)
                .map(|uid| format!("BEGIN:VEVENT\nUID:{uid}\nDTSTART:20261121T000000Z\nDURATION:PT1H\nEND:VEVENT\n"))
                .collect();
            format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n")
        };
        let text = files(&[many(here), many(there)]);
        let mut team = alone();
        let draft = team.story.policy_of(text.to_bytes());
        team.write(draft);
        team.told(cases, &format!("calendars of {here} and {there} events"));
    }
}

const START: &str = "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D";

/// Zones, and what stands in an event.
const EVENTS: &[(&str, &str)] = &[
    ("", START),
    ("", ""),
    ("", "UID:1\nDTSTART:20261121T000000Z"),
    ("", "DTSTART:20261121T000000Z\nDURATION:P1D"),
    ("", "UID:\nDTSTART:20261121T000000Z\nDURATION:P1D"),
    ("", "uid:1\ndtstart:20261121T000000Z\nduration:P1D"),
    ("", "UID:1\nDTSTART:20261121T000000z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:20261121T000000\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:20261121\nDURATION:P1D"),
    ("", "UID:1\nDTSTART;VALUE=DATE:20261121"),
    ("", "UID:1\nDTSTART;VALUE=date:20261121"),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE-TIME:20261121T000000Z\nDURATION:P1D",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261121",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20261122",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20271122",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND;VALUE=DATE:20271123",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261121\nDTEND:20261122T000000Z",
    ),
    ("", "UID:1\nDTSTART;VALUE=DATE:20261121\nDURATION:PT1H"),
    (
        "",
        "UID:1\nDTSTART;VALUE=PERIOD:20261121T000000Z/P1D\nDURATION:P1D",
    ),
    ("", "UID:1\nDTSTART:20260229T000000Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:20261121T240000Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:20261121T235960Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:00001121T000000Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:00011121T000000Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:2026-11-21T00:00:00Z\nDURATION:P1D"),
    ("", "UID:1\nDTSTART:\u{662}0261121T000000Z\nDURATION:P1D"),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDTSTART:20261121T000000Z\nDURATION:P1D",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDTEND:20261121T120000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDTEND:20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDTEND:20261120T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDTEND:20261122T000000Z\nDURATION:P1D",
    ),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P0D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:-P1D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:+P1D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:p1d"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D1W"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1W1D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D1D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1DT"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT24H"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT1M1H"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PTH"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P366D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P367D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P366DT8784H"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT8785H"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P00000001D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P000000001D"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT31622400S"),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:PT31622401S"),
    (
        BERLIN,
        "UID:1\nDTSTART;TZID=Europe/Berlin:20261121T000000\nDURATION:P1D",
    ),
    (
        BERLIN,
        "UID:1\nDTSTART;TZID=\"Europe/Berlin\":20261121T000000\nDURATION:P1D",
    ),
    (
        BERLIN,
        "UID:1\nDTSTART;TZID=europe/berlin:20261121T000000\nDURATION:P1D",
    ),
    (
        BERLIN,
        "UID:1\nDTSTART;TZID=Europe/Berlin:20261121T000000Z\nDURATION:P1D",
    ),
    (BERLIN, "UID:1\nDTSTART;TZID=:20261121T000000\nDURATION:P1D"),
    (BERLIN, "UID:1\nDTSTART:20261121T103000\nDURATION:PT10M"),
    (
        BERLIN,
        "UID:1\nDTSTART;TZID=Europe/Berlin;VALUE=DATE:20261121",
    ),
    (BERLIN, "UID:1\nDTSTART;TZID=Nowhere;VALUE=DATE:20261121"),
    (
        "",
        "UID:1\nDTSTART;TZID=Europe/Berlin:20261121T000000\nDURATION:P1D",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEXRULE:FREQ=DAILY",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY\nRRULE:FREQ=DAILY",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEXDATE:20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEXDATE:20261121T000000Z,",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEXDATE;VALUE=DATE:20261121",
    ),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRDATE:"),
    (
        "",
        "UID:1\nDTSTART:20261021T000000Z\nDURATION:P1D\nRDATE:20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261021T000000Z\nDURATION:P1D\nRDATE;VALUE=PERIOD:20261121T000000Z/PT1H",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRECURRENCE-ID:20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRECURRENCE-ID;RANGE=THISANDFUTURE:20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRECURRENCE-ID:20261121T000000Z\nRRULE:FREQ=DAILY",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nDTSTART:20261121T000000Z\nDURATION:P1D",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20261121T000000Z\nDTSTART:20261122T000000Z\nDURATION:P1D",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20261121T000000Z\nDTSTART:20261121T000000Z\nDURATION:P1D\nSTATUS:cancelled",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSTATUS:CANCELLED",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSTATUS:TENTATIVE",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nBEGIN:VALARM\nDTSTART:x\nEND:VALARM",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nBEGIN:VALARM\nEND:VEVENT\nBEGIN:VEVENT",
    ),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY"),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY;A=\"x:y;z\":v",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY;A=\"x:y",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY;A:v",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY;A=1;a=2:v",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY;:v",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUM_MARY:v",
    ),
    ("", "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\n:v"),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY:a\u{7f}",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY:a\u{85}",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nSUMMARY:a\u{2028}b\tc",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:freq=daily",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=SECONDLY",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;INTERVAL=0",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;INTERVAL=999",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;INTERVAL=1000",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=99999",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=100000",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=2;UNTIL=20261201T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;UNTIL=20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;UNTIL=20261120T235959Z",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;UNTIL=20261122",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261120\nRRULE:FREQ=DAILY;UNTIL=20261121",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261120\nRRULE:FREQ=DAILY;UNTIL=20261121T000000Z",
    ),
    (
        "",
        "UID:1\nDTSTART;VALUE=DATE:20261120\nRRULE:FREQ=DAILY;UNTIL=20261121T000000",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYDAY=SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYDAY=SU",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYDAY=",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYDAY=3SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYDAY=3SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYDAY=+3SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYDAY=0SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYDAY=3SA,53SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYDAY=47SA,-53SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYDAY=54SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;BYMONTHDAY=21",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYMONTHDAY=21",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYMONTHDAY=32",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-10",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-32",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYMONTH=11,13",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;BYMONTH=11",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=WEEKLY;BYMONTH=11",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYSETPOS=1",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=MONTHLY;BYSETPOS=3;BYDAY=SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYSETPOS=31;BYDAY=SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYSETPOS=32;BYDAY=SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;BYSETPOS=1;BYDAY=SA",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;WKST=XX",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYWEEKNO=47",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=YEARLY;BYYEARDAY=325",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;BYHOUR=0",
    ),
    (
        "",
        "UID:1\nDTSTART:20261121T000000Z\nDURATION:P1D\nRRULE:X-NAME=1;FREQ=DAILY",
    ),
];

/// Whole files.
const WHOLE: &[&str] = &[
    "",
    "\n",
    "BEGIN:VCALENDAR\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n\r\n",
    "\nBEGIN:VCALENDAR\nEND:VCALENDAR",
    " BEGIN:VCALENDAR\nEND:VCALENDAR",
    "\u{feff}BEGIN:VCALENDAR\nEND:VCALENDAR",
    "begin:vcalendar\nend:vcalendar",
    "BEGIN:VCALENDAR\rEND:VCALENDAR",
    "BEGIN:VCALENDAR\n",
    "BEGIN:VCALENDAR\nEND:VEVENT",
    "BEGIN:VEVENT\nEND:VEVENT",
    "VERSION:2.0\nBEGIN:VCALENDAR\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nEND:VCALENDAR\nBEGIN:VCALENDAR\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nEND:VCALENDAR\nX:1",
    "END:VCALENDAR",
    "BEGIN;X=1:VCALENDAR\nEND:VCALENDAR",
    "BEGIN: VCALENDAR\nEND:VCALENDAR",
    "BEG\n IN:VCAL\n\tENDAR\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\n\n X:1\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nX:1\n\n  y\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\n\nUID:1\nDTSTART:2026\n 1121T000000Z\nDURATION:P1D\nEND:VEVENT\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nBEGIN:VTODO\nDTSTART:x\nEND:VTODO\nBEGIN:X-A\nBEGIN:VEVENT\nEND:VEVENT\nEND:X-A\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:VCALENDAR",
    "BEGIN:VCALENDAR\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nBEGIN:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:A\nEND:VCALENDAR",
];

/// What stands in a zone called `Z`.
const ZONES: &[&str] = &[
    "",
    "TZID:Z\n",
    "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:standard\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:standard\n",
    "TZID:Z\nTZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000Z\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+00\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+00000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+2359\nTZOFFSETTO:-235959\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+2400\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0060\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:21000101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:21000101T000001\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:20261120T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nRRULE:FREQ=DAILY;UNTIL=20261130T000000\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:20261120T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nRRULE:FREQ=DAILY\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:18000101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nRRULE:FREQ=DAILY\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:20261120T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\nRDATE:20261121T000000,20261122T000000Z\nEND:STANDARD\n",
    "TZID:Z\nBEGIN:STANDARD\nDTSTART:20261120T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+1200\nRDATE:20261121T000000\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:20261120T000000\nTZOFFSETFROM:+1200\nTZOFFSETTO:-1200\nEND:DAYLIGHT\n",
];
