//! The data that acts, decisions and the runner exchange.

use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, Difference, EventBody, Fact, Handover, LockRefusal, Observation, RunEvent,
    RunResult, StagingMachine, StepEvent, StepId, StepPlan, StopScriptRequest, Timestamp, UndoKind,
};

use crate::env_lock::LockRequest;

/// Answer to an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its events are on disk.
    Done,
    /// The one-use token of [`Act::ConfirmPlan`](super::Act::ConfirmPlan).
    Token(String),
}

/// An act with every answer of the outside world that its decision needs.
pub(crate) enum Order {
    StartPrepare {
        statement: String,
        begun: Option<Handover>,
    },
    StartDeploy {
        request: DeployRequest,
        accepted: Vec<Difference>,
    },
    AcceptFindings {
        findings: Vec<String>,
        reason: String,
    },
    ShowPlan {
        plan: Box<StepPlan>,
        made_from: u32,
    },
    ConfirmPlan {
        step: StepId,
        plan_hash: String,
    },
    StartStep {
        step: StepId,
        plan_hash: String,
        token: Option<String>,
    },
    AnswerQuestion {
        step: StepId,
        question: String,
        answer: String,
        note: String,
    },
    ReportDone {
        step: StepId,
        note: String,
        observed: Option<Observation>,
    },
    SkipStep {
        step: StepId,
        note: String,
    },
    ReportUndone {
        step: StepId,
        attempt: u32,
        how: UndoKind,
        note: String,
        evidence: String,
        /// End of the attempt that the person reports about.
        ended_at: Option<Timestamp>,
    },
    SettleDoubt {
        step: StepId,
        attempt: u32,
        report: Report,
        note: String,
    },
    ApplyObservation {
        step: StepId,
        attempt: u32,
        observed: Observation,
    },
    AnswerCheck {
        check: String,
        answer: CheckAnswer,
        note: String,
    },
    /// `unsettled_jobs` says why jobs in doubt could not be revoked, one reason for each step.
    EndRun {
        result: RunResult,
        note: String,
        unsettled_jobs: Vec<(StepId, String)>,
    },
    AcquireLock(Box<LockRequest>),
    RefuseLock(LockRefusal),
    ChangeAddress(Box<StagingMachine>),
    GiveUpMachine {
        note: String,
    },
    RevokeJob {
        step: StepId,
        job: String,
        note: String,
    },
    StopScript(StopScriptRequest),
    CorrectValue {
        key: String,
        value: String,
        reason: String,
    },
    StartOver {
        remote: Box<SeenRemote>,
        note: String,
    },
    ChangeOperator {
        person: String,
    },
    LearnFact {
        step: StepId,
        fact: Fact,
    },
}

/// The remote at the moment at which a person starts over on the newest main.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRemote {
    /// Commit of the main branch that the merge was made on.
    pub base: String,
    /// Commit of the main branch now. `None` when the remote has no such branch.
    pub main: Option<String>,
    /// Whether main contains a commit that this run made.
    pub has_ours: bool,
    /// Commit of this version's tag. `None` while the tag is free.
    pub tag: Option<String>,
    /// Whether main says this version, and the base did not.
    pub says_version: bool,
}

/// A person's report on the attempt in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It had its effect.
    Happened,
    /// It had no effect.
    NeverHappened,
    /// Its script started and ended, and did not complete.
    Failed,
}

/// The outcome of an act that is allowed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decision {
    /// Events to append, in order.
    pub events: Vec<EventBody>,
    /// The work that follows once they are on disk.
    pub then: Then,
}

/// The work that follows a decision.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Then {
    #[default]
    Nothing,
    /// Run an attempt of a step. Its token is used up.
    Start { step: StepId, attempt: u32, plan: Box<StepPlan> },
    /// Follow an attempt that is under way.
    Attach { step: StepId, attempt: u32 },
    /// Ask the outside world about an attempt in doubt again.
    Ask { step: StepId, attempt: u32 },
    /// Stop following the attempts of these steps. Nothing outside is stopped.
    DropAttempts(Vec<StepId>),
    /// Issue a token for the plan of a step.
    IssueToken { step: StepId, plan_hash: String },
    /// Keep the plan that was shown. It was made from the run at that event.
    KeepPlan { plan: Box<StepPlan>, made_from: u32 },
    /// Forget every plan that was shown, with its token.
    DropPlans,
    /// The person who acts is responsible from now on.
    ChangeOperator(Box<Actor>),
}

impl Decision {
    pub fn events(events: Vec<EventBody>) -> Self {
        Self { events, then: Then::Nothing }
    }

    pub fn run_event(event: RunEvent) -> Self {
        Self::events(vec![event.into()])
    }

    pub fn step_event(event: StepEvent) -> Self {
        Self::events(vec![event.into()])
    }
}
