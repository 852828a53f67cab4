//! Ports of a rule: all, one, or a range.

use super::TargetError;
use std::fmt;

/// A range of TCP ports, both ends included. Narrower ranges are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// 0 to 65535.
    pub const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };

    /// Whether the port is in the range.
    pub fn contain(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether it is this port alone.
    pub fn is_only(self, port: u16) -> bool {
        self.first == port && self.last == port
    }

    /// How many follow the first: the narrower of two ranges decides.
    pub(super) fn width(self) -> u16 {
        self.last - self.first
    }

    /// Order among ranges of the same width.
    pub(super) fn first(self) -> u16 {
        self.first
    }

    /// Reads `443` or `8000-8100`.
    pub(super) fn parse(text: &str) -> Result<Self, TargetError> {
        let refused = || TargetError::Ports(text.to_owned());
        let port = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 = text.parse().ok().filter(|port| digits && *port > 0)?;
            Some(port)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = port(first).ok_or_else(refused)?;
        let last = port(last).ok_or_else(refused)?;
        match first <= last {
            true => Ok(Self { first, last }),
            false => Err(refused()),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => f.write_str("all ports"),
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}
