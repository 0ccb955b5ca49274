//! Configuration and behaviour of the simulated services. It switches every trap that is not bound
//! to one moment.
//!
//! The default is the production of the runbook.

use serde::{Deserialize, Serialize};

use super::{BUILD_JOB, MINUTE, SECOND};

/// Durations, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Time from dispatch to the start of the build job.
    pub queued: i64,
    /// Time from dispatch to the push of the image.
    pub image: i64,
    /// Time from dispatch to the end of the build job.
    pub built: i64,
    /// Time from dispatch to the service update of the deploy job.
    pub set: i64,
    /// Age of a task at which it becomes `PENDING`.
    pub pending: i64,
    /// Age of a task at which it becomes `RUNNING`, or fails without its image.
    pub running: i64,
    /// Age of a task at which it becomes healthy or fails.
    pub judged: i64,
    /// Pause after a failed task before the next start.
    pub retry: i64,
    /// Time from the stop request of an old task to its end.
    pub drain: i64,
}

impl Default for Pace {
    /// The runbook's times: about 20 minutes until the image, one minute for a task.
    fn default() -> Self {
        Self {
            queued: 8 * SECOND,
            image: 17 * MINUTE,
            built: 17 * MINUTE + 20 * SECOND,
            set: 18 * MINUTE,
            pending: 6 * SECOND,
            running: 18 * SECOND,
            judged: 50 * SECOND,
            retry: 20 * SECOND,
            drain: 25 * SECOND,
        }
    }
}

impl Pace {
    /// [`Self::brisk`] with a longer build, so that a test can close the app during it.
    #[must_use]
    pub fn unhurried() -> Self {
        Self { image: 30 * SECOND, built: 35 * SECOND, set: 45 * SECOND, ..Self::brisk() }
    }

    /// A release within a minute, for tests in real time.
    #[must_use]
    pub fn brisk() -> Self {
        Self {
            queued: 2 * SECOND,
            image: 5 * SECOND,
            built: 6 * SECOND,
            set: 8 * SECOND,
            pending: SECOND,
            running: 2 * SECOND,
            judged: 6 * SECOND,
            retry: 3 * SECOND,
            drain: 2 * SECOND,
        }
    }
}

/// The circuit breaker of the service (TRAP-E1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Whether it rolls back to the last completed revision.
    pub rolls_back: bool,
}

/// Calculation of the breaker's threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThresholdKind {
    /// The value itself.
    Count,
    /// A percentage of the desired tasks, at least 3, at most 200.
    BoundedPercent,
    /// A percentage of the desired tasks.
    UnboundedPercent,
}

/// The threshold of the breaker as it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// How the value is used.
    pub kind: ThresholdKind,
    /// A number of tasks or a percentage.
    pub value: u32,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { kind: ThresholdKind::BoundedPercent, value: 50 }
    }
}

impl Threshold {
    /// Reads the words of ECS.
    #[must_use]
    pub fn parse(kind: &str, value: u32) -> Option<Self> {
        let kind = match kind {
            "COUNT" => ThresholdKind::Count,
            "BOUNDED_PERCENT" => ThresholdKind::BoundedPercent,
            "UNBOUNDED_PERCENT" => ThresholdKind::UnboundedPercent,
            _ => return None,
        };
        Some(Self { kind, value })
    }

    /// ECS's word for the kind.
    #[must_use]
    pub fn kind_word(self) -> &'static str {
        match self.kind {
            ThresholdKind::Count => "COUNT",
            ThresholdKind::BoundedPercent => "BOUNDED_PERCENT",
            ThresholdKind::UnboundedPercent => "UNBOUNDED_PERCENT",
        }
    }

    /// Kind and value in one text.
    #[must_use]
    pub fn words(self) -> String {
        format!("{} {}", self.kind_word(), self.value)
    }

    /// Failed tasks in a row after which the breaker gives up. By default half of the desired
    /// tasks, at least 3, at most 200.
    ///
    /// Source: the ECS developer guide, "How the Amazon ECS deployment circuit breaker detects
    /// failures"; 3 since 2024-01-08; the other kinds since 2026-07-01.
    #[must_use]
    pub fn limit(self, desired: usize) -> usize {
        let value = usize::try_from(self.value).unwrap_or(usize::MAX);
        let share = desired.saturating_mul(value).div_ceil(100);
        match self.kind {
            ThresholdKind::Count => value,
            ThresholdKind::BoundedPercent => share.clamp(3, 200),
            ThresholdKind::UnboundedPercent => share,
        }
    }
}

/// Choice of the revision that the workflow deploys (TRAP-T9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Deploys {
    /// The newest active revision of the family.
    #[default]
    Newest,
    /// The running revision: the workflow only forces a new deployment.
    Running,
    /// A revision that the workflow registers.
    ItsOwn,
}

/// Effect of a new workflow run on one in progress (TRAP-W4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Concurrency {
    /// No effect: the runs are independent.
    #[default]
    None,
    /// The new run cancels the one in progress.
    CancelInProgress,
}

/// How AWS keeps a new task definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoredShape {
    #[default]
    AsSent,
    /// With a list in another order, and an empty list that the request did not have.
    SameMeaning,
    /// Also with a setting that the request did not have.
    OtherMeaning,
}

/// Act of the reviewer on a pull request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Review {
    /// Makes a commit with main and the branch as parents.
    #[default]
    Merge,
    /// Makes a commit with main as its only parent.
    Squash,
    /// Closes the first one without a merge, and merges the next one.
    Refuse,
}

/// Configuration of the simulated services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Durations of the services.
    pub pace: Pace,
    /// Desired number of tasks.
    pub desired: usize,
    /// Percentage of the desired tasks that must serve during a deployment (TRAP-E5).
    pub minimum_percent: usize,
    /// Percentage of the desired tasks that may exist during a deployment.
    pub maximum_percent: usize,
    /// The circuit breaker; `None` when it is off.
    pub breaker: Option<Breaker>,
    /// Threshold of the circuit breaker.
    pub breaker_threshold: Threshold,
    /// Whether a failed deployment without tasks stays listed beside a completed one.
    pub keeps_failed: bool,
    /// Choice of the revision that the workflow deploys.
    pub deploys: Deploys,
    /// Whether the workflow ends at the service update instead of waiting for the rollout.
    pub ends_at_update: bool,
    /// Longest wait of the deploy job for the rollout, in ms (TRAP-W8).
    pub waits_max: i64,
    /// Age at which a build fails, in ms.
    pub build_fails_at: Option<i64>,
    /// Time after which a reviewer approves the deploy job, in ms; `None` when none has to
    /// (TRAP-W7).
    pub approval: Option<i64>,
    /// Whether the workflow calls its build job by another name than the profile.
    pub renames_build_job: bool,
    /// Whether the build job succeeds although the image is missing.
    pub loses_image: bool,
    /// Whether image tags are immutable (TRAP-T5).
    pub has_immutable_tags: bool,
    /// How AWS keeps a new task definition.
    pub stored_shape: StoredShape,
    /// Effect of a new workflow run on one in progress.
    pub concurrency: Concurrency,
    /// Whether the answer to a dispatch names its run when requested (TRAP-W1).
    pub tells_run: bool,
    /// Time until lists show a run, in ms (TRAP-W2).
    pub list_lag: i64,
    /// Whether GitHub shows the rule of a protected main branch. It shows a protection of the older
    /// kind to administrators only (TRAP-G5).
    pub tells_rules: bool,
    /// Time after which a reviewer acts on a pull request, in ms; `None` when none does.
    pub review_ms: Option<i64>,
    /// Act of the reviewer on a pull request.
    pub review: Review,
    /// Expiry of GitHub's token, in ms since 1970.
    pub token_expires_at: Option<i64>,
    /// Whether tasks have a health check. Without one their health is always `UNKNOWN`.
    pub has_health_check: bool,
    /// Longest delay of a log event, in ms (TRAP-L2).
    pub log_lag: i64,
    /// Whether a page of log events may be empty although more follow (TRAP-L4).
    pub has_empty_pages: bool,
    /// Whether serving tasks log requests.
    pub chatters: bool,
    /// Whether tasks are external processes that report their readiness and end.
    pub has_real_tasks: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            desired: 2,
            minimum_percent: 100,
            maximum_percent: 200,
            breaker: None,
            breaker_threshold: Threshold::default(),
            keeps_failed: false,
            deploys: Deploys::Newest,
            ends_at_update: false,
            waits_max: 40 * MINUTE,
            build_fails_at: None,
            approval: None,
            renames_build_job: false,
            loses_image: false,
            has_immutable_tags: false,
            stored_shape: StoredShape::AsSent,
            concurrency: Concurrency::None,
            tells_run: true,
            list_lag: 0,
            tells_rules: true,
            review_ms: Some(5 * MINUTE),
            review: Review::Merge,
            token_expires_at: None,
            has_health_check: true,
            log_lag: 0,
            has_empty_pages: false,
            chatters: true,
            has_real_tasks: false,
        }
    }
}

impl Rules {
    /// The production of a practice: the circuit breaker is on, with the settings that the AWS
    /// console proposes for a new service.
    #[must_use]
    pub fn practice() -> Self {
        Self { breaker: Some(Breaker { rolls_back: true }), ..Self::default() }
    }

    /// Name of the job that builds the package.
    #[must_use]
    pub fn build_job(&self) -> &'static str {
        if self.renames_build_job { "compile" } else { BUILD_JOB }
    }

    /// Failed tasks in a row after which the breaker gives up.
    #[must_use]
    pub fn breaker_limit(&self) -> usize {
        self.breaker_threshold.limit(self.desired)
    }
}
