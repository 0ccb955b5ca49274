//! The view of a run for the screens. `engine::fold` computes it from the events of the run.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{
    CheckAnswer, Completion, EarlierRelease, Event, Fact, FactKind, Failure, Handover, LaterRollback, LockRefusal,
    Names, Profile, Realm, RunId, RunResult, StagingMachine, Status, StepDefinition, StepId, StepPlan, Timestamp,
    Version,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// Drafted; nothing was done yet.
    Draft,
    Preparing,
    /// Every step of Prepare is done. The run owns nothing.
    Prepared,
    Deploying,
    /// The site is being checked.
    Checking,
    /// The run has a result.
    Ended,
}

/// State of a run, folded from its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    pub id: RunId,
    /// Number of the newest event that was folded.
    pub seq: u32,
    pub version: Version,
    pub profile: Profile,
    /// Every name derived from the version.
    pub names: Names,
    pub realm: Realm,
    /// The release that this run rolls back. Absent for a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back: Option<EarlierRelease>,
    /// The later run of this computer that rolled this release back. Filled in only for the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<LaterRollback>,
    pub state: RunState,
    /// Set once the run ended.
    pub result: Option<RunResult>,
    /// Note of the person who ended the run.
    pub end_note: String,
    /// Changes that stay in place, one sentence each.
    pub left_behind: Vec<String>,
    /// When the run was drafted.
    pub drafted_at: Timestamp,
    pub prepare_started_at: Option<Timestamp>,
    /// Time of every commit and tag of this run.
    pub commit_time: Option<Timestamp>,
    /// Set when the release was begun on another computer and is continued here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Handover>,
    pub prepared_at: Option<Timestamp>,
    pub deploy_started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Set when the run first tries to acquire the environment lock.
    pub staging: Option<StagingMachine>,
    /// Set while the staging machine counts as gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_given_up: Option<MachineGivenUp>,
    /// Set while the git remote refuses the environment lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_refusal: Option<LockRefusal>,
    /// Everyone who acted, in order of first appearance.
    pub people: Vec<String>,
    /// The steps, in the order of the runbook.
    pub steps: Vec<StepView>,
    /// Facts in the order in which they were learned. For a single value, the newest of a kind
    /// counts.
    pub facts: Vec<LearnedFact>,
    /// Answers to questions, in order.
    pub answers: Vec<AnswerView>,
    /// Answers to the checks of the site; the newest of a check counts.
    pub checks: Vec<CheckView>,
    /// A person may roll this release back with a run of its own. Filled in only for the page.
    #[serde(default)]
    pub may_roll_back: bool,
    /// The results with which a person may end the run now. Filled in only for the page.
    #[serde(default)]
    pub may_end: Vec<RunResult>,
    /// A person may start over on the newest main, once main has moved. Filled in only for the
    /// page.
    #[serde(default)]
    pub may_start_over: bool,
}

impl RunView {
    /// The newest answer to a question.
    #[must_use]
    pub fn answer(&self, question: &str) -> Option<&AnswerView> {
        self.answers.iter().rev().find(|answer| answer.question == question)
    }

    /// Whether the run rolls an ended release back.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        self.rolls_back.is_some()
    }

    /// The kind of the run in a sentence: `release` or `rollback`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.is_rollback() { "rollback" } else { "release" }
    }

    /// The name of the start of Deploy in a sentence: `start Deploy` or `start the rollback`.
    #[must_use]
    pub fn start_of_deploy(&self) -> &'static str {
        if self.is_rollback() { "start the rollback" } else { "start Deploy" }
    }

    /// The version in a sentence about the run: `2.1.0`, or `the rollback of 2.1.0`.
    #[must_use]
    pub fn purpose(&self) -> String {
        if self.is_rollback() { format!("the rollback of {}", self.version) } else { self.version.to_string() }
    }
}

/// State of one step, folded from the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    pub definition: StepDefinition,
    /// Attempts so far.
    pub attempt: u32,
    /// When its button was first enabled.
    pub offered_at: Option<Timestamp>,
    /// When the last attempt started.
    pub started_at: Option<Timestamp>,
    /// Person who started the last attempt.
    pub started_by: Option<String>,
    /// The plan of the last attempt.
    pub plan: Option<StepPlan>,
    /// Failure of the last attempt. Kept after a person reported the work as done or stopped the
    /// step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_failure: Option<Failure>,
    /// Jobs of attempts that a named person reported as undone. They block no new attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone_jobs: Vec<String>,
    /// When a person last reported an attempt as undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<Timestamp>,
    /// The newest order to stop the script of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_order: Option<StopOrder>,
    /// The acts that the engine allows now. Filled in only for the page.
    #[serde(default)]
    pub options: StepOptions,
    #[serde(flatten)]
    pub state: StepState,
}

/// A person's order to stop the script of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StopOrder {
    pub person: String,
    pub note: String,
    /// The processes were killed.
    pub is_forced: bool,
    pub at: Timestamp,
    /// Time of the first order for this attempt.
    pub first_at: Timestamp,
}

impl StopOrder {
    /// The first order for an attempt.
    #[must_use]
    pub fn first(person: String, note: String, is_forced: bool, at: Timestamp) -> Self {
        Self { person, note, is_forced, at, first_at: at }
    }
}

/// The acts that the engine allows for a step now. The engine decides again when an act is
/// requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepOptions {
    /// The button may be pressed once its plan is shown.
    pub may_start: bool,
    /// The attempt failed and may be started again.
    pub may_try_again: bool,
    /// The step is done and may be done once more.
    pub may_repeat: bool,
    /// The step is optional, and a person may choose it.
    #[serde(default)]
    pub may_choose: bool,
    /// A person may report that the work was done outside the app.
    pub may_report: bool,
    /// The app could not prove the backup, and a person may confirm it.
    #[serde(default)]
    pub may_confirm: bool,
    /// The step is in doubt, and a question of its plan may end the doubt.
    #[serde(default)]
    pub may_answer: bool,
    /// The step is in doubt, and a person's word counts that it happened.
    #[serde(default)]
    pub may_claim: bool,
    /// A person may stop the script of the step, which the app follows.
    #[serde(default)]
    pub may_stop_script: bool,
    /// A person may leave the step out: this release has no migration, or the profile says that it
    /// needs no backup of its own.
    pub may_skip: bool,
    /// A person may report that the database is as it was before a migration that ended.
    pub may_report_undone: bool,
    /// The way back of a migration whose start is used. Shown in place of its command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// The newest attempt had no effect; an earlier one counts.
    pub counts_earlier_attempt: bool,
    /// Facts that an unstarted step still waits for.
    pub waits_for: Vec<FactKind>,
}

/// The way back of a migration whose start is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// File name of the backup that counts, or the note of the person who confirmed it.
    pub backup: Option<String>,
    /// End of that backup.
    pub backup_at: Option<Timestamp>,
    /// The restore procedure of the profile, or where it is written. Empty when unknown.
    pub procedure: String,
    /// About how long the restore takes.
    pub minutes: Option<u32>,
    /// Person or team to call.
    pub who: String,
}

/// New events of a run, and the view of the run after all its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunUpdate {
    /// The view after the newest event.
    pub view: RunView,
    /// Events with a number above the requested one.
    pub events: Vec<Event>,
}

/// State of a step with its data. On the page, the name of the state is `status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StepState {
    /// It waits for facts, or the outside world showed that it did not happen.
    NotStarted,
    AwaitingOperator,
    Running,
    /// It is unknown whether the attempt had its effect.
    InDoubt {
        doubt: String,
    },
    Succeeded {
        ended_at: Timestamp,
        how: Completion,
        /// Observations that prove it, in plain words.
        evidence: Vec<String>,
    },
    Warned {
        ended_at: Timestamp,
        /// Observations that prove it, in plain words.
        evidence: Vec<String>,
        warning: String,
    },
    Skipped {
        ended_at: Timestamp,
        /// The person who left it out.
        #[serde(default)]
        person: String,
        /// Reason of the person.
        warning: String,
    },
    /// The last attempt ended without its effect, or with a part of it.
    Failed {
        ended_at: Timestamp,
        failure: Failure,
    },
    Stopped {
        ended_at: Timestamp,
        /// Reason of the person.
        warning: String,
    },
}

impl StepState {
    /// Name of the state without its data.
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

    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        if let StepState::Failed { failure, .. } = &self.state { Some(failure) } else { None }
    }

    /// How the step got done; `None` unless it succeeded.
    #[must_use]
    pub fn how(&self) -> Option<&Completion> {
        if let StepState::Succeeded { how, .. } = &self.state { Some(how) } else { None }
    }

    /// Observations that prove a step that is done; empty for other states.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        if let StepState::Succeeded { evidence, .. } | StepState::Warned { evidence, .. } = &self.state {
            evidence
        } else {
            &[]
        }
    }

    /// Warning of a step that is done, or the reason for which a person left it out or stopped it.
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

    /// Who left the step out and why, as a sentence.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let StepState::Skipped { person, warning, .. } = &self.state else { return None };
        let what = if self.definition.id == StepId::RunMigration {
            "this release has no migration"
        } else if self.definition.id == StepId::BackUp {
            "this release makes no backup"
        } else {
            "left out"
        };
        Some(format!("{person}: {what}. {warning}"))
    }

    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        if let StepState::InDoubt { doubt } = &self.state { Some(doubt) } else { None }
    }
}

/// A person's statement that the staging machine is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct MachineGivenUp {
    pub person: String,
    pub note: String,
    pub at: Timestamp,
}

/// A fact and the time at which the run learned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LearnedFact {
    pub at: Timestamp,
    pub fact: Fact,
}

/// Answer to a question of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AnswerView {
    pub question: String,
    /// The question as it was shown.
    pub text: String,
    pub answer: String,
    /// Label of the choice as it was shown; empty in journals of earlier versions.
    #[serde(default)]
    pub label: String,
    pub note: String,
    pub person: String,
    pub at: Timestamp,
}

/// Answer to a check of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CheckView {
    pub check: String,
    pub answer: CheckAnswer,
    pub note: String,
    pub person: String,
    pub at: Timestamp,
}

/// One row of the history list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    pub id: RunId,
    pub product: String,
    pub version: Version,
    pub realm: Realm,
    /// Whether the run rolls a release back.
    #[serde(default)]
    pub is_rollback: bool,
    /// The later run of this computer that rolled this release back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<LaterRollback>,
    pub state: RunState,
    /// Set once the run ended.
    pub result: Option<RunResult>,
    /// Title of the step at which the run stopped, if it did.
    pub stopped_at: Option<String>,
    /// Person who drafted the run.
    pub person: String,
    /// When the run was drafted.
    pub drafted_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// Set when this app cannot continue the run: the version that can.
    pub read_only: Option<String>,
}
