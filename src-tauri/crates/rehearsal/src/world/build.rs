//! The workflow on GitHub: runs queue, build, push an image, update the service and wait for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    FAMILY, WORKFLOW, World, definition, digest, image_tag, numbers,
    record::{Actor, Op},
    rules::{Concurrency, Deploys},
};

/// Environment of the deploy job.
pub const ENVIRONMENT: &str = "production";
/// Name of the check that tests every commit.
pub const CI_CHECK: &str = "ci / test";
/// Login of the person who approves it.
pub const REVIEWERS: &str = "release-manager";

/// A commit on the main branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Full commit id.
    pub id: String,
    /// Value in the version file: `2.1.0.0-RELEASE`.
    pub version_value: String,
}

/// A run of the workflow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Build {
    /// Id of the run on GitHub.
    pub id: u64,
    /// Run number on GitHub's pages.
    pub number: u32,
    /// Commit that the run builds.
    pub commit: Head,
    /// Time of the dispatch, in ms since 1970.
    pub created_ms: i64,
    /// Start of the newest attempt after the first, in ms since 1970.
    #[serde(default)]
    pub restarted_ms: Option<i64>,
    /// Number of attempts before the newest one.
    #[serde(default)]
    pub earlier_attempts: u32,
    /// Whether a push started the run, not a person or the API.
    #[serde(default)]
    pub is_by_push: bool,
    /// Inputs of the dispatch.
    pub inputs: Value,
    /// Whether the app started it.
    #[serde(default)]
    pub is_ours: bool,
    /// Whether the push of the image is over. The image may be lost all the same.
    pub image_is_pushed: bool,
    /// Age at which a trouble makes the run fail, in ms.
    #[serde(default)]
    pub fails_at: Option<i64>,
    /// The image is lost, so the deploy job does nothing.
    #[serde(default)]
    pub is_without_image: bool,
    /// Whether a reviewer approved the deploy job of this attempt.
    #[serde(default)]
    pub is_approved: bool,
    /// Deployment that the deploy job waits for.
    pub deployment: Option<String>,
    /// End in ms since 1970, and conclusion.
    pub ended: Option<(i64, Conclusion)>,
}

/// Conclusion of a run, as GitHub names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The run succeeded.
    Success,
    /// The run failed.
    Failure,
    /// Cancelled by a person or by a newer run.
    Cancelled,
}

impl Conclusion {
    /// GitHub's word for the conclusion.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Build {
    /// Start of the newest attempt, in ms since 1970.
    #[must_use]
    pub fn started_ms(&self) -> i64 {
        self.restarted_ms.unwrap_or(self.created_ms)
    }

    /// Number of the newest attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.earlier_attempts + 1
    }

    /// GitHub's name of the event that started the run.
    #[must_use]
    pub fn event(&self) -> &'static str {
        if self.is_by_push { "push" } else { "workflow_dispatch" }
    }

    /// Whether the run succeeded; `None` while it runs.
    #[must_use]
    pub fn is_good(&self) -> Option<bool> {
        self.ended.map(|(_, conclusion)| conclusion == Conclusion::Success)
    }
}

/// A check of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitReport {
    pub name: &'static str,
    /// `None` while it runs.
    pub conclusion: Option<Conclusion>,
}

impl World {
    /// The checks of a commit: the tests, which pass, and the newest build of the commit.
    pub(crate) fn reports_of(&self, sha: &str) -> Vec<CommitReport> {
        let tests = CommitReport { name: CI_CHECK, conclusion: Some(Conclusion::Success) };
        let built = self.builds.iter().rev().find(|build| build.commit.id == sha);
        let name = self.rules.build_job();
        let build = built.map(|build| CommitReport { name, conclusion: build.ended.map(|(_, end)| end) });
        [tests].into_iter().chain(build).collect()
    }

    /// Starts the workflow on the main branch. Returns the id of the run.
    pub fn dispatch(&mut self, git_ref: &str, inputs: Value) -> u64 {
        self.effects += 1;
        let number = 412 + u32::try_from(self.builds.len()).unwrap_or_default();
        let id = 17_000_000_000 + u64::from(number) * 1_009;
        if self.rules.concurrency == Concurrency::CancelInProgress {
            self.cancel_builds();
        }
        let op = Op::Dispatch {
            workflow: WORKFLOW.to_owned(),
            git_ref: git_ref.to_owned(),
            head_sha: self.main.id.clone(),
            run: Some(id.to_string()),
            inputs: inputs.clone(),
        };
        self.record.done(self.now_ms, op);
        let fails_at = self.planned_build_failure();
        self.builds.push(Build {
            id,
            number,
            commit: self.main.clone(),
            created_ms: self.now_ms,
            restarted_ms: None,
            earlier_attempts: 0,
            is_by_push: false,
            inputs,
            is_ours: self.record.caller().actor == Actor::App,
            image_is_pushed: false,
            fails_at,
            is_without_image: false,
            is_approved: false,
            deployment: None,
            ended: None,
        });
        self.changed();
        id
    }

    /// A push to a branch starts the workflow.
    pub fn build_by_push(&mut self, git_ref: &str) -> u64 {
        let run = self.dispatch(git_ref, Value::Null);
        if let Some(build) = self.builds.iter_mut().find(|build| build.id == run) {
            build.is_by_push = true;
        }
        run
    }

    /// Runs the failed jobs of a run again, as another attempt.
    ///
    /// # Errors
    /// GitHub's text for status 403.
    pub fn rerun_failed_jobs(&mut self, run: &str) -> Result<(), String> {
        let (now, built_ms) = (self.now_ms, self.rules.pace.built);
        let found = self.builds.iter_mut().find(|build| build.id.to_string() == run);
        let Some(build) = found.filter(|build| build.is_good() == Some(false)) else {
            return Err("This workflow run cannot be retried".to_owned());
        };
        let lasted_ms = build.ended.map_or(0, |(at, _)| at - build.started_ms());
        let is_built = build.image_is_pushed && !build.is_without_image && lasted_ms >= built_ms;
        // A build job that succeeded is not run again.
        build.restarted_ms = Some(if is_built { now - built_ms } else { now });
        build.image_is_pushed = is_built;
        build.is_without_image = false;
        build.earlier_attempts += 1;
        build.fails_at = None;
        build.is_approved = false;
        build.deployment = None;
        build.ended = None;
        let op = Op::RerunBuild { run: run.to_owned(), attempt: build.attempt() };
        self.effects += 1;
        self.record.done(now, op);
        self.changed();
        Ok(())
    }

    /// Whether the deploy job of a run waits for a reviewer.
    #[must_use]
    pub fn awaits_approval(&self, build: &Build) -> bool {
        let is_built = build.image_is_pushed && self.now_ms - build.started_ms() >= self.rules.pace.built;
        let is_held = self.rules.approval.is_some() && !build.is_approved && build.deployment.is_none();
        is_held && is_built && !build.is_without_image && build.ended.is_none()
    }

    /// A reviewer approves the deploy job of a run.
    pub fn approve(&mut self, run: &str) {
        let found = self.builds.iter_mut().find(|build| build.id.to_string() == run);
        found.into_iter().for_each(|build| build.is_approved = true);
        self.changed();
    }

    /// Cancels a run.
    ///
    /// # Errors
    /// GitHub's text for status 409.
    pub fn cancel_build(&mut self, run: &str) -> Result<(), String> {
        let found = self.builds.iter().position(|build| build.id.to_string() == run && build.ended.is_none());
        let Some(at) = found else { return Err("Cannot cancel a workflow run that is completed.".to_owned()) };
        self.effects += 1;
        let now = self.now_ms;
        self.record.done(now, Op::CancelBuild { run: run.to_owned() });
        self.end_build(at, Conclusion::Cancelled);
        self.changed();
        Ok(())
    }

    /// Deletes a run, as a person with write access can.
    pub fn delete_build(&mut self, run: &str) {
        self.builds.retain(|build| build.id.to_string() != run);
        self.changed();
    }

    pub(crate) fn cancel_builds(&mut self) {
        for at in 0..self.builds.len() {
            if self.builds.get(at).is_some_and(|build| build.ended.is_none()) {
                self.end_build(at, Conclusion::Cancelled);
            }
        }
    }

    fn end_build(&mut self, at: usize, conclusion: Conclusion) {
        let now = self.now_ms;
        let Some(build) = self.builds.get_mut(at) else { return };
        build.ended = Some((now, conclusion));
        let op = Op::RunEnded { run: build.id.to_string(), conclusion: conclusion.word().to_owned() };
        self.record.by_itself(now, Actor::Github, op);
    }

    /// Earliest time at which a run changes, in ms since 1970.
    pub(crate) fn builds_due_ms(&self) -> Option<i64> {
        let pace = &self.rules.pace;
        let mut due: Option<i64> = None;
        for build in self.builds.iter().filter(|build| build.ended.is_none()) {
            let is_decided = build
                .deployment
                .as_ref()
                .is_some_and(|id| self.rules.ends_at_update || self.service.outcome(id).is_some());
            let ages = [
                is_decided.then_some(self.now_ms - build.started_ms()),
                (!build.image_is_pushed).then_some(pace.image),
                self.rules.build_fails_at.filter(|_| !build.image_is_pushed && build.earlier_attempts == 0),
                build.fails_at,
                build.is_without_image.then_some(pace.built),
                build.deployment.is_none().then_some(pace.set.max(self.approved_at(build))),
                // A run that waits for the service depends on the service's own times.
                build.deployment.is_some().then_some(pace.set + self.rules.waits_max),
            ];
            due = ages.into_iter().flatten().map(|age| build.started_ms() + age).chain(due).min();
        }
        due
    }

    /// Age at which the deploy job of a run may begin, in ms; 0 without a reviewer.
    fn approved_at(&self, build: &Build) -> i64 {
        let waits = self.rules.approval.filter(|_| !build.is_approved);
        waits.map_or(0, |waits| self.rules.pace.built.saturating_add(waits))
    }

    pub(crate) fn advance_builds(&mut self) {
        self.trouble_of_build();
        let now = self.now_ms;
        for at in 0..self.builds.len() {
            let Some(build) = self.builds.get(at).filter(|build| build.ended.is_none()) else { continue };
            let (age, has_image, is_set) =
                (now - build.started_ms(), build.image_is_pushed, build.deployment.is_some());
            let (pace, approved_at) = (self.rules.pace, self.approved_at(build));
            if let Some(fails_at) = build.fails_at {
                if age >= fails_at {
                    self.end_build(at, Conclusion::Failure);
                    self.build_has_failed();
                }
                continue;
            }
            if build.is_without_image {
                if age >= pace.built {
                    self.end_build(at, Conclusion::Success);
                }
                continue;
            }
            if !has_image && build.earlier_attempts == 0 && self.rules.build_fails_at.is_some_and(|fails| age >= fails)
            {
                self.end_build(at, Conclusion::Failure);
                continue;
            }
            if age >= pace.image && !has_image && !self.push_image(at) {
                self.end_build(at, Conclusion::Failure);
                continue;
            }
            if age >= pace.set.max(approved_at) && !is_set {
                self.set_service(at);
                continue;
            }
            let Some(deployment) = self.builds.get(at).and_then(|build| build.deployment.clone()) else { continue };
            let is_late = age >= pace.set + self.rules.waits_max;
            match self.service.outcome(&deployment) {
                _ if self.rules.ends_at_update => self.end_build(at, Conclusion::Success),
                Some(true) => self.end_build(at, Conclusion::Success),
                Some(false) => self.end_build(at, Conclusion::Failure),
                None if is_late => self.end_build(at, Conclusion::Failure),
                None => {}
            }
        }
    }

    /// Pushes the image of a run. Returns `false` when the registry refuses an existing immutable
    /// tag (TRAP-T5).
    fn push_image(&mut self, at: usize) -> bool {
        let now = self.now_ms;
        let is_lost = self.loses_this_image();
        let Some(build) = self.builds.get_mut(at) else { return true };
        build.image_is_pushed = true;
        build.is_without_image = is_lost;
        let (run, commit) = (build.id.to_string(), build.commit.clone());
        if self.rules.loses_image || is_lost {
            return true;
        }
        let version = numbers(&commit.version_value);
        let tag = image_tag(&version);
        if self.rules.has_immutable_tags && self.images.iter().any(|image| image.tag == tag) {
            return false;
        }
        let digest = digest(&format!("{}{tag}{run}", commit.id));
        let op = Op::ImagePushed { tag: tag.clone(), digest: digest.clone(), commit: commit.id.clone(), run };
        self.record.by_itself(now, Actor::Github, op);
        let pushed = super::Image { digest, pushed_ms: now, version, commit: commit.id, tag };
        self.name_image(pushed);
        true
    }

    /// Puts an image into the registry that no workflow run built.
    pub fn put_image(&mut self, version: &str, commit: &str) {
        let tag = image_tag(version);
        let digest = digest(&format!("{commit}{tag}"));
        let (pushed_ms, version) = (self.now_ms, version.to_owned());
        self.name_image(super::Image { tag, digest, pushed_ms, version, commit: commit.to_owned() });
    }

    /// Adds an image. An older image with the same tag loses the tag and stays available by digest
    /// (TRAP-T6).
    fn name_image(&mut self, pushed: super::Image) {
        self.images.retain(|image| image.digest != pushed.digest);
        for before in self.images.iter_mut().filter(|image| image.tag == pushed.tag) {
            before.tag.clear();
        }
        self.images.push(pushed);
    }

    /// Whether lists already show a run (TRAP-W2).
    #[must_use]
    pub fn lists(&self, build: &Build) -> bool {
        self.now_ms - build.created_ms >= self.rules.list_lag
    }

    /// Updates the service from the deploy job, to our revision or another one (TRAP-T9).
    fn set_service(&mut self, at: usize) {
        let newest = self.definitions.last().map_or(definition::FIRST, |definition| definition.revision);
        let running = self.service.deployments.last().map_or(newest, |deployment| deployment.revision);
        let makes_its_own = self.trouble_of_deploy_job();
        let revision = match self.rules.deploys {
            Deploys::Newest | Deploys::Running if makes_its_own => self.copy_newest(),
            Deploys::Newest => newest,
            Deploys::Running => running,
            Deploys::ItsOwn => self.copy_newest(),
        };
        let id = self.set_revision(revision, "workflow");
        if let Some(build) = self.builds.get_mut(at) {
            build.deployment = Some(id);
        }
    }

    /// Registers a copy of the newest task definition, as a colleague or a workflow that renders
    /// its own does. Returns the revision.
    pub fn copy_newest(&mut self) -> u32 {
        let revision = self.definitions.last().map_or(definition::FIRST, |last| last.revision + 1);
        if let Some(newest) = self.definitions.last() {
            let mut copy = newest.definition.clone();
            if let Some(copy) = copy.as_object_mut() {
                copy.insert("revision".to_owned(), revision.into());
                copy.insert("taskDefinitionArn".to_owned(), definition::arn(revision).into());
                copy.insert("family".to_owned(), FAMILY.into());
            }
            let tags = newest.tags.clone();
            self.definitions.push(super::Definition { revision, definition: copy, tags });
        }
        revision
    }
}
