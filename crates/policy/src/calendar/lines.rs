//! Content lines and components of RFC 5545, sections 3.1 and 3.6.

/// Deepest component: a calendar, an event, its alarm.
const MAX_DEPTH: usize = 8;

/// What is wrong, and in which line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// One property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first line in the file.
    pub(super) number: usize,
    /// In capitals.
    pub(super) name: String,
    /// Names in capitals, values without their quotes.
    params: Vec<(String, String)>,
    pub(super) value: String,
}

/// What stands between a BEGIN and its END.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// The line of its BEGIN.
    pub(super) number: usize,
    /// In capitals.
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
    pub(super) parts: Vec<Self>,
}

impl Wrong {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { line, message }
    }
}

impl Line {
    pub(super) fn wrong(&self, message: impl Into<String>) -> Wrong {
        Wrong::new(self.number, format!("{}: {}", self.name, message.into()))
    }

    /// The value of that parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn read(number: usize, text: &str) -> Result<Self, Wrong> {
        let wrong = |message: &str| Wrong::new(number, message);
        let (head, value) = split(text, ':').ok_or_else(|| {
            wrong("it is no line of a calendar: each has a name, a colon and a value")
        })?;
        let mut words = Vec::new();
        let mut rest = head;
        while let Some((word, after)) = split(rest, ';') {
            words.push(word);
            rest = after;
        }
        words.push(rest);
        let is_name = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !name.is_empty() && name.bytes().all(fits)
        };
        let mut words = words.into_iter();
        let name = words.next().unwrap_or_default();
        if !is_name(name) {
            return Err(wrong("its name is not of letters, digits and `-`"));
        }
        let mut params: Vec<(String, String)> = Vec::new();
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or_default();
            let key = key.to_ascii_uppercase();
            if !is_name(&key) || params.iter().any(|(other, _)| *other == key) {
                return Err(wrong("its parameters are not NAME=VALUE, each once"));
            }
            params.push((key, value.replace('"', "")));
        }
        let name = name.to_ascii_uppercase();
        let value = value.to_owned();
        Ok(Self {
            number,
            name,
            params,
            value,
        })
    }
}

/// At the first of these that no quotes hold.
fn split(text: &str, at: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    let (place, _) = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == at && !quoted
    })?;
    Some((&text[..place], &text[place + at.len_utf8()..]))
}

/// The properties of a text, with what was folded put together.
fn lines(text: &str) -> Result<Vec<Line>, Wrong> {
    let mut folded: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Wrong::new(number, "there is a control character"));
        }
        match (line.strip_prefix([' ', '\t']), folded.last_mut()) {
            (Some(more), Some((_, last))) => last.push_str(more),
            (Some(_), None) => return Err(Wrong::new(number, "nothing goes on here")),
            (None, _) => folded.push((number, line.to_owned())),
        }
    }
    let read = |(number, line): &(usize, String)| Line::read(*number, line);
    let folded = folded.iter().filter(|(_, line)| !line.is_empty());
    folded.map(read).collect()
}

impl Component {
    /// The calendar that a text is.
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let mut open: Vec<Self> = Vec::new();
        let mut whole = None;
        for line in lines(text)? {
            if whole.is_some() {
                return Err(line.wrong("nothing follows the calendar: one stands in a file"));
            }
            let value = line.value.to_ascii_uppercase();
            let depth = open.len();
            match (line.name.as_str(), open.last_mut()) {
                ("BEGIN", _) if depth == MAX_DEPTH => {
                    return Err(line.wrong("it stands too deep"));
                }
                ("BEGIN", None) if value != "VCALENDAR" => {
                    return Err(line.wrong("a file begins with `BEGIN:VCALENDAR`"));
                }
                ("BEGIN", _) => open.push(Self {
                    number: line.number,
                    name: value,
                    lines: Vec::new(),
                    parts: Vec::new(),
                }),
                (_, None) => return Err(line.wrong("a file begins with `BEGIN:VCALENDAR`")),
                ("END", Some(last)) if last.name != value => {
                    return Err(line.wrong(format!("what ends here is {}", last.name)));
                }
                ("END", Some(_)) => {
                    let done = open.pop();
                    match open.last_mut() {
                        Some(around) => around.parts.extend(done),
                        None => whole = done,
                    }
                }
                (_, Some(last)) => last.lines.push(line),
            }
        }
        let end = text.split('\n').count();
        whole.ok_or_else(|| Wrong::new(end, "the file ends before its `END:VCALENDAR`"))
    }

    /// The lines of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.name == name)
    }

    /// The line of that name, if there is one.
    pub(super) fn one(&self, name: &str) -> Result<Option<&Line>, Wrong> {
        let mut all = self.lines.iter().filter(|line| line.name == name);
        let first = all.next();
        match all.next() {
            Some(second) => Err(second.wrong("it stands here twice")),
            None => Ok(first),
        }
    }

    /// The line of that name.
    pub(super) fn must(&self, name: &str) -> Result<&Line, Wrong> {
        let lacks = || Wrong::new(self.number, format!("this {} has no {name}", self.name));
        self.one(name)?.ok_or_else(lacks)
    }
}
