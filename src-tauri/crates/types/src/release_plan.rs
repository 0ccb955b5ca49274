//! The plan of a whole release: every step in order, with its values, before it starts.
//! `engine::release_plan` makes it.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Phase, Realm, RunId, Status, StepId, Timestamp, Version, WayBack};

/// The release whose plan is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PlanSubject {
    /// A release that is not drafted yet, by its version as typed. Its values are those of Setup.
    Version { version: String },
    /// A run, with the values that it froze.
    Run { run: RunId },
}

/// Every step of a release in order, and the times and people that it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ReleasePlan {
    /// Name of the product for people.
    pub product: String,
    /// Name of the environment for people.
    pub environment: String,
    pub version: Version,
    pub realm: Realm,
    pub is_rollback: bool,
    /// Whether the values are frozen in a run.
    pub is_frozen: bool,
    pub steps: Vec<PlannedStep>,
    /// Usual time of Prepare. Absent in a rollback, which needs none.
    pub prepare: Option<PlannedTime>,
    /// Usual time of Deploy with the check of the site, or of the rollback.
    pub deploy: PlannedTime,
    /// The span in which someone must stay.
    pub stay: Option<Stay>,
    /// People who know that some pages may fail. Absent before the start of Deploy, which asks.
    pub told: Option<ToldPeople>,
    /// Address of the site.
    pub site: String,
    /// People and teams to call, each once, in the order of the steps.
    pub contacts: Vec<Contact>,
}

/// Usual time of several steps together, in minutes: the sum of theirs. Steps that overlap make a
/// release shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTime {
    pub low: u32,
    pub high: u32,
    /// Number of steps without a usual time in the profile. They are not part of the sums.
    pub untimed: u32,
}

/// A step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    pub id: StepId,
    /// Number in the list. Absent for a step that was added to the run.
    pub number: Option<u32>,
    pub phase: Phase,
    pub title: String,
    pub short_title: String,
    /// The values that the step uses, the most important first.
    pub values: Vec<PlannedValue>,
    /// The change outside, as a sentence. Absent when the step only reads.
    pub changes: Option<String>,
    /// Usual time in minutes, lowest and highest, from the profile.
    pub minutes: Option<(u32, u32)>,
    /// Usual time of the steps before it in its part: Prepare, or Deploy with the check of the
    /// site.
    pub starts_after: PlannedTime,
    pub person: PersonNeed,
    /// Person or team to call about the step.
    pub who_to_call: String,
    /// How to undo it, or why not.
    pub way_back: WayBack,
    /// Whether the production database cannot be taken back from this step on.
    pub is_point_of_no_return: bool,
    /// Whether a person may leave the step out with a reason.
    pub may_skip: bool,
    pub status: Status,
    /// Who did the step, and when. Absent while it is not done.
    pub done: Option<DoneStep>,
}

/// A labelled value of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PlannedValue {
    pub label: String,
    /// The value, or in words the moment at which it becomes known.
    pub value: String,
    pub is_known: bool,
}

/// The part of a person in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum PersonNeed {
    /// The app starts and watches the step.
    AppWatches,
    /// A person presses its button.
    Starts,
    /// A person presses its button and confirms that it cannot be taken back.
    Confirms,
    /// A person answers its checks.
    Answers,
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DoneStep {
    /// Who started it or left it out; empty when the app did.
    pub person: String,
    pub at: Timestamp,
}

/// The span in which someone must stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Stay {
    /// The first step of the span.
    pub from: StepId,
    /// The last step of the span.
    pub until: StepId,
    pub time: PlannedTime,
}

/// The people who were told about a release, as a person wrote it down at the start of Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ToldPeople {
    pub text: String,
    /// The person who wrote it down.
    pub by: String,
    pub at: Timestamp,
}

/// A person or team to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Person or team, as the profile names it.
    pub who: String,
    /// Short titles of its steps; "Restore the database" for the restore.
    pub about: Vec<String>,
}
