//! The journal's events: immutable facts about a run, in order.

use serde::{Deserialize, Deserializer, Serialize, de};
use specta::Type;

use crate::{
    Actor, BegunElsewhere, Difference, Fact, Failure, Holder, How, Names, Profile, Realm, RunId, StepDefinition,
    StepId, StepPlan, Timestamp, Version,
};

/// One event as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Which run.
    pub run: RunId,
    /// Number within the run, from 1 without gaps.
    pub seq: u32,
    /// When, by the clock of the composition (virtual in practice).
    pub at: Timestamp,
    /// Who acted, or for whom the app acted.
    pub by: Actor,
    /// What happened.
    pub body: EventBody,
}

/// A change of a run or of one of its steps. Written before the effect where one follows, after it otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(untagged)]
pub enum EventBody {
    /// A change of the run.
    Run(RunEvent),
    /// A change of the state of one step.
    Step(StepEvent),
}

impl<'de> Deserialize<'de> for EventBody {
    /// The name of the kind tells which enum to read: those of steps begin with `step`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let is_step = value["kind"].as_str().is_some_and(|kind| kind.starts_with("step"));
        let body = if is_step {
            serde_json::from_value(value).map(Self::Step)
        } else {
            serde_json::from_value(value).map(Self::Run)
        };
        body.map_err(de::Error::custom)
    }
}

impl From<RunEvent> for EventBody {
    fn from(event: RunEvent) -> Self {
        Self::Run(event)
    }
}

impl From<StepEvent> for EventBody {
    fn from(event: StepEvent) -> Self {
        Self::Step(event)
    }
}

/// A change of a run: its state, its facts, its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RunEvent {
    /// A run was made. Everything it needs is frozen here.
    #[serde(rename = "runDrafted")]
    Drafted {
        /// The version.
        version: Version,
        /// The whole profile.
        profile: Box<Profile>,
        /// Every name derived from the version.
        names: Names,
        /// The steps.
        steps: Vec<StepDefinition>,
        /// Production or practice.
        realm: Realm,
    },
    /// A person started Prepare.
    PrepareStarted {
        /// "Testing of 2.1.0 is finished", as the person said it.
        statement: String,
        /// Time of every commit and tag of this run, so that a repeat gives the same ids.
        commit_time: Timestamp,
        /// Who began this release on another computer, when it is continued here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begun: Option<BegunElsewhere>,
    },
    /// Every step of Prepare is done; nothing is held.
    #[serde(rename = "runPrepared")]
    Prepared,
    /// A person started Deploy.
    DeployStarted {
        /// The staging machine of this run.
        staging: StagingMachine,
        /// Who was told that some pages may fail for about a minute.
        told: String,
        /// What differs from the day of Prepare, accepted by the person.
        differences: Vec<Difference>,
    },
    /// Every step of Deploy is done.
    CheckingStarted,
    /// The run ended.
    #[serde(rename = "runEnded")]
    Ended {
        /// How.
        result: RunResult,
        /// What the person wrote.
        note: String,
        /// What stays behind.
        left_behind: Vec<String>,
    },
    /// Somebody else took over on this computer.
    TookOver {
        /// Who had it before.
        from: String,
    },
    /// Something is now known for certain.
    FactLearned {
        /// The step that learned it.
        step: StepId,
        /// What.
        fact: Fact,
    },
    /// A named person says that the work of a job was done outside the app: before that is taken, its gate on the machine
    /// is closed, so that the app can never start it afterwards (RELEASE.md 5).
    #[serde(rename = "gateClosing")]
    JobRevoking {
        /// Which step.
        step: StepId,
        /// Id of the job.
        job: String,
        /// What the person wrote.
        note: String,
    },
    /// The environment is about to be taken for this run, on its staging machine.
    #[serde(rename = "environmentTaking")]
    LockAcquiring {
        /// The staging machine.
        staging: StagingMachine,
        /// The release that held it, when one did.
        from: Option<Box<Holder>>,
        /// Why it is taken from that one.
        reason: String,
    },
    /// A person answered a question of a plan.
    QuestionAnswered {
        /// Which step.
        step: StepId,
        /// Question id.
        question: String,
        /// The question as it was shown.
        text: String,
        /// Choice id.
        answer: String,
        /// The choice as it was shown; empty in journals of earlier versions.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        label: String,
        /// What the person wrote.
        note: String,
    },
    /// A person answered a check of the site.
    CheckAnswered {
        /// Check id.
        check: String,
        /// The answer.
        answer: CheckAnswer,
        /// What the person wrote.
        note: String,
    },
}

/// A change of the state of one step. `engine::transition` holds every legal one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StepEvent {
    /// The button of a step was enabled.
    #[serde(rename = "stepOffered")]
    Offered {
        /// Which step.
        step: StepId,
    },
    /// An attempt started. On disk before the first byte of its effect leaves the app.
    #[serde(rename = "stepStarted")]
    Started {
        /// Which step.
        step: StepId,
        /// From 1.
        attempt: u32,
        /// The plan that was shown and confirmed.
        plan: Box<StepPlan>,
    },
    /// A step is done.
    #[serde(rename = "stepSucceeded")]
    Succeeded {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// How.
        how: How,
        /// What the world showed.
        evidence: Vec<String>,
    },
    /// A step is done, with something to know.
    #[serde(rename = "stepWarned")]
    Warned {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What the world showed.
        evidence: Vec<String>,
        /// What to know.
        warning: String,
    },
    /// A step was left out.
    #[serde(rename = "stepSkipped")]
    Skipped {
        /// Which step.
        step: StepId,
        /// Why.
        note: String,
    },
    /// An attempt ended without its effect, or with a part of it.
    #[serde(rename = "stepFailed")]
    Failed {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What went wrong.
        failure: Failure,
    },
    /// We do not know whether the attempt had its effect.
    #[serde(rename = "stepInDoubt")]
    InDoubt {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// Why.
        why: String,
    },
    /// The world shows that the attempt is under way: same attempt, followed again.
    #[serde(rename = "stepResumed")]
    Resumed {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What the world showed.
        evidence: String,
    },
    /// The attempt did not have its effect, for certain; the button comes back.
    #[serde(rename = "stepReset")]
    Reset {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// What the world showed, or what a person saw.
        evidence: String,
        /// The person who reported it; absent when the outside world showed it, and in journals of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reported_by: Option<String>,
    },
    /// A person stopped the step.
    #[serde(rename = "stepStopped")]
    Stopped {
        /// Which step.
        step: StepId,
        /// Which attempt.
        attempt: u32,
        /// Why.
        note: String,
    },
}

impl StepEvent {
    /// The step whose state changes.
    #[must_use]
    pub fn step(&self) -> StepId {
        match self {
            Self::Offered { step }
            | Self::Started { step, .. }
            | Self::Succeeded { step, .. }
            | Self::Warned { step, .. }
            | Self::Skipped { step, .. }
            | Self::Failed { step, .. }
            | Self::InDoubt { step, .. }
            | Self::Resumed { step, .. }
            | Self::Reset { step, .. }
            | Self::Stopped { step, .. } => *step,
        }
    }
}

/// The staging machine of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StagingMachine {
    /// Its name.
    pub name: String,
    /// Address.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// Confirmed fingerprint, `SHA256:…`.
    pub fingerprint: String,
    /// Its `/etc/machine-id`; empty in runs of earlier apps. Another one at the same address is another machine (INV-S2).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine_id: String,
    /// Its boot id (`/proc/sys/kernel/random/boot_id`) when Deploy started; empty in runs of earlier apps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot_id: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum RunResult {
    /// Every server runs the version and every check passed.
    Released,
    /// Released, and a check failed or could not be made; accepted with a reason.
    ReleasedWithFailedCheck,
    /// The old version serves again.
    RolledBack,
    /// Ended by a person after something changed.
    Stopped,
    /// Given up before Deploy.
    Abandoned,
}

/// Answer of a person to a check of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum CheckAnswer {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// Nobody could look.
    CouldNotCheck,
}
