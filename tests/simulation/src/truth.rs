//! True answers about the simulated production, for an operator who may say only true things. They
//! come from the world and from its record, never from the app.

use std::collections::BTreeMap;

use greenlight_rehearsal::world::{
    ACCOUNT, IMAGES, REGION, World,
    git::{LOCKS, MAIN},
    pull_requests::{PullRequest, State},
    record::{Actor, Entry, Op},
    service::Rollout,
    work::Work,
};
use greenlight_types::{
    Fact, LearnedFact, Names, PlanInputs, Question, RunId, RunView, StepId, StepView, Trouble, Version,
};

/// First part of the id of the question about an earlier migration. The id of its run follows.
const UNKNOWN_END: &str = "migration:unknownEnd:";

/// Effects of the app and of its jobs so far.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Requests of the app that had their effect: the step and the time in ms since 1970.
    effects: Vec<(StepId, i64)>,
    /// Scripts that began, each with its exit code once it has one.
    scripts: BTreeMap<String, Option<i32>>,
    /// Workflow runs that the app started.
    builds: Vec<String>,
    /// Versions of the runs in the journal, as the database names them.
    versions: BTreeMap<RunId, String>,
    /// Whether the host never answers again.
    pub is_machine_gone: bool,
}

impl Deeds {
    /// Adds an entry of the world's record.
    pub fn note(&mut self, entry: &Entry) {
        if let Op::PayloadStarted { job, .. } = &entry.op {
            self.scripts.insert(job.clone(), None);
        } else if let Op::PayloadEnded { job, exit, .. } = &entry.op {
            self.scripts.insert(job.clone(), Some(*exit));
        }
        if entry.actor != Actor::App || !entry.applied {
            return;
        }
        if let Op::UpdateService { threshold: Some(_), .. } = &entry.op {
            self.effects.extend([StepId::RaiseFailureLimit, StepId::RestoreFailureLimit].map(|step| (step, entry.at)));
            return;
        }
        let step = if let Op::PushRef { name, .. } = &entry.op {
            if name.starts_with(LOCKS) {
                return;
            }
            match name.as_str() {
                name if name.starts_with("refs/tags/") => StepId::PushTag,
                MAIN => StepId::PushBranch,
                // The branch of a pull request is not yet one.
                _ => return,
            }
        } else if let Op::RegisterTaskDefinition { .. } = &entry.op {
            StepId::RegisterTaskDefinition
        } else if let Op::UpdateService { forced, .. } = &entry.op {
            // A forced deployment is the new one, or the version before once more.
            if *forced {
                self.effects.push((StepId::DeployAgain, entry.at));
            }
            StepId::RollBack
        } else if let Op::RerunBuild { .. } = &entry.op {
            StepId::RerunBuild
        } else if let Op::CancelBuild { .. } = &entry.op {
            StepId::CancelBuild
        } else if let Op::PullRequestOpened { .. } = &entry.op {
            StepId::OpenPullRequest
        } else if let Op::StopDeployment { .. } = &entry.op {
            StepId::StopRollout
        } else if let Op::Dispatch { run, .. } = &entry.op {
            self.builds.extend(run.clone());
            StepId::DispatchBuild
        } else {
            return;
        };
        self.effects.push((step, entry.at));
    }

    /// Adds a run of the journal.
    pub fn drafted(&mut self, run: &RunId, names: &Names) {
        self.versions.insert(run.clone(), numbers(names));
    }

    /// Whether a migration script of this version began on any machine.
    fn has_begun_migration(&self, version: &Version) -> bool {
        self.scripts.keys().any(|job| job.contains(&format!(".migrate.{version}.a")))
    }
}

/// A true answer to a question of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrueAnswer {
    Choice(String),
    /// Every choice of the question is false.
    None,
    /// The operator was not taught this question.
    Unknown,
    /// No choice is true yet: a script runs, or the database is half-way.
    Later,
}

/// The world at one moment.
pub struct Truth<'a> {
    pub world: &'a World,
    pub deeds: &'a Deeds,
}

impl Truth<'_> {
    /// Whether the attempt of a step in doubt had its effect. `None` while neither answer is true,
    /// or while only the app's own copy of the repository could tell.
    pub fn has_happened(&self, view: &RunView, step: &StepView) -> Option<bool> {
        let id = step.definition.id;
        let since = step.started_at.map_or(0, greenlight_types::Timestamp::as_millisecond);
        match id {
            StepId::PushBranch
            | StepId::PushTag
            | StepId::RegisterTaskDefinition
            | StepId::DispatchBuild
            | StepId::RaiseFailureLimit
            | StepId::RestoreFailureLimit
            | StepId::StopRollout
            | StepId::DeployAgain
            | StepId::RollBack
            | StepId::RerunBuild
            | StepId::CancelBuild
            | StepId::OpenPullRequest => Some(self.deeds.effects.iter().any(|(of, at)| *of == id && *at >= since)),
            StepId::BackUp => self.has_backed_up(view, step),
            StepId::RunMigration => self.has_migrated(view, step),
            // The record alone changes.
            StepId::FollowOtherBuild => Some(false),
            StepId::MergeBranch
            | StepId::SetVersion
            | StepId::CreateTag
            | StepId::FollowBuild
            | StepId::AwaitDeployPhase
            | StepId::AwaitRollout
            | StepId::CheckSite => None,
        }
    }

    /// Whether a backup left its file. A file on a machine that is gone is none.
    pub fn has_backed_up(&self, view: &RunView, step: &StepView) -> Option<bool> {
        let job = job_of(step)?;
        match self.deeds.scripts.get(&job) {
            None => Some(false),
            Some(Some(exit)) => Some(*exit == 0 && self.has_same_machine(view)),
            Some(None) => (!self.runs(&job)).then_some(false),
        }
    }

    /// Whether a migration changed the database completely. One that began and is over without
    /// success "did not happen" only on a machine that can tell that it began.
    fn has_migrated(&self, view: &RunView, step: &StepView) -> Option<bool> {
        let job = job_of(step)?;
        match self.deeds.scripts.get(&job) {
            None => Some(false),
            Some(Some(0)) if self.is_migrated() => Some(true),
            Some(_) => (!self.runs(&job) && self.has_same_machine(view)).then_some(false),
        }
    }

    /// Whether the script of a step hangs.
    pub fn hangs(&self, step: &StepView) -> bool {
        let job = job_of(step).and_then(|job| self.world.host.jobs.get(&job));
        job.is_some_and(|job| job.is_running() && job.hangs)
    }

    /// Whether a script runs now.
    fn runs(&self, job: &str) -> bool {
        self.world.host.jobs.get(job).is_some_and(greenlight_rehearsal::world::host::Job::is_running)
    }

    /// Whether the machine of the run still answers as itself.
    pub fn has_same_machine(&self, view: &RunView) -> bool {
        let known = view.staging.as_ref().map(|staging| staging.machine_id.as_str());
        self.world.host.is_reachable && known.is_none_or(|id| id.is_empty() || id == self.world.host.machine_id)
    }

    /// Whether the database has the schema of the release.
    pub fn is_migrated(&self) -> bool {
        let (schema, is_half) = self.world.schema();
        schema == self.world.host.migrates_to && !is_half
    }

    /// Whether the new version fails because the database is not migrated: its program ran and
    /// ended.
    fn fails_on_old_database(&self) -> bool {
        let newest = self.world.service.deployments.last().map(|one| one.id.as_str());
        let failed = self.world.service.tasks.iter().filter(|task| Some(task.deployment.as_str()) == newest);
        let last = failed.filter(|task| task.stopped_ms.is_some()).max_by_key(|task| task.stopped_ms);
        !self.is_migrated() && last.is_some_and(|task| task.exit == Some(1))
    }

    /// Whether the migration was finished outside the app, or after the app saw it fail.
    pub fn is_done_outside(&self, step: &StepView) -> bool {
        step.definition.id == StepId::RunMigration
            && self.is_migrated()
            && job_of(step).is_none_or(|job| self.deeds.scripts.get(&job) != Some(&Some(0)))
    }

    /// Whether somebody pushed to the main branch after the merge of this run.
    pub fn has_main_moved(&self, view: &RunView) -> bool {
        let main = self.world.git.refs.get(&format!("refs/heads/{}", view.profile.git.main));
        let is_merge = |learned: &LearnedFact| matches!(&learned.fact, Fact::Merged { base, .. } if Some(base) != main);
        view.facts.iter().any(is_merge)
    }

    /// Whether the site shows the release to everyone.
    pub fn shows_release(&self, view: &RunView) -> bool {
        self.world.serving_version().is_some_and(|shown| shown == view.names.version_value)
    }

    /// Whether something outside goes on that can bring the release further: a build, a script, or
    /// a rollout on a migrated database.
    pub fn goes_on(&self) -> bool {
        let has_build = self.world.builds().iter().any(|build| build.is_ours && build.ended.is_none());
        let has_script = self.world.host.jobs.values().any(greenlight_rehearsal::world::host::Job::is_running);
        let rollout = self.world.service.deployments.last().map(|deployment| deployment.rollout);
        let is_ready = self.is_migrated() || !self.world.troubles.is_untouched(Trouble::NoMigration);
        let is_reviewed = self.world.rules.review_ms.is_some();
        let has_review = is_reviewed && self.world.pull_requests().iter().any(PullRequest::is_open);
        has_build || has_script || has_review || is_ready && rollout == Some(Rollout::InProgress)
    }

    /// Whether main takes this release only by a pull request that is not there. `is_refused` tells
    /// that the screen shows a refused push; GitHub may also name its rules before.
    pub fn needs_pull_request(&self, view: &RunView, is_refused: bool) -> bool {
        let commit = release_commit(view);
        let is_ours = |one: &PullRequest| Some(&one.head) == commit && !matches!(one.state, State::Closed { .. });
        let is_known = is_refused || self.world.rules.tells_rules;
        self.world.git.is_protected && is_known && !self.world.pull_requests().iter().any(is_ours)
    }

    /// Whether the database has the schema of an earlier run or a newer one. `None` while a
    /// migration runs or stopped half-way.
    fn has_applied(&self, question: &str) -> Option<bool> {
        let (schema, is_half) = self.world.schema();
        let runs = self.world.host.jobs.values().any(|job| job.is_running() && job.work() == Some(Work::Migration));
        let version = self.deeds.versions.get(&RunId(question.strip_prefix(UNKNOWN_END)?.to_owned()))?;
        (!is_half && !runs)
            .then(|| schema == version || self.deeds.versions.values().any(|one| one > version && one == schema))
    }

    /// Whether no migration of the version of this run began.
    pub fn has_not_migrated(&self, view: &RunView) -> bool {
        !self.deeds.has_begun_migration(&view.version)
    }

    /// Whether the machine of the run never answers again.
    pub fn has_lost_machine(&self, view: &RunView) -> bool {
        let known = view.staging.as_ref().map(|staging| &staging.machine_id);
        self.deeds.is_machine_gone || known.is_some_and(|id| !id.is_empty() && *id != self.world.host.machine_id)
    }

    /// The new address of the machine of the run, if it has moved.
    pub fn new_address(&self, view: &RunView) -> Option<String> {
        let staging = view.staging.as_ref()?;
        let host = &self.world.host;
        let has_moved = !host.address.is_empty() && host.address != staging.address;
        (has_moved && host.is_reachable && host.machine_id == staging.machine_id).then(|| host.address.clone())
    }

    /// Whether the database is as before the migration of this version, and nothing changes it.
    pub fn is_unchanged(&self) -> bool {
        let (schema, is_half) = self.world.schema();
        !is_half && schema != self.world.host.migrates_to
    }

    /// Whether GitHub has a build of the commit that runs or succeeded, beside the followed one.
    pub fn has_other_build(&self, view: &RunView) -> bool {
        let followed =
            view.facts.iter().rev().find_map(|learned| {
                if let Fact::BuildStarted { build, .. } = &learned.fact { Some(build) } else { None }
            });
        let mut ids = self.world.builds().iter().map(|build| build.id.to_string());
        ids.any(|id| Some(&id) != followed && self.is_good_build(view, &id))
    }

    fn is_good_build(&self, view: &RunView, id: &str) -> bool {
        let is_it = |build: &&greenlight_rehearsal::world::Build| build.id.to_string() == id;
        let build = self.world.builds().iter().find(is_it);
        build.is_some_and(|one| Some(&one.commit.id) == release_commit(view) && one.is_good() != Some(false))
    }

    /// Whether the build fills in the version that the main branch or the release branch holds.
    fn has_placeholder(&self, view: &RunView) -> bool {
        let git = &view.profile.git;
        let branches = [git.main.clone(), view.names.branch.clone()].map(|name| format!("refs/heads/{name}"));
        let repository = &self.world.git;
        let commits = branches.iter().filter_map(|name| repository.objects.commits.get(repository.refs.get(name)?));
        commits.into_iter().any(|commit| commit.version_value().contains(['$', '@']))
    }

    /// The true choice of a question. Every question of the app is named here.
    pub fn answer(&self, view: &RunView, question: &Question) -> TrueAnswer {
        let offered = |id: &str| {
            let is_there = question.options.iter().any(|option| option.id == id);
            if is_there { TrueAnswer::Choice(id.to_owned()) } else { TrueAnswer::None }
        };
        let when = |is_true: bool, id: &str| if is_true { offered(id) } else { TrueAnswer::None };
        match question.id.split(':').next().unwrap_or_default() {
            // A value that the build fills in must stay. A version may be replaced.
            "oldVersion" => when(!self.has_placeholder(view), "replace"),
            // The build pushes its package to the one repository of the simulated registry.
            "oldImage" => when(
                view.names.image.starts_with(&format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{IMAGES}:")),
                "replace",
            ),
            // A decision: both are true. The runbook takes the newest.
            "base" | "saved" => offered("newest"),
            // A package of the labelled commit is used. Another one has to give up its name: this
            // release needs it.
            "image" | "imageOfCommit" | "imageOfAnother" => {
                let digest = question.id.split_once(':').map(|(_, digest)| digest).unwrap_or_default();
                let image = self.world.images().iter().find(|image| image.digest == digest);
                let is_ours = image.is_some_and(|image| Some(&image.commit) == release_commit(view));
                let is_offered = |id: &str| question.options.iter().any(|option| option.id == id);
                offered(if is_ours {
                    "use"
                } else if is_offered("again") {
                    "again"
                } else {
                    "other"
                })
            }
            "build" => {
                let is_ours = |id: &str| self.deeds.builds.iter().any(|ours| ours == id);
                let ours = question.options.iter().find(|option| is_ours(&option.id));
                // Without a build of ours, a person decides which of them it follows.
                ours.or(question.options.last()).map_or(TrueAnswer::None, |one| TrueAnswer::Choice(one.id.clone()))
            }
            // The app cannot tell which job pushed the package of a build.
            "package" => {
                let digest = question.id.splitn(3, ':').nth(2).unwrap_or_default();
                let image = self.world.images().iter().find(|image| image.digest == digest);
                let is_ours = image.is_some_and(|image| Some(&image.commit) == release_commit(view));
                offered(if is_ours { "made" } else { "other" })
            }
            "otherBuild" => {
                let other = question.options.iter().find(|option| self.is_good_build(view, &option.id));
                other.map_or(TrueAnswer::None, |one| TrueAnswer::Choice(one.id.clone()))
            }
            "stay" => offered("stay"),
            // A decision of a person who could not raise the limit.
            "awsGivesUp" => offered("goOn"),
            "failedStart" => offered(if self.fails_on_old_database() { "oldDatabase" } else { "somethingElse" }),
            // A decision about settings with our package.
            "otherRevision" => offered("use"),
            "noDatabaseVersion" => when(view.profile.migration.probe.trim().is_empty(), "goOn"),
            "migration" if question.id == "migration:startedElsewhere" => {
                when(!self.deeds.has_begun_migration(&view.version) && !self.is_migrated(), "no")
            }
            "migration" if question.id.starts_with(UNKNOWN_END) => match self.has_applied(&question.id) {
                None => TrueAnswer::Later,
                Some(true) => offered("applied"),
                Some(false) => offered("notApplied"),
            },
            "restoredSince" if !self.is_migrated() && !self.is_unchanged() => TrueAnswer::Later,
            "restoredSince" => offered(if self.is_migrated() { "stillMigrated" } else { "restored" }),
            // A decision. This release has a migration, so leaving it out would be untrue.
            "newVersionServes" => offered("migrateNow"),
            _ => TrueAnswer::Unknown,
        }
    }
}

/// The version of a release as the database names it.
fn numbers(names: &Names) -> String {
    names.version_value.split('-').next().unwrap_or_default().to_owned()
}

/// The commit that the release labels.
fn release_commit(view: &RunView) -> Option<&String> {
    view.facts.iter().rev().find_map(|learned| {
        let (Fact::PullRequestMerged { commit, .. } | Fact::VersionSet { commit, .. }) = &learned.fact else {
            return None;
        };
        Some(commit)
    })
}

/// Id of the job of the last attempt.
fn job_of(step: &StepView) -> Option<String> {
    let inputs: &PlanInputs = &step.plan.as_ref()?.inputs;
    inputs.job().map(|job| job.id().to_owned())
}
