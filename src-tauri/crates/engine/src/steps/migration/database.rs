//! The guard of the migration in the database itself, beside the guard of the job on the staging
//! machine (INV-D1, INV-D7). The app asks the database before the start and after the end, and
//! judges both answers together with the exit code. It never changes the database here.

use std::time::Duration;

use greenlight_types::{
    Changed, Choice, ErrorCode, Fact, FactKind, Failure, JobInputs, Observation, Precondition, Question, Retry,
    RunView, StepId, StepPlan, StopOrder, Timestamp,
};

use super::command::in_its_folder;
use crate::{
    fold,
    ports::HostAddress,
    step::{Outcome, PlanDraft, StepContext},
    steps::job,
    time,
};

/// Deadline of one question to the database.
const DEADLINE: Duration = Duration::from_secs(20);
/// Longest accepted answer, in characters.
const LONGEST: usize = 200;
/// Id of the question whether to go on without a way to ask. The checker uses the same id.
const NOBODY_CAN_ASK: &str = "noDatabaseVersion";
const GO_ON: &str = "goOn";
/// Most questions after the end of the script, before the step is left in doubt.
const ASKS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(3);

/// Answer of the database about itself: its schema version and, behind it on the same line, its
/// identity (PostgreSQL `system_identifier`, MySQL `server_uuid`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::steps) struct Database {
    version: String,
    identity: String,
}

impl Database {
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let is_one = line.chars().count() <= LONGEST && !line.chars().any(char::is_control);
        let mut words = line.split_whitespace().map(str::to_owned);
        let version = words.next().filter(|_| is_one)?;
        Some(Self { version, identity: words.collect::<Vec<_>>().join(" ") })
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn line(&self) -> String {
        format!("{} {}", self.version, self.identity).trim_end().to_owned()
    }
}

/// An answer, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::steps) enum ProbeResult {
    /// The profile has no command to ask with.
    NoProbe,
    /// The database gave this answer.
    Said(Database),
    /// The database was asked and gave no answer, for this reason.
    Silent(String),
}

/// Joint verdict of exit code and database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The script ended with 0, and the database changed or cannot be asked.
    Succeeded,
    /// The script ended with 0, and the database is unchanged. A person must look.
    NothingHappened,
    /// The script failed, and the database is unchanged.
    FailedUnchanged,
    /// The script failed, and the database changed: the migration stopped half-way.
    FailedHalfway,
    /// The script failed, and the database cannot be asked, did not answer, or is another one.
    Failed,
    /// The script ended with 0, and an answer before or after is missing, or is of another
    /// database. Or a person stopped the script, which may end with 0 before its work is done.
    Unknown,
}

/// Judges every end in the same way, whether the app followed the job or returned to it later.
fn verdict(exit: i32, is_stopped: bool, before: &ProbeResult, after: &ProbeResult) -> Verdict {
    if exit == 0 && is_stopped {
        return Verdict::Unknown;
    }
    match (before, after) {
        (ProbeResult::NoProbe, _) if exit == 0 => Verdict::Succeeded,
        (ProbeResult::NoProbe, _) => Verdict::Failed,
        (ProbeResult::Said(before), ProbeResult::Said(after)) if before.identity == after.identity => {
            match (exit == 0, before.version == after.version) {
                (true, true) => Verdict::NothingHappened,
                (true, false) => Verdict::Succeeded,
                (false, true) => Verdict::FailedUnchanged,
                (false, false) => Verdict::FailedHalfway,
            }
        }
        (ProbeResult::Said(_) | ProbeResult::Silent(_), _) if exit == 0 => Verdict::Unknown,
        // The script failed for certain. A person has to find out how far it came.
        (ProbeResult::Said(_) | ProbeResult::Silent(_), _) => Verdict::Failed,
    }
}

/// The command that asks the database. `None` where the profile has none.
pub(in crate::steps) fn probe_command(run: &RunView) -> Option<String> {
    let probe = run.profile.migration.probe.trim();
    (!probe.is_empty()).then(|| job::script(run, &in_its_folder(run, probe)).trim_end().to_owned())
}

/// Asks the database as the migration reaches it: same user, folder and environment.
pub(in crate::steps) async fn ask(cx: &StepContext, host: &HostAddress) -> ProbeResult {
    let Some(command) = probe_command(&cx.run()) else { return ProbeResult::NoProbe };
    let answer = match cx.ports.host.read(host, &command, DEADLINE).await {
        Ok(answer) => answer,
        Err(failure) => return ProbeResult::Silent(failure.to_string()),
    };
    // Output that is no answer is not quoted, because it may contain anything.
    let said = cx.ports.redactor().text(&answer.out);
    match (answer.exit, Database::read(said.as_str())) {
        (Some(0), Some(said)) => ProbeResult::Said(said),
        (Some(0), None) => ProbeResult::Silent(format!("the answer is not one line of at most {LONGEST} characters")),
        (Some(code), _) => ProbeResult::Silent(format!("the question ended with code {code}")),
        (None, _) => ProbeResult::Silent("the connection ended before the answer was complete".into()),
    }
}

/// The answer at the time of the plan. A plan without one was made without a probe, or by an old
/// version.
fn before(plan: &StepPlan) -> ProbeResult {
    match plan.inputs.database().map(Database::read) {
        None => ProbeResult::NoProbe,
        Some(None) => ProbeResult::Silent("this computer did not ask it before the start".into()),
        Some(Some(said)) => ProbeResult::Said(said),
    }
}

/// The answer before the start of an attempt, or before the backup that counts if another computer
/// or another run started it. A backup from after that start says nothing about it.
pub(super) fn known_before(run: &RunView, plan: Option<&StepPlan>) -> Option<Database> {
    match plan.map(before) {
        Some(ProbeResult::Said(said)) => Some(said),
        Some(ProbeResult::NoProbe | ProbeResult::Silent(_)) | None => {
            let started_at = plan.and_then(|plan| plan.inputs.job()).and_then(JobInputs::started_at);
            let is_later = |backup: Timestamp| started_at.is_some_and(|started| started < backup);
            at_backup(run).filter(|_| !backup_time(run).is_some_and(is_later))
        }
    }
}

/// When the backup that counts ended, by the host's clock.
fn backup_time(run: &RunView) -> Option<Timestamp> {
    let proved = fold::newest(run, FactKind::BackupProved)?;
    if let Fact::BackupProved { finished_at, .. } = proved { Some(*finished_at) } else { None }
}

/// Adds the answer to the plan of the backup. A backup is harmless, so it needs no answer.
pub(in crate::steps) fn note_at_backup(draft: PlanDraft, now: &ProbeResult) -> PlanDraft {
    match now {
        ProbeResult::Said(said) => draft.line("Database version", said.line()),
        ProbeResult::Silent(why) => draft.notice(format!(
            "The database does not say which version it has ({why}). Ask a developer now: the build is not started, and \
             nothing is migrated, before it does; a backup of now has to be taken again then."
        )),
        ProbeResult::NoProbe => draft,
    }
}

/// Precondition of the build: the database answers the question that the migration will ask. `None`
/// without a probe.
pub(in crate::steps) async fn answers(cx: &StepContext) -> Result<Option<Precondition>, Failure> {
    Ok(match ask(cx, &cx.host()?).await {
        ProbeResult::NoProbe => None,
        ProbeResult::Said(said) => Some(says(true, said.line())),
        ProbeResult::Silent(why) => Some(says(false, why)),
    })
}

fn says(passed: bool, detail: String) -> Precondition {
    Precondition { id: "databaseSays".into(), passed, text: "The database says which version it has".into(), detail }
}

/// Adds the answer to the plan of the migration. Without a probe, a named person accepts that.
pub(super) fn guard(draft: PlanDraft, run: &RunView, now: &ProbeResult) -> PlanDraft {
    match now {
        ProbeResult::Said(said) => {
            let mut preconditions = vec![says(true, said.line())];
            preconditions.extend(as_backed_up(run, said));
            preconditions.extend(as_before(run, said));
            draft.line("Database version now", said.line()).preconditions(preconditions)
        }
        ProbeResult::Silent(why) => draft.preconditions(vec![says(false, why.clone())]),
        ProbeResult::NoProbe => {
            let draft = draft.line("Database version", "nobody can ask this database");
            let is_accepted = run.answer(NOBODY_CAN_ASK).is_some_and(|one| one.answer == GO_ON);
            if is_accepted { draft } else { draft.question(without_asking()) }
        }
    }
}

/// Precondition: the database is the one that was backed up. A backup that a person confirmed needs
/// no answer.
fn as_backed_up(run: &RunView, now: &Database) -> Option<Precondition> {
    let Some(Fact::BackupProved { confirmed_by, .. }) = fold::newest(run, FactKind::BackupProved) else { return None };
    let (id, passed, then) = match at_backup(run) {
        Some(then) => ("databaseAsBackedUp", then == *now, format!("{} at the backup", then.line())),
        None if confirmed_by.is_some() => return None,
        None => ("databaseSaidAtBackup", false, "it did not say at the backup".to_owned()),
    };
    Some(Precondition {
        id: id.into(),
        passed,
        text: "The database is the one that was backed up".into(),
        detail: format!("{then}, {} now", now.line()),
    })
}

/// Precondition after a migration that was undone: the database still says the version from before
/// it. The backup may be newer than that report.
fn as_before(run: &RunView, now: &Database) -> Option<Precondition> {
    let step = fold::step(run, StepId::RunMigration).filter(|step| !step.undone_jobs.is_empty())?;
    let before = known_before(run, step.plan.as_ref())?;
    Some(Precondition {
        id: "databaseAsBefore".into(),
        passed: before.version() == now.version(),
        text: "The database says the version from before the migration that was undone".into(),
        detail: format!("{} before, {} now", before.line(), now.line()),
    })
}

/// The answer of the database now, in one sentence.
pub(super) fn says_now(answer: &ProbeResult) -> String {
    match answer {
        ProbeResult::Said(said) => format!("The database says that it has version {} now.", said.version),
        ProbeResult::Silent(why) => format!("The database does not say which version it has ({why})."),
        ProbeResult::NoProbe => "Nobody can ask this database which version it has.".to_owned(),
    }
}

/// The answer as an input of the migration's plan. Empty when the probe failed, absent without a
/// probe.
pub(in crate::steps) fn input(answer: &ProbeResult) -> Option<String> {
    match answer {
        ProbeResult::Said(said) => Some(said.line()),
        ProbeResult::Silent(_) => Some(String::new()),
        ProbeResult::NoProbe => None,
    }
}

/// The same input for a migration whose answer from before is not in the journal of this computer.
pub(super) fn unknown_input(run: &RunView) -> Option<String> {
    (!run.profile.migration.probe.trim().is_empty()).then(String::new)
}

/// The answer of the database before the backup that counts. That is not always the newest attempt.
fn at_backup(run: &RunView) -> Option<Database> {
    let Some(Fact::BackupProved { job, database, .. }) = fold::newest(run, FactKind::BackupProved) else { return None };
    if !database.is_empty() {
        return Database::read(database);
    }
    // Old versions stored the answer in the plan only.
    let plan = fold::step(run, StepId::BackUp)?.plan.as_ref();
    let plan = plan.filter(|plan| job::id_of(Some(plan)).as_ref() == Some(job))?;
    Database::read(plan.inputs.database()?)
}

fn without_asking() -> Question {
    Question {
        id: NOBODY_CAN_ASK.into(),
        text: "Nobody can ask this database which version it has. Whether the migration changed it will be known only \
               from the end of its script. Go on?"
            .into(),
        options: vec![Choice {
            id: GO_ON.into(),
            label: "Go on without asking the database".into(),
            detail: "Your name is kept with this answer.".into(),
        }],
        needs_note: false,
    }
}

/// The end of a migration job.
pub(super) struct MigrationEnd<'a> {
    pub job: &'a str,
    pub exit: i32,
    /// Start, by the clock of the host.
    pub started_at: Timestamp,
    /// End, by the clock of the host.
    pub finished_at: Timestamp,
    /// Last lines of the output.
    pub tail: &'a [String],
    /// The order by which a person stopped it.
    pub stop_order: Option<&'a StopOrder>,
}

/// Judges an ended migration. Does not ask the database if the plan was made without a probe.
pub(super) async fn judge(cx: &StepContext, plan: &StepPlan, ended: MigrationEnd<'_>) -> Outcome {
    let before = before(plan);
    if before == ProbeResult::NoProbe {
        return outcome(ended, &ProbeResult::NoProbe, &ProbeResult::NoProbe);
    }
    let mut after = ProbeResult::NoProbe;
    for asked in 0..ASKS {
        if asked > 0 {
            cx.wait(PAUSE).await;
        }
        cx.activity(StepId::RunMigration, "Asking the database which version it has now");
        after = match cx.host() {
            Ok(host) => ask(cx, &host).await,
            Err(failure) => ProbeResult::Silent(failure.to_string()),
        };
        if matches!(after, ProbeResult::Said(_)) {
            break;
        }
    }
    outcome(ended, &before, &after)
}

/// Observes a migration whose script ended with 0. The end of the job is read only once the same
/// database answers. Until then the step stays in doubt.
pub(super) async fn observe(cx: &StepContext, plan: Option<&StepPlan>, seen: Observation) -> Observation {
    let Observation::InProgress { evidence } = &seen else { return seen };
    if let Some(order) = job::stop_order(&cx.run(), StepId::RunMigration) {
        return Observation::Unknown { why: format!("{evidence} {} ordered it to stop before.", order.person) };
    }
    let Some(before) = plan.map(before).filter(|before| *before != ProbeResult::NoProbe) else { return seen };
    let after = match (&before, cx.host()) {
        // An answer of today cannot replace the missing answer from before the start.
        (ProbeResult::Silent(_), _) => ProbeResult::NoProbe,
        (_, Ok(host)) => ask(cx, &host).await,
        (_, Err(failure)) => ProbeResult::Silent(failure.to_string()),
    };
    match (&before, &after) {
        (ProbeResult::Said(then), ProbeResult::Said(now)) if then.identity == now.identity => seen,
        (before, after) => Observation::Unknown { why: format!("{evidence} The database: {}.", shown(before, after)) },
    }
}

fn outcome(ended: MigrationEnd<'_>, before: &ProbeResult, after: &ProbeResult) -> Outcome {
    let MigrationEnd { job, exit, started_at, finished_at, tail, stop_order } = ended;
    let failed = |first: Option<&str>| {
        let failure = job::script_failed("migration", job, exit, tail, stop_order);
        let failure = if let Some(first) = first { failure.hint(first) } else { failure };
        failure
            .hint("Do not start it by hand. Call the people named for this step.")
            .hint("When a person has finished it by hand, or restored the database, write that down here.")
            .changed(Changed::Unknown)
            .retry(Retry::No)
    };
    match verdict(exit, stop_order.is_some(), before, after) {
        Verdict::Succeeded => {
            let took = time::span_in_words(started_at.until_or_zero(finished_at));
            let database = match (before, after) {
                (ProbeResult::Said(before), ProbeResult::Said(after)) => {
                    format!("The database changed from {} to {}.", before.version, after.version)
                }
                _ => "Nobody can ask the database which version it has.".to_owned(),
            };
            Outcome::Succeeded {
                evidence: vec![format!("The migration finished without error after {took} ({job})."), database],
                facts: vec![Fact::MigrationFinished { job: job.to_owned(), started_at, finished_at }],
            }
        }
        Verdict::NothingHappened => Outcome::Failed(
            Failure::new(
                ErrorCode::DatabaseUnchanged,
                "call the migration done: it finished without error, and the database says the same as before",
            )
            .with("job", job)
            .with("exit", exit.to_string())
            .with("output", tail.join("\n"))
            .because(shown(before, after))
            .hint("Do not start it by hand. Ask the people named for this step what this means.")
            .hint("When a person has looked, write down here whether it is right or nothing was applied.")
            .changed(Changed::Unknown)
            .retry(Retry::No),
        ),
        Verdict::FailedUnchanged => Outcome::Failed(failed(None).with("database", shown(before, after)).hint(
            "The database says the same version as before. A change that has no version of its own does not show in it.",
        )),
        Verdict::FailedHalfway => Outcome::Failed(
            failed(Some("First stop the rollout, so that the new version cannot start on a half-changed database."))
                .with("database", shown(before, after))
                .changed(Changed::Partly),
        ),
        Verdict::Failed => Outcome::Failed(match (before, after) {
            (ProbeResult::NoProbe, _) => failed(None),
            _ => failed(Some(
                "First stop the rollout: the database may be half changed, and does not say what became of it.",
            ))
            .with("database", shown(before, after)),
        }),
        Verdict::Unknown if stop_order.is_some() => Outcome::Unknown(format!(
            "the script of the migration ended with code {exit} ({job}) after an order to stop, so it may be incomplete: {}",
            shown(before, after)
        )),
        Verdict::Unknown => Outcome::Unknown(format!(
            "the script of the migration ended with code {exit} ({job}), and the database does not say what became of it: {}",
            shown(before, after)
        )),
    }
}

fn shown(before: &ProbeResult, after: &ProbeResult) -> String {
    // The identity of the database is shown only if it differs.
    let is_same =
        matches!((before, after), (ProbeResult::Said(one), ProbeResult::Said(other)) if one.identity == other.identity);
    let words = |answer: &ProbeResult| match answer {
        ProbeResult::Said(said) if is_same => said.version.clone(),
        ProbeResult::Said(said) => said.line(),
        ProbeResult::Silent(why) => format!("unknown ({why})"),
        ProbeResult::NoProbe => "not asked".to_owned(),
    };
    format!("version {} before, {} after", words(before), words(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> ProbeResult {
        ProbeResult::Said(Database::read(line).unwrap())
    }

    fn silent() -> ProbeResult {
        ProbeResult::Silent("no answer".to_owned())
    }

    #[test]
    fn the_verdict_needs_exit_code_and_database() {
        let nobody = || ProbeResult::NoProbe;
        assert_eq!(verdict(0, true, &nobody(), &nobody()), Verdict::Unknown, "a person stopped it");
        assert_eq!(verdict(0, true, &said("41"), &said("42")), Verdict::Unknown, "it may have ended half-way");
        for (exit, before, after, wanted) in [
            (0, said("41"), said("42"), Verdict::Succeeded),
            (0, said("41 db7"), said("42 db7"), Verdict::Succeeded),
            (0, said("41 db7"), said("42 db8"), Verdict::Unknown),
            (0, said("41"), said("41"), Verdict::NothingHappened),
            (3, said("41"), said("41"), Verdict::FailedUnchanged),
            (3, said("41"), said("42"), Verdict::FailedHalfway),
            (0, said("41"), silent(), Verdict::Unknown),
            (3, said("41"), silent(), Verdict::Failed),
            (0, said("41"), nobody(), Verdict::Unknown),
            (3, said("41"), nobody(), Verdict::Failed),
            (0, silent(), said("42"), Verdict::Unknown),
            (3, silent(), said("42"), Verdict::Failed),
            (3, said("41 db7"), said("42 db8"), Verdict::Failed),
            (0, silent(), silent(), Verdict::Unknown),
            (0, nobody(), nobody(), Verdict::Succeeded),
            (3, nobody(), nobody(), Verdict::Failed),
        ] {
            assert_eq!(verdict(exit, false, &before, &after), wanted, "{exit} {before:?} {after:?}");
        }
    }

    #[test]
    fn a_failed_migration_is_never_started_again() {
        for (exit, after, code, changed) in [
            (0, "41", ErrorCode::DatabaseUnchanged, Changed::Unknown),
            (3, "41", ErrorCode::ScriptFailed, Changed::Unknown),
            (3, "42", ErrorCode::ScriptFailed, Changed::Partly),
        ] {
            let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
            let ended = MigrationEnd { job: "a1", exit, started_at: at, finished_at: at, tail: &[], stop_order: None };
            let Outcome::Failed(failure) = outcome(ended, &said("41"), &said(after)) else {
                panic!("{exit} and {after} is not a failure");
            };
            assert_eq!((failure.code, failure.changed, failure.retry), (code, changed, Retry::No));
        }
    }

    #[test]
    fn an_answer_is_one_bounded_line() {
        assert_eq!(said("42\n"), ProbeResult::Said(Database { version: "42".into(), identity: String::new() }));
        assert_eq!(said(" 42  a b\n"), ProbeResult::Said(Database { version: "42".into(), identity: "a b".into() }));
        for line in ["", " \n", "42\n43\n", "4\u{7}2", &"4".repeat(LONGEST + 1)] {
            assert_eq!(Database::read(line), None, "{line:?}");
        }
    }
}
