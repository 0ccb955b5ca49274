//! The rules of a pretend Rally, second by virtual second: the workflow builds, pushes and deploys; new tasks end until
//! the database is migrated and then replace the old ones, one after the other; log groups fill.
//!
//! Pure: time is an argument, nothing is read or sent here.

pub(crate) mod definition;
pub(crate) mod service;
pub mod work;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use work::{HostEvent, Work};

/// Account, region and names, as in the runbook; cluster, service and workflow are this pretend production's own.
pub const ACCOUNT: &str = "676917001797";
/// Region.
pub const REGION: &str = "us-east-1";
/// Cluster.
pub const CLUSTER: &str = "rally-prod";
/// Service.
pub const SERVICE: &str = "rally-prod-webapp";
/// Task definition family.
pub const FAMILY: &str = "rally-prod";
/// Container whose image is replaced.
pub const CONTAINER: &str = "rally-prod-webapp";
/// Image repository.
pub const IMAGES: &str = "rally-prod";
/// Log group.
pub const LOG_GROUP: &str = "rally-prod-webapp";
/// Workflow file.
pub const WORKFLOW: &str = "build-deploy.yml";
/// Job that builds and pushes.
pub const BUILD_JOB: &str = "build";

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// How long the deploy job waits for the service.
pub(crate) const WAIT_MAX_MS: i64 = 40 * MINUTE;
/// Lines that are kept.
const LOGS_MAX: usize = 3_000;
/// Longest stretch that is lived second by second; the rest of a longer one is skipped.
const STRETCH_MAX_MS: i64 = 6 * 60 * MINUTE;

/// How long things take, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// When the build job starts after its dispatch.
    pub(crate) queued: i64,
    /// When the image is pushed after the dispatch.
    pub(crate) image: i64,
    /// When the build job ends after the dispatch.
    pub(crate) built: i64,
    /// When the deploy job sets the service after the dispatch.
    pub(crate) set: i64,
    /// Ages of a task at which it is pulled, runs, and is judged.
    pub(crate) pending: i64,
    pub(crate) running: i64,
    pub(crate) judged: i64,
    /// Wait after a failed task before the next one starts.
    pub(crate) retry: i64,
    /// How long an old task drains.
    pub(crate) drain: i64,
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

/// What a new World begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Commit that production runs.
    pub main: String,
    /// Its version: `2.0.1.11-RELEASE`.
    pub version_value: String,
    /// Now, in ms since 1970.
    pub now_ms: i64,
    /// `owner/name`.
    pub repository: String,
}

/// Everything that is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    pub(crate) now_ms: i64,
    pub(crate) repository: String,
    pub(crate) main: Commit,
    /// Version of the database's schema in numbers: `2.0.1.11`.
    pub(crate) schema: String,
    pub(crate) images: Vec<Image>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) builds: Vec<Build>,
    pub(crate) service: service::Service,
    pub(crate) logs: VecDeque<LogLine>,
    pub(crate) log_count: u64,
    pub(crate) effects: u64,
    #[serde(default)]
    pub(crate) pace: Pace,
    /// The workflow ends at the service update instead of waiting for the service.
    #[serde(default)]
    pub(crate) ends_at_update: bool,
    /// Tasks are processes outside, whose readiness and end are told.
    #[serde(default)]
    pub(crate) has_real_tasks: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) version_value: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) tag: String,
    pub(crate) digest: String,
    pub(crate) pushed_ms: i64,
    /// `2.1.0.0`.
    pub(crate) version: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) revision: u32,
    pub(crate) definition: Value,
    pub(crate) tags: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) id: u64,
    pub(crate) number: u32,
    pub(crate) commit: Commit,
    pub(crate) created_ms: i64,
    pub(crate) inputs: Value,
    pub(crate) image_is_pushed: bool,
    /// Deployment that the deploy job waits for.
    pub(crate) deployment: Option<String>,
    pub(crate) ended: Option<(i64, bool)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) id: String,
    pub(crate) stream: String,
    pub(crate) at_ms: i64,
    pub(crate) message: String,
}

impl World {
    /// Rally as it runs: two healthy tasks, one image, one revision.
    #[must_use]
    pub fn new(start: &Start) -> Self {
        let now_ms = start.now_ms;
        let version = numbers(&start.version_value);
        let tag = image_tag(&version);
        let image = Image {
            digest: digest(&format!("{}{tag}", start.main)),
            pushed_ms: now_ms - 60 * 24 * 60 * MINUTE,
            version: version.clone(),
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
            main: Commit { id: start.main.clone(), version_value: start.version_value.clone() },
            schema: version,
            service: service::Service::running(definition.revision, now_ms - 59 * 24 * 60 * MINUTE),
            images: vec![image],
            definitions: vec![definition],
            builds: Vec::new(),
            logs: VecDeque::new(),
            log_count: 0,
            effects: 0,
            pace: Pace::default(),
            ends_at_update: false,
            has_real_tasks: false,
        }
    }

    /// Lives every second until this time.
    pub fn advance(&mut self, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms - STRETCH_MAX_MS);
        while self.now_ms + SECOND <= now_ms {
            self.now_ms += SECOND;
            self.live_builds();
            self.live_service();
            self.chatter();
        }
    }

    /// How many effects came from outside.
    #[must_use]
    pub fn effects(&self) -> u64 {
        self.effects
    }

    /// The main branch moved.
    pub fn on_main(&mut self, commit: &str, version_value: &str) {
        self.effects += 1;
        self.main = Commit { id: commit.to_owned(), version_value: version_value.to_owned() };
    }

    /// The staging machine works on the database. Safe to be told twice.
    pub fn on_host(&mut self, event: HostEvent) {
        self.effects += 1;
        match event {
            HostEvent::Ended(Work::Migration, 0) => self.schema = numbers(&self.main.version_value),
            // Nothing of these shows in AWS, on GitHub or on the site.
            HostEvent::Started(Work::Backup | Work::Migration)
            | HostEvent::Ended(Work::Backup | Work::Migration, _) => {}
        }
    }

    /// Starts the workflow on the main branch; returns the run's id.
    pub(crate) fn dispatch(&mut self, inputs: Value) -> u64 {
        self.effects += 1;
        let number = 412 + u32::try_from(self.builds.len()).unwrap_or_default();
        let id = 17_000_000_000 + u64::from(number) * 1_009;
        self.builds.push(Build {
            id,
            number,
            commit: self.main.clone(),
            created_ms: self.now_ms,
            inputs,
            image_is_pushed: false,
            deployment: None,
            ended: None,
        });
        id
    }

    fn live_builds(&mut self) {
        let now = self.now_ms;
        for at in 0..self.builds.len() {
            let Some(build) = self.builds.get(at).cloned().filter(|build| build.ended.is_none()) else { continue };
            let age = now - build.created_ms;
            if age >= self.pace.image && !build.image_is_pushed {
                self.push_image(&build.commit);
            }
            let mut after = build.clone();
            after.image_is_pushed |= age >= self.pace.image;
            if age >= self.pace.set && build.deployment.is_none() {
                let newest = self.definitions.last().map_or(definition::FIRST, |definition| definition.revision);
                after.deployment = Some(self.service.set(newest, now));
            }
            if let Some(deployment) = &build.deployment {
                match self.service.outcome(deployment) {
                    _ if self.ends_at_update => after.ended = Some((now, true)),
                    Some(is_good) => after.ended = Some((now, is_good)),
                    None if age >= self.pace.set + WAIT_MAX_MS => after.ended = Some((now, false)),
                    None => {}
                }
            }
            if let Some(slot) = self.builds.get_mut(at) {
                *slot = after;
            }
        }
    }

    fn push_image(&mut self, commit: &Commit) {
        let version = numbers(&commit.version_value);
        let tag = image_tag(&version);
        let pushed = Image { digest: digest(&format!("{}{tag}", commit.id)), pushed_ms: self.now_ms, version, tag };
        self.images.retain(|image| image.tag != pushed.tag);
        self.images.push(pushed);
    }

    /// The image that a revision names, when the registry has it.
    pub(crate) fn image_of(&self, revision: u32) -> Option<&Image> {
        let definition = self.definitions.iter().find(|definition| definition.revision == revision)?;
        let tag = definition::image(&definition.definition)?.rsplit(':').next()?.to_owned();
        self.images.iter().find(|image| image.tag == tag)
    }

    /// Version of the task that answers now; while two versions serve, they take turns. `None` when nothing serves.
    #[must_use]
    pub fn serving_version(&self) -> Option<String> {
        let serving: Vec<u32> = self.service.healthy().map(|task| task.revision).collect();
        let turn = usize::try_from(self.now_ms / 1_000).unwrap_or_default().checked_rem(serving.len())?;
        let image = self.image_of(*serving.get(turn)?)?;
        Some(format!("{}-RELEASE", image.version))
    }

    fn log(&mut self, stream: &str, message: String) {
        self.log_count += 1;
        self.logs.push_back(LogLine {
            id: format!("{:056}", self.log_count),
            stream: stream.to_owned(),
            at_ms: self.now_ms,
            message,
        });
        while self.logs.len() > LOGS_MAX {
            self.logs.pop_front();
        }
    }

    /// Each serving task writes a line about every twenty seconds.
    fn chatter(&mut self) {
        let second = self.now_ms / SECOND;
        let serving: Vec<(usize, String)> = self.service.healthy().map(|task| task.stream()).enumerate().collect();
        for (at, stream) in serving {
            if (second + 7 * i64::try_from(at).unwrap_or_default()) % 20 == 0 {
                let pages = ["/", "/studies", "/study/411", "/messages", "/profile"];
                let page = usize::try_from(second / 20).unwrap_or_default() % pages.len();
                let page = pages.get(page).copied().unwrap_or("/");
                let took = 40 + second * 37 % 180;
                self.log(&stream, format!("INFO  o.r.web.RequestLog - GET {page} 200 {took} ms"));
            }
        }
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

/// Whether a schema is older than what a program needs.
fn is_older(schema: &str, needed: &str) -> bool {
    let parts = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>();
    parts(schema) < parts(needed)
}

pub(crate) fn digest(of: &str) -> String {
    let hash = Sha256::digest(of.as_bytes());
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A time as ECS and ECR write it: seconds since 1970 with decimals.
#[expect(clippy::cast_precision_loss, reason = "a time in ms is far below 2^53")]
pub(crate) fn seconds(ms: i64) -> Value {
    serde_json::json!(ms as f64 / 1_000.0)
}
