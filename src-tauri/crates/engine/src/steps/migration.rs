//! Migrates the production database.
//!
//! An attempt starts at most once. No step has more preconditions, and a migration that began is
//! started again only after a named person reported that it was undone (INV-D1, INV-D2).

pub(crate) mod attempts;
pub(crate) mod before_end;
pub(super) mod command;
pub(super) mod database;
mod failed_starts;
mod preconditions;
mod restored_since;
pub(crate) mod undone;
mod unknown_end;

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    Change, Choice, Effect, ErrorCode, Fact, FactKind, Failure, JobInputs, LineSource, MigrationInputs, Observation,
    PlanInputs, Question, Retry, Role, RunView, StepId, StepPlan, StepView, WayBack,
};

use super::{
    backup,
    job::{self, JobEnd},
    refusals::{foreign_plan, plan_closed},
    run_facts::{on_machine, who_to_call},
};
use crate::{
    fold,
    ports::{HostAddress, JobState, JobStatus},
    step::{Entry, Outcome, Outline, PlanDraft, Statement, Step, StepContext},
};
use command::{KIND, in_its_folder};
use database::Database;
use restored_since::FollowDecision;
use unknown_end::EarlierMigration;

pub struct RunMigration;

/// Id of the question in the journal.
const STARTED_ELSEWHERE: &str = "migration:startedElsewhere";
const READ_DEADLINE: Duration = Duration::from_secs(20);

#[async_trait]
impl Step for RunMigration {
    fn id(&self) -> StepId {
        StepId::RunMigration
    }
    fn effect(&self) -> Effect {
        Effect::AtMostOnce
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::BackupProved, FactKind::PackageReady, FactKind::DeployPhaseBegan]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let outline = Outline::changes(format!(
            "Changes the {} database, once. The site stays up; for about a minute some pages may fail.",
            run.profile.product.environment_name.to_uppercase()
        ))
        .confirmed()
        .point_of_no_return()
        .setting("Script", &run.profile.migration.command);
        on_machine(outline, run).setting("Command", in_its_folder(run, &run.profile.migration.command))
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let host = cx.host()?;
        cx.activity(self.id(), "Asking the staging machine, AWS and the package registry");
        let prefix = job::prefix(&run, KIND);
        let jobs = cx.ports.host.jobs(&host, &prefix).await?;
        let open = attempts::not_undone(&run, &jobs);
        let started = job::newest_start(&open, &prefix);
        if let Some(one) = started.filter(|one| !is_judged(&run, &one.id)) {
            let since = decide_follow(cx, &run, &host, one).await?;
            return Ok(follow(self, &run, one, since));
        }
        let hash = folder_hash(cx, &run, &host).await?;
        let earlier = cx.earlier.read(&run).await?;
        let (preconditions, question) = preconditions::all(cx, &run, &open, &hash, &earlier).await?;
        let said = database::ask(cx, &host).await;
        let (id, late) = job::attempt(&jobs, &prefix);
        let inner = in_its_folder(&run, &run.profile.migration.command);
        let inputs = MigrationInputs {
            job: JobInputs::Start { job: id.clone(), late, script: job::script(&run, &inner) },
            folder_hash: Some(hash),
            database: database::input(&said),
        };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RunMigration(inputs),
            "Run the migration",
            format!(
                "This changes the {} database that is in use right now, from {}. It starts once, even if this computer \
                 sleeps or loses its connection. The site stays up; for about a minute some pages may fail.",
                run.profile.product.environment_name.to_uppercase(),
                run.names.staging_machine
            ),
        )
        .by_hand(by_hand(&run, &host), None)
        .irreversible()
        .change(Change::Command { title: format!("On {} as {}", host.address, host.user), command: inner })
        .reads(&host.address, reads(&run))
        .line("Job", id)
        .preconditions(preconditions);
        let unsettled = match unknown_end::first_blocking(&run, &earlier) {
            Some(EarlierMigration::NeedsAnswer(start)) => Some(unknown_end::question(&run, start, &said)),
            Some(EarlierMigration::AppliedBefore(_)) | None => None,
        };
        // One question is asked at a time; a later one replaces an earlier one.
        let draft = asking(notice_undone(draft, &run), question);
        let draft = database::guard(draft, &run, &said);
        Ok(begun_elsewhere(&run, &jobs).into_iter().chain(unsettled).fold(draft, PlanDraft::question).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let asked_at = cx.ports.clock.now();
        let host = match cx.host() {
            Ok(host) => host,
            Err(failure) => return Outcome::Failed(failure),
        };
        if job::id_of(Some(plan)).is_some_and(|job| attempts::is_undone(&cx.run(), &job)) {
            return Outcome::Failed(
                Failure::new(ErrorCode::PlanChanged, "follow this migration: it was reported as undone")
                    .hint("Read the plan again.")
                    .retry(Retry::Safe),
            );
        }
        // A migration that was started before is followed, never started again.
        let entry = if plan.already.is_some() { Entry::Attach } else { entry };
        if entry == Entry::Start {
            // The outside world may have changed since the plan, so everything is asked again.
            match self.plan(cx).await {
                Ok(fresh) if fresh.is_open() && fresh.inputs == plan.inputs => {}
                Ok(fresh) => return Outcome::Failed(plan_closed(&fresh)),
                Err(failure) => return Outcome::Failed(failure),
            }
        }
        let Some(inputs) = plan.inputs.job() else { return foreign_plan(plan) };
        let job = inputs.id();
        match job::drive(cx, self.id(), LineSource::Migration, &host, inputs, entry, asked_at).await {
            JobEnd::NotStarted(failure) => Outcome::Failed(failure),
            JobEnd::Unknown(why) => Outcome::Unknown(why),
            JobEnd::Finished { exit, started_at, finished_at, tail } => {
                let run = cx.run();
                if let Some(failure) = restored_since::failure(&run, job).filter(|_| exit == 0) {
                    return Outcome::Failed(failure);
                }
                let stop_order = job::stop_order(&run, self.id());
                let ended = database::MigrationEnd { job, exit, started_at, finished_at, tail: &tail, stop_order };
                database::judge(cx, plan, ended).await
            }
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let job = job::id_of(plan).unwrap_or_else(|| format!("{}1", job::prefix(&run, KIND)));
        let asked = job::ask(cx, &job).await;
        let is_over = asked.as_ref().is_ok_and(|one| matches!(one.state, JobState::Finished { exit: 0, .. }));
        let seen = job::told(&job, asked);
        // The end of the script proves little without the answer of the database.
        if is_over { database::observe(cx, plan, seen).await } else { seen }
    }

    fn startable_job_id(&self, plan: Option<&StepPlan>) -> Option<String> {
        job::id_of(plan)
    }

    fn way_back(&self, run: &RunView) -> WayBack {
        let restore = &run.profile.restore;
        let left_out = fold::step(run, StepId::BackUp).and_then(StepView::left_out);
        let backup = match (backup::backup_time(run), left_out) {
            (Some(at), _) => format!("the backup of {at}"),
            (None, Some(words)) => format!("a backup that this app does not know ({words})"),
            (None, None) => "the backup of this run".to_owned(),
        };
        WayBack::Irreversible {
            way_back: format!("The way back is restoring {backup}, with the site down. {}", restore.procedure),
            minutes: restore.minutes,
            who: if restore.who.is_empty() { who_to_call(run, StepId::RunMigration) } else { restore.who.clone() },
        }
    }

    async fn jobs_to_revoke(&self, cx: &StepContext) -> Result<Vec<String>, Failure> {
        let prefix = job::prefix(&cx.run(), KIND);
        let jobs = cx.ports.host.jobs(&cx.host()?, &prefix).await?;
        if let Some(alive) = jobs.iter().find(|one| one.state.is_alive()) {
            return Err(Failure::new(
                ErrorCode::NotAllowedNow,
                format!("take your word for the migration: {} runs on the staging machine right now", alive.id),
            )
            .with("job", alive.id.clone())
            .hint("Wait for its end; the app follows it."));
        }
        // A job that ran before blocks every other one, unless it was undone.
        if attempts::not_undone(&cx.run(), &jobs).iter().any(|one| !one.state.never_started()) {
            return Ok(Vec::new());
        }
        // The job id that any computer would give to the next attempt, and the id of an expired
        // job.
        let (next, late) = job::attempt(&jobs, &prefix);
        Ok(late.into_iter().chain([next]).collect())
    }

    fn claim(&self, run: &RunView, plan: Option<&StepPlan>, word: &Statement<'_>) -> Option<Vec<Fact>> {
        // An attempt that never began, or that was undone, is not the migration that the person
        // means.
        let has_begun = crate::fold::step(run, self.id()).is_some_and(attempts::has_used_start);
        let plan =
            plan.filter(|plan| has_begun && job::id_of(Some(plan)).is_none_or(|job| !attempts::is_undone(run, &job)));
        let (started_at, finished_at) = match plan.and_then(|plan| plan.inputs.job()) {
            Some(JobInputs::Follow { started_at, finished_at, .. }) => (*started_at, *finished_at),
            Some(JobInputs::Start { .. }) | None => (None, None),
        };
        // For a migration that a person ran elsewhere, only the time of the statement is known.
        let pressed_at = plan.and_then(|_| crate::fold::step(run, self.id())?.started_at);
        let started_at = started_at.or(pressed_at).unwrap_or(*word.at);
        let finished_at = finished_at.unwrap_or(started_at);
        Some(vec![Fact::MigrationFinished { job: job::id_of(plan).unwrap_or_default(), started_at, finished_at }])
    }
}

/// The commands that the step only reads with.
fn reads(run: &RunView) -> Vec<String> {
    let database = database::probe_command(run);
    std::iter::once(command::folder_hash(run)).chain(database).chain(backup::shown_reads(run)).collect()
}

fn asking(draft: PlanDraft, question: Option<Question>) -> PlanDraft {
    if let Some(question) = question { draft.question(question) } else { draft }
}

/// Says that an attempt before this one was undone.
fn notice_undone(draft: PlanDraft, run: &RunView) -> PlanDraft {
    let undone = crate::fold::step(run, StepId::RunMigration).map_or(&[][..], |step| &step.undone_jobs);
    undone.iter().fold(draft, |draft, job| {
        let attempt = if job.is_empty() { "The migration by hand" } else { job };
        draft.notice(format!("{attempt} was reported as undone. This is another start."))
    })
}

/// The runbook's lines, or the way back once the start is used.
fn by_hand(run: &RunView, host: &HostAddress) -> Vec<String> {
    let migration = &run.profile.migration;
    if crate::fold::step(run, StepId::RunMigration).is_some_and(attempts::has_used_start) {
        return attempts::recovery_lines(run);
    }
    let mut lines = vec![
        format!("ssh -i {} {}@{}", run.profile.host.key_file, host.user, host.address),
        format!("cd {}", migration.directory),
    ];
    lines.extend(migration.environment.iter().map(|(key, value)| format!("export {key}={value}")));
    lines.push(migration.command.clone());
    lines
}

/// Whether this run saw that job fail for good. Then no job is left to follow, and the
/// preconditions stay closed.
fn is_judged(run: &RunView, job: &str) -> bool {
    crate::fold::step(run, StepId::RunMigration).is_some_and(|step| {
        step.failure().is_some_and(|failure| failure.retry == Retry::No)
            && job::id_of(step.plan.as_ref()).is_some_and(|planned| planned == job)
    })
}

/// The plan for a migration that was started before, by another computer or by an earlier run.
fn follow(step: &RunMigration, run: &RunView, one: &JobStatus, since: FollowDecision) -> StepPlan {
    let since_when = one.started_at.map_or_else(|| "at an unknown time".to_owned(), crate::time::in_words);
    let (state, button) = match one.state {
        JobState::Finished { exit, .. } => (format!("has ended with code {exit}"), "Record its end"),
        JobState::Lost { .. } => ("was lost in a restart of the machine".to_owned(), "Record what is known"),
        JobState::Absent
        | JobState::NotStarted
        | JobState::Busy
        | JobState::Expired
        | JobState::Revoked(_)
        | JobState::Running
        | JobState::Orphaned => ("runs".to_owned(), "Follow the migration"),
    };
    let lede = format!(
        "The migration of {} was started already ({since_when}), and {state}. It is followed here: nothing is started.",
        run.version
    );
    let finished_at = one.state.end().map(|(_, at)| at);
    let (question, database) = match since {
        FollowDecision::Asks(question) => (Some(question), database::unknown_input(run)),
        FollowDecision::Follows(database) => (None, database),
    };
    let inputs = MigrationInputs {
        job: JobInputs::Follow { job: one.id.clone(), started_at: one.started_at, finished_at },
        folder_hash: None,
        database,
    };
    let draft = PlanDraft::new(step, run, PlanInputs::RunMigration(inputs), button, lede).line("Job", one.id.clone());
    match question {
        Some(question) => draft.question(question).finish(),
        None => draft.follows(format!("{} was started {since_when} and {state}.", one.id), button).finish(),
    }
}

/// Asks whether a person must first say that the database was not restored.
async fn decide_follow(
    cx: &StepContext,
    run: &RunView,
    host: &HostAddress,
    one: &JobStatus,
) -> Result<FollowDecision, Failure> {
    let earlier = cx.earlier.read(run).await?;
    let machine_id = run.staging.as_ref().map_or("", |staging| staging.machine_id.as_str());
    let before = earlier.answer_before(machine_id, &one.id, &run.profile.migration.probe).and_then(Database::read);
    Ok(restored_since::decide_follow(run, one, before.as_ref(), &database::ask(cx, host).await))
}

/// Hash of the migration folder, by which the migration of the last release is recognised
/// (docs/releases.md#preconditions).
async fn folder_hash(cx: &StepContext, run: &RunView, host: &HostAddress) -> Result<String, Failure> {
    let answer = cx.ports.host.read(host, &command::folder_hash(run), READ_DEADLINE).await?;
    let hash = answer.out.trim().to_owned();
    if answer.exit == Some(0) && hash.len() == 64 {
        return Ok(hash);
    }
    Err(Failure::new(ErrorCode::PreconditionFailed, "read the migration folder on the staging machine")
        .because(answer.err.trim())
        .hint("Ask a developer whether this is the machine prepared for this version."))
}

/// The question about a release that another computer began, while this machine has no migration of
/// it. Only a person knows the answer.
fn begun_elsewhere(run: &RunView, jobs: &[JobStatus]) -> Option<Question> {
    let is_answered = run.answer(STARTED_ELSEWHERE).is_some();
    let is_unknown = run.begun.is_some() && jobs.is_empty() && !is_answered;
    is_unknown.then(|| Question {
        id: STARTED_ELSEWHERE.into(),
        text: "Another computer began this release, and this staging machine has no migration of it. Was the migration started \
               on another staging machine?"
            .into(),
        options: vec![Choice {
            id: "no".into(),
            label: "No, it was not started anywhere".into(),
            detail: "Ask who began the release. If it was started somewhere, stop here: it is never started a second time.".into(),
        }],
        needs_note: false,
    })
}
