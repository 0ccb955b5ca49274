//! Backs up the production database on the staging machine. "The script ended with 0" is not a backup (TRAP-M1): the
//! file is looked at and proved, or a named person says that they saw it.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    Change, Changed, Effect, ErrorCode, Fact, FactKind, Failure, Gate, LineSource, Observation, Retry, Role, RunView,
    Stamp, Status, StepId, StepPlan, WayBack,
};

use super::{
    database,
    job::{self, Ended},
    need, shell_quote,
};
use crate::{
    mutant::{self, Mutant},
    ports::{HostAddress, JobState, JobStatus, ReadOutput},
    step::{Entry, Outcome, PlanDraft, Step, StepContext, Word},
};

/// See the file.
pub struct BackUp;

const KIND: &str = "backup";
const READ_DEADLINE: Duration = Duration::from_secs(20);
/// Newest files that are looked at.
const FILES: u32 = 50;
/// Seconds by which two clocks may differ unsaid.
const CLOCK_SLACK: i64 = 2;
/// Times that a proof is begun before its missing end is an end.
const PROOFS: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(2);
/// A proof may have to read the whole file.
const PROOF_DEADLINE: Duration = Duration::from_secs(900);

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

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let host = cx.host()?;
        let backup = &run.profile.backup;
        cx.activity(self.id(), "Asking the staging machine");
        let prefix = job::prefix(&run, KIND);
        let jobs = cx.ports.host.jobs(&host, &prefix).await?;
        if let Some(one) = before_the_migration(cx, &run, &host, &jobs).await? {
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
        let draft = PlanDraft::new(self, &run, button, lede)
            .by_hand(
                vec![
                    format!("ssh -i {} {}@{}", run.profile.host.key_file, host.user, host.address),
                    "sudo su".into(),
                    format!("cd {}", backup.directory),
                    backup.command.clone(),
                ],
                None,
            )
            .input("job", id.clone())
            .input("late", late)
            .input("script", job::script(&run, &inner))
            .change(Change::Command { title: format!("On {} as {}", host.address, host.user), command: inner })
            .line("Job", id)
            .gate(
                "noBackupRunning",
                !is_running,
                "No other backup of this version is running",
                "asked the host just now",
            );
        let draft = draft.gates(no_migration_started(cx, &run, &host).await?.into_iter().collect());
        let draft = database::note_at_backup(draft, &said);
        if !backup.become_root.trim_start().starts_with("sudo") {
            return Ok(draft.finish());
        }
        let script = shell_quote(&format!(
            "{}/{}",
            backup.directory.trim_end_matches('/'),
            backup.command.split_whitespace().next().unwrap_or_default().trim_start_matches("./")
        ));
        let allowed = complete(cx.ports.host.read(&host, &format!("sudo -n -l {script}"), READ_DEADLINE).await?)?;
        let why =
            if allowed.exit == Some(0) { "asked the host just now".into() } else { allowed.err.trim().to_owned() };
        Ok(draft.gate("mayBackUp", allowed.exit == Some(0), "The app may run the backup", why).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let asked_at = cx.ports.clock.now();
        let host = match cx.host() {
            Ok(host) => host,
            Err(failure) => return Outcome::Failed(failure),
        };
        if plan.already.is_some() {
            return prove_adopted(cx, &host, plan).await;
        }
        if entry == Entry::Start && mutant::is(Mutant::YesterdaysBackupCounts) {
            let long_ago = Stamp("1970-01-01T00:00:00.000Z".into());
            return prove(cx, &host, plan, &long_ago, &cx.ports.clock.now()).await;
        }
        let job = plan.input("job");
        match job::drive(cx, self.id(), LineSource::Backup, &host, plan, entry, &asked_at).await {
            Ended::NotStarted(failure) => Outcome::Failed(failure),
            Ended::Unknown(why) => Outcome::Unknown(why),
            Ended::Finished { exit, started_at, finished_at, .. }
                if exit == 0 || mutant::is(Mutant::BackupExitIgnored) =>
            {
                prove(cx, &host, plan, &started_at, &finished_at).await
            }
            Ended::Finished { exit, tail, .. } => Outcome::Failed(
                job::script_failed("backup", job, exit, &tail)
                    .hint("The database was not changed. Look at the output, then take the backup again."),
            ),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        match plan {
            Some(plan) => job::observe(cx, plan.input("job")).await,
            None => Observation::Unknown {
                why: "a backup that somebody took by hand cannot be recognised by the app".into(),
            },
        }
    }

    fn could_start(&self, plan: Option<&StepPlan>) -> Option<String> {
        plan.map(|plan| plan.input("job").to_owned()).filter(|job| !job.is_empty())
    }

    fn roll_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "A backup is one more file; it changes nothing.".into() }
    }

    /// One that is too old, or that somebody does not trust, is taken again until the migration starts (RELEASE.md 6 and 8).
    fn may_repeat(&self, run: &RunView) -> bool {
        crate::fold::step(run, StepId::RunMigration).is_some_and(|migration| match migration.status {
            Status::NotStarted | Status::AwaitingOperator => true,
            Status::Failed => migration.failure.as_ref().is_some_and(|failure| failure.retry != Retry::No),
            Status::Running
            | Status::Succeeded
            | Status::Warned
            | Status::Skipped
            | Status::Stopped
            | Status::InDoubt => false,
        })
    }

    /// The newest proved one counts (RELEASE.md 6).
    fn still_counts(&self, run: &RunView) -> Option<String> {
        let proved = crate::fold::newest(run, FactKind::BackupProved)?;
        let Fact::BackupProved { file, size, finished_at, .. } = proved else { return None };
        let at = crate::time::in_words(finished_at);
        Some(format!("The backup of {at} counts until a newer one is proved: {file}, {size}."))
    }

    fn claim(&self, run: &RunView, plan: Option<&StepPlan>, word: &Word<'_>) -> Option<Vec<Fact>> {
        let Word { person, note, .. } = *word;
        let step = crate::fold::step(run, self.id())?;
        // Of an attempt that came to nothing there is no file to see.
        if step.status == Status::Warned && self.still_counts(run).is_some_and(|words| step.evidence.contains(&words)) {
            return None;
        }
        let finished_at = step.ended_at.clone().or_else(|| step.started_at.clone())?;
        Some(vec![Fact::BackupProved {
            job: plan.map(|plan| plan.input("job").to_owned()).unwrap_or_default(),
            file: note.to_owned(),
            size: "as said".into(),
            finished_at,
            proof: format!("{person} saw the file"),
            confirmed_by: Some(person.to_owned()),
            database: plan.map(database::at_plan).unwrap_or_default(),
        }])
    }
}

/// When the backup that counts ended, in words.
pub(super) fn backup_time(run: &RunView) -> Option<String> {
    match crate::fold::newest(run, FactKind::BackupProved) {
        Some(Fact::BackupProved { finished_at, .. }) => Some(crate::time::in_words(finished_at)),
        _ => None,
    }
}

/// The backup of this run is proved, not older than the profile allows, and its file is still what was proved.
pub(super) async fn gate(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Gate, Failure> {
    let proved = need(run, FactKind::BackupProved, |fact| Some(fact.clone()))?;
    let Fact::BackupProved { file, size, finished_at, confirmed_by, .. } = &proved else {
        return Err(unproved("nobody proved it", ""));
    };
    let finished_at = mutant::last_attempt(run).unwrap_or_else(|| finished_at.clone());
    let age = crate::time::minutes_between(&finished_at, &cx.ports.clock.now());
    let is_fresh = age <= run.profile.backup.max_age_minutes || mutant::is(Mutant::BackupAgeIgnored);
    // What a person saw has the person's words for its name.
    let changed = if confirmed_by.is_none() && !mutant::is(Mutant::BackupFileForgotten) {
        changed_since(&folder(cx, run, host).await?, &run.profile.backup.artifact_directory, file, size, &finished_at)
    } else {
        None
    };
    Ok(Gate {
        id: "backupProved".into(),
        passed: is_fresh && changed.is_none(),
        text: "The backup of this release is proved, fresh enough and still there".into(),
        detail: changed.unwrap_or_else(|| format!("{} · {size} · {age} min old", crate::time::in_words(&finished_at))),
    })
}

/// What became of a file after it was proved; none while it is the same. A script that always writes one name, or clears the
/// folder first, destroys the backup before it when it fails.
fn changed_since(folder: &Folder, directory: &str, path: &str, size: &str, finished_at: &Stamp) -> Option<String> {
    let name = path.strip_prefix(directory.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
    let Some(seen) = folder.files.iter().find(|seen| Some(seen.name.as_str()) == name) else {
        return Some(format!("{path} is not among the newest {FILES} files any more"));
    };
    let proved_by = seconds(finished_at)?;
    if in_words(seen.bytes) != size {
        return Some(format!("{path} had {size}, and has {}", in_words(seen.bytes)));
    }
    (seen.written - folder.ahead > proved_by + CLOCK_SLACK).then(|| format!("{path} was written again after its proof"))
}

/// Once the migration of a release that is continued here has started, the backup before it is the one that counts: none that
/// is made after it could bring the old database back. In any other release each run makes its own (RELEASE.md 5).
async fn before_the_migration(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    backups: &[JobStatus],
) -> Result<Option<JobStatus>, Failure> {
    if run.begun.is_none() {
        return Ok(None);
    }
    let prefix = job::prefix(run, super::run_migration::KIND);
    let migrations = cx.ports.host.jobs(host, &prefix).await?;
    let Some(began) = job::newest_start(&migrations, &prefix).and_then(|one| one.started_at.as_ref()) else {
        return Ok(None);
    };
    let ended =
        |one: &JobStatus| one.state.end().filter(|(exit, _)| *exit == 0).and_then(|(_, at)| crate::time::ms(at));
    let before = backups.iter().filter_map(|one| Some((ended(one)?, one)));
    let newest = before.filter(|(at, _)| Some(*at) <= crate::time::ms(began)).max_by_key(|(at, _)| *at);
    Ok(newest.map(|(_, one)| one.clone()))
}

/// A backup that is taken again after a migration started, on another computer or where this one has no answer, would hold what
/// that left behind, and would count.
async fn no_migration_started(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Option<Gate>, Failure> {
    if crate::fold::newest(run, FactKind::BackupProved).is_none() {
        return Ok(None);
    }
    let prefix = job::prefix(run, super::run_migration::KIND);
    let migrations = cx.ports.host.jobs(host, &prefix).await?;
    let started = job::newest_start(&migrations, &prefix);
    let since = |one: &JobStatus| one.started_at.as_ref().map(crate::time::in_words).unwrap_or_default();
    Ok(Some(Gate {
        id: "noMigrationStarted".into(),
        passed: started.is_none(),
        text: "No migration of this version has started".into(),
        detail: started.map_or_else(
            || "asked the host just now".to_owned(),
            |one| format!("{} started {}; the backup before it counts", one.id, since(one)),
        ),
    }))
}

fn adopt(step: &BackUp, run: &RunView, one: &JobStatus) -> StepPlan {
    let lede = format!(
        "The migration of {} has started already, on another computer. The backup before it is the one that counts; it is \
         looked at and proved here, and none is made.",
        run.version
    );
    PlanDraft::new(step, run, "", lede)
        .input("job", one.id.clone())
        .line("Job", one.id.clone())
        .follows(format!("{} ended before the migration started.", one.id), "Prove that backup")
        .finish()
}

async fn prove_adopted(cx: &StepContext, host: &HostAddress, plan: &StepPlan) -> Outcome {
    let job = plan.input("job");
    match job::ask(cx, job).await {
        Ok(JobStatus { state: JobState::Finished { exit: 0, finished_at }, started_at, .. }) => {
            let started_at = started_at.unwrap_or_else(|| finished_at.clone());
            prove(cx, host, plan, &started_at, &finished_at).await
        }
        Ok(_) => Outcome::Failed(unproved("the job did not end well", job)),
        Err(failure) => Outcome::Failed(failure.retry(Retry::Safe)),
    }
}

/// The command as it is typed in the login shell.
fn inner(run: &RunView) -> String {
    let backup = &run.profile.backup;
    let root = backup.become_root.trim();
    let space = if root.is_empty() { "" } else { " " };
    format!("cd {} && {root}{space}{}", shell_quote(&backup.directory), backup.command)
}

/// Looks at the newest file that was written by the end of the job, its size and time, and runs the profile's proof on it.
async fn prove(
    cx: &StepContext,
    host: &HostAddress,
    plan: &StepPlan,
    started_at: &Stamp,
    finished_at: &Stamp,
) -> Outcome {
    let (run, job) = (cx.run(), plan.input("job"));
    let backup = &run.profile.backup;
    let ended = format!("The backup script finished without error ({job}).");
    if backup.artifact_directory.is_empty() {
        return Outcome::Warned {
            evidence: vec![ended],
            facts: Vec::new(),
            warning: "Nobody has proved this backup yet: look at the file and write down its name and size.".into(),
        };
    }
    cx.activity(StepId::BackUp, "Looking at the backup file");
    let mut why = String::new();
    for begun in 0..PROOFS {
        if begun > 0 {
            cx.wait(PAUSE).await;
        }
        match file(cx, &run, host, started_at, finished_at).await {
            Ok(Proof { file, size, proof, finished_at }) => {
                let evidence = vec![ended, format!("{file}, {size}. {proof}")];
                let (job, database) = (job.to_owned(), database::at_plan(plan));
                let fact = Fact::BackupProved { job, file, size, finished_at, proof, confirmed_by: None, database };
                return Outcome::Succeeded { evidence, facts: vec![fact] };
            }
            Err(failure) if failure.code == ErrorCode::BackupUnproved => return Outcome::Failed(failure),
            Err(failure) => why = failure.to_string(),
        }
        // The job is over and its result stays on the host: while that does not answer, asking again is all that is left to do.
        if job::ask(cx, job).await.is_err() {
            return Outcome::Unknown(why);
        }
    }
    Outcome::Failed(unproved(&format!("it was begun {PROOFS} times and never came to its end"), &why))
}

async fn file(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    started_at: &Stamp,
    finished_at: &Stamp,
) -> Result<Proof, Failure> {
    if let Some((file, size, proof)) = mutant::unseen_file() {
        return Ok(Proof { file, size, proof, finished_at: finished_at.clone() });
    }
    let backup = &run.profile.backup;
    let folder = folder(cx, run, host).await?;
    // A file that was written after the end of the job is a later backup, or somebody else's.
    let ended = seconds(finished_at).unwrap_or(i64::MAX);
    let Some(Seen { name, bytes: size, written }) = folder.files.iter().find(|seen| seen.written <= ended + 1) else {
        return Err(unproved("there is no backup file", &folder.complaint));
    };
    let size = *size;
    let started = seconds(started_at).unwrap_or(i64::MAX);
    if written + 1 < started {
        return Err(unproved("the newest file is older than this backup", name));
    }
    if size < u64::from(backup.artifact_min_mib) * 1024 * 1024 {
        return Err(unproved(&format!("the file is too small ({})", in_words(size)), name));
    }
    let file = format!("{}/{name}", backup.artifact_directory.trim_end_matches('/'));
    let proved = |proof: &str| Proof {
        file: file.clone(),
        size: in_words(size),
        proof: proof.to_owned(),
        finished_at: by_our_clock(finished_at, folder.ahead),
    };
    if backup.artifact_probe.is_empty() {
        return Ok(proved("Name, size and time are plausible."));
    }
    let probe = backup.artifact_probe.replace("{file}", &shell_quote(&file));
    let answer = cx.ports.host.read(host, &probe, PROOF_DEADLINE).await?;
    match answer.exit {
        Some(0) => Ok(proved("Proved readable to its end.")),
        Some(code) => Err(unproved(&format!("the proof ended with code {code}"), answer.err.trim())),
        None => Err(Failure::new(ErrorCode::Unreachable, "prove the backup: the proof did not come to its end")),
    }
}

/// A file that was proved.
struct Proof {
    file: String,
    /// In words.
    size: String,
    proof: String,
    /// When the backup ended, by this computer's clock: its age is counted by the same one.
    finished_at: Stamp,
}

/// A file in the folder of the backups.
struct Seen {
    name: String,
    bytes: u64,
    /// By the machine's clock, in seconds since 1970.
    written: i64,
}

/// The folder of the backups.
struct Folder {
    /// Newest first, at most [`FILES`].
    files: Vec<Seen>,
    /// How far the machine's clock is ahead of this computer's, in seconds.
    ahead: i64,
    /// What the shell said of it.
    complaint: String,
}

async fn folder(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<Folder, Failure> {
    let backup = &run.profile.backup;
    // The pattern is left unquoted on purpose: the shell expands it.
    let list = format!(
        "date +%s; cd {} && ls -1t -- {} 2>/dev/null | head -n {FILES} | while IFS= read -r f; do stat -c '%n|%s|%Y' -- \"$f\"; done",
        shell_quote(&backup.artifact_directory),
        backup.artifact_pattern
    );
    let asked_at = cx.ports.clock.now();
    let answer = complete(cx.ports.host.read(host, &list, READ_DEADLINE).await?)?;
    let told_at = cx.ports.clock.now();
    let mut lines = answer.out.lines().map(str::trim);
    let ahead = match (lines.next().and_then(|line| line.parse().ok()), seconds(&asked_at), seconds(&told_at)) {
        (Some(now), Some(asked), Some(told)) => ahead(now, asked, told),
        _ => 0,
    };
    let seen = |line: &str| {
        let mut fields = line.rsplitn(3, '|');
        let (written, bytes, name) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Seen { name: name.to_owned(), bytes: bytes.parse().ok()?, written: written.parse().ok()? })
    };
    Ok(Folder { files: lines.filter_map(seen).collect(), ahead, complaint: answer.err.trim().to_owned() })
}

/// An answer to its end. One that was cut off says nothing of what is not in it.
fn complete(answer: ReadOutput) -> Result<ReadOutput, Failure> {
    match answer.exit {
        Some(_) => Ok(answer),
        None => Err(Failure::new(ErrorCode::Unreachable, "ask the staging machine: its answer was cut off")),
    }
}

fn seconds(at: &Stamp) -> Option<i64> {
    crate::time::ms(at).map(|ms| ms.div_euclid(1_000))
}

/// How far a clock is ahead that said `now` at some moment between `asked` and `told` of ours: the least that explains it, in
/// seconds. What may be rounding is nothing.
fn ahead(now: i64, asked: i64, told: i64) -> i64 {
    let least = now - now.min(told).max(asked);
    if least.abs() > CLOCK_SLACK { least } else { 0 }
}

/// A moment of a clock that is ahead of ours, by ours.
fn by_our_clock(at: &Stamp, ahead: i64) -> Stamp {
    let span = Duration::from_secs(ahead.unsigned_abs());
    match ahead {
        0 => at.clone(),
        1.. => crate::time::minus(at, span),
        ..0 => crate::time::plus(at, span),
    }
}

fn unproved(what: &str, detail: &str) -> Failure {
    Failure::new(ErrorCode::BackupUnproved, format!("prove the backup: {what}"))
        .because(detail)
        .hint("The database was not changed. Look at the output, then take the backup again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// Size in words: `4.1 GB`.
fn in_words(bytes: u64) -> String {
    let mut rest = bytes;
    let mut tenths = 0;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if rest < 1000 {
            return if unit == "bytes" { format!("{rest} {unit}") } else { format!("{rest}.{tenths} {unit}") };
        }
        tenths = rest % 1000 / 100;
        rest /= 1000;
    }
    format!("{rest}.{tenths} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_only_by_what_no_moment_between_question_and_answer_explains() {
        for (now, asked, told, wanted) in [
            (100, 100, 100, 0),
            (105, 100, 110, 0),
            (112, 100, 110, 0),
            (98, 100, 110, 0),
            (10_900, 100, 110, 10_790),
            (40, 100, 110, -60),
            // Our own clock was set back meanwhile.
            (100, 110, 100, -10),
        ] {
            assert_eq!(ahead(now, asked, told), wanted, "{now} between {asked} and {told}");
        }
    }

    #[test]
    fn the_end_of_a_backup_is_told_by_the_clock_that_counts_its_age() {
        let at = Stamp("2026-11-23T12:12:00.000Z".into());
        assert_eq!(by_our_clock(&at, 3 * 3_600).0, "2026-11-23T09:12:00.000Z");
        assert_eq!(by_our_clock(&at, -60).0, "2026-11-23T12:13:00.000Z");
        assert_eq!(by_our_clock(&at, 0), at);
    }

    #[test]
    fn a_file_counts_while_it_is_the_one_that_was_proved() {
        let proved_at = Stamp("1970-01-01T01:00:00.000Z".into());
        let seen = |name: &str, bytes, written| Seen { name: name.into(), bytes, written };
        let changed = |files: Vec<Seen>, ahead| {
            let folder = Folder { files, ahead, complaint: String::new() };
            changed_since(&folder, "/dumps/", "/dumps/a.dump", "4.1 GB", &proved_at)
        };
        assert_eq!(changed(vec![seen("b.dump", 1, 3_700), seen("a.dump", 4_100_000_000, 3_590)], 0), None);
        assert_eq!(changed(vec![seen("a.dump", 4_100_000_000, 7_190)], 3_600), None, "its clock is an hour ahead");
        for (files, words) in [
            (vec![seen("b.dump", 4_100_000_000, 3_590)], "not among the newest"),
            (vec![seen("a.dump", 12, 3_590)], "had 4.1 GB, and has 12 bytes"),
            (vec![seen("a.dump", 4_100_000_000, 3_900)], "written again"),
        ] {
            let told = changed(files, 0).unwrap_or_default();
            assert!(told.contains(words), "{told:?}");
        }
    }
}
