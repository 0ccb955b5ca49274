//! The last look of an open run, and the rule by which it opens the start of Prepare or Deploy.
//!
//! The look stays in memory: after the app was closed, the checks run again.

use std::time::Duration;

use greenlight_types::{
    ConfirmedMachine, ErrorCode, Failure, Profile, Readiness, ReadinessState, Realm, RunState, RunView, Timestamp,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::redact::Redactor;

/// Age up to which a look opens a start. The page looks again after ten minutes, and a look takes
/// up to half a minute.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// Longest sentence of an answer, in characters.
const SENTENCE_MAX: usize = 500;

/// Id of the question about the findings before the part of the run that starts next.
pub(crate) fn question(state: RunState) -> Option<&'static str> {
    match state {
        RunState::Draft => Some("readiness:prepare"),
        RunState::Prepared => Some("readiness:deploy"),
        RunState::Preparing | RunState::Deploying | RunState::Checking | RunState::Ended => None,
    }
}

/// A finding as the answer to that question repeats it.
pub(crate) fn as_answered(finding: &str) -> String {
    finding.trim().trim_end_matches('.').chars().take(SENTENCE_MAX).collect()
}

/// The situation that a look is about.
#[derive(Clone, Debug, PartialEq)]
struct About {
    state: RunState,
    profile: Profile,
    /// The confirmed staging machine. A rollback has none.
    machine: Option<ConfirmedMachine>,
}

impl About {
    fn of(run: &RunView, machine: Option<ConfirmedMachine>) -> Self {
        let trimmed = |one: ConfirmedMachine| ConfirmedMachine { address: one.address.trim().to_owned(), ..one };
        let machine = machine.filter(|_| !run.is_rollback()).map(trimmed);
        Self { state: run.state, profile: run.profile.clone(), machine }
    }
}

#[derive(Clone, Debug)]
struct Look {
    about: About,
    readiness: Readiness,
    taken: Instant,
}

impl Look {
    /// The clock of practice runs faster than a person reads, so only the clock of production
    /// counts. It also counts a sleep of this computer.
    fn age(&self, realm: Realm, now: Timestamp) -> Duration {
        match realm {
            Realm::Practice => self.taken.elapsed(),
            Realm::Production => self.taken.elapsed().max(self.readiness.at.until_or_zero(now)),
        }
    }
}

/// The last look of an open run.
#[derive(Debug, Default)]
pub(crate) struct LastLook {
    newest: Mutex<(u64, Option<Look>)>,
}

/// A look that has begun.
pub(crate) struct BegunLook {
    number: u64,
    about: About,
}

impl LastLook {
    /// Begins a look. The one before it counts until the new one has its result.
    pub fn begin(&self, run: &RunView, machine: Option<ConfirmedMachine>) -> BegunLook {
        let mut newest = self.newest.lock();
        newest.0 = newest.0.wrapping_add(1);
        BegunLook { number: newest.0, about: About::of(run, machine) }
    }

    /// Keeps the result of a look, unless a later one has begun.
    pub fn keep(&self, begun: BegunLook, readiness: &Readiness) {
        let mut newest = self.newest.lock();
        if newest.0 == begun.number {
            let look = Look { about: begun.about, readiness: readiness.clone(), taken: Instant::now() };
            newest.1 = Some(look);
        }
    }

    /// Refuses the start of the next part of a run.
    ///
    /// # Errors
    /// `NotReady` when no look is about this situation, when it is too old, when one of its checks
    /// blocks, or when a finding has no reason.
    pub fn check(
        &self,
        run: &RunView,
        machine: Option<ConfirmedMachine>,
        now: Timestamp,
        redactor: &Redactor,
    ) -> Result<(), Failure> {
        let look = self.newest.lock().1.clone();
        let age = look.as_ref().map(|look| look.age(run.realm, now)).unwrap_or_default();
        let answered: Vec<&str> = match question(run.state) {
            Some(question) => {
                run.answers.iter().filter(|one| one.question == question).map(|one| one.text.as_str()).collect()
            }
            // The act refuses a part that has started.
            None => return Ok(()),
        };
        let has_reason = |finding: &str| {
            // An act is cleaned first, and then cut.
            let sentence = as_answered(&redactor.text(finding).into_string());
            answered.iter().any(|text| has_sentence(text, &sentence))
        };
        let Some(problem) = problem(look.as_ref(), &About::of(run, machine), age, has_reason) else { return Ok(()) };
        let start = if run.state == RunState::Draft { "start Prepare" } else { run.start_of_deploy() };
        Err(Failure::new(ErrorCode::NotReady, format!("{start}: not everything is ready"))
            .because(&problem)
            .with("problem", problem)
            .hint("Check again, and read each row."))
    }
}

/// Whether one of the sentences of an answer is exactly this one.
fn has_sentence(text: &str, sentence: &str) -> bool {
    format!(". {text} ").contains(&format!(". {sentence}. "))
}

/// Why a look does not open the start.
fn problem(look: Option<&Look>, about: &About, age: Duration, has_reason: impl Fn(&str) -> bool) -> Option<String> {
    let Some(look) = look.filter(|look| look.about == *about) else {
        return Some("the checks did not run with these values and this staging machine".to_owned());
    };
    if age > AGE_MAX {
        return Some(format!("the checks ran {} min ago, and count for {} min", minutes(age), minutes(AGE_MAX)));
    }
    let of = |state: ReadinessState| {
        let rows = look.readiness.rows.iter().filter(move |row| row.state == state);
        rows.map(|row| row.sentence.as_str())
    };
    let blocked: Vec<&str> = of(ReadinessState::Blocked).collect();
    if !blocked.is_empty() {
        return Some(format!("the release would fail: {}", blocked.join("; ")));
    }
    let open: Vec<&str> = of(ReadinessState::Choose).filter(|finding| !has_reason(finding)).collect();
    (!open.is_empty()).then(|| format!("no reason is written for: {}", open.join("; ")))
}

fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessCheck, ReadinessGroup, ReadinessRow, RunEvent, StepId};

    use super::*;
    use crate::act::test_support::{Desk, deploying, draft, prepared, rollback};

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn readiness(rows: &[(ReadinessState, &str)]) -> Readiness {
        let row = |(state, sentence): &(ReadinessState, &str)| ReadinessRow {
            check: ReadinessCheck::Servers,
            group: ReadinessGroup::Production,
            state: *state,
            sentence: (*sentence).to_owned(),
            meaning: String::new(),
            repair: None,
            failure: None,
            took_ms: 1,
        };
        let at = NOW.parse().expect("a time");
        Readiness { rows: rows.iter().map(row).collect(), at, took_ms: 1, machine_commands: Vec::new() }
    }

    fn machine(address: &str) -> Option<ConfirmedMachine> {
        Some(ConfirmedMachine { address: address.into(), port: 22, fingerprint: "SHA256:a".into() })
    }

    fn looked(run: &RunView, machine: Option<ConfirmedMachine>, rows: &[(ReadinessState, &str)]) -> LastLook {
        let last = LastLook::default();
        last.keep(last.begin(run, machine), &readiness(rows));
        last
    }

    /// The problem of a start, or nothing.
    fn refused(last: &LastLook, run: &RunView, machine: Option<ConfirmedMachine>, now: &str) -> Option<String> {
        let checked = last.check(run, machine, now.parse().expect("a time"), &Redactor::default());
        let failure = checked.err()?;
        assert_eq!(failure.code, ErrorCode::NotReady);
        Some(failure.params["problem"].clone())
    }

    fn contains(problem: Option<String>, part: &str) -> bool {
        problem.is_some_and(|problem| problem.contains(part))
    }

    #[test]
    fn a_reason_opens_only_its_own_finding() {
        let text = "web runs image:10. The hooks a, b run. Last.";
        for (sentence, is_there) in [
            ("web runs image:10", true),
            ("The hooks a, b run", true),
            ("Last", true),
            ("web runs image:1", false),
            ("The hooks a", false),
            ("runs image:10", false),
        ] {
            assert_eq!(has_sentence(text, sentence), is_there, "{sentence}");
        }
    }

    #[test]
    fn a_red_row_and_a_missing_look_keep_the_start_closed() {
        use ReadinessState::{Blocked, Later, Ready, Unknown};
        let run = draft();
        assert!(contains(refused(&LastLook::default(), &run, None, NOW), "did not run"));
        assert_eq!(refused(&looked(&run, None, &[(Ready, "a"), (Later, "b"), (Unknown, "c")]), &run, None, NOW), None);
        let red = looked(&run, None, &[(Blocked, "No workflow")]);
        assert!(contains(refused(&red, &run, None, NOW), "would fail: No workflow"));
    }

    #[test]
    fn a_finding_needs_a_reason_in_the_journal() {
        let desk = Desk::new(draft());
        let last = looked(&desk.view, None, &[(ReadinessState::Choose, "The site answers with an error (503).")]);
        assert!(contains(refused(&last, &desk.view, None, NOW), "no reason is written for: The site"));
        let answered = |question: &str, text: &str| {
            desk.after(RunEvent::QuestionAnswered {
                step: StepId::MergeBranch,
                question: question.into(),
                text: text.into(),
                answer: "anyway".into(),
                label: String::new(),
                note: "known".into(),
            })
        };
        for (question, text, is_open) in [
            ("readiness:prepare", "A. The site answers with an error (503).", true),
            ("readiness:prepare", "Another finding.", false),
            ("readiness:deploy", "The site answers with an error (503).", false),
        ] {
            let run = answered(question, text);
            assert_eq!(refused(&last, &run, None, NOW).is_none(), is_open, "{question} {text}");
        }
    }

    #[test]
    fn a_look_is_about_one_part_machine_and_profile() {
        let run = prepared();
        let last = looked(&run, machine(" 192.0.2.1 "), &[]);
        assert_eq!(refused(&last, &run, machine("192.0.2.1"), NOW), None);
        for other in [machine("192.0.2.2"), None] {
            assert!(contains(refused(&last, &run, other, NOW), "did not run"));
        }
        let mut corrected = run.clone();
        corrected.profile.aws.cluster = "other".into();
        assert!(contains(refused(&last, &corrected, machine("192.0.2.1"), NOW), "did not run"));
        assert!(contains(
            refused(&looked(&draft(), machine("192.0.2.1"), &[]), &run, machine("192.0.2.1"), NOW),
            "not run"
        ));
        // A rollback has no staging machine; a part that has started is refused by its act.
        assert_eq!(refused(&looked(&rollback(), None, &[]), &rollback(), machine("192.0.2.1"), NOW), None);
        assert_eq!(refused(&LastLook::default(), &deploying(), None, NOW), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_counts_for_a_quarter_of_an_hour() {
        let mut run = draft();
        let last = looked(&run, None, &[]);
        let later = "2026-11-23T12:15:01Z";
        assert_eq!(refused(&last, &run, None, later), None, "the clock of practice does not count");
        run.realm = Realm::Production;
        let last = looked(&run, None, &[]);
        assert!(contains(refused(&last, &run, None, later), "15 min ago"));
        tokio::time::advance(AGE_MAX).await;
        assert_eq!(refused(&last, &run, None, NOW), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(contains(refused(&last, &run, None, NOW), "15 min ago"));
    }

    #[test]
    fn only_the_newest_look_counts() {
        let run = draft();
        let last = LastLook::default();
        let (first, second) = (last.begin(&run, None), last.begin(&run, None));
        last.keep(second, &readiness(&[(ReadinessState::Blocked, "red")]));
        last.keep(first, &readiness(&[]));
        assert!(contains(refused(&last, &run, None, NOW), "red"));
        let third = last.begin(&run, None);
        assert!(contains(refused(&last, &run, None, NOW), "red"), "it counts until the next one has its result");
        last.keep(third, &readiness(&[]));
        assert_eq!(refused(&last, &run, None, NOW), None);
    }
}
