//! Instants. Core has no clock: every value comes from the [`Runtime`](crate::ports::Runtime) or
//! the [`Store`](crate::ports::Store).

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time in milliseconds since the Unix epoch. Whose clock it is read from (the host's,
/// the store's, Clio's) is said where it is kept.
///
/// In JSON it is RFC 3339 in UTC with milliseconds, in what is stored as in what is shown. Earlier
/// versions stored the number, which is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`, negative if `earlier` is later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from `self` to `later`; zero if that has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.millis_since(self)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => format!("{instant:.3}"),
            Err(_) => String::from("out of range"),
        }
    }

    /// Reads an ISO 8601 instant, with `Z` or a numeric offset, as Clio sends them. `None` if it is
    /// none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|instant| Self(instant.as_millisecond()))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => serializer.collect_str(&format_args!("{instant:.3}")),
            // Beyond the years that RFC 3339 can name; nothing is lost of it.
            Err(_) => serializer.serialize_i64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Kept {
            Text(String),
            Millis(i64),
        }
        match Kept::deserialize(deserializer)? {
            Kept::Text(text) => Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no RFC 3339 time")),
            Kept::Millis(millis) => Ok(Self(millis)),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// A point on the runtime's monotonic clock: time since an origin that only this process knows.
/// Never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// Time from `self` to `later`, zero if it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        assert_eq!(Timestamp::parse("2026-04-01T08:00:00-04:00"), Timestamp::parse("2026-04-01T12:00:00Z"));
        assert_eq!(Timestamp::parse("2026-04-01"), None);
        assert_eq!(Timestamp(1_775_044_800_123).to_rfc3339(), "2026-04-01T12:00:00.123Z");
    }

    #[test]
    fn it_is_written_as_text_and_read_as_text_or_as_the_number_of_earlier_versions() {
        for millis in [0, 1_775_044_800_123, -1, i64::MAX, i64::MIN] {
            let (time, text) = (Timestamp(millis), serde_json::to_string(&Timestamp(millis)).unwrap());
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), time, "{text}");
            assert_eq!(serde_json::from_str::<Timestamp>(&millis.to_string()).unwrap(), time);
        }
        assert_eq!(serde_json::to_string(&Timestamp(1_775_044_800_123)).unwrap(), "\"2026-04-01T12:00:00.123Z\"");
        assert!(serde_json::from_str::<Timestamp>("\"soon\"").is_err());
    }
}
