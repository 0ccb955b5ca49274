//! Moments: [`Stamp`] to and from [`jiff::Timestamp`], and the few sums a release needs.
//!
//! Nothing here asks what time it is; that is the [`Clock`](crate::ports::Clock)'s work.

use std::time::Duration;

use greenlight_types::Stamp;
use jiff::{Timestamp, Unit};

/// Spells a moment with exactly three decimals, cut off (not rounded), in UTC: `2026-11-23T09:02:11.000Z`.
#[must_use]
pub fn stamp(at: Timestamp) -> Stamp {
    let ms = at.as_millisecond();
    let cut = Timestamp::from_millisecond(ms).unwrap_or(at);
    Stamp(format!("{cut:.3}"))
}

/// Spells a moment given in milliseconds since 1970; `None` beyond the years that a calendar can hold.
#[must_use]
pub fn from_ms(ms: i64) -> Option<Stamp> {
    Timestamp::from_millisecond(ms).ok().map(stamp)
}

/// Reads any RFC 3339 moment; `None` when it is not one.
#[must_use]
pub fn parse(at: &Stamp) -> Option<Timestamp> {
    at.0.parse().ok()
}

/// Spells another system's RFC 3339 text our way; `None` when it is not a moment.
#[must_use]
pub fn normal(text: &str) -> Option<Stamp> {
    text.trim().parse().ok().map(stamp)
}

/// Milliseconds since 1970; `None` when the stamp is not a moment.
#[must_use]
pub fn ms(at: &Stamp) -> Option<i64> {
    parse(at).map(|at| at.as_millisecond())
}

/// From one moment to the next; zero when the second is earlier or one of them is not a moment.
#[must_use]
pub fn between(from: &Stamp, to: &Stamp) -> Duration {
    let span = ms(from).zip(ms(to)).map_or(0, |(from, to)| to.saturating_sub(from));
    Duration::from_millis(u64::try_from(span).unwrap_or(0))
}

/// Whole minutes from one moment to the next, rounded down; zero when the second is earlier.
#[must_use]
pub fn minutes_between(from: &Stamp, to: &Stamp) -> u32 {
    u32::try_from(between(from, to).as_secs() / 60).unwrap_or(u32::MAX)
}

/// A later moment. The stamp itself when it is not a moment or the sum leaves the calendar.
#[must_use]
pub fn plus(at: &Stamp, more: Duration) -> Stamp {
    parse(at).and_then(|at| at.checked_add(more).ok()).map_or_else(|| at.clone(), stamp)
}

/// An earlier moment. The stamp itself when it is not a moment or the difference leaves the calendar.
#[must_use]
pub fn minus(at: &Stamp, less: Duration) -> Stamp {
    parse(at).and_then(|at| at.checked_sub(less).ok()).map_or_else(|| at.clone(), stamp)
}

/// The moment for people, in UTC to the minute: `23 Nov 2026, 09:02 UTC`. The stamp itself when it is not a moment.
#[must_use]
pub fn in_words(at: &Stamp) -> String {
    parse(at).map_or_else(|| at.0.clone(), |at| at.strftime("%-d %b %Y, %H:%M UTC").to_string())
}

/// A span for people: `40 s`, `8 min`, `1 h 05 min`.
#[must_use]
pub fn span_in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// The moment cut to whole seconds: git keeps no fractions.
#[must_use]
pub fn whole_seconds(at: &Stamp) -> Stamp {
    parse(at)
        .and_then(|at| at.round(jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor)).ok())
        .map_or_else(|| at.clone(), stamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Stamp {
        Stamp(text.to_owned())
    }

    #[test]
    fn every_spelling_of_a_moment_becomes_the_same_stamp() {
        for text in ["2026-11-23T09:02:11Z", "2026-11-23T09:02:11.000000Z", "2026-11-23T10:02:11+01:00"] {
            assert_eq!(normal(text), Some(at("2026-11-23T09:02:11.000Z")), "{text}");
        }
        assert_eq!(normal("yesterday"), None);
    }

    #[test]
    fn minutes_are_whole_and_never_negative() {
        assert_eq!(minutes_between(&at("2026-11-23T09:00:00.000Z"), &at("2026-11-23T09:07:59.999Z")), 7);
        assert_eq!(minutes_between(&at("2026-11-23T09:00:00.000Z"), &at("2026-11-23T08:00:00.000Z")), 0);
        assert_eq!(minutes_between(&at("nonsense"), &at("2026-11-23T08:00:00.000Z")), 0);
    }

    #[test]
    fn people_read_moments_and_spans_in_words() {
        assert_eq!(in_words(&at("2026-11-03T09:02:11.000Z")), "3 Nov 2026, 09:02 UTC");
        assert_eq!(span_in_words(Duration::from_secs(40)), "40 s");
        assert_eq!(span_in_words(Duration::from_secs(480)), "8 min");
        assert_eq!(span_in_words(Duration::from_secs(3900)), "1 h 05 min");
    }

    #[test]
    fn git_times_have_no_fractions() {
        assert_eq!(whole_seconds(&at("2026-11-23T09:02:11.987Z")), at("2026-11-23T09:02:11.000Z"));
    }

    proptest! {
        #[test]
        fn the_order_of_the_text_is_the_order_of_time(a in 0_i64..4_000_000_000_000, b in 0_i64..4_000_000_000_000) {
            let (x, y) = (from_ms(a).expect("a moment"), from_ms(b).expect("a moment"));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(ms(&x), Some(a));
            prop_assert_eq!(x.0.len(), 24);
        }

        #[test]
        fn adding_and_taking_away_leads_back(a in 0_i64..4_000_000_000_000, s in 0_u64..100_000_000) {
            let from = from_ms(a).expect("a moment");
            prop_assert_eq!(between(&from, &plus(&from, Duration::from_secs(s))), Duration::from_secs(s));
            prop_assert_eq!(minus(&plus(&from, Duration::from_secs(s)), Duration::from_secs(s)), from);
        }
    }
}
