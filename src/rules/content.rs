//! Decides what may be stored: names, numbers, depth and size, and how much of an error is kept.
//! Encodes and stores nothing.

use std::borrow::Cow;
use std::fmt;

use super::demand::OTHERS;
use super::time::Millis;

/// How deep lists and objects may nest. Every parser on the way takes that, none by luck.
pub const DEPTH_MAX: u32 = 100;

/// Integers are signed 64 bit: the widest that every store's JSON, and every language that reads
/// it, holds exactly. 2^63 and above would be stored here and rounded there.
pub const INTEGER_MIN: i64 = i64::MIN;
pub const INTEGER_MAX: i64 = i64::MAX;

/// Names, tags and keys, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// Tags of one step.
pub const TAGS_MAX: usize = 50;

/// The longest delay: ten years.
pub const DELAY_MAX: Millis = Millis::from_secs(3650 * 24 * 3600);

/// How much of an error's message and of its traceback is kept.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
pub const TRACEBACK_BYTES_MAX: usize = 16 * 1024;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    TaskName,
    QueueName,
    Tag,
    Tags,
    UniqueKey,
    Text,
    Integer,
    Number,
    Nesting,
    Payload,
    Priority,
    Delay,
}

/// Why it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Empty,
    TooMany { count: usize, max: usize },
    TooLong { chars: usize, max: usize },
    ControlCharacter { at: usize },
    Nul { at: usize },
    Reserved,
    OutOfBounds { given: String, min: String, max: String },
    NotFinite,
    TooDeep { max: u32 },
    TooLarge { bytes: u64, max: u64 },
}

/// A thing that may not be stored. Its text says what is wrong and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentProblem {
    pub subject: Subject,
    pub fault: Fault,
}

pub fn check_task_name(name: &str) -> Result<(), ContentProblem> {
    check_name(Subject::TaskName, name)
}

/// `*` is refused: in the caps it stands for every queue not named.
pub fn check_queue_name(name: &str) -> Result<(), ContentProblem> {
    if name == OTHERS {
        return refuse(Subject::QueueName, Fault::Reserved);
    }
    check_name(Subject::QueueName, name)
}

pub fn check_tag(tag: &str) -> Result<(), ContentProblem> {
    check_name(Subject::Tag, tag)
}

pub fn check_tags(tags: &[String]) -> Result<(), ContentProblem> {
    if tags.len() > TAGS_MAX {
        return refuse(Subject::Tags, Fault::TooMany { count: tags.len(), max: TAGS_MAX });
    }
    tags.iter().try_for_each(|tag| check_tag(tag))
}

pub fn check_unique_key(key: &str) -> Result<(), ContentProblem> {
    check_name(Subject::UniqueKey, key)
}

/// Any text may be stored but one with NUL, which Postgres cannot hold.
pub fn check_text(text: &str) -> Result<(), ContentProblem> {
    match text.chars().position(|c| c == '\0') {
        Some(at) => refuse(Subject::Text, Fault::Nul { at }),
        None => Ok(()),
    }
}

/// Integers wider than 128 bit have to be refused before, by [`integer_too_wide`].
pub fn check_integer(integer: i128) -> Result<i64, ContentProblem> {
    i64::try_from(integer).or_else(|_| integer_too_wide(&integer.to_string()))
}

/// The refusal of an integer that fits no machine type, by its digits.
pub fn integer_too_wide<T>(digits: &str) -> Result<T, ContentProblem> {
    let given = clip(digits, 60).into_owned();
    let fault = Fault::OutOfBounds { given, min: INTEGER_MIN.to_string(), max: INTEGER_MAX.to_string() };
    refuse(Subject::Integer, fault)
}

/// JSON has no NaN and no Infinity.
pub fn check_number(number: f64) -> Result<f64, ContentProblem> {
    if number.is_finite() { Ok(number) } else { refuse(Subject::Number, Fault::NotFinite) }
}

/// `depth` counts open lists and objects, this one included.
pub fn check_depth(depth: u32) -> Result<(), ContentProblem> {
    if depth <= DEPTH_MAX { Ok(()) } else { refuse(Subject::Nesting, Fault::TooDeep { max: DEPTH_MAX }) }
}

pub fn check_size(bytes: u64, limit_bytes: u64) -> Result<(), ContentProblem> {
    if bytes <= limit_bytes { Ok(()) } else { refuse(Subject::Payload, Fault::TooLarge { bytes, max: limit_bytes }) }
}

pub fn check_priority(priority: i64) -> Result<i32, ContentProblem> {
    i32::try_from(priority).or_else(|_| {
        let fault =
            Fault::OutOfBounds { given: priority.to_string(), min: i32::MIN.to_string(), max: i32::MAX.to_string() };
        refuse(Subject::Priority, fault)
    })
}

/// A delay in seconds, as users give it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from zero to ten years, compared before")]
pub fn check_delay(seconds: f64) -> Result<Millis, ContentProblem> {
    if !seconds.is_finite() {
        return refuse(Subject::Delay, Fault::NotFinite);
    }
    if !(0.0..=DELAY_MAX.as_secs_f64()).contains(&seconds) {
        let max = format!("{} s, ten years", DELAY_MAX.as_secs_f64());
        return refuse(Subject::Delay, Fault::OutOfBounds { given: format!("{seconds} s"), min: "0".to_owned(), max });
    }
    // Up, so that a step never starts before it was due.
    Ok(Millis((seconds * 1000.0).ceil() as u64))
}

/// At most `limit_bytes` of a text, with its beginning and its end: an error's message is clearest
/// at the one, its traceback at the other. A marker says how much was cut.
pub fn clip(text: &str, limit_bytes: usize) -> Cow<'_, str> {
    if text.len() <= limit_bytes {
        return Cow::Borrowed(text);
    }
    // The marker for the whole length is the longest there can be.
    let room = limit_bytes.saturating_sub(marker(text.len()).len());
    if room == 0 {
        return Cow::Borrowed(&text[..boundary_at_most(text, limit_bytes)]);
    }
    let head = boundary_at_most(text, room / 2);
    let tail_from = text.len() - (room - room / 2);
    let tail = (tail_from..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    Cow::Owned(format!("{}{}{}", &text[..head], marker(tail - head), &text[tail..]))
}

fn boundary_at_most(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn marker(bytes: usize) -> String {
    format!(" … {bytes} bytes cut … ")
}

fn check_name(subject: Subject, name: &str) -> Result<(), ContentProblem> {
    let chars = name.chars().count();
    if name.trim().is_empty() {
        return refuse(subject, Fault::Empty);
    }
    if chars > NAME_CHARS_MAX {
        return refuse(subject, Fault::TooLong { chars, max: NAME_CHARS_MAX });
    }
    match name.chars().position(char::is_control) {
        Some(at) => refuse(subject, Fault::ControlCharacter { at }),
        None => Ok(()),
    }
}

fn refuse<T>(subject: Subject, fault: Fault) -> Result<T, ContentProblem> {
    Err(ContentProblem { subject, fault })
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaskName => "the task's name",
            Self::QueueName => "the queue's name",
            Self::Tag => "the tag",
            Self::Tags => "the list of tags",
            Self::UniqueKey => "the unique key",
            Self::Text => "the text",
            Self::Integer => "the integer",
            Self::Number => "the number",
            Self::Nesting => "the value",
            Self::Payload => "the encoded value",
            Self::Priority => "the priority",
            Self::Delay => "the delay",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty: give at least one visible character"),
            Self::TooMany { count, max } => write!(f, "has {count} entries: give at most {max}"),
            Self::TooLong { chars, max } => write!(f, "has {chars} characters: give at most {max}"),
            Self::ControlCharacter { at } => write!(f, "has a control character at position {at}: remove it"),
            Self::Nul { at } => write!(f, "has a NUL character at position {at}, which databases refuse: remove it"),
            Self::Reserved => write!(f, "is {OTHERS:?}, which stands for all queues not named: choose another"),
            Self::OutOfBounds { given, min, max } => {
                write!(f, "is {given}: give one from {min} to {max}, or send it as a string")
            }
            Self::NotFinite => f.write_str("is NaN or infinite, which JSON cannot hold: send null or a string instead"),
            Self::TooDeep { max } => {
                write!(f, "nests deeper than {max} levels, or contains itself: flatten it, or send it as a string")
            }
            Self::TooLarge { bytes, max } => write!(
                f,
                "has {bytes} bytes, the limit is {max}: store the data elsewhere and send a reference, or raise FLEET_Q_PAYLOAD_LIMIT"
            ),
        }
    }
}

impl fmt::Display for ContentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject, self.fault)
    }
}

impl std::error::Error for ContentProblem {}
