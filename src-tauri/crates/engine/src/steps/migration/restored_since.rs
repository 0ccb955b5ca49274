//! A migration that ended with exit code 0 before this run saw it. A person may have restored the
//! database since, and the end of the script does not tell (INV-D2).

use greenlight_types::{Choice, ErrorCode, Failure, Question, Retry, RunView};

use super::database::{self, Database, ProbeResult};
use crate::{
    ports::{JobState, JobStatus},
    time,
};

const RESTORED: &str = "restored";

/// Decision about the database in the plan that follows a job.
#[derive(Debug, PartialEq)]
pub(super) enum FollowDecision {
    /// A person has to say whether the database was restored.
    Asks(Question),
    /// The end is judged against this answer of the database from before the start. Empty when it
    /// is not known, absent without a probe.
    Follows(Option<String>),
}

/// Decides about a job that was started before. `before` is the answer of the database before its
/// start, if this computer has it; `now` is its answer of this moment.
pub(super) fn decide_follow(
    run: &RunView,
    job: &JobStatus,
    before: Option<&Database>,
    now: &ProbeResult,
) -> FollowDecision {
    let unknown = database::unknown_input(run);
    let follows = |before: &Database| FollowDecision::Follows(Some(before.line()));
    let JobState::Finished { exit: 0, finished_at } = job.state else {
        return before.map_or(FollowDecision::Follows(unknown), follows);
    };
    let is_answered = answer(run, &job.id).is_some();
    let known = match (before, now) {
        // The end stays in doubt, and a person settles it.
        (None, ProbeResult::Said(_) | ProbeResult::Silent(_)) => return FollowDecision::Follows(unknown),
        (None, ProbeResult::NoProbe) if is_answered => return FollowDecision::Follows(unknown),
        (Some(before), ProbeResult::Said(now)) if before == now => return follows(before),
        (Some(before), _) if is_answered => return follows(before),
        (None, ProbeResult::NoProbe) => "This app cannot ask the database.".to_owned(),
        (Some(before), now) => {
            format!("Before its start the database said {}. {}", before.line(), database::says_now(now))
        }
    };
    let choice =
        |id: &str, label: &str, detail: &str| Choice { id: id.into(), label: label.into(), detail: detail.into() };
    FollowDecision::Asks(Question {
        id: question_id(&job.id),
        text: format!(
            "The migration of {} ended without error {}. {known} Was the database restored after that?",
            run.version,
            time::in_words(finished_at)
        ),
        options: vec![
            choice("stillMigrated", "No, it is still migrated", "The end of the migration is recorded."),
            choice(
                RESTORED,
                "Yes, it was restored",
                "The migration is recorded as failed. Then report here who restored the database, and run it again.",
            ),
        ],
        needs_note: true,
    })
}

/// The failure of a migration whose database was restored after its end, by the word of a person.
pub(super) fn failure(run: &RunView, job: &str) -> Option<Failure> {
    answer(run, job).filter(|answer| *answer == RESTORED)?;
    Some(
        Failure::new(ErrorCode::SaidFailed, "call the migration done: the database was restored after its end")
            .with("job", job)
            .with("restored", "yes")
            .hint("Do not start it by hand. Report on this step that the database was restored; then run it again.")
            .retry(Retry::No),
    )
}

fn answer<'a>(run: &'a RunView, job: &str) -> Option<&'a str> {
    run.answer(&question_id(job)).map(|one| one.answer.as_str())
}

fn question_id(job: &str) -> String {
    format!("restoredSince:{job}")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{AnswerView, Timestamp};

    use super::*;
    use crate::act::test_support::deploying;

    fn job(state: JobState) -> JobStatus {
        JobStatus { id: "a1".into(), state, started_at: None, output_bytes: 0 }
    }

    fn ended(exit: i32) -> JobStatus {
        job(JobState::Finished { exit, finished_at: Timestamp::EPOCH })
    }

    fn database(line: &str) -> Database {
        Database::read(line).expect("an answer")
    }

    fn said(line: &str) -> ProbeResult {
        ProbeResult::Said(database(line))
    }

    /// A run with this answer.
    fn run(answer: Option<&str>) -> RunView {
        let mut run = deploying();
        run.profile.migration.probe.clear();
        run.answers.extend(answer.map(|answer| AnswerView {
            question: question_id("a1"),
            text: String::new(),
            answer: answer.into(),
            label: String::new(),
            note: String::new(),
            person: "Ann".into(),
            at: Timestamp::EPOCH,
        }));
        run
    }

    fn asks(run: &RunView, job: &JobStatus, before: Option<&str>, now: &ProbeResult) -> bool {
        matches!(decide_follow(run, job, before.map(database).as_ref(), now), FollowDecision::Asks(_))
    }

    #[test]
    fn asks_once_about_a_migration_that_ended_well_where_nobody_can_ask() {
        assert!(asks(&run(None), &ended(0), None, &ProbeResult::NoProbe));
        for state in [ended(3), job(JobState::Running), job(JobState::Orphaned)] {
            assert!(!asks(&run(None), &state, None, &ProbeResult::NoProbe), "{state:?}");
        }
        for answer in ["stillMigrated", RESTORED] {
            assert!(!asks(&run(Some(answer)), &ended(0), None, &ProbeResult::NoProbe), "{answer}");
        }
    }

    #[test]
    fn an_answer_from_before_proves_only_that_nothing_changed() {
        let mut run = run(None);
        run.profile.migration.probe = "select version".into();
        assert!(!asks(&run, &ended(0), Some("41 db7"), &said("41 db7")), "it is as before its start");
        for now in [said("42 db7"), said("40 db7"), said("41 db8"), ProbeResult::Silent("locked".into())] {
            assert!(asks(&run, &ended(0), Some("41 db7"), &now), "{now:?}");
        }
        assert!(!asks(&run, &ended(0), None, &said("42 db7")), "the doubt about the end asks");
        assert!(!asks(&run, &job(JobState::Running), Some("41 db7"), &said("42 db7")), "it runs");
    }

    #[test]
    fn a_restored_database_fails_the_migration_for_good() {
        let failure = failure(&run(Some(RESTORED)), "a1").expect("a failure");
        assert_eq!((failure.code, failure.retry), (ErrorCode::SaidFailed, Retry::No));
        for (answer, job) in [(None, "a1"), (Some("stillMigrated"), "a1"), (Some(RESTORED), "a2")] {
            assert_eq!(super::failure(&run(answer), job), None, "{answer:?} {job}");
        }
    }
}
