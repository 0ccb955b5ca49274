//! The question about a migration that ended well before this run saw it. A person may have
//! restored the database since, and a database that nobody can ask does not tell (INV-D2).

use greenlight_types::{Choice, ErrorCode, Failure, Question, Retry, RunView};

use super::database;
use crate::{
    ports::{JobState, JobStatus},
    time,
};

const RESTORED: &str = "restored";

/// The open question about an ended migration. `None` for one that did not end well, once it is
/// answered, or where the database itself is asked.
pub(super) fn question(run: &RunView, job: &JobStatus) -> Option<Question> {
    let JobState::Finished { exit: 0, finished_at } = job.state else { return None };
    if database::question_command(run).is_some() || answer(run, &job.id).is_some() {
        return None;
    }
    let choice =
        |id: &str, label: &str, detail: &str| Choice { id: id.into(), label: label.into(), detail: detail.into() };
    Some(Question {
        id: question_id(&job.id),
        text: format!(
            "The migration of {} ended without error {}. This app cannot ask the database. Was the database restored \
             after that?",
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
            .hint("Do not start it by hand. Report on this step that the database was restored; then run it again.")
            .retry(Retry::No),
    )
}

fn answer<'a>(run: &'a RunView, job: &str) -> Option<&'a str> {
    let id = question_id(job);
    run.answers.iter().rev().find(|one| one.question == id).map(|one| one.answer.as_str())
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

    /// A run whose database nobody can ask, with this answer.
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

    #[test]
    fn asks_once_about_a_migration_that_ended_well() {
        assert!(question(&run(None), &ended(0)).is_some());
        for state in [ended(3), job(JobState::Running), job(JobState::Orphaned)] {
            assert_eq!(question(&run(None), &state), None, "{state:?}");
        }
        for answer in ["stillMigrated", RESTORED] {
            assert_eq!(question(&run(Some(answer)), &ended(0)), None, "{answer}");
        }
    }

    #[test]
    fn asks_nobody_where_the_database_answers() {
        let mut run = run(None);
        run.profile.migration.probe = "select version".into();
        assert_eq!(question(&run, &ended(0)), None);
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
