//! The question about a migration of an earlier run whose end is not known (INV-D8). It is asked on
//! every machine and for every version, until a named person answers.

use greenlight_types::{Choice, Question, RunView};

use super::database::{self, ProbeResult};
use crate::{
    earlier_runs::{APPLIED, Earlier, EarlierStart, NOT_APPLIED, StartEnd, question_id},
    time,
};

/// An earlier migration that keeps this run from starting its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum EarlierMigration<'a> {
    /// A person has to say what became of it.
    NeedsAnswer(&'a EarlierStart),
    /// A person said in this run that it was applied. Only for a migration of the same version,
    /// which must not start again.
    AppliedBefore(&'a EarlierStart),
}

/// The first earlier migration that keeps this run from starting its own.
pub(super) fn first_blocking<'a>(run: &RunView, earlier: &'a Earlier) -> Option<EarlierMigration<'a>> {
    earlier.starts.iter().find_map(|start| blocking(run, start))
}

fn blocking<'a>(run: &RunView, start: &'a EarlierStart) -> Option<EarlierMigration<'a>> {
    let is_same_version = start.version == run.version;
    // The list of jobs of this machine shows every migration of this version that started on it.
    if is_same_version && is_here(run, start) {
        return None;
    }
    let question = question_id(&start.run);
    let answer = run.answer(&question).map(|one| one.answer.as_str());
    match (answer, &start.end) {
        (Some(APPLIED), _) if is_same_version => Some(EarlierMigration::AppliedBefore(start)),
        (Some(_), _) => None,
        (None, StartEnd::Applied { .. }) if !is_same_version => None,
        (None, StartEnd::Unknown | StartEnd::Failed | StartEnd::Applied { .. }) => {
            Some(EarlierMigration::NeedsAnswer(start))
        }
    }
}

fn is_here(run: &RunView, start: &EarlierStart) -> bool {
    run.staging.as_ref().is_some_and(|here| {
        if start.machine_id.is_empty() { start.address == here.address } else { start.machine_id == here.machine_id }
    })
}

/// Where, when and by whom it was started.
pub(super) fn origin(start: &EarlierStart) -> String {
    let at = start.at.map(|at| format!(" {}", time::in_words(at))).unwrap_or_default();
    format!("started{at} on {} by {}", start.address, start.by)
}

/// The question about an earlier migration. `said` is the answer of the database now.
pub(super) fn question(run: &RunView, start: &EarlierStart, said: &ProbeResult) -> Question {
    let (version, origin) = (&start.version, origin(start));
    let known = match &start.end {
        StartEnd::Unknown => {
            format!("It is not known whether the migration of {version} changed this database ({origin}).")
        }
        StartEnd::Failed => format!("The migration of {version} is recorded as failed ({origin})."),
        StartEnd::Applied { said_by: None } => format!("The migration of {version} was applied ({origin})."),
        StartEnd::Applied { said_by: Some(person) } => {
            format!("{person} said that the migration of {version} was applied ({origin}).")
        }
    };
    let applied = if start.version == run.version {
        "It is not started again. Record the migration as done by hand."
    } else {
        "The migration of this release starts from there."
    };
    let choice = |id: &str, label: &str, detail: String| Choice { id: id.into(), label: label.into(), detail };
    Question {
        id: question_id(&start.run),
        text: format!("{known} {} Look at the database. Was that migration applied?", database::says_now(said)),
        options: vec![
            choice(APPLIED, "It was applied", applied.to_owned()),
            choice(
                NOT_APPLIED,
                "It was not applied, or the database was restored",
                format!("The database is as it was before {version}."),
            ),
        ],
        needs_note: true,
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{AnswerView, RunId, Timestamp, Version};

    use super::*;
    use crate::act::test_support::deploying;

    fn start(version: &str, machine: &str, end: StartEnd) -> EarlierStart {
        EarlierStart {
            run: RunId("run-1".into()),
            version: Version::parse(version).expect("a version"),
            address: "192.0.2.9".into(),
            machine_id: machine.into(),
            at: Some(Timestamp::EPOCH),
            by: "Ann".into(),
            end,
        }
    }

    /// How a run of 2.1.0 treats an earlier migration after this answer.
    fn treated(start: EarlierStart, answer: Option<&str>) -> &'static str {
        let mut run = deploying();
        run.staging.as_mut().expect("a machine").machine_id = "here".into();
        run.answers.extend(answer.map(|answer| AnswerView {
            question: question_id(&start.run),
            text: String::new(),
            answer: answer.to_owned(),
            label: String::new(),
            note: "looked".into(),
            person: "Bob".into(),
            at: Timestamp::EPOCH,
        }));
        match first_blocking(&run, &Earlier { starts: vec![start], ..Earlier::default() }) {
            None => "free",
            Some(EarlierMigration::NeedsAnswer(_)) => "asked",
            Some(EarlierMigration::AppliedBefore(_)) => "closed",
        }
    }

    #[test]
    fn another_version_is_asked_until_a_person_answers() {
        for end in [StartEnd::Unknown, StartEnd::Failed] {
            assert_eq!(treated(start("2.0.5", "other", end.clone()), None), "asked");
            assert_eq!(treated(start("2.0.5", "other", end.clone()), Some(APPLIED)), "free");
            assert_eq!(treated(start("2.0.5", "other", end), Some(NOT_APPLIED)), "free");
        }
        assert_eq!(treated(start("2.0.5", "other", StartEnd::Applied { said_by: None }), None), "free");
    }

    #[test]
    fn the_same_version_starts_again_only_if_it_was_not_applied() {
        for end in [StartEnd::Unknown, StartEnd::Failed, StartEnd::Applied { said_by: None }] {
            assert_eq!(treated(start("2.1.0", "other", end.clone()), None), "asked");
            assert_eq!(treated(start("2.1.0", "other", end.clone()), Some(APPLIED)), "closed");
            assert_eq!(treated(start("2.1.0", "other", end), Some(NOT_APPLIED)), "free");
        }
    }

    #[test]
    fn the_machine_itself_knows_its_jobs_of_the_same_version() {
        assert_eq!(treated(start("2.1.0", "here", StartEnd::Unknown), None), "free");
        assert_eq!(treated(start("2.0.5", "here", StartEnd::Unknown), None), "asked");
    }
}
