//! How the pretend production is set up and how its services behave: the switches of every trap that is not a moment in
//! time. The default is the production of the runbook.

use serde::{Deserialize, Serialize};

use super::{MINUTE, SECOND};

/// How long things take, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// When the build job starts after its dispatch.
    pub queued: i64,
    /// When the image is pushed after the dispatch.
    pub image: i64,
    /// When the build job ends after the dispatch.
    pub built: i64,
    /// When the deploy job sets the service after the dispatch.
    pub set: i64,
    /// Age of a task at which it is pulled.
    pub pending: i64,
    /// Age of a task at which it runs.
    pub running: i64,
    /// Age of a task at which it is judged.
    pub judged: i64,
    /// Wait after a failed task before the next one starts.
    pub retry: i64,
    /// How long an old task drains.
    pub drain: i64,
}

impl Default for Pace {
    /// As the runbook tells it: twenty minutes to the package, a minute for a server.
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
    /// As [`Self::brisk`], with a build that leaves time to close the app while it goes on.
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
    /// Whether it brings the last completed revision back.
    pub rolls_back: bool,
}

impl Breaker {
    /// Failed tasks in a row after which it gives up: half of the wanted tasks, at least 3, at most 200. Source: the ECS
    /// developer guide, "How the Amazon ECS deployment circuit breaker detects failures"; 3 since 2024-01-08.
    #[must_use]
    pub fn threshold(desired: usize) -> usize {
        desired.div_ceil(2).clamp(3, 200)
    }
}

/// Which revision the workflow deploys (TRAP-T9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Deploys {
    /// The newest active one of the family.
    #[default]
    Newest,
    /// The one that runs: it only forces a new deployment.
    Running,
    /// One that it registers itself.
    ItsOwn,
}

/// What happens to a run of a workflow while another one goes on (TRAP-W4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Concurrency {
    /// Runs do not know of each other.
    #[default]
    None,
    /// A newer run cancels one that goes on.
    CancelInProgress,
}

/// How the services are set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// How long things take.
    pub pace: Pace,
    /// Tasks that the service wants.
    pub desired: usize,
    /// Percent of them that must serve during a deployment (TRAP-E5).
    pub minimum_percent: usize,
    /// Percent of them that may exist during a deployment.
    pub maximum_percent: usize,
    /// The breaker, when it is on.
    pub breaker: Option<Breaker>,
    /// Which revision the workflow deploys.
    pub deploys: Deploys,
    /// Whether the workflow ends at the service update instead of waiting for the service.
    pub ends_at_update: bool,
    /// Longest time that the deploy job waits for the service, in ms (TRAP-W8).
    pub waits_max: i64,
    /// Age at which a build fails, in ms.
    pub build_fails_at: Option<i64>,
    /// Whether the build job succeeds and the image is missing all the same.
    pub loses_image: bool,
    /// Whether tags of the registry may not be overwritten (TRAP-T5).
    pub has_immutable_tags: bool,
    /// What happens to two runs of the workflow.
    pub concurrency: Concurrency,
    /// Whether a dispatch tells the id of its run when it is asked to (TRAP-W1).
    pub tells_run: bool,
    /// How long a run takes to show in lists, in ms (TRAP-W2).
    pub list_lag: i64,
    /// When GitHub's token stops being good, in ms since 1970.
    pub token_expires_at: Option<i64>,
    /// Whether tasks have a health check: without one they are `UNKNOWN` for ever.
    pub has_health_check: bool,
    /// How late an event of the log group may arrive, in ms (TRAP-L2).
    pub log_lag: i64,
    /// Whether pages of the log group may be empty although more follow (TRAP-L4).
    pub has_empty_pages: bool,
    /// Whether serving tasks write lines about requests.
    pub chatters: bool,
    /// Whether tasks are processes outside, whose readiness and end are told.
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
            deploys: Deploys::Newest,
            ends_at_update: false,
            waits_max: 40 * MINUTE,
            build_fails_at: None,
            loses_image: false,
            has_immutable_tags: false,
            concurrency: Concurrency::None,
            tells_run: true,
            list_lag: 0,
            token_expires_at: None,
            has_health_check: true,
            log_lag: 0,
            has_empty_pages: false,
            chatters: true,
            has_real_tasks: false,
        }
    }
}
