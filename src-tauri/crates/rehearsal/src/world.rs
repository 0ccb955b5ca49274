//! Rules of the simulator: builds, deployments, tasks, the host, the database and the log group
//! over virtual seconds. New tasks fail until the database is migrated, and then replace the old
//! ones one by one.
//!
//! Pure: time is an argument. Nothing is read or sent here.

pub mod build;
pub(crate) mod definition;
pub mod git;
pub mod host;
pub mod logs;
pub mod pull_requests;
pub mod record;
pub mod rules;
pub mod service;
mod snapshot;
#[cfg(test)]
mod traps;
pub mod trouble;
pub mod work;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use build::Build;
use build::Head;
use host::Host;
use logs::LogLine;
use record::{Actor, Op, Record};
pub use rules::{Pace, Rules};
use work::{HostEvent, Work};

/// AWS account of the runbook. Cluster, service and workflow names belong to the simulator.
pub const ACCOUNT: &str = "676917001797";
/// AWS region of the runbook.
pub const REGION: &str = "us-east-1";
/// Name of the ECS cluster.
pub const CLUSTER: &str = "rally-prod";
/// Name of the ECS service.
pub const SERVICE: &str = "rally-prod-webapp";
/// Task definition family.
pub const FAMILY: &str = "rally-prod";
/// Container whose image is replaced.
pub const CONTAINER: &str = "rally-prod-webapp";
/// Name of the database, as PostgreSQL names itself (`system_identifier`).
pub const DATABASE: &str = "7412345678901234567";
/// Name of the image repository.
pub const IMAGES: &str = "rally-prod";
/// Name of the log group.
pub const LOG_GROUP: &str = "rally-prod-webapp";
/// File name of the workflow.
pub const WORKFLOW: &str = "build-deploy.yml";
/// Seconds for which the health check of the load balancer does not count.
pub const GRACE_SECONDS: u32 = 120;
/// Workflow job that builds and pushes the image.
pub const BUILD_JOB: &str = "build";

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Longest time simulated second by second, in ms. The start of a longer stretch is skipped.
const STRETCH_MAX_MS: i64 = 6 * 60 * MINUTE;

/// Version that production serves before the release, as written in its repository.
pub const RELEASED: &str = "2.0.1.11-RELEASE";

/// Initial state of a World.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Commit that production runs.
    pub main: String,
    /// Version of that commit: `2.0.1.11-RELEASE`.
    pub version_value: String,
    /// Current time, in ms since 1970.
    pub now_ms: i64,
    /// Name of the repository: `owner/name`.
    pub repository: String,
}

/// State of all simulated systems.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    pub(crate) now_ms: i64,
    pub(crate) repository: String,
    pub(crate) main: Head,
    /// Version of the database schema in numbers: `2.0.1.11`.
    pub(crate) schema: String,
    /// A migration stopped half-way. No version starts on this database.
    #[serde(default)]
    pub(crate) is_half_migrated: bool,
    pub(crate) images: Vec<Image>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) builds: Vec<Build>,
    /// The ECS service.
    pub service: service::Service,
    pub(crate) logs: VecDeque<LogLine>,
    pub(crate) log_count: u64,
    pub(crate) effects: u64,
    /// Configuration of the services.
    #[serde(default)]
    pub rules: Rules,
    /// The repository, when no front serves a real one.
    #[serde(default)]
    pub git: git::Remote,
    /// Pull requests on GitHub, oldest first.
    #[serde(default)]
    pub(crate) pull_requests: Vec<pull_requests::PullRequest>,
    /// The host, when no front serves a real one.
    pub host: Host,
    /// Troubles and their states.
    #[serde(default)]
    pub troubles: trouble::Troubles,
    /// Record for the checker.
    #[serde(skip)]
    pub record: Record,
    /// Cached time of the next spontaneous event, in ms since 1970.
    #[serde(skip)]
    due_ms: Option<i64>,
    /// Hash of the service state in the last recorded answer.
    #[serde(skip)]
    looked: u64,
}

/// An image of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Image tag: `RALLY-V2_1_0_0-RELEASE`.
    pub tag: String,
    /// Digest of the image: `sha256:…`.
    pub digest: String,
    /// Time of the push, in ms since 1970.
    pub pushed_ms: i64,
    /// Version of the program in the image: `2.1.0.0`.
    pub version: String,
    /// Commit from which the image was built.
    #[serde(default)]
    pub commit: String,
}

/// A revision of the task definition, as `DescribeTaskDefinition` returns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// Number of the revision.
    pub revision: u32,
    /// Member `taskDefinition` of the answer.
    pub definition: Value,
    /// Member `tags` of the answer.
    pub tags: Value,
}

impl World {
    /// Production with two healthy tasks, one image and one revision.
    #[must_use]
    pub fn new(start: &Start) -> Self {
        Self::with_rules(start, Rules::default())
    }

    /// Production before the release of 2.1.0, with the repository and the host in process instead
    /// of behind fronts.
    #[must_use]
    pub fn in_process(repository: git::Remote, rules: Rules, now_ms: i64) -> Self {
        let start = Start {
            main: repository.refs.get(git::MAIN).cloned().unwrap_or_default(),
            version_value: RELEASED.to_owned(),
            now_ms,
            repository: "rallyforresearch/rally".to_owned(),
        };
        let mut world = Self::with_rules(&start, rules);
        world.git = repository;
        world.follow_main();
        world.host = Host::prepared_for("2.1.0.0", now_ms);
        world
    }

    /// [`Self::new`] with other rules.
    #[must_use]
    pub fn with_rules(start: &Start, rules: Rules) -> Self {
        let now_ms = start.now_ms;
        let version = numbers(&start.version_value);
        let tag = image_tag(&version);
        let image = Image {
            digest: digest(&format!("{}{tag}", start.main)),
            pushed_ms: now_ms - 60 * 24 * 60 * MINUTE,
            version: version.clone(),
            commit: start.main.clone(),
            tag,
        };
        let definition = Definition {
            revision: definition::FIRST,
            definition: definition::first(&image.tag, now_ms - 60 * 24 * 60 * MINUTE),
            tags: definition::tags(),
        };
        Self {
            now_ms,
            repository: start.repository.clone(),
            main: Head { id: start.main.clone(), version_value: start.version_value.clone() },
            schema: version,
            is_half_migrated: false,
            service: service::Service::running(definition.revision, rules.desired, now_ms - 59 * 24 * 60 * MINUTE),
            images: vec![image],
            definitions: vec![definition],
            builds: Vec::new(),
            logs: VecDeque::new(),
            log_count: 0,
            effects: 0,
            rules,
            git: git::Remote::default(),
            pull_requests: Vec::new(),
            host: Host::prepared_for("", now_ms),
            troubles: trouble::Troubles::default(),
            record: Record::default(),
            due_ms: None,
            looked: 0,
        }
    }

    /// Advances to a time in steps of whole seconds. Skips times without events.
    pub fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms - STRETCH_MAX_MS);
        self.advance_troubles(self.now_ms);
        while self.now_ms + SECOND <= now_ms {
            let due = self.due_ms.unwrap_or_else(|| self.next_due());
            let wait = due.saturating_sub(self.now_ms).max(SECOND);
            let wait = wait.checked_add(SECOND - 1).map_or(i64::MAX, |wait| wait / SECOND * SECOND);
            if wait > now_ms - self.now_ms {
                self.now_ms += (now_ms - self.now_ms) / SECOND * SECOND;
                self.due_ms = Some(due);
                return;
            }
            self.now_ms += wait;
            self.advance_host();
            self.advance_builds();
            self.advance_service();
            self.advance_reviews();
            self.chatter();
            self.due_ms = None;
        }
    }

    /// Earliest time of the next spontaneous event, in ms since 1970.
    fn next_due(&self) -> i64 {
        if self.rules.chatters {
            return self.now_ms + SECOND;
        }
        let due = [self.builds_due_ms(), self.service_due_ms(), self.host.due_ms(), self.reviews_due_ms()];
        due.into_iter().flatten().min().unwrap_or(i64::MAX)
    }

    /// Drops the cached time of the next event after a change from outside.
    pub(crate) fn changed(&mut self) {
        self.due_ms = None;
    }

    /// Current time, in ms since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Runs of the workflow, oldest first.
    #[must_use]
    pub fn builds(&self) -> &[Build] {
        &self.builds
    }

    /// All images of the registry.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Revisions of the family, oldest first.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Version of the database schema in numbers, and whether a migration stopped half-way.
    #[must_use]
    pub fn schema(&self) -> (&str, bool) {
        (&self.schema, self.is_half_migrated)
    }

    /// The database's line about itself: version and name.
    #[must_use]
    pub fn database(&self) -> String {
        let half = if self.is_half_migrated { "+half" } else { "" };
        format!("{}{half} {DATABASE}", self.schema)
    }

    /// Answer of the database to a query; `None` during a migration.
    pub fn ask_database(&mut self) -> Option<String> {
        let is_locked = self.host.jobs.values().any(|job| job.is_running() && job.work() == Some(Work::Migration));
        let said = (!is_locked).then(|| self.database());
        self.record.told(self.now_ms, Op::DatabaseSeen { version: said.clone() });
        said
    }

    /// Whether the hash of the service state differs from the last one.
    pub(crate) fn looks_new(&mut self, look: u64) -> bool {
        std::mem::replace(&mut self.looked, look) != look
    }

    /// Number of effects so far.
    #[must_use]
    pub fn effects(&self) -> u64 {
        self.effects
    }

    /// Notes that the main branch moved.
    pub fn on_main(&mut self, commit: &str, version_value: &str) {
        self.effects += 1;
        self.main = Head { id: commit.to_owned(), version_value: version_value.to_owned() };
    }

    /// Applies an event of the host. A repeated event changes no simulated system.
    pub fn on_host(&mut self, event: HostEvent) {
        self.effects += 1;
        self.changed();
        self.trouble_on_host(event);
        match event {
            HostEvent::Ended(Work::Migration, 0) if !self.host.ends.changes_nothing => {
                let to = match self.host.migrates_to.as_str() {
                    "" => numbers(&self.main.version_value),
                    to => to.to_owned(),
                };
                let from = std::mem::replace(&mut self.schema, to.clone());
                self.is_half_migrated = false;
                self.record.by_itself(self.now_ms, Actor::Host, Op::SchemaChanged { from, to, complete: true });
            }
            // None of these shows in AWS, on GitHub or on the site.
            HostEvent::Started(Work::Backup | Work::Migration)
            | HostEvent::Ended(Work::Backup | Work::Migration, _) => {}
        }
    }

    /// Marks the database as half migrated.
    pub(crate) fn break_schema(&mut self) {
        self.is_half_migrated = true;
        let (from, to) = (self.schema.clone(), self.host.migrates_to.clone());
        self.record.by_itself(self.now_ms, Actor::Host, Op::SchemaChanged { from, to, complete: false });
    }

    /// Restores the database from the newest readable backup of the app, as a person does it by
    /// hand. Changes nothing without such a backup, or while a migration runs. Returns whether it
    /// restored.
    pub fn restore_database(&mut self) -> bool {
        let is_migrating = self.host.jobs.values().any(|job| job.is_running() && job.work() == Some(Work::Migration));
        let readable = self.host.dumps.iter().filter(|dump| dump.is_good && !dump.schema.is_empty());
        let Some(to) = readable.max_by_key(|dump| dump.at_ms).map(|dump| dump.schema.clone()) else { return false };
        if is_migrating {
            return false;
        }
        let from = std::mem::replace(&mut self.schema, to.clone());
        self.is_half_migrated = false;
        self.effects += 1;
        self.changed();
        self.record.by_itself(self.now_ms, Actor::Colleague, Op::DatabaseRestored { from, to });
        true
    }

    /// The image that a revision names, if the registry has it.
    pub(crate) fn image_of(&self, revision: u32) -> Option<&Image> {
        let definition = self.definitions.iter().find(|definition| definition.revision == revision)?;
        let tag = definition::image(&definition.definition)?.rsplit(':').next()?.to_owned();
        self.images.iter().find(|image| image.tag == tag)
    }

    /// Version of the task that answers now; `None` when no task serves. While two versions serve,
    /// they take turns.
    #[must_use]
    pub fn serving_version(&self) -> Option<String> {
        let serving: Vec<&service::Task> = self.service.healthy().collect();
        let turn = usize::try_from(self.now_ms / 1_000).unwrap_or_default().checked_rem(serving.len())?;
        Some(format!("{}-RELEASE", self.version_of(serving.get(turn)?)?))
    }
}

/// `2.1.0.0-RELEASE` becomes `2.1.0.0`.
fn numbers(version_value: &str) -> String {
    version_value.split('-').next().unwrap_or_default().to_owned()
}

/// `2.1.0.0` becomes `RALLY-V2_1_0_0-RELEASE`.
fn image_tag(version: &str) -> String {
    format!("RALLY-V{}-RELEASE", version.replace('.', "_"))
}

/// Whether a schema is older than the version that a program needs.
fn is_older(schema: &str, needed: &str) -> bool {
    let parts = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    parts(schema) < parts(needed)
}

pub(crate) fn digest(of: &str) -> String {
    let hash = Sha256::digest(of.as_bytes());
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// An id of `length` hexadecimal digits, derived from a text.
pub(crate) fn hex_id(of: &str, length: usize) -> String {
    digest(of).trim_start_matches("sha256:").chars().take(length).collect()
}

/// A time as ECS and ECR write it: seconds since 1970 as a decimal number.
#[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
pub(crate) fn seconds(ms: i64) -> Value {
    serde_json::json!(ms as f64 / 1_000.0)
}
