// A policy with calendars: who is on duty, and when nothing is changed.

import type { CalendarView, PolicyInForceView } from '../types';
import { text } from './parts';

const HOUR = 60 * 60_000;

const ON_CALL = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//On call//EN
BEGIN:VTIMEZONE
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
BEGIN:VEVENT
UID:week-a@example.org
SUMMARY:On call
DTSTART;TZID=Europe/Berlin:20261102T090000
DURATION:P1W
RRULE:FREQ=WEEKLY;INTERVAL=2
ATTENDEE;CN=Linus Andersen:mailto:linus@example.org
END:VEVENT
BEGIN:VEVENT
UID:week-b@example.org
SUMMARY:On call
DTSTART;TZID=Europe/Berlin:20261109T090000
DURATION:P1W
RRULE:FREQ=WEEKLY;INTERVAL=2
ATTENDEE;CN=Mei Watanabe:mailto:mei@example.org
END:VEVENT
END:VCALENDAR
`;

const at = (from: number, until: number, ...people: string[]): CalendarView['next'][number] => ({
  fromUnixMs: Date.now() + from * HOUR,
  untilUnixMs: Date.now() + until * HOUR,
  people: people.map((name) => text(name)),
});

export const CALENDARS: CalendarView[] = [
  { name: 'freeze', events: 2, next: [at(30 * 24, 40 * 24)] },
  { name: 'on-call', events: 2, next: [at(-71, 97, 'Linus Andersen'), at(97, 265, 'Mei Watanabe', 'vera@contractor.example')] },
];

/** The same policy, with calendars. */
export function withCalendars(policy: PolicyInForceView): PolicyInForceView {
  const files = [...policy.text.files, { name: 'on-call.ics', text: ON_CALL }];
  return { ...policy, text: { ...policy.text, files: files.sort((one, next) => (one.name < next.name ? -1 : 1)), calendars: CALENDARS } };
}
