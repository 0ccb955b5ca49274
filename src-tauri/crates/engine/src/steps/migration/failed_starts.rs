//! Whether the new version fails to start because the database is not migrated yet. A migration
//! cures nothing else, so another failure keeps it closed (TRAP-E9).

use greenlight_types::{Choice, Precondition, Question, RunView, ServersView, StartFailure};
use sha2::{Digest, Sha256};

use crate::step::hex;

/// Id of the answer that a failure is the old database.
const OLD_DATABASE: &str = "oldDatabase";
/// Id of the answer that a failure is something else.
const SOMETHING_ELSE: &str = "somethingElse";

/// The precondition, and the question about a failure that the profile does not know.
pub(super) fn judge(run: &RunView, servers: &ServersView, deployment: &str) -> (Precondition, Option<Question>) {
    let precondition = |passed, detail: String| Precondition {
        id: "startsFailAsExpected".into(),
        passed,
        text: "The new version fails only because the database is not migrated, or does not fail".into(),
        detail,
    };
    let reason = servers.last_reason.clone().unwrap_or_default();
    match servers.start_failure {
        None => (precondition(true, "no start has failed".into()), None),
        Some(StartFailure::Expected) => (precondition(true, reason), None),
        Some(StartFailure::NeverExpected) => {
            (precondition(false, format!("{reason}. A migration does not cure this")), None)
        }
        Some(StartFailure::NotRecognised) => {
            let question = question(run, deployment, &reason);
            match run.answer(&question.id).map(|answer| (answer.answer.as_str(), &answer.person)) {
                Some((OLD_DATABASE, person)) => {
                    (precondition(true, format!("{reason}. {person}: this is the old database")), None)
                }
                Some((_, person)) => {
                    (precondition(false, format!("{reason}. {person}: this is something else")), Some(question))
                }
                None => (precondition(false, format!("{reason}. Not recognised")), Some(question)),
            }
        }
    }
}

/// A person who knows the program reads its log. The answer counts for that reason and deployment.
fn question(run: &RunView, deployment: &str, reason: &str) -> Question {
    let hash = hex(&Sha256::digest(reason.as_bytes()));
    Question {
        id: format!("failedStart:{deployment}:{}", hash.get(..12).unwrap_or(&hash)),
        text: format!(
            "{} does not start: {reason}. The profile does not say how it fails on the old database. Read its lines in the \
             production log. What is it?",
            run.version
        ),
        options: vec![
            Choice {
                id: OLD_DATABASE.into(),
                label: "This is the old database".into(),
                detail: "The log says that the database is not migrated yet. The migration may start.".into(),
            },
            Choice {
                id: SOMETHING_ELSE.into(),
                label: "This is something else".into(),
                detail: "The migration stays closed. Stop the rollout, and call a developer.".into(),
            },
        ],
        needs_note: true,
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{AnswerView, Timestamp};

    use super::*;
    use crate::act::test_support::deploying;

    fn servers(start_failure: Option<StartFailure>) -> ServersView {
        ServersView {
            desired: 2,
            new_count: 0,
            servers: Vec::new(),
            failed_starts: 1,
            failed_starts_allowed: None,
            last_reason: start_failure.map(|_| "exit code 1".to_owned()),
            start_failure,
        }
    }

    fn holds(run: &RunView, failure: Option<StartFailure>) -> (bool, bool) {
        let (precondition, question) = judge(run, &servers(failure), "ecs-svc/1");
        (precondition.passed, question.is_some())
    }

    #[test]
    fn only_a_failure_that_a_migration_cures_opens_it() {
        let run = deploying();
        assert_eq!(holds(&run, None), (true, false));
        assert_eq!(holds(&run, Some(StartFailure::Expected)), (true, false));
        assert_eq!(holds(&run, Some(StartFailure::NeverExpected)), (false, false));
        assert_eq!(holds(&run, Some(StartFailure::NotRecognised)), (false, true));
    }

    #[test]
    fn a_person_decides_about_a_failure_that_is_not_recognised() {
        let answered = |choice: &str| {
            let mut run = deploying();
            let question = question(&run, "ecs-svc/1", "exit code 1");
            run.answers.push(AnswerView {
                question: question.id,
                text: question.text,
                answer: choice.to_owned(),
                label: String::new(),
                note: String::new(),
                person: "Lena".into(),
                at: Timestamp::EPOCH,
            });
            run
        };
        assert_eq!(holds(&answered(OLD_DATABASE), Some(StartFailure::NotRecognised)), (true, false));
        assert_eq!(holds(&answered(SOMETHING_ELSE), Some(StartFailure::NotRecognised)), (false, true));
        // The answer is about that reason alone.
        let (precondition, _) = judge(
            &answered(OLD_DATABASE),
            &ServersView { last_reason: Some("exit code 9".into()), ..servers(Some(StartFailure::NotRecognised)) },
            "ecs-svc/1",
        );
        assert!(!precondition.passed);
    }
}
