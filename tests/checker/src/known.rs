//! State of a release at one moment: the folded journal and the newest answers and effects of the
//! world. Rules read it and need no earlier record.

mod earlier;
mod operation;
mod seen;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Found,
    fold::{Folded, Steps},
    records::{Actor, Body, Completion, Entry, Event, Fact, JobState, Names, Op, Plan, Profile, STEPS, Status, Step},
    rules::ways::Ways,
};

use earlier::OverByRun;
use operation::agreed_revision;
pub use operation::{BRANCH_OF_PULL_REQUEST, PULL_REQUESTS, owner, step_of_job, version_of_job};
pub use seen::{LockSeen, RunSeen, Seen};

#[derive(Debug, Default)]
pub struct Known {
    /// Number of the newest durable event.
    pub seq: u64,
    pub has_ended: bool,
    pub profile: Profile,
    pub names: Names,
    pub steps: Steps,
    /// States after every event, by its number; the first is number 1.
    pub history: Vec<[Status; STEPS]>,
    pub attempts: BTreeMap<(Step, u32), Attempt>,
    pub facts: Facts,
    pub checks: BTreeMap<String, String>,
    /// The job of a finished migration that the host has not confirmed. A person's word must
    /// follow.
    pub unproved_migration: Option<String>,
    /// Jobs whose attempts the app recorded as not done.
    pub called_not_done: BTreeSet<String>,
    /// Jobs that the journal plans to revoke.
    pub closing: BTreeSet<String>,
    pub run: String,
    /// Machine id from the journal's `deployStarted` event.
    pub machine: Option<String>,
    /// Time of that event in milliseconds since 1970.
    pub deploy_at: Option<i64>,
    /// The owners that the journal names before the lock is acquired. Empty when the lock was free.
    pub taking: Option<Vec<String>>,
    /// The refusal of the lock by the git remote: the run that keeps it, and whether a person
    /// accepted the refusal.
    pub lock_refusal: Option<(Option<String>, bool)>,
    /// Whether Prepare has started.
    pub has_started: bool,
    /// Whether the migration is done by a person's word.
    pub is_migrated_by_word: bool,
    /// Whether the run rolls an ended release back. It uses no staging machine.
    pub is_rollback: bool,
    /// Settings that a person agreed to use as they are: `rally-prod:144`.
    pub agreed_revisions: BTreeSet<String>,
    /// Whether a person said that this release has no migration.
    pub is_migration_left_out: bool,
    /// Whether the release makes no backup of its own, as a person said.
    pub is_backup_left_out: bool,
    /// Jobs of migrations that a person reported as undone.
    pub undone: BTreeSet<String>,
    /// Whether a person's word ended the last doubt about the migration.
    pub is_migration_reset_by_person: bool,
    /// Whether a person accepted that the database cannot report its version.
    pub goes_on_unasked: bool,
    /// Digest of the package that a person decided to use although GitHub does not show its commit.
    pub package_by_word: Option<String>,
    /// Jobs of migrations whose end is unknown, by the run that started them.
    pub unknown_ends: BTreeMap<String, String>,
    /// Digests of packages of which a person said that the followed build did not make them.
    pub packages_denied: BTreeSet<String>,
    /// Workflow runs beside which a person decided to start a new one.
    pub runs_left: BTreeSet<String>,
    /// Migrations that are over.
    pub over: OverByRun,
    /// Machine id of the last Deploy before this run.
    pub machine_before: Option<String>,
    /// Progress of the honest operator in the runs before this one.
    pub ways_before: Vec<Ways>,
    /// Jobs of migrations that a person called applied, after their end was unknown.
    pub applied_by_word: BTreeSet<String>,
    /// Orders of a person to stop a script that the machine did not get yet: job, and whether the
    /// script is killed.
    pub stop_orders: Vec<(String, bool)>,
    /// Jobs whose script a person ordered to stop.
    pub stopped_before: BTreeSet<String>,
    /// Secrets that no event may hold.
    pub secrets: Vec<String>,
    pub world: Seen,
    /// Progress of an honest operator.
    pub ways: Ways,
}

#[derive(Debug, Default)]
pub struct Attempt {
    pub plan: Plan,
    /// Names of the attempt's effects.
    pub applied: Vec<&'static str>,
    /// Whether an effect got no answer.
    pub is_unanswered: bool,
}

/// The newest fact of each kind that a later rule needs.
#[derive(Debug, Default)]
pub struct Facts {
    pub merged: Option<Merged>,
    pub version: Option<(String, bool)>,
    /// Object and commit of the newest tag.
    pub tag: Option<(String, String)>,
    /// Version commit of the pull request that was opened.
    pub pull_request: Option<String>,
    /// Commit of main that the pull request became.
    pub merged_as: Option<String>,
    pub main: Option<String>,
    pub tag_published: Option<(String, String)>,
    pub revisions: Vec<Revision>,
    /// ARN of settings of the build that a person accepted.
    pub accepted: Option<String>,
    pub backup: Option<Backup>,
    /// Job and file of the newest backup that the app saw and did not prove.
    pub found_backup: Option<(String, String)>,
    pub build: Option<String>,
    /// Digest of the newest package.
    pub package: Option<String>,
    pub is_migrated: bool,
    pub rolled_out: Option<String>,
    pub site: Option<String>,
    /// Whether the version before serves again.
    pub is_rolled_back: bool,
    /// Whether another revision took over after every server ran ours.
    pub is_lost: bool,
    /// Whether the limit of failed starts is raised.
    pub is_limit_raised: bool,
    /// Whether AWS began a deployment of this release.
    pub deploys: bool,
    /// Commits that were recorded as published while the main branch showed another commit. The
    /// commit graph decides about them at the end.
    pub contained: Vec<(String, String)>,
}

/// The contents of [`Fact::Merged`].
#[derive(Clone, Debug)]
pub struct Merged {
    pub base: String,
    pub head: String,
    pub commit: String,
    pub already: bool,
}

/// The contents of [`Fact::RevisionSaved`].
#[derive(Clone, Debug)]
pub struct Revision {
    pub arn: String,
    pub base: String,
    pub image: String,
}

/// The contents of [`Fact::BackupProved`].
#[derive(Clone, Debug)]
pub struct Backup {
    pub job: String,
    pub finished_at: String,
    pub is_confirmed: bool,
    /// Whether the app looked at the file. A person may confirm one that it cannot see.
    pub is_seen: bool,
}

/// Converts a time of the journal to milliseconds since 1970.
pub fn ms(at: &str) -> Option<i64> {
    at.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

impl Known {
    /// The folded state of a step.
    pub fn step(&self, step: Step) -> Folded {
        self.steps.get(step as usize).copied().unwrap_or_default()
    }

    /// Whether no server has to wait for the migration any more: it finished, or there is none.
    pub fn is_migration_settled(&self) -> bool {
        self.facts.is_migrated || self.is_migration_left_out
    }

    /// The first migration that began and was not reported as undone.
    pub fn migration_not_undone(&self) -> Option<&String> {
        self.world.migrations.iter().find(|job| !self.undone.contains(*job))
    }

    pub fn attempt(&self, step: Step) -> Option<&Attempt> {
        self.attempts.get(&(step, self.step(step).attempt))
    }

    pub fn main(&self) -> String {
        format!("refs/heads/{}", self.profile.git.main)
    }

    pub fn tag(&self) -> String {
        format!("refs/tags/{}", self.names.tag)
    }

    /// Name of the environment lock on the git remote.
    pub fn lock(&self) -> String {
        format!("refs/greenlight/{}/{}", self.profile.product.id, self.profile.product.environment)
    }

    /// Adds a durable event.
    pub fn event(&mut self, event: Event, found: &mut Found) {
        self.seq = event.seq;
        self.run.clone_from(&event.run);
        self.settle(&event);
        self.note_lock(&event.body);
        self.note_stop_order(&event.body);
        let is_given_up = self.is_given_up(&event.body);
        self.fold(event.seq, &event.body, found);
        match event.body {
            Body::RunDrafted { profile, names } => (self.profile, self.names) = (*profile, names),
            Body::RollbackDrafted { profile, names, rolls_back } => {
                (self.profile, self.names) = (*profile, names);
                (self.is_rollback, self.facts.is_migrated) = (true, rolls_back.is_migrated);
            }
            Body::StepStarted { step, attempt, plan } => {
                self.called_not_done.remove(plan.input("job"));
                self.attempts.insert((step, attempt), Attempt { plan, ..Attempt::default() });
            }
            Body::StepReset { step, attempt, evidence } => {
                let is_by_person = evidence.starts_with(&event.by.person);
                if step == Step::RunMigration {
                    self.is_migration_reset_by_person = is_by_person;
                }
                self.called_not_done.extend(self.job_of(step, attempt).filter(|_| !is_by_person));
            }
            Body::StepWarned { step, attempt } if is_given_up => {
                self.called_not_done.extend(self.job_of(step, attempt));
            }
            // The world showed the effect whose answer was lost.
            Body::StepResumed { step, attempt } => {
                self.attempts.entry((step, attempt)).and_modify(|one| one.is_unanswered = false);
            }
            Body::StepSucceeded { step: Step::RunMigration, how, .. } => {
                self.unproved_migration = None;
                self.is_migrated_by_word = matches!(how, Completion::SaidBy | Completion::ByHand);
            }
            Body::StepSkipped { step } => self.leave_out(step),
            Body::StepUndone { job, .. } => self.undo(job),
            Body::QuestionAnswered { question, answer } => self.answered(&question, &answer),
            Body::JobRevoking { job } => _ = self.closing.insert(job),
            Body::DeployStarted { staging, .. } => {
                if self.machine_before.as_ref().is_some_and(|before| *before != staging.machine_id) {
                    self.forget_jobs();
                }
                self.machine = Some(staging.machine_id);
                self.deploy_at = ms(&event.at);
            }
            Body::FactLearned { fact } => self.learn(fact),
            Body::CheckAnswered { check, answer } => _ = self.checks.insert(check, answer),
            Body::RunEnded { .. } => self.has_ended = true,
            Body::PrepareStarted
            | Body::LockAcquiring { .. }
            | Body::LockRefused { .. }
            | Body::RunPrepared
            | Body::CheckingStarted
            | Body::TookOver
            | Body::StepOffered { .. }
            | Body::StepSucceeded { .. }
            | Body::StepWarned { .. }
            | Body::StepFailed { .. }
            | Body::StepInDoubt { .. }
            | Body::StepStopped { .. }
            | Body::AddressChanged
            | Body::ScriptStopping { .. }
            | Body::StartedOver { .. }
            | Body::MachineGivenUp => {}
            Body::ValueCorrected { profile } => self.profile = profile,
        }
    }

    /// The job of an attempt, if it has one.
    fn job_of(&self, step: Step, attempt: u32) -> Option<String> {
        let job = self.attempts.get(&(step, attempt))?.plan.input("job");
        (!job.is_empty()).then(|| job.to_owned())
    }

    /// Applies the answer of a person to a question of a plan.
    fn answered(&mut self, question: &str, answer: &str) {
        self.goes_on_unasked |= question == "noDatabaseVersion";
        self.agreed_revisions.extend(agreed_revision(question, answer));
        if let Some(runs) = question.strip_prefix("build:").filter(|_| answer == "new") {
            self.runs_left.extend(runs.split(':').map(str::to_owned));
        }
        if let Some((_, digest)) = question.strip_prefix("package:").and_then(|rest| rest.split_once(':')) {
            self.packages_denied.remove(digest);
            self.packages_denied.extend((answer == "other").then(|| digest.to_owned()));
        }
        if let Some(digest) = question.strip_prefix("image:") {
            self.package_by_word = (answer == "use").then(|| digest.to_owned());
        }
    }

    /// Whether a repeated backup that never began ends its doubt as `Warned`. The earlier backup
    /// counts.
    fn is_given_up(&self, body: &Body) -> bool {
        matches!(body, Body::StepWarned { step, .. } if self.step(*step).status == Status::InDoubt)
    }

    /// Keeps a person's order to stop a script.
    fn note_stop_order(&mut self, body: &Body) {
        if let Body::ScriptStopping { job, is_forced, .. } = body {
            self.stopped_before.insert(job.clone());
            self.stop_orders.push((job.clone(), *is_forced));
        }
    }

    /// Applies an event to the environment lock.
    fn note_lock(&mut self, body: &Body) {
        if let Body::LockAcquiring { from, on_machine, .. } = body {
            self.taking = Some(from.iter().chain(on_machine).map(|owner| owner.run.clone()).collect());
            self.lock_refusal = None;
        } else if let Body::LockRefused { from, is_accepted } = body {
            self.lock_refusal = Some((from.clone(), *is_accepted));
        }
        self.has_started |= matches!(body, Body::PrepareStarted);
    }

    fn learn(&mut self, fact: Fact) {
        let facts = &mut self.facts;
        match fact {
            Fact::Merged { base, head, commit, already } => facts.merged = Some(Merged { base, head, commit, already }),
            Fact::VersionSet { commit, already } => facts.version = Some((commit, already)),
            Fact::TagMade { object, commit } => facts.tag = Some((object, commit)),
            Fact::PullRequestOpened { commit } => facts.pull_request = Some(commit),
            Fact::PullRequestMerged { commit } => self.release_merged(commit),
            Fact::MainPublished { commit } => {
                self.withdraw_pull_request();
                let facts = &mut self.facts;
                let main = format!("refs/heads/{}", self.profile.git.main);
                let there = self.world.listing.get(&main).map(|one| one.id.clone()).unwrap_or_default();
                if there != commit {
                    facts.contained.push((commit.clone(), there));
                }
                facts.main = Some(commit);
            }
            Fact::TagPublished { object, commit } => facts.tag_published = Some((object, commit)),
            Fact::RevisionSaved { arn, base_arn, image } => {
                facts.revisions.push(Revision { arn, base: base_arn, image });
            }
            Fact::RevisionAccepted { arn } => facts.accepted = Some(arn),
            Fact::BackupFound { job, file } => facts.found_backup = Some((job, file)),
            Fact::BackupProved { job, file, finished_at, confirmed_by } => {
                let is_confirmed = confirmed_by.is_some();
                let is_seen = !is_confirmed || facts.found_backup.as_ref() == Some(&(job.clone(), file));
                facts.backup = Some(Backup { job, finished_at, is_confirmed, is_seen });
            }
            // A package of the build that was followed before does not count.
            Fact::BuildStarted { build, .. } => (facts.build, facts.package) = (Some(build), None),
            Fact::MigrationFinished { job } => {
                facts.is_migrated = true;
                if !self.undone.is_empty() {
                    self.forget_checks();
                }
                let is_proved = self.world.jobs.get(&job) == Some(&(JobState::Finished, Some(0)));
                self.unproved_migration = (!is_proved).then_some(job);
            }
            Fact::RolledOut { deployment, .. } => {
                facts.rolled_out = Some(deployment);
                (facts.is_rolled_back, facts.is_lost) = (false, false);
            }
            Fact::RolloutLost { .. } => facts.is_lost = true,
            Fact::RolledBack { .. } => facts.is_rolled_back = true,
            Fact::FailureLimitRaised { .. } => facts.is_limit_raised = true,
            Fact::FailureLimitRestored { .. } => facts.is_limit_raised = false,
            Fact::SiteAnswered { version } => facts.site = Some(version),
            Fact::DeployPhaseBegan { .. } => {
                facts.deploys = true;
                facts.is_rolled_back = false;
            }
            Fact::PackageReady { digest, .. } => facts.package = Some(digest),
            Fact::BuildEnded { .. }
            | Fact::BuildRerun { .. }
            | Fact::BuildCancelled { .. }
            | Fact::ServerBecameNew { .. }
            | Fact::RolloutStopped
            | Fact::StartFailed { .. } => {}
        }
    }

    /// Adds an entry of the world's record.
    pub fn request(&mut self, entry: Entry) {
        if entry.actor == Actor::App && !entry.late {
            self.record_effect(&entry);
        }
        self.record_foreign_revision(&entry);
        self.record_stop(&entry);
        self.ways.request(&entry);
        let lock = self.lock();
        let world = &mut self.world;
        match entry.op {
            Op::PushRef { name, message, .. } if name == lock => world.push_lock(message, entry.at, entry.applied),
            Op::Dispatch { run: Some(run), .. } if entry.actor == Actor::App && entry.answered => {
                world.told_runs.insert(run);
            }
            Op::PayloadStarted { job, work } => world.start_payload(job, work),
            Op::PayloadEnded { job, exit } => {
                world.running.remove(&job);
                world.exits.insert(job, exit);
            }
            Op::EnvironmentTaken { run, .. } if entry.applied => world.take_environment(run, entry.at),
            Op::EnvironmentLeft { .. } if entry.applied => world.holder = (None, entry.at),
            Op::HostReplaced { machine } => world.replace_machine(machine, entry.at),
            Op::UpdateService { threshold: Some(limit), .. } if entry.applied => world.limit = Some(limit),
            Op::TaskStopped { task, reason } => _ = world.stopped.insert((task, reason)),
            Op::SchemaChanged { from, to, complete } => world.is_schema_changed |= from != to || !complete,
            Op::DatabaseRestored => world.is_schema_changed = false,
            Op::HostRebooted => world.running.clear(),
            Op::RevokeJob { id } if entry.applied => _ = world.revoked.insert(id),
            Op::DumpWritten { job, file, good } => world.dumps.push((job, file, good)),
            Op::Listing { refs } => world.listing = refs,
            Op::Described { arn } => _ = world.described.insert(arn),
            Op::ServiceSeen { deployments, tasks } => world.look(deployments, tasks),
            Op::SiteAnswered { version } => world.site = version,
            Op::JobSeen { id, state, exit } => _ = world.jobs.insert(id, (state, exit)),
            Op::RunSeen { run, status, conclusion, head_sha, created, attempt } => {
                world.runs.insert(run, RunSeen { status, conclusion, head_sha, created, attempt });
            }
            Op::DatabaseSeen { version } => world.database = version,
            Op::PullRequestOpened { head, .. } => world.pull_requests.extend(entry.applied.then_some(head)),
            Op::PullRequestMerged { commit } => world.merged.push(commit),
            Op::ImagePushed { digest, commit } => _ = world.built_from.insert(digest, commit),
            Op::ImageSeen { tag, digest } => _ = world.images.insert(tag, digest),
            Op::PushRef { .. }
            | Op::DeleteRef { .. }
            | Op::StopScript { .. }
            | Op::Dispatch { .. }
            | Op::RerunBuild { .. }
            | Op::CancelBuild { .. }
            | Op::RegisterTaskDefinition { .. }
            | Op::SubmitJob { .. }
            | Op::LaunchJob { .. }
            | Op::RevokeJob { .. }
            | Op::EnvironmentTaken { .. }
            | Op::EnvironmentLeft { .. }
            | Op::RunEnded { .. }
            | Op::DeploymentStarted
            | Op::DeploymentEnded
            | Op::TaskBecameHealthy
            | Op::UpdateService { .. }
            | Op::StopDeployment { .. } => {}
        }
    }

    /// Records that the machine got a person's order to stop a script.
    fn record_stop(&mut self, entry: &Entry) {
        let Op::StopScript { id, forced } = &entry.op else { return };
        if let Some(at) = self.stop_orders.iter().position(|(job, is_forced)| job == id && is_forced == forced) {
            self.stop_orders.swap_remove(at);
        }
        if entry.applied {
            self.world.stopped_scripts.insert(id.clone());
        }
    }

    /// Records a revision that another actor saved.
    fn record_foreign_revision(&mut self, entry: &Entry) {
        if let Op::RegisterTaskDefinition { arn: Some(arn), .. } = &entry.op
            && entry.actor != Actor::App
        {
            self.world.saved = Some((entry.at, arn.clone()));
        }
    }

    /// Records an effect of the app on its attempt.
    fn record_effect(&mut self, entry: &Entry) {
        self.world.process = self.world.process.max(entry.process);
        if !entry.applied {
            return;
        }
        // A revoke prevents an effect and is none.
        let Some((Some(step), name)) = owner(&entry.op, self).filter(|(_, name)| *name != "revoke") else { return };
        let number = self.step(step).attempt;
        if let Some(attempt) = self.attempts.get_mut(&(step, number)) {
            attempt.applied.push(name);
            attempt.is_unanswered |= !entry.answered;
        }
    }
}
