//! Names steps, claims and pods, and spells their ids. Draws no id itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One queued call of a task. A UUIDv7: its first 48 bits are milliseconds since the epoch, so ids
/// of one producer sort by creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub [u8; 16]);

/// The right to run a step now; the fence that every write ending a claim must name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub [u8; 16]);

/// One registration of one process. Never used again once it is `down`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(Arc<str>);

/// A claim on a step: what a pod holds, and what each of its writes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    pub step_id: StepId,
    pub claim_id: ClaimId,
}

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadId(pub String);

impl StepId {
    /// A UUIDv7 (RFC 9562 §5.7) of a wall-clock moment and ten random bytes.
    #[allow(clippy::cast_possible_truncation, reason = "48 bits of time, by the RFC")]
    pub fn v7(unix_ms: u64, random: [u8; 10]) -> Self {
        let mut id = [0; 16];
        id[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        id[6..].copy_from_slice(&random);
        id[6] = (id[6] & 0x0f) | 0x70;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }

    /// A UUIDv7 that sorts after `last`, so that what one producer enqueues within a millisecond, or
    /// while its clock steps back, keeps its order (RFC 9562 §6.2, method 2: monotonic random).
    pub fn v7_after(last: Self, unix_ms: u64, random: [u8; 10]) -> Self {
        let (last_ms, last_rest) = last.parts();
        if unix_ms > last_ms {
            return Self::v7(unix_ms, random);
        }
        let step = 1 + u128::from(u16::from_be_bytes([random[0], random[1]]));
        match last_rest + step {
            rest if rest < REST_LIMIT => Self::of_parts(last_ms, rest),
            // A full millisecond: borrow the next one.
            rest => Self::of_parts(last_ms + 1, rest - REST_LIMIT),
        }
    }

    /// Its milliseconds, and the 74 bits beside version and variant.
    fn parts(self) -> (u64, u128) {
        let n = u128::from_be_bytes(self.0);
        let ms = u64::try_from(n >> 80).expect("48 bits");
        (ms, ((n >> 64) & 0xfff) << 62 | (n & LOW_62))
    }

    fn of_parts(ms: u64, rest: u128) -> Self {
        let n = u128::from(ms) << 80 | 0x7 << 76 | (rest >> 62) << 64 | 0b10 << 62 | (rest & LOW_62);
        Self(n.to_be_bytes())
    }
}

const LOW_62: u128 = (1 << 62) - 1;
const REST_LIMIT: u128 = 1 << 74;

impl ClaimId {
    /// A UUIDv4 of sixteen random bytes.
    pub fn v4(random: [u8; 16]) -> Self {
        let mut id = random;
        id[6] = (id[6] & 0x0f) | 0x40;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }
}

impl PodId {
    /// A pod's name plus eight fresh hex digits: unique per registration.
    pub fn mint(name: &str, random: [u8; 4]) -> Self {
        Self(Arc::from(format!("{name}-{:08x}", u32::from_be_bytes(random))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PodId {
    /// Reads back an id that a store returned.
    fn from(id: &str) -> Self {
        Self(Arc::from(id))
    }
}

impl fmt::Display for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an id: expected a UUID such as 0190163d-8694-739b-aea5-966c26f8ad91", self.0)
    }
}

impl std::error::Error for BadId {}

fn write_uuid(bytes: [u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [b'-'; UUID_LENGTH];
    for (byte, at) in bytes.into_iter().zip(DIGITS_AT) {
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0xf)];
    }
    f.write_str(std::str::from_utf8(&text).expect("hex digits and hyphens"))
}

const UUID_LENGTH: usize = 36;
const HEX: &[u8; 16] = b"0123456789abcdef";
/// Where the two digits of each byte begin.
const DIGITS_AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

fn parse_uuid(text: &str) -> Result<[u8; 16], BadId> {
    let bad = || BadId(text.chars().take(80).collect());
    let digits = text.as_bytes();
    if digits.len() != UUID_LENGTH || [8, 13, 18, 23].iter().any(|&at| digits[at] != b'-') {
        return Err(bad());
    }
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip(DIGITS_AT) {
        let high = nibble(digits[at]).ok_or_else(bad)?;
        *byte = high << 4 | nibble(digits[at + 1]).ok_or_else(bad)?;
    }
    Ok(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

macro_rules! uuid_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            /// Accepts the hyphenated form, with the seeds' `step-` prefix or without it.
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_uuid(text.strip_prefix("step-").unwrap_or(text)).map(Self)
            }
        }
    };
}
uuid_newtype!(StepId);
uuid_newtype!(ClaimId);
