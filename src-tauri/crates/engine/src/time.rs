//! Ages of moments; moments and spans in words, for plans and exports.
//!
//! Nothing here reads a clock: [`Clock`](crate::ports::Clock) does.

use std::time::Duration;

use greenlight_types::Timestamp;

/// Whether more than `limit` has passed since `at`. If the clock went back, the age is unknown and
/// the answer is `true`, so that a guard refuses.
#[must_use]
pub fn is_older_than(at: Timestamp, limit: Duration, now: Timestamp) -> bool {
    at.until(now).is_none_or(|age| age > limit)
}

/// Whether at least `span` has passed since `at`. If the clock went back, that is unknown and the
/// answer is `false`.
#[must_use]
pub fn has_passed(at: Timestamp, span: Duration, now: Timestamp) -> bool {
    at.until(now).is_some_and(|age| age >= span)
}

/// The moment for people, in UTC to the minute: `23 Nov 2026, 09:02 UTC`.
#[must_use]
pub fn in_words(at: Timestamp) -> String {
    at.as_jiff().strftime("%-d %b %Y, %H:%M UTC").to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn an_unknown_age_is_too_old() {
        let (early, late) = (at("2026-11-23T09:00:00Z"), at("2026-11-23T09:05:00Z"));
        assert!(!is_older_than(early, Duration::from_secs(300), late));
        assert!(is_older_than(early, Duration::from_secs(299), late));
        assert!(is_older_than(late, Duration::from_secs(300), early), "the clock went back");
    }

    #[test]
    fn an_unknown_span_has_not_passed() {
        let (early, late) = (at("2026-11-23T09:00:00Z"), at("2026-11-23T09:05:00Z"));
        assert!(has_passed(early, Duration::from_secs(300), late));
        assert!(!has_passed(early, Duration::from_secs(301), late));
        assert!(!has_passed(late, Duration::ZERO, early), "the clock went back");
    }

    #[test]
    fn people_read_moments_and_spans_in_words() {
        assert_eq!(in_words(at("2026-11-03T09:02:11.000Z")), "3 Nov 2026, 09:02 UTC");
        assert_eq!(span_in_words(Duration::from_secs(40)), "40 s");
        assert_eq!(span_in_words(Duration::from_secs(480)), "8 min");
        assert_eq!(span_in_words(Duration::from_secs(3900)), "1 h 05 min");
    }
}
