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
}

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
    let n = u128::from_be_bytes(bytes);
    write!(
        f,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        n >> 96,
        (n >> 80) & 0xffff,
        (n >> 64) & 0xffff,
        (n >> 48) & 0xffff,
        n & 0xffff_ffff_ffff
    )
}

fn parse_uuid(text: &str) -> Result<[u8; 16], BadId> {
    let bad = || BadId(text.chars().take(80).collect());
    let hyphens_fit = text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
    let hex: String = text.chars().filter(|&c| c != '-').collect();
    let digits_fit = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    if !hyphens_fit || !digits_fit {
        return Err(bad());
    }
    u128::from_str_radix(&hex, 16).map(u128::to_be_bytes).map_err(|_| bad())
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
