//! A moment in UTC with whole milliseconds, and the arithmetic that guards rely on.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use specta::Type;

/// A moment in UTC, cut to whole milliseconds. The journal and the page hold it as RFC 3339 text
/// with exactly three decimals, `2026-11-23T09:02:11.000Z`, so that texts sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Type)]
pub struct Timestamp(#[specta(type = String)] jiff::Timestamp);

/// A text that is not an RFC 3339 moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a time such as 2026-11-23T09:02:11.000Z", self.0)
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// The start of 1970: earlier than every moment of a release.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// Milliseconds since 1970; `None` outside the years -9999 to 9999.
    #[must_use]
    pub fn from_millisecond(ms: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(ms).ok().map(Self)
    }

    /// Seconds since 1970; `None` outside the years -9999 to 9999.
    #[must_use]
    pub fn from_second(seconds: i64) -> Option<Self> {
        jiff::Timestamp::from_second(seconds).ok().map(Self)
    }

    /// Milliseconds since the start of 1970.
    #[must_use]
    pub fn as_millisecond(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub fn as_second(self) -> i64 {
        self.0.as_millisecond().div_euclid(1_000)
    }

    /// The underlying calendar type, for formatting.
    #[must_use]
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// The time from this moment to a later one. `None` when `later` is before this moment: a clock
    /// went back, and an age computed from it would be wrong.
    #[must_use]
    pub fn until(self, later: Self) -> Option<Duration> {
        let ms = later.as_millisecond().checked_sub(self.as_millisecond())?;
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    /// The time from this moment to a later one, for display; zero when `later` is before this
    /// moment.
    #[must_use]
    pub fn until_or_zero(self, later: Self) -> Duration {
        self.until(later).unwrap_or_default()
    }

    /// A later moment. Stops at the last one that the calendar holds.
    #[must_use]
    pub fn plus(self, more: Duration) -> Self {
        Self::from(self.0.saturating_add(more).unwrap_or(jiff::Timestamp::MAX))
    }

    /// An earlier moment. Stops at the first one that the calendar holds.
    #[must_use]
    pub fn minus(self, less: Duration) -> Self {
        Self::from(self.0.saturating_sub(less).unwrap_or(jiff::Timestamp::MIN))
    }

    /// This moment cut to whole seconds: git stores no fractions.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self::from_second(self.as_second()).unwrap_or(self)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        Self::from_millisecond(at.as_millisecond().max(jiff::Timestamp::MIN.as_millisecond())).unwrap_or(Self(at))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.trim().parse().map(jiff::Timestamp::into).map_err(|_| TimestampError(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn every_spelling_of_a_moment_is_equal() {
        for text in ["2026-11-23T09:02:11Z", "2026-11-23T09:02:11.000999Z", "2026-11-23T10:02:11+01:00"] {
            assert_eq!(at(text).to_string(), "2026-11-23T09:02:11.000Z", "{text}");
        }
    }

    #[test]
    fn rejects_text_that_is_no_moment() {
        for text in ["", "yesterday", "2026-11-23", "2026-13-01T00:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Timestamp>("\"\"").is_err());
        assert!(serde_json::from_str::<Timestamp>("17").is_err());
    }

    #[test]
    fn has_no_span_to_an_earlier_moment() {
        let (early, late) = (at("2026-11-23T09:00:00Z"), at("2026-11-23T09:07:59.999Z"));
        assert_eq!(early.until(late), Some(Duration::from_millis(479_999)));
        assert_eq!(late.until(early), None);
        assert_eq!(late.until_or_zero(early), Duration::ZERO);
    }

    #[test]
    fn whole_seconds_are_cut_not_rounded() {
        assert_eq!(at("2026-11-23T09:02:11.987Z").whole_seconds(), at("2026-11-23T09:02:11Z"));
        assert_eq!(Timestamp::from_millisecond(-1).expect("a moment").whole_seconds().as_second(), -1);
    }

    #[test]
    fn sums_stay_inside_the_calendar() {
        let long = Duration::from_secs(u64::MAX);
        assert!(Timestamp::EPOCH.plus(long) > Timestamp::EPOCH);
        assert!(Timestamp::EPOCH.minus(long) < Timestamp::EPOCH);
    }

    proptest! {
        #[test]
        fn text_order_is_time_order(a in 0_i64..4_000_000_000_000, b in 0_i64..4_000_000_000_000) {
            let moment = |ms| Timestamp::from_millisecond(ms).expect("a moment");
            let (x, y) = (moment(a), moment(b));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), a.cmp(&b));
            prop_assert_eq!(x.as_millisecond(), a);
            prop_assert_eq!(serde_json::to_string(&x).expect("JSON").len(), 26);
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&serde_json::to_string(&x).expect("JSON")).ok(), Some(x));
        }

        #[test]
        fn adding_and_subtracting_is_the_identity(ms in 0_i64..4_000_000_000_000, seconds in 0_u64..100_000_000) {
            let (from, span) = (Timestamp::from_millisecond(ms).expect("a moment"), Duration::from_secs(seconds));
            prop_assert_eq!(from.until(from.plus(span)), Some(span));
            prop_assert_eq!(from.plus(span).minus(span), from);
        }
    }
}
