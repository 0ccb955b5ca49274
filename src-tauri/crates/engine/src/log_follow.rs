//! Follows a log group without losing or repeating a line: computes the start of each query, and
//! finds the new events in the answers.
//!
//! Pure: time and pages are arguments, and no line is kept here. Every query reaches back two
//! minutes, because events arrive late. Ids tell which events were seen before (TRAP-L1, L2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use greenlight_types::{LineLabel, LogLine, Timestamp};

use crate::ports::{LogEvent, LogPage};

/// Time that each query reaches back.
pub const OVERLAP_MS: i64 = 120_000;
/// Most event ids that are remembered.
const MOST_IDS: usize = 200_000;
/// Longest text of a line, in characters. The rest is cut off.
const LONGEST_TEXT: usize = 16_384;

/// Ids of tasks by version. They give a line its label: the name of its stream ends in the task id
/// (TRAP-L1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Tasks of the version that served before.
    pub old: BTreeSet<String>,
    /// Tasks of the new version.
    pub new: BTreeSet<String>,
}

impl Labels {
    /// Whether the task of a stream is in one of the two sets.
    #[must_use]
    pub fn knows(&self, stream: &str) -> bool {
        let task = task_of(stream);
        self.new.contains(task) || self.old.contains(task)
    }

    fn of(&self, stream: &str) -> LineLabel {
        let task = task_of(stream);
        match (self.new.contains(task), self.old.contains(task)) {
            (true, _) => LineLabel::New,
            (false, true) => LineLabel::Old,
            (false, false) => LineLabel::Unknown,
        }
    }
}

/// The task id: the last part of a stream's name.
fn task_of(stream: &str) -> &str {
    stream.rsplit('/').next().unwrap_or_default()
}

/// State of the follower of one log group.
#[derive(Debug)]
pub struct LogFollow {
    /// Earliest start of a query, in ms since 1970. Older events are ignored.
    floor_ms: i64,
    newest_ms: i64,
    /// Ids that were seen, by time, so that the oldest are forgotten first.
    seen: BTreeMap<i64, BTreeSet<String>>,
    seen_count: usize,
    /// Lines that the spool has from before the app was reopened: how often each text occurs at
    /// each time.
    spooled: HashMap<(i64, String), u32>,
    next_number: u32,
}

impl LogFollow {
    /// Starts at a moment, in ms since 1970.
    #[must_use]
    pub fn starting(from_ms: i64) -> Self {
        Self {
            floor_ms: from_ms,
            newest_ms: from_ms,
            seen: BTreeMap::new(),
            seen_count: 0,
            spooled: HashMap::new(),
            next_number: 0,
        }
    }

    /// Resumes after the app was reopened. `tail` has the newest lines of the spool, at least those
    /// of the last two minutes. `count` is the number of all its lines.
    #[must_use]
    pub fn resuming(from_ms: i64, tail: &[LogLine], count: u32) -> Self {
        let mut follow = Self::starting(from_ms);
        follow.next_number = count;
        for line in tail {
            if let Some(at) = line.at.map(Timestamp::as_millisecond) {
                follow.newest_ms = follow.newest_ms.max(at);
                *follow.spooled.entry((at, line.text.clone())).or_default() += 1;
            }
        }
        follow
    }

    /// Start of the next query, in ms since 1970: two minutes before the newest event, or before
    /// now if now is earlier. It is never before the start, and never before forgotten ids.
    pub fn next_query(&mut self, now_ms: i64) -> i64 {
        let from = self.newest_ms.min(now_ms).saturating_sub(OVERLAP_MS).max(self.floor_ms);
        let kept = self.seen.split_off(&from);
        self.seen_count -= self.seen.values().map(BTreeSet::len).sum::<usize>();
        self.seen = kept;
        self.spooled.retain(|(at, _), _| *at >= from);
        from
    }

    /// The new lines of a page, in order of time. The port has cleaned the messages, so a cut here
    /// splits no secret.
    pub fn take(&mut self, page: &LogPage, labels: &Labels) -> Vec<LogLine> {
        let mut fresh: Vec<&LogEvent> = page.events.iter().filter(|event| self.is_new(event)).collect();
        fresh.sort_by_key(|event| event.at_ms);
        let mut lines = Vec::new();
        for event in fresh {
            self.newest_ms = self.newest_ms.max(event.at_ms);
            for text in event.message.trim_end_matches(['\n', '\r']).split('\n') {
                let text: String = text.trim_end_matches('\r').chars().take(LONGEST_TEXT).collect();
                if self.was_spooled(event.at_ms, &text) {
                    continue;
                }
                let (number, at) = (self.next_number, Timestamp::from_millisecond(event.at_ms));
                lines.push(LogLine { number, at, label: labels.of(&event.stream), text });
                self.next_number = self.next_number.saturating_add(1);
            }
        }
        self.forget_beyond_limit();
        lines
    }

    fn is_new(&mut self, event: &LogEvent) -> bool {
        if event.at_ms < self.floor_ms {
            return false;
        }
        let ids = self.seen.entry(event.at_ms).or_default();
        // Two minutes of events come again with every query. An id is cloned only when it is new.
        let is_new = !ids.contains(&event.id);
        if is_new {
            ids.insert(event.id.clone());
            self.seen_count += 1;
        }
        is_new
    }

    fn was_spooled(&mut self, at_ms: i64, text: &str) -> bool {
        if self.spooled.is_empty() {
            return false;
        }
        let Some(count) = self.spooled.get_mut(&(at_ms, text.to_owned())).filter(|count| **count > 0) else {
            return false;
        };
        *count -= 1;
        true
    }

    /// Bounds the memory: beyond the limit the oldest ids are forgotten, and events as old as those
    /// are not queried again.
    fn forget_beyond_limit(&mut self) {
        while self.seen_count > MOST_IDS {
            let Some((at, ids)) = self.seen.pop_first() else { break };
            self.seen_count -= ids.len();
            self.floor_ms = self.floor_ms.max(at.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_700_000_000_000;

    fn event(id: u32, at: i64, message: &str) -> LogEvent {
        LogEvent {
            id: id.to_string(),
            stream: format!("web/webapp/t{}", id % 3),
            at_ms: START + at,
            message: message.to_owned(),
        }
    }

    fn page(events: Vec<LogEvent>) -> LogPage {
        LogPage { events, next: None }
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn a_late_event_with_an_older_time_is_shown_once() {
        let mut follow = LogFollow::starting(START);
        let labels = Labels::default();
        follow.take(&page(vec![event(1, 60_000, "new")]), &labels);
        assert!(follow.next_query(START + 61_000) <= START + 57_000);
        let again = page(vec![event(2, 57_000, "late"), event(1, 60_000, "new")]);
        assert_eq!(texts(&follow.take(&again, &labels)), ["late"]);
        assert!(follow.take(&again, &labels).is_empty());
    }

    #[test]
    fn nothing_before_the_start_is_asked_for_or_shown() {
        let mut follow = LogFollow::starting(START);
        assert_eq!(follow.next_query(START + 5), START);
        assert!(follow.take(&page(vec![event(1, -1, "old")]), &Labels::default()).is_empty());
    }

    #[test]
    fn labels_lines_by_the_task_in_their_stream_name() {
        let labels = Labels { old: ["t0".to_owned()].into(), new: ["t1".to_owned()].into() };
        let mut follow = LogFollow::starting(START);
        let lines = follow.take(&page(vec![event(0, 1, "a"), event(1, 2, "b"), event(2, 3, "c")]), &labels);
        let found: Vec<LineLabel> = lines.iter().map(|line| line.label).collect();
        assert_eq!(found, [LineLabel::Old, LineLabel::New, LineLabel::Unknown]);
    }

    #[test]
    fn a_task_in_either_set_is_known() {
        let one = |task: &str| BTreeSet::from([task.to_owned()]);
        let labels = Labels { old: one("t0"), new: one("t1") };
        assert!(labels.knows("web/webapp/t0") && labels.knows("web/webapp/t1"));
        assert!(!labels.knows("web/webapp/t2"));
    }

    #[test]
    fn forgotten_ids_are_not_counted() {
        let mut follow = LogFollow::starting(START);
        let late = event(4, 2 * OVERLAP_MS, "d");
        follow.take(&page(vec![event(1, 0, "a"), event(2, 0, "b"), event(3, 1, "c"), late]), &Labels::default());
        assert_eq!(follow.next_query(START + 2 * OVERLAP_MS), START + OVERLAP_MS);
        assert_eq!(follow.seen_count, 1);
    }

    #[test]
    fn an_event_of_several_lines_becomes_numbered_lines() {
        let mut follow = LogFollow::starting(START);
        let lines = follow.take(&page(vec![event(1, 1, "a\r\n\tat b\n")]), &Labels::default());
        assert_eq!(texts(&lines), ["a", "\tat b"]);
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn after_reopening_no_line_is_lost_or_repeated() {
        let labels = Labels::default();
        let mut before = LogFollow::starting(START);
        let spool = before.take(&page(vec![event(1, 10, "x"), event(2, 10, "x"), event(3, 20, "y")]), &labels);
        let mut follow = LogFollow::resuming(START, &spool, 3);
        assert_eq!(follow.next_query(START + 30), START);
        let all =
            page(vec![event(1, 10, "x"), event(2, 10, "x"), event(3, 20, "y"), event(4, 10, "x"), event(5, 25, "z")]);
        let lines = follow.take(&all, &labels);
        assert_eq!(texts(&lines), ["x", "z"]);
        assert_eq!(lines[0].number, 3);
    }

    #[test]
    fn memory_is_bounded_and_nothing_repeats_at_the_limit() {
        let mut follow = LogFollow::starting(START);
        let count = u32::try_from(MOST_IDS).expect("a number") + 10;
        let events: Vec<LogEvent> = (0..count).map(|id| event(id, i64::from(id), "x")).collect();
        assert_eq!(follow.take(&page(events.clone()), &Labels::default()).len(), events.len());
        assert_eq!(follow.seen_count, MOST_IDS);
        assert!(follow.take(&page(events), &Labels::default()).is_empty());
    }

    proptest! {
        #[test]
        fn shows_each_event_once_if_less_than_two_minutes_late(
            events in prop::collection::vec((0_i64..600_000, 0_i64..110_000), 1..60),
        ) {
            let mut follow = LogFollow::starting(START);
            let all: Vec<LogEvent> =
                events.iter().zip(0_u32..).map(|((at, _), id)| event(id, *at, &id.to_string())).collect();
            let mut shown: Vec<String> = Vec::new();
            for now in (0..=800_000).step_by(5_000) {
                let from = follow.next_query(START + now);
                let arrived = all.iter().zip(&events).filter(|(e, (at, late))| at + late <= now && e.at_ms >= from);
                let page = page(arrived.map(|(e, _)| e.clone()).collect());
                shown.extend(follow.take(&page, &Labels::default()).into_iter().map(|line| line.text));
            }
            let mut expected: Vec<String> = all.iter().map(|e| e.message.clone()).collect();
            expected.sort();
            shown.sort();
            prop_assert_eq!(shown, expected);
        }
    }
}
