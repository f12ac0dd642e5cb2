//! Points in time, in whole seconds. Nothing here asks what time it is.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Seconds since the beginning of 1970, UTC, before the year 10000. Certificates know nothing finer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    const MAX: i64 = 253_402_300_799;

    /// The time that many seconds after the beginning of 1970; earlier and later ones than a certificate can hold become
    /// the earliest and the latest.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(if seconds < 0 {
            0
        } else if seconds > Self::MAX {
            Self::MAX
        } else {
            seconds
        })
    }

    /// Seconds since the beginning of 1970.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The time that many seconds later.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self::from_unix(self.0.saturating_add(seconds))
    }

    /// The time that many days later.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        self.plus(days as i64 * DAY)
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_unix(i64::try_from(since.as_secs()).unwrap_or(Self::MAX))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match time::OffsetDateTime::from_unix_timestamp(self.0) {
            Ok(t) => write!(
                f,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                t.year(),
                u8::from(t.month()),
                t.day(),
                t.hour(),
                t.minute(),
                t.second()
            ),
            Err(_) => write!(f, "{} s", self.0),
        }
    }
}

/// From when until when, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    /// The first second.
    pub not_before: Time,
    /// The last second.
    pub not_after: Time,
}

impl Validity {
    /// From `not_before` for so many days.
    #[must_use]
    pub const fn days(not_before: Time, days: u32) -> Self {
        Self { not_before, not_after: not_before.plus_days(days) }
    }

    /// The same, ending no later than `other`.
    #[must_use]
    pub fn ending_with(self, other: Self) -> Self {
        Self { not_before: self.not_before, not_after: self.not_after.min(other.not_after) }
    }

    /// Whether it starts before it ends and lies in `outer`.
    #[must_use]
    pub fn is_within(&self, outer: &Self) -> bool {
        self.not_before < self.not_after
            && outer.not_before <= self.not_before
            && self.not_after <= outer.not_after
    }

    /// When two thirds of it have passed: the time to renew.
    #[must_use]
    pub fn renewal(&self) -> Time {
        self.not_before.plus((self.not_after.unix() - self.not_before.unix()) / 3 * 2)
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.not_before, self.not_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them_and_stay_within_what_certificates_hold() {
        assert_eq!(Time::from_unix(1_795_510_861).to_string(), "2026-11-24T09:01:01Z");
        assert_eq!(Time::from_unix(-5).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Time::from_unix(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Time::from_unix(0).plus_days(365).to_string(), "1971-01-01T00:00:00Z");
        let validity = Validity::days(Time::from_unix(0), 90);
        assert_eq!(validity.renewal(), Time::from_unix(60 * DAY));
        assert!(!Validity::days(Time::from_unix(5), 0).is_within(&validity));
    }
}
