//! The view of a run that screens show. `engine::fold` computes it from the events of the run.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{
    BegunElsewhere, CheckAnswer, Event, Fact, FactKind, Failure, How, Names, Profile, Realm, RunId, RunResult,
    StagingMachine, Status, StepDefinition, StepPlan, Timestamp, Version,
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
    /// Attempts so far.
    pub attempt: u32,
    /// When its button was first enabled.
    pub offered_at: Option<Timestamp>,
    /// When the last attempt started.
    pub started_at: Option<Timestamp>,
    /// Person who started it.
    pub started_by: Option<String>,
    /// The plan of the last attempt.
    pub plan: Option<StepPlan>,
    /// Failure of the last attempt, kept after a person reported the work as done or the step was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_failure: Option<Failure>,
    /// The acts that the engine allows now; filled in for the page only.
    #[serde(default)]
    pub options: StepOptions,
    /// Its state, with the data of that state.
    #[serde(flatten)]
    pub state: StepState,
}

/// The acts that the engine allows for a step now. The engine decides again when one is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepOptions {
    /// Its button may be pressed once its plan is open.
    pub may_start: bool,
    /// It failed and may be started again.
    pub may_try_again: bool,
    /// It is done and may be done once more.
    pub may_repeat: bool,
    /// A person may report that the work was done outside the app.
    pub may_report: bool,
    /// The newest attempt came to nothing, and an earlier one counts.
    pub counts_earlier_attempt: bool,
    /// Facts that an unstarted step still waits for.
    pub waits_for: Vec<FactKind>,
}

/// New events of a run, and the view of the whole run that the engine computed from all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunUpdate {
    /// The run after its newest event.
    pub view: RunView,
    /// The events with a number above the one that was asked for.
    pub events: Vec<Event>,
}

/// State of a step, with the data that only this state has. On the page the name of the state is `status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StepState {
    /// Its facts are not there yet, or it was found not to have happened.
    NotStarted,
    /// Its button is enabled.
    AwaitingOperator,
    /// An attempt is under way.
    Running,
    /// It is not known whether the attempt had its effect.
    InDoubt {
        /// Cause of the doubt.
        doubt: String,
    },
    /// Done.
    Succeeded {
        /// When.
        ended_at: Timestamp,
        /// How it came to be done.
        how: How,
        /// Observations that prove it, in plain words.
        evidence: Vec<String>,
    },
    /// Done, with a warning.
    Warned {
        /// When.
        ended_at: Timestamp,
        /// Observations that prove it, in plain words.
        evidence: Vec<String>,
        /// The warning.
        warning: String,
    },
    /// Left out.
    Skipped {
        /// When.
        ended_at: Timestamp,
        /// The reason that the person gave.
        warning: String,
    },
    /// The last attempt ended without its effect, or with a part of it.
    Failed {
        /// When.
        ended_at: Timestamp,
        /// The failure.
        failure: Failure,
    },
    /// A person stopped it.
    Stopped {
        /// When.
        ended_at: Timestamp,
        /// The reason that the person gave.
        warning: String,
    },
}

impl StepState {
    /// The name of the state, without its data.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::NotStarted => Status::NotStarted,
            Self::AwaitingOperator => Status::AwaitingOperator,
            Self::Running => Status::Running,
            Self::InDoubt { .. } => Status::InDoubt,
            Self::Succeeded { .. } => Status::Succeeded,
            Self::Warned { .. } => Status::Warned,
            Self::Skipped { .. } => Status::Skipped,
            Self::Failed { .. } => Status::Failed,
            Self::Stopped { .. } => Status::Stopped,
        }
    }
}

impl StepView {
    /// The name of its state.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// When the last attempt ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        match &self.state {
            StepState::NotStarted | StepState::AwaitingOperator | StepState::Running | StepState::InDoubt { .. } => {
                None
            }
            StepState::Succeeded { ended_at, .. }
            | StepState::Warned { ended_at, .. }
            | StepState::Skipped { ended_at, .. }
            | StepState::Failed { ended_at, .. }
            | StepState::Stopped { ended_at, .. } => Some(*ended_at),
        }
    }

    /// The failure of a step that failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        if let StepState::Failed { failure, .. } = &self.state { Some(failure) } else { None }
    }

    /// How a step that succeeded came to be done.
    #[must_use]
    pub fn how(&self) -> Option<&How> {
        if let StepState::Succeeded { how, .. } = &self.state { Some(how) } else { None }
    }

    /// Observations that prove a step that is done.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        if let StepState::Succeeded { evidence, .. } | StepState::Warned { evidence, .. } = &self.state {
            evidence
        } else {
            &[]
        }
    }

    /// Warning of a step that is done, or the reason for which a person left it.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        if let StepState::Warned { warning, .. }
        | StepState::Skipped { warning, .. }
        | StepState::Stopped { warning, .. } = &self.state
        {
            Some(warning)
        } else {
            None
        }
    }

    /// Cause of the doubt of a step in doubt.
    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        if let StepState::InDoubt { doubt } = &self.state { Some(doubt) } else { None }
    }
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
    /// The choice as it was shown; empty in journals of earlier versions.
    #[serde(default)]
    pub label: String,
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
