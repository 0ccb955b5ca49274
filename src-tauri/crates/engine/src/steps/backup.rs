//! Backs up the production database on the staging machine.
//!
//! A script that ended with 0 proves no backup (TRAP-M1). The app looks at the file and proves it,
//! or a named person confirms that they saw it.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    BackupInputs, Change, Effect, ErrorCode, Fact, FactKind, Failure, JobInputs, LineSource, Observation, PlanInputs,
    Precondition, Retry, Role, RunView, Status, StepId, StepPlan, StepState, StepView, Timestamp, WayBack,
};

mod file;
mod folder;

use super::{
    job::{self, JobEnd},
    migration::{attempts, database},
    refusals::foreign_plan,
    run_facts::{on_machine, required_fact},
};
use crate::{
    ports::{HostAddress, JobState, JobStatus},
    shell,
    step::{Entry, Outcome, Outline, PlanDraft, Statement, Step, StepContext},
};
use file::{FoundFile, Unproved, unproved};
use folder::READ_DEADLINE;

pub struct BackUp;

const KIND: &str = "backup";
/// Most attempts of a proof that does not come to an end.
const PROOFS: u32 = 3;
/// Pause between two attempts of a proof.
const PAUSE: Duration = Duration::from_secs(2);

#[async_trait]
impl Step for BackUp {
    fn id(&self) -> StepId {
        StepId::BackUp
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::RevisionSaved]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let backup = &run.profile.backup;
        let outline = Outline::changes("Writes one more backup file. The database does not change.")
            .setting("Script", &backup.command);
        on_machine(outline, run)
            .setting("Command", inner(run))
            .setting("Folder of the files", &backup.artifact_directory)
            .setting("Names of the files", &backup.artifact_pattern)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let host = cx.host()?;
        let backup = &run.profile.backup;
        cx.activity(self.id(), "Asking the staging machine");
        let prefix = job::prefix(&run, KIND);
        let jobs = cx.ports.host.jobs(&host, &prefix).await?;
        let migration = migration_started(cx, &run).await?;
        if let Some(one) = before_the_migration(&run, migration.as_ref(), &jobs) {
            return Ok(adopt(self, &run, &one));
        }
        let is_running = jobs.iter().any(|one| one.state.is_alive());
        let (id, late) = job::attempt(&jobs, &prefix);
        let inner = inner(&run);
        let said = database::ask(cx, &host).await;
        let lede = format!(
            "Copies the production database on {}. The site stays up. The job runs on that machine by itself, even if this \
             computer sleeps or loses its connection.",
            run.names.staging_machine
        );
        let (button, lede) = match backup_time(&run) {
            Some(at) => {
                ("Take the backup again", format!("Until this one is proved, the backup of {at} counts. {lede}"))
            }
            None => ("Back up the database", lede),
        };
        let inputs = BackupInputs {
            job: JobInputs::Start { job: id.clone(), late, script: job::script(&run, &inner) },
            database: database::input(&said).filter(|line| !line.is_empty()),
        };
        let draft = PlanDraft::new(self, &run, PlanInputs::BackUp(inputs), button, lede)
            .by_hand(
                vec![
                    format!("ssh -i {} {}@{}", run.profile.host.key_file, host.user, host.address),
                    "sudo su".into(),
                    format!("cd {}", backup.directory),
                    backup.command.clone(),
                ],
                None,
            )
            .change(Change::Command { title: format!("On {} as {}", host.address, host.user), command: inner })
            .reads(&host.address, database::probe_command(&run).into_iter().chain(shown_reads(&run)).collect())
            .line("Job", id)
            .precondition(
                "noBackupRunning",
                !is_running,
                "No other backup of this version is running",
                "asked the host just now",
            );
        let draft = draft.preconditions(no_migration_started(&run, migration.as_ref()).into_iter().collect());
        let draft = database::note_at_backup(draft, &said);
        let Some(question) = sudo_question(&run) else { return Ok(draft.finish()) };
        let allowed = folder::complete(cx.ports.host.read(&host, &question, READ_DEADLINE).await?)?;
        let why =
            if allowed.exit == Some(0) { "asked the host just now".into() } else { allowed.err.trim().to_owned() };
        Ok(draft.precondition("mayBackUp", allowed.exit == Some(0), "The app may run the backup", why).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let asked_at = cx.ports.clock.now();
        let host = match cx.host() {
            Ok(host) => host,
            Err(failure) => return Outcome::Failed(failure),
        };
        if plan.already.is_some() {
            return prove_adopted(cx, plan).await;
        }
        let Some(inputs) = plan.inputs.job() else { return foreign_plan(plan) };
        let job = inputs.id();
        match job::drive(cx, self.id(), LineSource::Backup, &host, inputs, entry, asked_at).await {
            JobEnd::NotStarted(failure) => Outcome::Failed(failure),
            JobEnd::Unknown(why) => Outcome::Unknown(why),
            // After an order to stop, a script may end with 0 before its file is complete.
            JobEnd::Finished { exit: 0, started_at, finished_at, .. }
                if job::stop_order(&cx.run(), self.id()).is_none() =>
            {
                prove(cx, plan, started_at, finished_at).await
            }
            JobEnd::Finished { exit, tail, .. } => Outcome::Failed(
                job::script_failed("backup", job, exit, &tail, job::stop_order(&cx.run(), self.id()))
                    .hint("The database was not changed. Look at the output, then take the backup again."),
            ),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        match job::id_of(plan) {
            Some(job) => job::observe(cx, &job).await,
            None => Observation::Unknown {
                why: "a backup that somebody took by hand cannot be recognised by the app".into(),
            },
        }
    }

    fn startable_job_id(&self, plan: Option<&StepPlan>) -> Option<String> {
        job::id_of(plan)
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "A backup is one more file; it changes nothing.".into() }
    }

    /// A backup that is too old, or that a person does not trust, can be taken again until the
    /// migration starts (docs/releases.md#backup).
    fn may_repeat(&self, run: &RunView) -> bool {
        crate::fold::step(run, StepId::RunMigration).is_some_and(|migration| match &migration.state {
            StepState::NotStarted | StepState::AwaitingOperator => true,
            StepState::Failed { failure, .. } => failure.retry != Retry::No,
            StepState::Running
            | StepState::Succeeded { .. }
            | StepState::Warned { .. }
            | StepState::Skipped { .. }
            | StepState::Stopped { .. }
            | StepState::InDoubt { .. } => false,
        })
    }

    /// The newest proved backup counts (docs/releases.md#backup).
    fn still_counts(&self, run: &RunView) -> Option<String> {
        let proved = crate::fold::newest(run, FactKind::BackupProved)?;
        let Fact::BackupProved { file, size, finished_at, .. } = proved else { return None };
        let at = crate::time::in_words(*finished_at);
        Some(format!("The backup of {at} counts until a newer one is proved: {file}, {size}."))
    }

    fn claim(&self, run: &RunView, plan: Option<&StepPlan>, word: &Statement<'_>) -> Option<Vec<Fact>> {
        let Statement { person, note, .. } = *word;
        let step = crate::fold::step(run, self.id())?;
        if !may_confirm(run, step) {
            return None;
        }
        let job = job::id_of(plan).unwrap_or_default();
        if let Some((file, size, finished_at, database)) = found_of(run, &job) {
            let proof = format!("{person} compared name, size and time: {note}");
            let confirmed_by = Some(person.to_owned());
            return Some(vec![Fact::BackupProved { job, file, size, finished_at, proof, confirmed_by, database }]);
        }
        Some(vec![Fact::BackupProved {
            job,
            file: note.to_owned(),
            size: "as said".into(),
            finished_at: step.ended_at().or(step.started_at)?,
            proof: format!("{person} saw the file"),
            confirmed_by: Some(person.to_owned()),
            database: plan.and_then(|plan| plan.inputs.database()).unwrap_or_default().to_owned(),
        }])
    }
}

/// The command that asks sudo whether the login user may run the backup script. `None` when the
/// script runs without sudo.
pub(crate) fn sudo_question(run: &RunView) -> Option<String> {
    let backup = &run.profile.backup;
    let program = backup.command.split_whitespace().next().unwrap_or_default().trim_start_matches("./");
    let script = format!("{}/{program}", backup.directory.trim_end_matches('/'));
    let has_sudo = backup.become_root.trim_start().starts_with("sudo");
    has_sudo.then(|| format!("sudo -n -l {}", shell::quote(&script)))
}

/// Whether a person may confirm the newest backup, which the app could not prove. An attempt that
/// had no effect left no file.
pub(crate) fn may_confirm(run: &RunView, step: &StepView) -> bool {
    let counts_earlier = || BackUp.still_counts(run).is_some_and(|words| step.evidence().contains(&words));
    step.definition.id == StepId::BackUp && step.status() == Status::Warned && !counts_earlier()
}

/// File, size, end and answer of the database of a job whose file was found and not proved.
fn found_of(run: &RunView, job: &str) -> Option<(String, String, Timestamp, String)> {
    let Some(Fact::BackupFound { job: of, file, size, finished_at, database, .. }) =
        crate::fold::newest(run, FactKind::BackupFound)
    else {
        return None;
    };
    (of == job).then(|| (file.clone(), size.clone(), *finished_at, database.clone()))
}

/// End of the backup that counts, in words.
pub(super) fn backup_time(run: &RunView) -> Option<String> {
    match crate::fold::newest(run, FactKind::BackupProved) {
        Some(Fact::BackupProved { finished_at, .. }) => Some(crate::time::in_words(*finished_at)),
        _ => None,
    }
}

/// Precondition: the backup of this run is proved, not older than the profile allows, and its file
/// is unchanged since the proof. Or a named person left it out.
pub(super) async fn precondition(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Precondition, Failure> {
    if let Some(detail) = crate::fold::step(run, StepId::BackUp).and_then(|step| step.left_out()) {
        let text = "The profile allows a release without a backup of its own".to_owned();
        return Ok(Precondition { id: "backupProved".into(), passed: true, text, detail });
    }
    let proved = required_fact(run, FactKind::BackupProved, |fact| Some(fact.clone()))?;
    let Fact::BackupProved { job, file: path, size, finished_at, confirmed_by, .. } = &proved else {
        return Err(unproved("nobody proved it", ""));
    };
    let age = age_minutes(*finished_at, cx.ports.clock.now());
    let limit = u64::from(run.profile.backup.max_age_minutes);
    let is_fresh = age.is_some_and(|age| age <= limit);
    // Where the app found no file, `file` is the note of the person who confirmed the backup.
    let is_path = confirmed_by.is_none() || found_of(run, job).is_some_and(|(file, ..)| &file == path);
    let changed = if is_path {
        let folder = folder::folder(cx, run, host).await?;
        file::changed_since(&folder, &run.profile.backup.artifact_directory, path, size, *finished_at)
    } else {
        None
    };
    Ok(Precondition {
        id: "backupProved".into(),
        passed: is_fresh && changed.is_none(),
        text: "The backup of this release is proved, fresh enough and still there".into(),
        detail: changed.unwrap_or_else(|| {
            let ended = crate::time::in_words(*finished_at);
            match age {
                Some(age) => format!("{ended} · {size} · {age} min old"),
                None => format!("{ended} · {size} · this computer's clock was set back: its age is not known"),
            }
        }),
    })
}

/// Age of a backup in whole minutes. `None` when it ended in the future, because the clock of this
/// computer was set back.
fn age_minutes(finished_at: Timestamp, now: Timestamp) -> Option<u64> {
    let slack = Duration::from_secs(folder::CLOCK_SLACK.unsigned_abs());
    finished_at.until(now.plus(slack)).map(|age| age.saturating_sub(slack).as_secs() / 60)
}

/// The newest migration of this version that started on the machine and was not undone. If no
/// decision about a backup depends on it, the machine is not asked.
async fn migration_started(cx: &StepContext, run: &RunView) -> Result<Option<JobStatus>, Failure> {
    if run.begun.is_none() && crate::fold::newest(run, FactKind::BackupProved).is_none() {
        return Ok(None);
    }
    attempts::started(cx).await
}

/// In a continued release, the last backup that ended before the migration started. Only this
/// backup counts after that start: a later one cannot bring the old database back. In any other
/// release each run makes its own backup (docs/releases.md#backup).
fn before_the_migration(run: &RunView, migration: Option<&JobStatus>, backups: &[JobStatus]) -> Option<JobStatus> {
    let began = migration.filter(|_| run.begun.is_some())?.started_at?;
    let ended = |one: &JobStatus| one.state.end().filter(|(exit, _)| *exit == 0).map(|(_, at)| at);
    let before = backups.iter().filter_map(|one| Some((ended(one)?, one)));
    before.filter(|(at, _)| *at <= began).max_by_key(|(at, _)| *at).map(|(_, one)| one.clone())
}

/// Precondition for a repeated backup. A backup taken after a migration started would contain the
/// result of that migration, and would count. The migration may have started on another computer,
/// or this computer may have no answer about it.
fn no_migration_started(run: &RunView, migration: Option<&JobStatus>) -> Option<Precondition> {
    crate::fold::newest(run, FactKind::BackupProved)?;
    let since = |one: &JobStatus| one.started_at.map(crate::time::in_words).unwrap_or_default();
    Some(Precondition {
        id: "noMigrationStarted".into(),
        passed: migration.is_none(),
        text: "No migration of this version has started, or it was undone".into(),
        detail: migration.map_or_else(
            || "asked the host just now".to_owned(),
            |one| format!("{} started {}; the backup before it counts", one.id, since(one)),
        ),
    })
}

fn adopt(step: &BackUp, run: &RunView, one: &JobStatus) -> StepPlan {
    let lede = format!(
        "The migration of {} has started already, on another computer. The backup before it is the one that counts; it is \
         looked at and proved here, and none is made.",
        run.version
    );
    let job = JobInputs::Follow { job: one.id.clone(), started_at: one.started_at, finished_at: None };
    PlanDraft::new(step, run, PlanInputs::BackUp(BackupInputs { job, database: None }), "", lede)
        .line("Job", one.id.clone())
        .follows(format!("{} ended before the migration started.", one.id), "Prove that backup")
        .finish()
}

async fn prove_adopted(cx: &StepContext, plan: &StepPlan) -> Outcome {
    let Some(job) = job::id_of(Some(plan)) else { return foreign_plan(plan) };
    match job::ask(cx, &job).await {
        Ok(JobStatus { state: JobState::Finished { exit: 0, finished_at }, started_at, .. }) => {
            let started_at = started_at.unwrap_or(finished_at);
            prove(cx, plan, started_at, finished_at).await
        }
        Ok(_) => Outcome::Failed(unproved("the job did not end well", &job)),
        Err(failure) => Outcome::Failed(failure.retry(Retry::Safe)),
    }
}

/// The commands that look for the file of a backup and prove it.
pub(super) fn shown_reads(run: &RunView) -> Vec<String> {
    folder::shown_reads(&run.profile.backup)
}

/// The command for the login shell.
fn inner(run: &RunView) -> String {
    let backup = &run.profile.backup;
    let root = backup.become_root.trim();
    let space = if root.is_empty() { "" } else { " " };
    format!("cd {} && {root}{space}{}", shell::quote(&backup.directory), backup.command)
}

/// Proves the file of a job that ended without error.
async fn prove(cx: &StepContext, plan: &StepPlan, started_at: Timestamp, finished_at: Timestamp) -> Outcome {
    let Some(job) = job::id_of(Some(plan)) else { return foreign_plan(plan) };
    let run = cx.run();
    let backup = &run.profile.backup;
    let ended = format!("The backup script finished without error ({job}).");
    if backup.artifact_directory.is_empty() {
        return unproved_so_far(vec![ended]);
    }
    cx.activity(StepId::BackUp, "Looking at the backup file");
    let mut why = String::new();
    for begun in 0..PROOFS {
        if begun > 0 {
            cx.wait(PAUSE).await;
        }
        // The machine may have another address by now.
        let host = match cx.host() {
            Ok(host) => host,
            Err(failure) => return Outcome::Unknown(failure.to_string()),
        };
        match file::prove(cx, &run, &host, started_at, finished_at).await {
            Ok(FoundFile { file, size, finished_at, .. }) => {
                let proof = "Proved readable to its end.".to_owned();
                let evidence = vec![ended, format!("{file}, {size}. {proof}")];
                let database = plan.inputs.database().unwrap_or_default().to_owned();
                let fact = Fact::BackupProved { job, file, size, finished_at, proof, confirmed_by: None, database };
                return Outcome::Succeeded { evidence, facts: vec![fact] };
            }
            Err(Unproved::Plausible(found)) => return plausible(job, ended, *found, plan),
            Err(Unproved::ByPerson(why)) => return unproved_so_far(vec![ended, why]),
            Err(Unproved::Failed(failure)) if failure.code == ErrorCode::BackupUnproved => {
                return Outcome::Failed(failure);
            }
            Err(Unproved::Failed(failure)) => why = failure.to_string(),
        }
        // The job is over and its result stays on the host. If the host does not answer, the
        // attempt is in doubt, and the host is asked again later.
        if job::ask(cx, &job).await.is_err() {
            return Outcome::Unknown(why);
        }
    }
    Outcome::Failed(unproved(&format!("it was begun {PROOFS} times and never came to its end"), &why))
}

/// Outcome of a backup whose file no command proves.
fn plausible(job: String, ended: String, found: FoundFile, plan: &StepPlan) -> Outcome {
    let FoundFile { file, size, finished_at, previous } = found;
    let before = previous.as_ref().map_or_else(
        || "The folder has no older backup to compare it with.".to_owned(),
        |one| {
            format!("The backup before it: {}, {}, of {}.", one.name, one.size, crate::time::in_words(one.written_at))
        },
    );
    let evidence = vec![ended, format!("{file}, {size}, of {}.", crate::time::in_words(finished_at)), before];
    let database = plan.inputs.database().unwrap_or_default().to_owned();
    Outcome::Warned {
        evidence,
        facts: vec![Fact::BackupFound { job, file, size, finished_at, previous, database }],
        warning: "The profile has no command that proves this file. Compare its name, size and time with the backup before it, \
                  then confirm it."
            .into(),
    }
}

/// Outcome of a backup that only a person can find.
fn unproved_so_far(evidence: Vec<String>) -> Outcome {
    Outcome::Warned {
        evidence,
        facts: Vec::new(),
        warning: "Nobody has proved this backup yet: look at the file and write down its name and size.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_of_the_future_has_no_age() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let ended = at("2026-11-23T09:00:00Z");
        assert_eq!(age_minutes(ended, at("2026-11-23T09:29:59Z")), Some(29));
        assert_eq!(age_minutes(ended, at("2026-11-23T08:59:59Z")), Some(0), "within the slack of two clocks");
        assert_eq!(age_minutes(ended, at("2026-11-23T08:59:57Z")), None, "the clock was set back");
    }
}
