//! The journal's events: immutable facts about a run, in order.

use serde::{Deserialize, Deserializer, Serialize, de};
use specta::Type;

use crate::{
    Actor, Completion, Difference, EarlierRelease, Fact, Failure, Handover, LockOwner, Names, Profile, Realm, RunId,
    StepDefinition, StepId, StepPlan, Timestamp, UndoKind, Version,
};

/// One event of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub run: RunId,
    /// Number within the run, from 1 without gaps.
    pub seq: u32,
    /// Time by the clock of the composition (virtual in practice).
    pub at: Timestamp,
    /// The person who acted, or for whom the app acted.
    pub by: Actor,
    pub body: EventBody,
}

/// A change of a run or of one of its steps. Written before the effect if one follows, otherwise
/// after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(untagged)]
pub enum EventBody {
    Run(RunEvent),
    Step(StepEvent),
}

impl<'de> Deserialize<'de> for EventBody {
    /// The name of the kind decides which enum to read: step events begin with `step`. A
    /// `runDrafted` with `rollsBack` is the draft of a rollback in a journal of an earlier version.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = serde_json::Value::deserialize(deserializer)?;
        let is_rollback = value["kind"] == "runDrafted" && !value["rollsBack"].is_null();
        if let Some(kind) = value.get_mut("kind").filter(|_| is_rollback) {
            *kind = "rollbackDrafted".into();
        }
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
    /// A run was drafted. It freezes everything that the run needs.
    #[serde(rename = "runDrafted")]
    Drafted {
        version: Version,
        profile: Box<Profile>,
        /// Every name derived from the version.
        names: Names,
        steps: Vec<StepDefinition>,
        realm: Realm,
    },
    /// The rollback of an ended release was drafted. It needs no Prepare. Its kind is not that of a
    /// release, so an app that does not know rollbacks cannot continue it as a release.
    RollbackDrafted {
        version: Version,
        profile: Box<Profile>,
        /// Every name derived from the version.
        names: Names,
        steps: Vec<StepDefinition>,
        realm: Realm,
        rolls_back: Box<EarlierRelease>,
    },
    PrepareStarted {
        /// Statement of the person: "Testing of 2.1.0 is finished".
        statement: String,
        /// Time of every commit and tag of this run, so that a repeat gives the same ids.
        commit_time: Timestamp,
        /// Set when the release was begun on another computer and is continued here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begun: Option<Handover>,
    },
    /// Every step of Prepare is done. The run owns nothing.
    #[serde(rename = "runPrepared")]
    Prepared,
    DeployStarted {
        /// The staging machine of this run.
        staging: StagingMachine,
        /// The people who were warned that some pages may fail for about a minute.
        told: String,
        /// Differences from the day of Prepare that the person accepted.
        differences: Vec<Difference>,
    },
    /// Every step of Deploy is done.
    CheckingStarted,
    #[serde(rename = "runEnded")]
    Ended {
        result: RunResult,
        note: String,
        /// Changes that stay in place, one sentence each.
        left_behind: Vec<String>,
    },
    /// Another person took over on this computer.
    TookOver {
        /// The person before.
        from: String,
    },
    /// An outside system proved a fact.
    FactLearned {
        /// The step that learned it.
        step: StepId,
        fact: Fact,
    },
    /// The app is about to revoke the start latch of a job on the host, so that no order starts the
    /// job afterwards. It does so before "it never started" ends a doubt, before a named person's
    /// word about the work counts, and before the run ends (docs/remote-jobs.md#revoke).
    #[serde(rename = "gateClosing")]
    JobRevoking {
        step: StepId,
        /// Id of the job on the host.
        job: String,
        /// Note of the person who says that the work was done, or is not needed. Otherwise empty.
        note: String,
    },
    /// A person orders the staging machine to end the script of a job. On disk before the order
    /// leaves the app (INV-D6).
    ScriptStopping {
        step: StepId,
        /// Id of the job on the host.
        job: String,
        /// The processes are killed, because the script survived an order before.
        is_forced: bool,
        note: String,
    },
    /// The run is about to acquire the environment lock, on the git remote and then on its staging
    /// machine.
    #[serde(rename = "environmentTaking")]
    LockAcquiring {
        staging: StagingMachine,
        /// Owner from whom the lock is taken, if there was one.
        from: Option<Box<LockOwner>>,
        /// Owner on the staging machine, if it is another run than `from`; absent in journals of
        /// earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_machine: Option<Box<LockOwner>>,
        /// Reason for taking it from these owners.
        reason: String,
    },
    /// The git remote refuses the environment lock. Only the lock on the staging machine counts.
    #[serde(rename = "environmentRefused")]
    LockRefused {
        /// Text of the server.
        reason: String,
        /// Run that owns the lock on the remote and keeps it, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<RunId>,
        /// Whether a person accepted before that only the machine's lock counts.
        is_accepted: bool,
    },
    /// The staging machine was found at another address. It has the same machine id.
    AddressChanged {
        /// The machine with its new address.
        staging: StagingMachine,
    },
    /// A named person says that the staging machine is gone. It had not answered before that.
    MachineGivenUp { note: String },
    /// A person corrected a value of the profile that this run froze.
    ValueCorrected {
        /// Dotted name in the profile: `aws.cluster`.
        key: String,
        /// Meaning of the value, in plain words.
        label: String,
        old: String,
        new: String,
        reason: String,
        /// The whole profile with the new value. It is frozen from now on.
        profile: Box<Profile>,
    },
    /// A person starts over on the newest main: another push came between the merge and the push of
    /// this run. Merge, version, tag and push are made again. Nothing of them was published.
    StartedOver {
        /// Commit of the main branch that the merge was made on.
        base: String,
        /// Commit of the main branch on the remote now.
        main: String,
        note: String,
    },
    /// A person answered a question of a plan.
    QuestionAnswered {
        step: StepId,
        question: String,
        /// The question as it was shown.
        text: String,
        answer: String,
        /// Label of the choice as it was shown; empty in journals of earlier versions.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        label: String,
        note: String,
    },
    /// A person answered a check of the site.
    CheckAnswered { check: String, answer: CheckAnswer, note: String },
}

/// A change of the state of one step. `engine::transition` holds every legal one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StepEvent {
    /// The button of a step was enabled.
    #[serde(rename = "stepOffered")]
    Offered { step: StepId },
    /// An attempt started. On disk before the first byte of its effect leaves the app.
    #[serde(rename = "stepStarted")]
    Started {
        step: StepId,
        attempt: u32,
        /// The plan that was shown and confirmed.
        plan: Box<StepPlan>,
    },
    #[serde(rename = "stepSucceeded")]
    Succeeded {
        step: StepId,
        attempt: u32,
        how: Completion,
        /// Answers of the outside systems, in plain words.
        evidence: Vec<String>,
    },
    /// A step is done, with a warning for the operator.
    #[serde(rename = "stepWarned")]
    Warned {
        step: StepId,
        attempt: u32,
        /// Answers of the outside systems, in plain words.
        evidence: Vec<String>,
        /// The warning for the operator.
        warning: String,
    },
    /// A step was left out: a person says that this release has no migration.
    #[serde(rename = "stepSkipped")]
    Skipped { step: StepId, note: String },
    /// An attempt ended without its effect, or with a part of it.
    #[serde(rename = "stepFailed")]
    Failed { step: StepId, attempt: u32, failure: Failure },
    /// It is unknown whether the attempt had its effect.
    #[serde(rename = "stepInDoubt")]
    InDoubt {
        step: StepId,
        attempt: u32,
        /// Cause of the doubt, in plain words.
        why: String,
    },
    /// The outside world shows that the attempt is under way. The same attempt is followed again.
    #[serde(rename = "stepResumed")]
    Resumed {
        step: StepId,
        attempt: u32,
        /// Answers of the outside systems, in plain words.
        evidence: String,
    },
    /// The attempt certainly did not have its effect. The button returns.
    #[serde(rename = "stepReset")]
    Reset {
        step: StepId,
        attempt: u32,
        /// Answer of the outside systems, or the observation of a person.
        evidence: String,
        /// The person who reported it. Absent when an outside system showed it, and in journals of
        /// earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reported_by: Option<String>,
    },
    /// A named person reports that the database is as it was before a migration that ended. The
    /// migration may be started once more, as another job.
    #[serde(rename = "stepUndone")]
    Undone {
        step: StepId,
        attempt: u32,
        /// Id of the job of that attempt. It blocks no other attempt any more.
        job: String,
        how: UndoKind,
        /// Note of the person.
        note: String,
        /// Answer of the database, or why there is none, in plain words.
        evidence: String,
    },
    #[serde(rename = "stepStopped")]
    Stopped { step: StepId, attempt: u32, note: String },
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
            | Self::Undone { step, .. }
            | Self::Stopped { step, .. } => *step,
        }
    }
}

/// How a person knew the fingerprint of a machine before the app asked the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum FingerprintSource {
    /// The person entered it, or the profile names it.
    Given,
    /// A release of this computer confirmed it before, for the same address.
    EarlierRelease,
    /// Not compared: the person had no fingerprint and trusts the address.
    Nobody,
}

/// The staging machine of a run, frozen at Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StagingMachine {
    pub name: String,
    pub address: String,
    pub port: u16,
    pub user: String,
    /// Host key fingerprint that the person confirmed, `SHA256:…`.
    pub fingerprint: String,
    /// How the person knew the fingerprint; absent in runs of earlier apps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<FingerprintSource>,
    /// `/etc/machine-id` of the machine; empty in runs of earlier apps. A different id at the same
    /// address is another machine (INV-S2).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine_id: String,
    /// Boot id (`/proc/sys/kernel/random/boot_id`) when Deploy started; empty in runs of earlier
    /// apps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum RunResult {
    /// Every server runs the version and every check passed.
    Released,
    /// Released, although a check failed or could not be made; accepted with a reason.
    ReleasedWithFailedCheck,
    /// The version before serves again on every server.
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
    Passed,
    Failed,
    /// The person could not look.
    CouldNotCheck,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first event of the golden rollback, as an earlier version wrote it.
    fn draft() -> serde_json::Value {
        let golden = include_str!("../../../../tests/golden/fold/rollback-of-an-earlier-version.json");
        let golden: serde_json::Value = serde_json::from_str(golden).expect("JSON");
        golden["events"][0]["body"].clone()
    }

    #[test]
    fn the_draft_of_a_rollback_has_a_kind_of_its_own() {
        let earlier = draft();
        assert_eq!(earlier["kind"], "runDrafted");
        let body: EventBody = serde_json::from_value(earlier.clone()).expect("a draft");
        assert!(matches!(body, EventBody::Run(RunEvent::RollbackDrafted { .. })), "{body:?}");
        let written = serde_json::to_value(&body).expect("JSON");
        assert_eq!((&written["kind"], &written["rollsBack"]), (&"rollbackDrafted".into(), &earlier["rollsBack"]));
        assert_eq!(serde_json::from_value::<EventBody>(written).expect("a draft"), body);
    }

    #[test]
    fn a_draft_without_an_earlier_release_is_that_of_a_release() {
        let mut release = draft();
        release["rollsBack"] = serde_json::Value::Null;
        let body: EventBody = serde_json::from_value(release.clone()).expect("a draft");
        assert!(matches!(body, EventBody::Run(RunEvent::Drafted { .. })), "{body:?}");
        release["kind"] = "rollbackDrafted".into();
        assert!(serde_json::from_value::<EventBody>(release).is_err(), "a rollback names its release");
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for text in ["null", "[]", "1", "\"runDrafted\"", "{}", "{\"rollsBack\": {}}"] {
            assert!(serde_json::from_str::<EventBody>(text).is_err(), "{text}");
        }
    }
}
