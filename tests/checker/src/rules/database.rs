//! INV-D1 to INV-D8: backup before migration, one start, one script at a time, no start after a
//! revoke, no end by the app, a database version that proves the result, and no start after an
//! unknown end.

use crate::{
    Found,
    known::{Known, ms, step_of_job, version_of_job},
    records::{Body, Completion, Entry, Event, Fact, JobState, Op, Plan, Status, Step, Work},
};

/// Longest time from the last check of a backup's age to the script's first instruction. Two slow
/// calls and the rounding to whole minutes need it.
const SLACK_MS: i64 = 5 * 60_000;

/// Exit codes of a script that SIGHUP, SIGINT, SIGPIPE or SIGTERM ended. These signals come with
/// the end of an app or its connection. SIGKILL is absent because a machine without free memory
/// sends it too.
const ENDED_BY_THE_APP: [i32; 4] = [129, 130, 141, 143];

/// INV-D1 and INV-D2 in the journal: the migration starts after a proved backup, and never after
/// its end.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    if matches!(event.body, Body::StepSkipped { step: Step::BackUp }) && !known.profile.backup.may_skip {
        found.add("INV-D1", "the backup was left out, and the profile does not allow it");
    }
    let Body::StepStarted { step: Step::RunMigration, plan, .. } = &event.body else { return };
    if plan.already.is_none() && known.facts.backup.is_none() && !known.is_backup_left_out {
        found.add("INV-D1", "the migration was started without a proved backup");
    }
    if known.facts.is_migrated {
        found.add("INV-D2", "the migration was started again after it had finished");
    }
}

/// INV-D1: a proved backup has a job that ended with 0 and a readable file of its own, or a person
/// saw it.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    if let Body::FactLearned { fact: Fact::BackupProved { job, file, confirmed_by: None, .. } } = &event.body {
        if known.profile.backup.artifact_probe.is_empty() {
            found.add("INV-D1", format!("the backup {file:?} is called proved, and no command or person proved it"));
        }
        let dump = known.world.dumps.iter().find(|(by, name, _)| by == job && !name.is_empty() && file.ends_with(name));
        if !dump.is_some_and(|(_, _, is_good)| *is_good) || known.world.exits.get(job) != Some(&0) {
            found.add("INV-D1", format!("the backup {job} is called proved by {file:?}, which is no good file of it"));
        }
        if known.world.jobs.get(job).is_none_or(|(_, exit)| *exit != Some(0)) {
            found.add("INV-J2", format!("the backup {job} is called proved, and nobody saw it end well"));
        }
    }
    if let Body::StepSucceeded { step: Step::RunMigration, how: Completion::SaidBy, .. } = &event.body
        && known.world.revoked.is_empty()
        && known.world.migrations.is_empty()
        && !has_started_here(known)
    {
        let words = "a person's word was taken for the migration while the app could still start it";
        found.add("INV-D2", words.to_owned());
    }
    if let Body::StepSucceeded { step: Step::RunMigration, how: Completion::SaidBy | Completion::ByHand, .. } =
        &event.body
        && let Some(job) = known.world.running.iter().find(|job| step_of_job(job) == Some(Step::RunMigration))
    {
        found.add("INV-D2", format!("a person's word was taken for the migration while {job} ran"));
    }
    if let Body::ScriptStopping { job, is_forced, note } = &event.body {
        stopping(known, job, *is_forced, note, found);
    }
    if let Body::StepUndone { job, note, .. } = &event.body {
        undone(known, job, note, found);
    }
    if matches!(event.body, Body::StepSkipped { step: Step::RunMigration })
        && !known.is_migration_reset_by_person
        && let Some(job) = known.migration_not_undone()
    {
        found.add("INV-D2", format!("this release is said to have no migration, and {job} began"));
    }
    if let Body::StepSucceeded { step: Step::RunMigration, how, .. } = &event.body
        && !matches!(how, Completion::SaidBy | Completion::ByHand)
    {
        done(known, found);
    }
    // Any other event after a finished migration shows that no person's word followed.
    let is_word = matches!(
        event.body,
        Body::StepSucceeded { step: Step::RunMigration, how: Completion::SaidBy | Completion::ByHand, .. }
    );
    if !is_word {
        end(known, found);
    }
}

/// INV-D6: a script is stopped with a note while its step follows it. It is killed only after an
/// order before.
fn stopping(known: &Known, job: &str, is_forced: bool, note: &str, found: &mut Found) {
    let step = step_of_job(job);
    let is_followed = step.is_some_and(|step| {
        known.step(step).status == Status::Running
            && known.attempt(step).is_some_and(|attempt| attempt.plan.input("job") == job)
    });
    if !is_followed {
        found.add("INV-D6", format!("{job} is ordered to stop, and no step follows it"));
    }
    if note.trim().is_empty() {
        found.add("INV-D6", format!("{job} is ordered to stop without a note of the person"));
    }
    if is_forced && !known.stopped_before.contains(job) {
        found.add("INV-D6", format!("{job} is killed before it was told to stop"));
    }
}

/// Whether a migration of this version began on this machine, in this run or an earlier one. The
/// app starts none beside it.
fn has_started_here(known: &Known) -> bool {
    let is_it = |job: &String| {
        step_of_job(job) == Some(Step::RunMigration) && version_of_job(job) == known.names.tag.strip_prefix('v')
    };
    known.world.payloads.keys().any(is_it)
}

/// INV-D2: a migration is reported as undone only after its end, and only while the database gives
/// the same answer as before the start.
fn undone(known: &Known, job: &str, note: &str, found: &mut Found) {
    let world = &known.world;
    if world.running.contains(job) {
        found.add("INV-D2", format!("{job} is reported as undone while it runs"));
    }
    // A run may follow the migration that an earlier run started on this machine. A person who ran
    // it outside the app names no job.
    if !job.is_empty() && !world.payloads.contains_key(job) {
        found.add("INV-D2", format!("{job} is reported as undone and never began"));
    }
    if note.trim().is_empty() {
        found.add("INV-D2", format!("{job} is reported as undone without a note of the person"));
    }
    let version = |said: &Option<String>| said.as_deref().and_then(|said| said.split(' ').next()).map(str::to_owned);
    let (before, now) = (version(&world.database_before), version(&world.database));
    if !known.profile.migration.probe.is_empty() && (now.is_none() || before.is_some() && before != now) {
        found.add("INV-D2", format!("{job} is reported as undone; the database said {before:?} before, {now:?} now"));
    }
}

/// INV-D2: the script begins again only after each earlier one was reported as undone. Where the
/// database can be asked, its schema is the old one.
fn started_again(known: &Known, job: &str, found: &mut Found) {
    if known.is_migration_left_out {
        found.add("INV-D2", format!("{job} began after a person said that this release has no migration"));
    }
    if let Some(other) = known.migration_not_undone() {
        found.add("INV-D2", format!("{job} began, and nobody reported {other} as undone"));
    } else if known.world.is_schema_changed && !known.profile.migration.probe.is_empty() {
        found.add("INV-D2", format!("{job} began on a database that an earlier migration changed"));
    }
}

/// INV-D2: the script of the migration begins at most once for each attempt. INV-D1: it begins
/// after a fresh proved backup.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if let Op::JobSeen { id, state, .. } = &entry.op {
        remembered(known, id, *state, found);
    }
    if let Op::PayloadEnded { job, exit } = &entry.op {
        untouched(known, job, *exit, found);
    }
    if let Op::StopScript { id, forced } = &entry.op
        && !known.stop_orders.contains(&(id.clone(), *forced))
    {
        found.add("INV-D6", format!("{id} was stopped, and no event before says who ordered it"));
    }
    let Op::PayloadStarted { job, work } = &entry.op else { return };
    if known.world.revoked.contains(job) {
        found.add("INV-D5", format!("{job} began after its start was revoked"));
    }
    if known.called_not_done.contains(job) {
        found.add("INV-J3", format!("{job} began after the app had called it not done"));
    }
    if let Some(other) = known.world.running.iter().next() {
        found.add("INV-D4", format!("{job} began while {other} ran"));
    }
    if known.world.payloads.contains_key(job) {
        found.add("INV-D2", format!("the script of {job} began twice"));
    }
    if *work != Work::Migration {
        return;
    }
    if known.is_migrated_by_word {
        found.add("INV-D2", format!("{job} began after a person said that it was done outside the app"));
    }
    started_again(known, job, found);
    settled(known, job, found);
    if step_of_job(job) != Some(Step::RunMigration) {
        found.add("INV-D2", format!("{job} migrates and is no migration by its name"));
    }
    asked(known, job, found);
    let Some(backup) = &known.facts.backup else {
        if known.is_backup_left_out {
            return;
        }
        found.add("INV-D1", format!("{job} began without a proved backup"));
        return;
    };
    let dumps = &known.world.dumps;
    let own = dumps.iter().rposition(|(by, _, is_good)| *by == backup.job && *is_good);
    if backup.is_seen && own.is_none() {
        found.add("INV-D1", format!("{job} began on the word of {}, which wrote no good file", backup.job));
    }
    if let Some((at, (_, file, _))) = own.and_then(|at| Some((at, dumps.get(at)?)))
        && backup.is_seen
        && dumps.iter().skip(at + 1).any(|(_, other, _)| other == file)
    {
        found.add("INV-D1", format!("{job} began when {file} of {} had been written over", backup.job));
    }
    let age = ms(&backup.finished_at).map(|at| entry.at - at);
    let limit = known.profile.backup.max_age_minutes * 60_000 + SLACK_MS;
    if age.is_none_or(|age| age > limit || age < 0) {
        found.add("INV-D1", format!("{job} began when the backup was {age:?} ms old; {limit} is the limit"));
    }
}

/// INV-D8: a migration with an unknown end, or one that ended with an error, counts as started on
/// every machine and for every version. Once one was applied, that version does not start again.
fn settled(known: &Known, job: &str, found: &mut Found) {
    if let Some(other) = known.unknown_ends.values().find(|other| *other != job) {
        found.add("INV-D8", format!("{job} began, and the end of {other} at the same database is unknown"));
    }
    for over in known.over.of_others(&known.run) {
        let is_same = version_of_job(&over.job).is_some() && version_of_job(&over.job) == version_of_job(job);
        if over.has_failed {
            found
                .add("INV-D8", format!("{job} began, and nobody said what {} of an earlier run left behind", over.job));
        } else if is_same {
            found.add("INV-D8", format!("{job} began, and {} of an earlier run was applied", over.job));
        }
    }
    let is_same = |other: &&String| version_of_job(other).is_some() && version_of_job(other) == version_of_job(job);
    if let Some(other) = known.applied_by_word.iter().find(is_same) {
        found.add("INV-D8", format!("{job} began after a person said that {other} was applied"));
    }
}

/// INV-D3: a machine never denies a job that began on it. A replacement machine does not know the
/// job.
fn remembered(known: &Known, job: &str, state: JobState, found: &mut Found) {
    let is_denied = matches!(state, JobState::Absent | JobState::NotStarted | JobState::Revoked);
    if is_denied && known.world.machine.is_none() && known.world.payloads.contains_key(job) {
        found.add("INV-D3", format!("the script of {job} has begun, and the machine says {state:?}"));
    }
}

/// INV-D6: no migration ends by a signal that comes with the end of the app or its connection. Only
/// the order of a person sends one.
fn untouched(known: &Known, job: &str, exit: i32, found: &mut Found) {
    let is_ordered = known.world.stopped_scripts.contains(job);
    if step_of_job(job) == Some(Step::RunMigration) && ENDED_BY_THE_APP.contains(&exit) && !is_ordered {
        found.add("INV-D6", format!("{job} was ended by a signal: its script ended with {exit}"));
    }
}

/// INV-D7: the database answered before the start, or a person accepted a start without an answer.
/// INV-D1: the answer is the same as at the backup.
fn asked(known: &Known, job: &str, found: &mut Found) {
    if known.profile.migration.probe.is_empty() {
        if !known.goes_on_unasked {
            found.add("INV-D7", format!("{job} began where nobody can ask the database, and nobody accepted that"));
        }
        return;
    }
    let Some(said) = &known.world.database else {
        found.add("INV-D7", format!("{job} began before the database was asked"));
        return;
    };
    // The newest attempt is not always the backup that counts.
    let counts = |plan: &Plan| known.facts.backup.as_ref().is_some_and(|backup| backup.job == plan.input("job"));
    let mut plans = known.attempts.iter().filter(|((step, _), _)| *step == Step::BackUp).map(|(_, one)| &one.plan);
    let at_backup = plans.rfind(|plan| counts(plan)).map(|plan| plan.input("database")).unwrap_or_default();
    // A person who confirmed the backup also confirmed its database.
    let is_confirmed = known.facts.backup.as_ref().is_some_and(|backup| backup.is_confirmed);
    if at_backup != said && !(at_backup.is_empty() && is_confirmed) {
        found.add("INV-D1", format!("{job} began on a database that said {said}, and {at_backup} at the backup"));
    }
}

/// INV-D7: a finished migration changed the database's answer. The exit code alone is no proof.
fn done(known: &Known, found: &mut Found) {
    let world = &known.world;
    if !known.profile.migration.probe.is_empty()
        && (world.database.is_none() || world.database == world.database_before)
    {
        found.add("INV-D7", format!("the migration is called done, and the database said {:?}", world.database));
    }
}

/// INV-J2: the host confirms a finished migration, or a person's word follows directly.
pub fn end(known: &Known, found: &mut Found) {
    if let Some(job) = &known.unproved_migration {
        found.add("INV-J2", format!("the migration {job} is called finished, and neither machine nor person said so"));
    }
}
