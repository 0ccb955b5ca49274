//! Turns the events that AWS lists for the service into lines, each event once.
//!
//! AWS lists the newest 100 events with each answer (ECS API, `Service.events`).

use std::collections::BTreeSet;

use greenlight_types::{LineLabel, LogLine, Timestamp};

use crate::ports::ServiceEvent;

/// Number of stored lines that are read at the start. More than AWS lists at a time.
pub(crate) const REMEMBERED: u32 = 200;

/// Most events that are compared. An answer of AWS that arrives late lists older events.
const KNOWN_MAX: usize = 1_000;

/// The events that are stored already.
#[derive(Debug, Default)]
pub(crate) struct StoredEvents {
    known: BTreeSet<(Timestamp, String)>,
}

impl StoredEvents {
    /// The events of stored lines.
    pub fn of(lines: Vec<LogLine>) -> Self {
        Self { known: lines.into_iter().filter_map(|line| Some((line.at?, line.text))).collect() }
    }

    /// The lines of the events since `from` that are not stored, oldest first, numbered from
    /// `next`. Forgets the oldest of many events.
    pub fn add(&mut self, events: &[ServiceEvent], from: Timestamp, next: u32) -> Vec<LogLine> {
        let listed: BTreeSet<(Timestamp, String)> =
            events.iter().filter(|event| event.at >= from).map(|event| (event.at, event.message.clone())).collect();
        let fresh: Vec<_> = listed.difference(&self.known).cloned().collect();
        self.known.extend(fresh.iter().cloned());
        while self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
        let line = |(number, (at, text))| LogLine { number, at: Some(at), label: LineLabel::Unknown, text };
        (next..).zip(fresh).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn event(second: i64, message: &str) -> ServiceEvent {
        ServiceEvent { id: message.to_owned(), at: at(second), message: message.to_owned() }
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn each_event_since_the_start_is_stored_once_oldest_first() {
        let mut stored = StoredEvents::default();
        let lines = stored.add(&[event(30, "b"), event(20, "a"), event(5, "before")], at(10), 7);
        assert_eq!(texts(&lines), ["a", "b"]);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [7, 8]);
        assert_eq!(texts(&stored.add(&[event(40, "c"), event(30, "b"), event(20, "a")], at(10), 9)), ["c"]);
        assert!(stored.add(&[event(40, "c"), event(30, "b")], at(10), 10).is_empty());
    }

    #[test]
    fn a_restart_knows_the_stored_events() {
        let lines = StoredEvents::default().add(&[event(20, "a")], at(10), 0);
        let mut stored = StoredEvents::of(lines);
        assert_eq!(texts(&stored.add(&[event(30, "b"), event(20, "a")], at(10), 1)), ["b"]);
    }
}
