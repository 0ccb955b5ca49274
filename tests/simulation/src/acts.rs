//! Acts of a person and states of a release that a report counts: the tables "Questions",
//! "Optional steps" and "Failures" of docs/releases.md. They are read from the journal, so a press
//! that was refused does not count.

use greenlight_types::{
    CheckAnswer, Completion, ErrorCode, EventBody, Fact, RunEvent, RunResult, Status, StepEvent, StepId, UndoKind,
};

/// Releases of a whole report. A smaller one is not judged.
pub const WHOLE: u64 = 100_000;
/// Fewest releases of a whole report that show an act or a state.
pub const FEWEST: u64 = 50;

/// Every act and state, in the order of the report.
pub const COUNTED: [&str; 114] = [
    // Acts.
    "start Deploy over a difference",
    "take the environment over",
    "take the environment again in Deploy",
    "accept that the remote refuses the lock",
    "give another address of the machine",
    "say that the machine is gone",
    "correct a value",
    "start over on the new main",
    "hand over to another person",
    "try a step of Prepare again",
    "back up again",
    "start the build again",
    "watch the build again",
    "watch for AWS again",
    "watch the servers again",
    "read the site again",
    "migrate again",
    "RaiseFailureLimit",
    "RestoreFailureLimit",
    "StopRollout",
    "DeployAgain",
    "RollBack",
    "RerunBuild",
    "CancelBuild",
    "FollowOtherBuild",
    "OpenPullRequest",
    "report the migration as done",
    "report another step as done",
    "confirm a backup",
    "say that a doubted step happened",
    "say that a doubted step did not happen",
    "say that a doubted script is over",
    "report a migration as undone: restored",
    "report a migration as undone: nothing applied",
    "report a migration as undone after it succeeded",
    "roll back a release that ended",
    "leave the migration out",
    "revoke the start of a job",
    "order a script to stop",
    "order a script to be killed",
    "check passed",
    "check failed",
    "check could not be made",
    "end as released with a failed check",
    "end as rolled back",
    "end as stopped",
    "end as abandoned",
    // Answers.
    "answer oldVersion: replace",
    "answer oldImage: replace",
    "answer base: newest",
    "answer base: running",
    "answer saved: newest",
    "answer saved: running",
    "answer image: use",
    "answer image: again",
    "answer image: other",
    "answer imageOfCommit: use",
    "answer imageOfAnother: again",
    "answer build: follow",
    "answer build: new",
    "answer otherBuild: follow",
    "answer package: made",
    "answer package: other",
    "answer stay: stay",
    "answer awsGivesUp: goOn",
    "answer otherRevision: use",
    "answer failedStart: oldDatabase",
    "answer failedStart: somethingElse",
    "answer noDatabaseVersion: goOn",
    "answer newVersionServes: migrateNow",
    "answer unknownEnd: applied",
    "answer unknownEnd: notApplied",
    // States.
    "released",
    "a second release in one journal",
    "merge conflict",
    "main moved before the push",
    "push refused",
    "tag at another commit",
    "saved revision differs",
    "backup script fails",
    "backup file is not proved",
    "backup waits for a person",
    "GitHub builds another commit",
    "build fails before the package",
    "build ends red after the package",
    "no job has the name of the profile",
    "build waits for an approval",
    "AWS uses another revision",
    "a revision of the build is accepted",
    "AWS rolls back or gives up",
    "another deployment takes over",
    "our deployment was stopped",
    "a watch of AWS takes six hours",
    "a server runs another image",
    "all servers are old again",
    "another revision took over after the rollout",
    "migration ends with an error",
    "migration changes nothing",
    "site shows another version",
    "step in doubt",
    "doubted step is followed again",
    "doubted step was done",
    "doubted step was not done",
    "migration in doubt",
    "the run ends with the migration in doubt",
    "backup closed a plan",
    "main is not the tagged commit",
    "a failed start is not expected",
    "AWS gives up too early",
    "an earlier migration closed a plan",
    "no old version serves",
    "a rule forbids the push",
    "a pull request waits for its merge",
    "a pull request is merged",
];

/// Acts and states that a simulated release cannot show often, with reasons.
pub const SELDOM: [(&str, &str); 0] = [];

/// The state that a closed plan shows by this precondition.
#[must_use]
pub fn of_precondition(id: &str) -> Option<&'static str> {
    Some(match id {
        "tagFree" => "tag at another commit",
        "mainUnmoved" => "main moved before the push",
        "mayPush" => "a rule forbids the push",
        "pullRequestMerged" => "a pull request waits for its merge",
        "backupProved" => "backup closed a plan",
        "mainIsTagged" => "main is not the tagged commit",
        "startsFailAsExpected" => "a failed start is not expected",
        "awsWaits" => "AWS gives up too early",
        "neverRan" => "an earlier migration closed a plan",
        "oldVersionServes" => "no old version serves",
        _ => return None,
    })
}

/// Reads acts and states from the events of one journal.
#[derive(Debug, Default)]
pub struct Reader {
    drafted: u32,
    has_begun_deploy: bool,
}

impl Reader {
    /// The acts and states of an event. `before` is the state of its step before it.
    pub fn read(&mut self, body: &EventBody, before: Status, is_migration_doubted: bool) -> Vec<&'static str> {
        match body {
            EventBody::Run(event) => self.of_run(event, is_migration_doubted),
            EventBody::Step(event) => of_step(event, before),
        }
    }

    fn of_run(&mut self, event: &RunEvent, is_migration_doubted: bool) -> Vec<&'static str> {
        let mut names = Vec::new();
        match event {
            RunEvent::Drafted { .. } | RunEvent::RollbackDrafted { .. } => {
                let is_rollback = matches!(event, RunEvent::RollbackDrafted { .. });
                names.extend(is_rollback.then_some("roll back a release that ended"));
                self.drafted += 1;
                self.has_begun_deploy = false;
                names.extend((self.drafted > 1).then_some("a second release in one journal"));
            }
            RunEvent::DeployStarted { differences, .. } => {
                self.has_begun_deploy = true;
                names.extend((!differences.is_empty()).then_some("start Deploy over a difference"));
            }
            RunEvent::Ended { result, .. } => {
                names.push(of_result(*result));
                names.extend(is_migration_doubted.then_some("the run ends with the migration in doubt"));
            }
            RunEvent::TookOver { .. } => names.push("hand over to another person"),
            RunEvent::FactLearned { fact, .. } => names.extend(of_fact(fact)),
            RunEvent::ScriptStopping { is_forced: false, .. } => names.push("order a script to stop"),
            RunEvent::ScriptStopping { is_forced: true, .. } => names.push("order a script to be killed"),
            RunEvent::JobRevoking { .. } => names.push("revoke the start of a job"),
            RunEvent::LockAcquiring { from, on_machine, .. } => {
                names.extend((from.is_some() || on_machine.is_some()).then_some("take the environment over"));
                names.extend(self.has_begun_deploy.then_some("take the environment again in Deploy"));
            }
            RunEvent::LockRefused { is_accepted: true, .. } => names.push("accept that the remote refuses the lock"),
            RunEvent::AddressChanged { .. } => names.push("give another address of the machine"),
            RunEvent::MachineGivenUp { .. } => names.push("say that the machine is gone"),
            RunEvent::ValueCorrected { .. } => names.push("correct a value"),
            RunEvent::StartedOver { .. } => names.push("start over on the new main"),
            RunEvent::QuestionAnswered { question, answer, .. } => names.extend(of_answer(question, answer)),
            RunEvent::CheckAnswered { answer, .. } => names.push(match answer {
                CheckAnswer::Passed => "check passed",
                CheckAnswer::Failed => "check failed",
                CheckAnswer::CouldNotCheck => "check could not be made",
            }),
            RunEvent::LockRefused { is_accepted: false, .. }
            | RunEvent::PrepareStarted { .. }
            | RunEvent::Prepared
            | RunEvent::CheckingStarted => {}
        }
        names
    }
}

fn of_result(result: RunResult) -> &'static str {
    match result {
        RunResult::Released => "released",
        RunResult::ReleasedWithFailedCheck => "end as released with a failed check",
        RunResult::RolledBack => "end as rolled back",
        RunResult::Stopped => "end as stopped",
        RunResult::Abandoned => "end as abandoned",
    }
}

fn of_fact(fact: &Fact) -> Option<&'static str> {
    if let Fact::BackupProved { confirmed_by: Some(_), .. } = fact {
        Some("confirm a backup")
    } else if let Fact::BackupFound { .. } = fact {
        Some("backup waits for a person")
    } else if let Fact::PullRequestMerged { .. } = fact {
        Some("a pull request is merged")
    } else if let Fact::RevisionAccepted { .. } = fact {
        Some("a revision of the build is accepted")
    } else if let Fact::RolledBack { .. } = fact {
        Some("all servers are old again")
    } else if let Fact::RolloutLost { .. } = fact {
        Some("another revision took over after the rollout")
    } else {
        None
    }
}

/// The counted name of an answer. A choice of builds has the id of one of them, or `new`.
fn of_answer(question: &str, answer: &str) -> Option<&'static str> {
    let kind = match question.split(':').next().unwrap_or_default() {
        "migration" if question.starts_with("migration:unknownEnd:") => "unknownEnd",
        kind => kind,
    };
    let answer = match (kind, answer) {
        ("build", "new") => "new",
        ("build" | "otherBuild", _) => "follow",
        (_, answer) => answer,
    };
    let name = format!("answer {kind}: {answer}");
    COUNTED.into_iter().find(|counted| *counted == name)
}

fn of_step(event: &StepEvent, before: Status) -> Vec<&'static str> {
    let is_doubted = before == Status::InDoubt;
    let mut names = Vec::new();
    match event {
        StepEvent::Started { step, attempt, .. } => names.extend(of_start(*step, *attempt)),
        StepEvent::Succeeded { step, how, .. } => names.extend(match how {
            Completion::SaidBy { .. } if is_doubted => Some("say that a doubted step happened"),
            Completion::SaidBy { .. } if *step == StepId::RunMigration => Some("report the migration as done"),
            Completion::ByHand { .. } => Some("report another step as done"),
            Completion::FoundDone => Some("doubted step was done"),
            Completion::SaidBy { .. } | Completion::Did | Completion::AlreadyDone => None,
        }),
        StepEvent::Warned { step: StepId::FollowBuild, .. } => names.push("build ends red after the package"),
        StepEvent::Skipped { .. } => names.push("leave the migration out"),
        StepEvent::Failed { step, failure, .. } => names.extend(of_failure(*step, failure.code)),
        StepEvent::InDoubt { step, .. } => {
            names.push("step in doubt");
            names.extend((*step == StepId::RunMigration).then_some("migration in doubt"));
        }
        StepEvent::Resumed { .. } => names.push("doubted step is followed again"),
        StepEvent::Reset { reported_by, .. } => names.push(match reported_by {
            Some(_) => "say that a doubted step did not happen",
            None => "doubted step was not done",
        }),
        StepEvent::Undone { .. } if before.is_done() => names.push("report a migration as undone after it succeeded"),
        StepEvent::Undone { how, .. } => names.push(match how {
            UndoKind::Restored => "report a migration as undone: restored",
            UndoKind::NothingApplied => "report a migration as undone: nothing applied",
        }),
        StepEvent::Offered { .. } | StepEvent::Warned { .. } | StepEvent::Stopped { .. } => {}
    }
    names
}

fn of_start(step: StepId, attempt: u32) -> Option<&'static str> {
    let again = |name| (attempt > 1).then_some(name);
    match step {
        StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::PushBranch
        | StepId::PushTag
        | StepId::RegisterTaskDefinition => again("try a step of Prepare again"),
        StepId::BackUp => again("back up again"),
        StepId::DispatchBuild => again("start the build again"),
        StepId::FollowBuild => again("watch the build again"),
        StepId::AwaitDeployPhase => again("watch for AWS again"),
        StepId::RunMigration => again("migrate again"),
        StepId::AwaitRollout => again("watch the servers again"),
        StepId::CheckSite => again("read the site again"),
        StepId::RaiseFailureLimit => Some("RaiseFailureLimit"),
        StepId::RestoreFailureLimit => Some("RestoreFailureLimit"),
        StepId::StopRollout => Some("StopRollout"),
        StepId::DeployAgain => Some("DeployAgain"),
        StepId::RollBack => Some("RollBack"),
        StepId::RerunBuild => Some("RerunBuild"),
        StepId::CancelBuild => Some("CancelBuild"),
        StepId::FollowOtherBuild => Some("FollowOtherBuild"),
        StepId::OpenPullRequest => Some("OpenPullRequest"),
    }
}

fn of_failure(step: StepId, code: ErrorCode) -> Option<&'static str> {
    let is_watch = matches!(step, StepId::AwaitDeployPhase | StepId::AwaitRollout);
    let named = [
        (StepId::MergeBranch, ErrorCode::MergeConflict, "merge conflict"),
        (StepId::PushBranch, ErrorCode::PushRefused, "push refused"),
        (StepId::RegisterTaskDefinition, ErrorCode::RevisionDiffers, "saved revision differs"),
        (StepId::BackUp, ErrorCode::ScriptFailed, "backup script fails"),
        (StepId::BackUp, ErrorCode::BackupUnproved, "backup file is not proved"),
        (StepId::FollowBuild, ErrorCode::BuildFailed, "build fails before the package"),
        (StepId::FollowBuild, ErrorCode::PackageUnproved, "no job has the name of the profile"),
        (StepId::RunMigration, ErrorCode::ScriptFailed, "migration ends with an error"),
        (StepId::RunMigration, ErrorCode::DatabaseUnchanged, "migration changes nothing"),
        (StepId::CheckSite, ErrorCode::SiteUnexpected, "site shows another version"),
    ];
    let of_any = [
        (ErrorCode::WrongCommit, "GitHub builds another commit"),
        (ErrorCode::WrongRevision, "AWS uses another revision"),
        (ErrorCode::RolloutFailed, "AWS rolls back or gives up"),
        (ErrorCode::RolloutSuperseded, "another deployment takes over"),
        (ErrorCode::RolloutStopped, "our deployment was stopped"),
        (ErrorCode::OtherImage, "a server runs another image"),
        (ErrorCode::SaidFailed, "say that a doubted script is over"),
    ];
    let of_step = named.into_iter().find(|(id, of, _)| (*id, *of) == (step, code)).map(|(.., name)| name);
    let of_code = || of_any.into_iter().find(|(of, _)| *of == code).map(|(_, name)| name);
    let timed_out = || (is_watch && code == ErrorCode::TimedOut).then_some("a watch of AWS takes six hours");
    of_step.or_else(of_code).or_else(timed_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_counted_once() {
        for (index, name) in COUNTED.iter().enumerate() {
            assert!(!COUNTED.iter().skip(index + 1).any(|other| other == name), "{name}");
        }
        for (name, _) in SELDOM {
            assert!(COUNTED.contains(&name), "{name}");
        }
    }

    #[test]
    fn answers_and_starts_have_counted_names() {
        assert_eq!(of_answer("migration:unknownEnd:run-1", "applied"), Some("answer unknownEnd: applied"));
        assert_eq!(of_answer("build:1:2", "2"), Some("answer build: follow"));
        assert_eq!(of_answer("build:1:2", "new"), Some("answer build: new"));
        assert_eq!(of_answer("version:notNewer", "anyway"), None);
        for step in StepId::ALL {
            assert!(of_start(step, 2).is_some_and(|name| COUNTED.contains(&name)), "{step:?}");
        }
        for result in [RunResult::Released, RunResult::RolledBack, RunResult::Stopped, RunResult::Abandoned] {
            assert!(COUNTED.contains(&of_result(result)), "{result:?}");
        }
    }
}
