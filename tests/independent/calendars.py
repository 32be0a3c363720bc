"""Calendars beside the policies: calendars.md. Days that repeat are dateutil's; local times are counted as if they were
UTC, in seconds since 1970 (`local`), and so are instants.
"""

import re
from bisect import bisect_right
from collections import Counter, deque
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from dateutil import rrule

from common import Wrong, is_control

MAX_EVENTS = 500
MAX_OPEN = 8
MAX_TURNS = 20_000
MAX_COUNT = 99_999
MAX_INTERVAL = 999
DAY_S = 86_400
MAX_LENGTH_S = 366 * DAY_S
# How much later or earlier a day's clock may be than its zone's offsets say, at the very most.
_SLACK_S = 4 * DAY_S
_EPOCH = datetime(1970, 1, 1)
_SECOND = timedelta(seconds=1)
_FIRST_S = (datetime.min - _EPOCH) // _SECOND
_LAST_S = (datetime.max - _EPOCH) // _SECOND


# -- Lines -----------------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9-]+")
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _capitals(text):
    """Without case, of ASCII alone: no other letter is one of it."""
    return text.translate(_CAPITALS)


class _Line:
    def __init__(self, text):
        head, self.value = _cut_value(text)
        name, *parameters = head
        self.name = _name(name)
        self.parameters = {}
        for parameter in parameters:
            name, equals, value = parameter.partition("=")
            name = _name(name)
            if not equals or name in self.parameters:
                raise Wrong(f"`{name}`: a parameter without a value, or twice")
            self.parameters[name] = value.replace('"', "")


def _name(text):
    if not _NAME.fullmatch(text):
        raise Wrong(f"`{text}` is no name")
    return _capitals(text)


def _cut_value(text):
    """What stands before the `:`, cut at each `;`, and what stands behind it."""
    parts, begin, quoted = [], 0, False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character in ";:" and not quoted:
            parts.append(text[begin:index])
            begin = index + 1
            if character == ":":
                return parts, text[begin:]
    raise Wrong("a line without a value")


def _lines(text):
    whole = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if any(is_control(character) and character != "\t" for character in line):
            raise Wrong("a control character")
        if not line.startswith((" ", "\t")):
            whole.append([line])
        elif whole:
            whole[-1].append(line[1:])
        else:
            raise Wrong("the first line goes on with none")
    return [_Line(line) for line in map("".join, whole) if line]


class _Component:
    def __init__(self, name):
        self.name = name
        self.lines = []
        self.parts = []

    def all(self, name):
        return [line for line in self.lines if line.name == name]

    def once(self, name):
        """None where it is not there."""
        found = self.all(name)
        if len(found) > 1:
            raise Wrong(f"{name} stands more than once in a {self.name}")
        return found[0] if found else None

    def must(self, name):
        line = self.once(name)
        if line is None:
            raise Wrong(f"a {self.name} without {name}")
        return line

    def parts_called(self, *names):
        return [part for part in self.parts if part.name in names]


def _read_components(text):
    around = _Component(None)
    opened = [around]
    for line in _lines(text):
        if line.name == "BEGIN":
            part = _Component(_capitals(line.value))
            opened[-1].parts.append(part)
            opened.append(part)
            if len(opened) - 1 > MAX_OPEN:
                raise Wrong("more than 8 components are open")
        elif line.name == "END":
            if opened.pop().name != _capitals(line.value):
                raise Wrong("an END of what was not begun last")
        else:
            opened[-1].lines.append(line)
    if opened != [around] or around.lines or [part.name for part in around.parts] != ["VCALENDAR"]:
        raise Wrong("the whole is not one VCALENDAR")
    return around.parts[0]


# -- Times -----------------------------------------------------------------------------------------------

_TIME = re.compile(r"([0-9]{8})T([0-9]{6})(Z?)")
_DATE = re.compile(r"[0-9]{8}")
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-9]{2})([0-9]{2})?")


def _datetime(digits):
    """Of `YYYYMMDDHHMMSS`."""
    numbers = [int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 14, 2))]
    try:
        return datetime(*numbers)
    except ValueError as error:
        raise Wrong(f"`{digits}`: {error}") from error


def _read_date(text):
    if not _DATE.fullmatch(text):
        raise Wrong(f"`{text}` is no date")
    return _datetime(text + "000000")


def _read_time(text):
    """And whether it is in UTC."""
    found = _TIME.fullmatch(text)
    if not found:
        raise Wrong(f"`{text}` is no time")
    return _datetime(found[1] + found[2]), found[3] == "Z"


def _local(time):
    return (time - _EPOCH) // _SECOND


def _clamped(local):
    """As a `datetime`; the first or last that there is where there is none."""
    try:
        return _EPOCH + local * _SECOND
    except OverflowError:
        return datetime.min if local < 0 else datetime.max.replace(microsecond=0)


def _is_dates(line):
    value = _capitals(line.parameters.get("VALUE", "DATE-TIME"))
    if value not in ("DATE", "DATE-TIME"):
        raise Wrong(f"{line.name} is neither a date nor a time")
    return value == "DATE"


class _Time:
    """A date or time by the clock of a zone."""

    def __init__(self, local, zone, is_date):
        self.local = local
        self.zone = zone
        self.is_date = is_date
        self.instant = zone.instant(local)


# -- Zones -----------------------------------------------------------------------------------------------

_END_OF_TURNS = datetime(2100, 1, 1)


class _Zone:
    """Offsets by their turns, each `(local, before, after)`; UTC without any."""

    def __init__(self, turns=()):
        turns = sorted(turns)
        self._after = [after for _, _, after in turns]
        self._first = turns[0][1] if turns else 0
        self._locals = _last_from(local + max(0, after - before) for local, before, after in turns)
        self._instants = _last_from(local - before for local, before, _ in turns)

    def instant(self, local):
        return local - self._offset(self._locals, local)

    def local(self, instant):
        return instant + self._offset(self._instants, instant)

    def _offset(self, since, time):
        last = bisect_right(since, time)
        return self._after[last - 1] if last else self._first


def _last_from(since):
    """The least of each and all behind it: so the last that is not after a time is found by halves."""
    since = list(since)
    for index in range(len(since) - 2, -1, -1):
        since[index] = min(since[index], since[index + 1])
    return since


UTC = _Zone()


def _read_offset(line):
    found = _OFFSET.fullmatch(line.value)
    hours, minutes, seconds = (int(digits or 0) for digits in found.groups()[1:]) if found else (24, 0, 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise Wrong(f"`{line.value}` is no offset")
    offset = hours * 3_600 + minutes * 60 + seconds
    return -offset if found[1] == "-" else offset


def _turns(part):
    """Of a STANDARD or DAYLIGHT."""
    before, after = _read_offset(part.must("TZOFFSETFROM")), _read_offset(part.must("TZOFFSETTO"))
    begin, repeated = part.must("DTSTART"), part.once("RRULE")
    start = _clock_time(begin, begin.value)
    times = {start} if start <= _END_OF_TURNS else set()
    if repeated:
        for time in _Rule(repeated.value, start, False, lambda instant: instant + before):
            if time > _END_OF_TURNS or len(times) > MAX_TURNS:
                break
            times.add(time)
    more = [_clock_time(line, value) for line in part.all("RDATE") for value in line.value.split(",")]
    times.update(time for time in more if time <= _END_OF_TURNS)
    return [(_local(time), before, after) for time in times]


def _clock_time(line, value):
    """By the clock of the zone that the line is about."""
    time, is_utc = _read_time(value)
    if is_utc:
        raise Wrong("a time of a zone is in UTC")
    return time


def _read_zones(calendar):
    zones = {}
    for component in calendar.parts_called("VTIMEZONE"):
        name = component.must("TZID").value
        parts = component.parts_called("STANDARD", "DAYLIGHT")
        if name in zones or not parts:
            raise Wrong(f"two zones are called `{name}`, or it has no offset")
        turns = [turn for part in parts for turn in _turns(part)]
        if not 1 <= len(turns) <= MAX_TURNS:
            raise Wrong(f"`{name}` never turns, or more than 20,000 times")
        zones[name] = _Zone(turns)
    return zones


class _Clocks:
    """Reads times of lines by the zones of a calendar."""

    def __init__(self, zones):
        self._zones = zones

    def read(self, line):
        return self._read(line, line.value)

    def read_all(self, line):
        return [self._read(line, value) for value in line.value.split(",")]

    def _read(self, line, value):
        if _is_dates(line):
            return _Time(_local(_read_date(value)), self._only(), True)
        time, is_utc = _read_time(value)
        name = line.parameters.get("TZID")
        if is_utc and name is not None:
            raise Wrong("a time in UTC by the clock of a zone")
        if name is not None and name not in self._zones:
            raise Wrong(f"the zone `{name}` is not there")
        zone = UTC if is_utc else self._only() if name is None else self._zones[name]
        return _Time(_local(time), zone, False)

    def _only(self):
        if len(self._zones) > 1:
            raise Wrong("a time by the clock of none of several zones")
        return next(iter(self._zones.values()), UTC)


# -- Repetitions -----------------------------------------------------------------------------------------

_FREQUENCIES = {name: getattr(rrule, name) for name in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"(-?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)")
# How many of a day of the week there are, from the beginning and from the end.
_IN_MONTH = range(-4, 6)
_IN_YEAR = range(-52, 54)
_NUMBER = re.compile(r"-?[1-9][0-9]*")


def _number(text, most, is_signed=False):
    if not _NUMBER.fullmatch(text) or len(text) > 6 or not (-most if is_signed else 1) <= int(text) <= most:
        raise Wrong(f"`{text}` is no number up to {most}")
    return int(text)


def _numbers(text, most, is_signed=False):
    return sorted({_number(value, most, is_signed) for value in text.split(",")})


def _by_day(text):
    """Of each its number, or None, and the day."""
    days = [_BY_DAY.fullmatch(value) for value in text.split(",")]
    if not all(days):
        raise Wrong(f"`{text}` are no days of the week")
    found = [(_number(day[1], 53, True) if day[1] else None, _DAYS.index(day[2])) for day in days]
    if len({number is None for number, _ in found}) > 1:
        raise Wrong(f"`{text}`: days with a number and without")
    return found


def _one_of(names):
    def read(text):
        if text not in names:
            raise Wrong(f"`{text}` is not known in a rule")
        return text

    return read


_PARTS = {
    "FREQ": _one_of(_FREQUENCIES),
    "INTERVAL": lambda text: _number(text, MAX_INTERVAL),
    "COUNT": lambda text: _number(text, MAX_COUNT),
    "UNTIL": str,
    "WKST": _one_of(_DAYS),
    "BYDAY": _by_day,
    "BYMONTH": lambda text: _numbers(text, 12),
    "BYMONTHDAY": lambda text: _numbers(text, 31, True),
    "BYSETPOS": lambda text: _numbers(text, 31, True),
}


def _read_parts(text):
    parts = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or name in parts:
            raise Wrong(f"`{name}` is no part of a rule, or stands there twice")
        parts[name] = _PARTS[name](value)
    if "FREQ" not in parts or ("COUNT" in parts and "UNTIL" in parts):
        raise Wrong("a rule without FREQ, or with COUNT and UNTIL")
    is_long = parts["FREQ"] in ("MONTHLY", "YEARLY")
    numbers = [number for number, _ in parts.get("BYDAY", ()) if number is not None]
    is_month = parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts
    there_are = (_IN_MONTH if is_month else _IN_YEAR) if is_long else ()
    if not all(number in there_are for number in numbers):
        raise Wrong("a day of the week with a number that it cannot have")
    if parts["FREQ"] == "WEEKLY" and "BYMONTHDAY" in parts:
        raise Wrong("BYMONTHDAY of a week")
    if "BYSETPOS" in parts and not (is_long and parts.keys() & {"BYDAY", "BYMONTH", "BYMONTHDAY"}):
        raise Wrong("BYSETPOS of neither a month nor a year, or alone")
    return parts


class _Rule:
    """The local times that a rule gives, as `datetime`. `to_local` turns an instant into local time."""

    def __init__(self, text, start, is_date, to_local):
        parts = _read_parts(text)
        self._start = start
        self._frequency = parts["FREQ"]
        self._interval = parts.get("INTERVAL", 1)
        self._week = _DAYS.index(parts.get("WKST", "MO"))
        self._count = parts.get("COUNT")
        self._until = _read_until(parts["UNTIL"], is_date, to_local) if "UNTIL" in parts else None
        if self._until is not None and self._until < start:
            raise Wrong("a rule ends before it begins")
        self._by = _by(parts, start)
        self._is_never = _is_never(self._by)
        # From here on it gives nothing more.
        self._over = None

    def __iter__(self):
        """From its beginning, which is the first one and counts, whether or not the rule fits it."""
        yield from islice(self._from_start(), self._count)

    def _from_start(self):
        yield self._start
        yield from (time for time in self._from(self._start) if time != self._start)

    def between(self, first, last):
        """What it gives from `first` to `last`, but for its beginning."""
        if self._count is not None:
            (self._until,) = deque(self, maxlen=1)
            self._count = None
        if self._over is not None and first >= self._over:
            return []
        found = []
        for time in self._from(self._near(first)):
            if time > last:
                return found
            if time >= first:
                found.append(time)
        self._over = found[-1] + _SECOND if found else first
        return found

    def _from(self, start):
        """What days it gives, without its COUNT."""
        if self._is_never:
            return
        days = rrule.rrule(
            _FREQUENCIES[self._frequency],
            dtstart=start,
            interval=self._interval,
            wkst=self._week,
            until=self._until,
            **self._by,
        )
        try:
            yield from days
        except (OverflowError, ValueError):  # A week that goes on behind the year 9999.
            return

    def _near(self, time):
        """A beginning of one of the rule's days, weeks, months or years, not long before that time."""
        start, interval = self._start, self._interval
        if time <= start:
            return start
        if self._frequency == "DAILY":
            return start + (time - start) // timedelta(days=interval) * timedelta(days=interval)
        if self._frequency == "WEEKLY":
            # The second of its weeks.
            ahead = timedelta(days=7 * interval - (start.weekday() - self._week) % 7)
            weeks = (time - start - ahead) // timedelta(days=7 * interval)
            return start if weeks < 0 else start + ahead + weeks * timedelta(days=7 * interval)
        months = interval * (1 if self._frequency == "MONTHLY" else 12)
        begun = 0 if self._frequency == "MONTHLY" else start.month - 1
        passed = (time.year - start.year) * 12 + time.month - start.month + begun
        if passed < months:
            return start
        year, month = divmod(start.year * 12 + start.month - 1 - begun + passed // months * months, 12)
        return start.replace(year=year, month=month + 1, day=1)


def _read_until(text, is_date, to_local):
    if text.endswith("Z"):
        return _clamped(to_local(_local(_read_time(text)[0])))
    return _read_date(text) if is_date else _read_time(text)[0]


def _by(parts, start):
    """What dateutil is asked. What it takes from a beginning is said: ours may be another."""
    by = {"bymonth": parts.get("BYMONTH"), "bymonthday": parts.get("BYMONTHDAY"), "bysetpos": parts.get("BYSETPOS")}
    frequency, days = parts["FREQ"], parts.get("BYDAY")
    if days:
        by["byweekday"] = [rrule.weekday(day, number) for number, day in days]
    elif not by["bymonthday"]:
        if frequency == "WEEKLY":
            by["byweekday"] = [start.weekday()]
        elif frequency != "DAILY":
            by["bymonthday"] = [start.day]
        if frequency == "YEARLY":
            by["bymonth"] = by["bymonth"] or [start.month]
    return {name: value for name, value in by.items() if value is not None}


def _is_never(by):
    """Whether it fits no day: dateutil would look for one until the year 9999."""
    months, days = by.get("bymonth", range(1, 13)), by.get("bymonthday")
    # The last of a leap year's months; -1 is there in each.
    lengths = [{2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31) for month in months]
    return days is not None and min(map(abs, days)) > max(lengths)


# -- Events ----------------------------------------------------------------------------------------------

_DURATION = re.compile(
    r"P(?:([0-9]{1,8})W)?(?:([0-9]{1,8})D)?(?:T(?!$)(?:([0-9]{1,8})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,8})S)?)?"
)


def _read_length(event, start, clocks):
    """Days by the clock on the wall, and then seconds."""
    end, duration = event.once("DTEND"), event.once("DURATION")
    if end and duration:
        raise Wrong("DTEND and DURATION")
    if duration:
        found = _DURATION.fullmatch(duration.value)
        if not found:
            raise Wrong(f"`{duration.value}` is no duration")
        weeks, days, hours, minutes, seconds = (int(digits or 0) for digits in found.groups())
        length = (weeks * 7 + days, hours * 3_600 + minutes * 60 + seconds)
    elif end:
        end = _like(clocks.read(end), start)
        length = ((end.local - start.local) // DAY_S, 0) if start.is_date else (0, end.instant - start.instant)
    elif start.is_date:
        length = (1, 0)
    else:
        raise Wrong("a time without an end")
    days, seconds = length
    if not (0 <= days * DAY_S <= MAX_LENGTH_S and 0 <= seconds <= MAX_LENGTH_S) or length == (0, 0):
        raise Wrong("an event of no time, or of more than 366 days")
    return length


def _like(time, start):
    if time.is_date != start.is_date:
        raise Wrong("a date beside a time")
    return time


def _read_attendee(line):
    """An identity; None where it is nobody's, or theirs who declined."""
    begin, rest = line.value[:7], line.value[7:]
    if _capitals(begin) != "MAILTO:" or _capitals(line.parameters.get("PARTSTAT", "")) == "DECLINED":
        return None
    return rest.lower()


class _Event:
    def __init__(self, event, clocks):
        self.uid = event.must("UID").value
        start = self._start = clocks.read(event.must("DTSTART"))
        self._zone = start.zone
        self._days, self._seconds = _read_length(event, start, clocks)
        status = event.once("STATUS")
        self._is_cancelled = status is not None and _capitals(status.value) == "CANCELLED"
        self.attendees = {_read_attendee(line) for line in event.all("ATTENDEE")} - {None}
        self.replaces = self._read_replaces(event, clocks)
        self._rule = self._read_rule(event.once("RRULE"))
        more = _all_times(event.all("RDATE"), start, clocks)
        # Local times at which it begins beside its rule.
        self._more = {start.local, *(self._local(time.instant) for time in more)}
        # Instants at which it does not.
        self.without = {time.instant for time in _all_times(event.all("EXDATE"), start, clocks)}
        if event.all("EXRULE"):
            raise Wrong("EXRULE")

    def _read_replaces(self, event, clocks):
        """The instant in whose place it happens, or None."""
        line = event.once("RECURRENCE-ID")
        if line is None:
            return None
        if "RANGE" in line.parameters or any(event.all(name) for name in ("RRULE", "RDATE", "EXDATE")):
            raise Wrong("RECURRENCE-ID with RANGE, RRULE, RDATE or EXDATE")
        return _like(clocks.read(line), self._start).instant

    def _read_rule(self, line):
        if line is None:
            return None
        return _Rule(line.value, _clamped(self._start.local), self._start.is_date, self._local)

    def _local(self, instant):
        local = self._zone.local(instant)
        if not _FIRST_S <= local <= _LAST_S:
            raise Wrong("a local time before the year 1 or behind the year 9999")
        return local

    def is_going_on(self, instant):
        return not self._is_cancelled and any(
            begin not in self.without and begin <= instant < self._end(local)
            for local, begin in self._beginnings_about(instant)
        )

    def _beginnings_about(self, instant):
        """Local time and instant of all beginnings that may matter, and perhaps others."""
        first = instant - self._days * DAY_S - self._seconds - _SLACK_S
        last = instant + _SLACK_S
        found = {local for local in self._more if first <= local <= last}
        if self._rule is not None and self._start.local <= last:
            found.update(map(_local, self._rule.between(_clamped(first), _clamped(last))))
        return [(local, self._zone.instant(local)) for local in found]

    def _end(self, local):
        return self._zone.instant(local + self._days * DAY_S) + self._seconds


def _all_times(lines, start, clocks):
    return [_like(time, start) for line in lines for time in clocks.read_all(line)]


class Calendar:
    """One `.ics` file that is right."""

    def __init__(self, text):
        whole = _read_components(text)
        clocks = _Clocks(_read_zones(whole))
        self.events = [_Event(event, clocks) for event in whole.parts_called("VEVENT")]
        if any(times > 1 for times in Counter((event.uid, event.replaces) for event in self.events).values()):
            raise Wrong("two events have one UID")
        replaced = {}
        for event in self.events:
            if event.replaces is not None:
                replaced.setdefault(event.uid, set()).add(event.replaces)
        for event in self.events:
            if event.replaces is None:
                event.without |= replaced.get(event.uid, set())

    def going_on(self, instant):
        return [event for event in self.events if event.is_going_on(instant)]


class Calendars:
    """Those of a set of policies."""

    def __init__(self, files):
        self._calendars = {}
        for file in files:
            name, _, kind = file["name"].rpartition(".")
            if kind == "ics":
                try:
                    self._calendars[name] = Calendar(file["text"])
                except Wrong as error:
                    raise Wrong(f"{file['name']}: {error.why}") from error
        if sum(len(calendar.events) for calendar in self._calendars.values()) > MAX_EVENTS:
            raise Wrong("more than 500 events")
        self._at = lru_cache(maxsize=64)(self._attendees_at)

    def seen(self, unix_time, identity):
        """The members of the context that are about calendars, for who is asked about."""
        attendees = self._at(unix_time // 1_000)
        return {
            "calendars": sorted(attendees),
            "on_duty": sorted(name for name, who in attendees.items() if identity in who),
        }

    def _attendees_at(self, instant):
        """Of each calendar in which something is going on."""
        going_on = {name: calendar.going_on(instant) for name, calendar in self._calendars.items()}
        return {
            name: {who for event in events for who in event.attendees} for name, events in going_on.items() if events
        }
