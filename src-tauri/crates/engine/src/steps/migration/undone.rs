//! Checks the report of a person that the database is as it was before a migration. Where
//! the profile has a command for it, the database itself has to say so (INV-D2).

use greenlight_types::{ErrorCode, Failure, StepPlan};

use super::database::{self, Database, ProbeResult};
use crate::step::StepContext;

/// Asks the database, and compares its answer with the one before the start of the attempt.
///
/// # Errors
/// `DatabaseNotAsBefore` with both answers in words.
pub(crate) async fn check(cx: &StepContext, plan: Option<&StepPlan>) -> Result<String, Failure> {
    let run = cx.run();
    let now = match cx.host() {
        _ if run.profile.migration.probe.trim().is_empty() => ProbeResult::NoProbe,
        Ok(host) => database::ask(cx, &host).await,
        Err(failure) => ProbeResult::Silent(failure.to_string()),
    };
    judge(database::known_before(&run, plan).as_ref(), &now)
}

/// The evidence for the report. A restore may bring another database into place, so only the
/// version has to be the same: the backup of that database is asked for before the next start.
fn judge(before: Option<&Database>, now: &ProbeResult) -> Result<String, Failure> {
    match (before, now) {
        (_, ProbeResult::NoProbe) => Ok("Nobody can ask the database which version it has.".to_owned()),
        (None, ProbeResult::Said(now)) => Ok(format!(
            "The database says {}. What it said before the migration is not known on this computer.",
            now.line()
        )),
        (Some(before), ProbeResult::Said(now)) if before == now => {
            Ok(format!("The database says {} again, as before the migration.", now.line()))
        }
        (Some(before), ProbeResult::Said(now)) if before.version() == now.version() => Ok(format!(
            "The database says {}, the version from before the migration; it was {}.",
            now.line(),
            before.line()
        )),
        (before, ProbeResult::Said(now)) => Err(refused(before, &now.line())),
        (before, ProbeResult::Silent(why)) => Err(refused(before, &format!("no answer ({why})"))),
    }
}

fn refused(before: Option<&Database>, now: &str) -> Failure {
    let before = before.map_or_else(|| "not known on this computer".to_owned(), Database::line);
    Failure::new(
        ErrorCode::DatabaseNotAsBefore,
        "take your word: the database does not say what it said before the migration",
    )
    .because(format!("before: {before}; now: {now}"))
    .with("before", before)
    .with("now", now)
    .hint("Restore the database first, or ask the people named for this step.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Database {
        Database::read(line).expect("an answer")
    }

    #[test]
    fn the_database_has_to_say_the_version_from_before() {
        let cases = [
            (Some("41 db7"), ProbeResult::Said(said("41 db7")), true),
            (Some("41 db7"), ProbeResult::Said(said("41 db8")), true),
            (Some("41 db7"), ProbeResult::Said(said("42 db7")), false),
            (Some("41 db7"), ProbeResult::Said(said("41+half db7")), false),
            (Some("41 db7"), ProbeResult::Silent("locked".to_owned()), false),
            (Some("41 db7"), ProbeResult::NoProbe, true),
            (None, ProbeResult::Said(said("42 db7")), true),
            (None, ProbeResult::Silent("locked".to_owned()), false),
            (None, ProbeResult::NoProbe, true),
        ];
        for (before, now, is_accepted) in cases {
            let before = before.map(said);
            assert_eq!(judge(before.as_ref(), &now).is_ok(), is_accepted, "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_refusal_names_both_answers() {
        let refused = judge(Some(&said("41")), &ProbeResult::Said(said("42"))).expect_err("another version");
        assert_eq!(refused.code, ErrorCode::DatabaseNotAsBefore);
        assert_eq!((refused.params["before"].as_str(), refused.params["now"].as_str()), ("41", "42"));
    }
}
