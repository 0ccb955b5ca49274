//! What the screens read: the fold of a run's events. `engine::fold` makes it in Rust, `ui/src/run/fold.ts` in the
//! page; both follow the golden files in `tests/golden/fold`.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{
    BegunElsewhere, CheckAnswer, Fact, Failure, How, Names, Profile, Realm, RunId, RunResult, StagingMachine, Status,
    StepDefinition, StepPlan, Timestamp, Version,
};

/// State of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Made, nothing done.
    Draft,
    /// Prepare goes on.
    Preparing,
    /// Prepare is done; nothing is held.
    Prepared,
    /// Deploy goes on.
    Deploying,
    /// The site is being checked.
    Checking,
    /// It has a result.
    Ended,
}

/// A run as its events tell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// Which run.
    pub id: RunId,
    /// Number of the last event folded in.
    pub seq: u32,
    /// The version.
    pub version: Version,
    /// The frozen profile.
    pub profile: Profile,
    /// Every name of the version.
    pub names: Names,
    /// Production or practice.
    pub realm: Realm,
    /// State.
    pub state: RunState,
    /// Result, once ended.
    pub result: Option<RunResult>,
    /// What the person wrote at the end.
    pub end_note: String,
    /// What stays behind.
    pub left_behind: Vec<String>,
    /// When it was made.
    pub drafted_at: Timestamp,
    /// When Prepare started.
    pub prepare_started_at: Option<Timestamp>,
    /// Time of every commit and tag of this run.
    pub commit_time: Option<Timestamp>,
    /// Who began this release on another computer, when it is continued here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<BegunElsewhere>,
    /// When it was prepared.
    pub prepared_at: Option<Timestamp>,
    /// When Deploy started.
    pub deploy_started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The staging machine, from the moment that its environment was to be taken.
    pub staging: Option<StagingMachine>,
    /// Everyone who acted, in order of first appearance.
    pub people: Vec<String>,
    /// The steps, in the order of the runbook.
    pub steps: Vec<StepView>,
    /// What was learned, in order; a later fact of a kind replaces an earlier one for who needs the newest.
    pub facts: Vec<LearnedFact>,
    /// Answers to questions, in order.
    pub answers: Vec<AnswerView>,
    /// Answers to the checks of the site; the newest of a check counts.
    pub checks: Vec<CheckView>,
}

/// One step as the events tell it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// Its frozen definition.
    pub definition: StepDefinition,
    /// State.
    pub status: Status,
    /// Attempts so far.
    pub attempt: u32,
    /// When its button was first enabled.
    pub offered_at: Option<Timestamp>,
    /// When the last attempt started.
    pub started_at: Option<Timestamp>,
    /// Who started it.
    pub started_by: Option<String>,
    /// When the last attempt ended.
    pub ended_at: Option<Timestamp>,
    /// How it came to be done.
    pub how: Option<How>,
    /// What the world showed.
    pub evidence: Vec<String>,
    /// Something to know.
    pub warning: Option<String>,
    /// What went wrong in the last attempt.
    pub failure: Option<Failure>,
    /// Why it is in doubt.
    pub doubt: Option<String>,
    /// The plan of the last attempt.
    pub plan: Option<StepPlan>,
}

/// A fact with its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LearnedFact {
    /// When.
    pub at: Timestamp,
    /// What.
    pub fact: Fact,
}

/// Answer to a question of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AnswerView {
    /// Question id.
    pub question: String,
    /// The question as it was shown.
    pub text: String,
    /// Choice id.
    pub answer: String,
    /// What the person wrote.
    pub note: String,
    /// Who.
    pub person: String,
    /// When.
    pub at: Timestamp,
}

/// Answer to a check of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    /// Check id.
    pub check: String,
    /// The answer.
    pub answer: CheckAnswer,
    /// What the person wrote.
    pub note: String,
    /// Who.
    pub person: String,
    /// When.
    pub at: Timestamp,
}

/// A line of the history list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// Which run.
    pub id: RunId,
    /// Product name.
    pub product: String,
    /// The version.
    pub version: Version,
    /// Production or practice.
    pub realm: Realm,
    /// State.
    pub state: RunState,
    /// Result, once ended.
    pub result: Option<RunResult>,
    /// Title of the step at which it stopped, when it did.
    pub stopped_at: Option<String>,
    /// Who drafted it.
    pub person: String,
    /// When it was made.
    pub drafted_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Set when this app cannot continue it: which version can.
    pub read_only: Option<String>,
}
