//! Events of every kind, for tests.

use greenlight_types::{
    BackupFile, ByHand, Change, Changed, CheckAnswer, Choice, CommitLine, Completion, Difference, EarlierRelease,
    Effect, ErrorCode, EventBody, Fact, Failure, FailureLimit, FingerprintSource, LearnedFact, LockOwner, Phase,
    PlanInputs, Precondition, Profile, Question, Realm, Retry, Role, RunEvent, RunId, RunResult, StagingMachine,
    StepDefinition, StepEvent, StepId, StepPlan, Timestamp, UndoKind, Version, WayBack,
};
use serde_json::json;

fn earlier_release(text: &str) -> EarlierRelease {
    let t = || text.to_owned();
    let fact = Fact::TagPublished { object: t(), commit: t() };
    EarlierRelease {
        run: RunId(t()),
        is_migrated: true,
        staging: staging(text),
        facts: vec![LearnedFact { at: stamp(), fact }],
    }
}

/// Number of kinds. [`kind`] does not compile when one is missing.
pub const KINDS: usize = 30;

/// Index of the kind.
pub fn kind(body: &EventBody) -> u32 {
    match body {
        EventBody::Run(RunEvent::Drafted { .. }) => 1,
        EventBody::Run(RunEvent::PrepareStarted { .. }) => 2,
        EventBody::Run(RunEvent::Prepared) => 3,
        EventBody::Run(RunEvent::DeployStarted { .. }) => 4,
        EventBody::Run(RunEvent::CheckingStarted) => 5,
        EventBody::Run(RunEvent::Ended { .. }) => 6,
        EventBody::Run(RunEvent::TookOver { .. }) => 7,
        EventBody::Step(StepEvent::Offered { .. }) => 8,
        EventBody::Step(StepEvent::Started { .. }) => 9,
        EventBody::Run(RunEvent::FactLearned { .. }) => 10,
        EventBody::Step(StepEvent::Succeeded { .. }) => 11,
        EventBody::Step(StepEvent::Warned { .. }) => 12,
        EventBody::Step(StepEvent::Skipped { .. }) => 13,
        EventBody::Step(StepEvent::Failed { .. }) => 14,
        EventBody::Step(StepEvent::InDoubt { .. }) => 15,
        EventBody::Step(StepEvent::Resumed { .. }) => 16,
        EventBody::Step(StepEvent::Reset { .. }) => 17,
        EventBody::Step(StepEvent::Stopped { .. }) => 18,
        EventBody::Run(RunEvent::QuestionAnswered { .. }) => 19,
        EventBody::Run(RunEvent::CheckAnswered { .. }) => 20,
        EventBody::Run(RunEvent::JobRevoking { .. }) => 21,
        EventBody::Run(RunEvent::LockAcquiring { .. }) => 22,
        EventBody::Run(RunEvent::AddressChanged { .. }) => 23,
        EventBody::Run(RunEvent::MachineGivenUp { .. }) => 24,
        EventBody::Run(RunEvent::ScriptStopping { .. }) => 28,
        EventBody::Run(RunEvent::ValueCorrected { .. }) => 26,
        EventBody::Step(StepEvent::Undone { .. }) => 25,
        EventBody::Run(RunEvent::LockRefused { .. }) => 27,
        EventBody::Run(RunEvent::StartedOver { .. }) => 29,
        EventBody::Run(RunEvent::RollbackDrafted { .. }) => 30,
    }
}

/// At least one event of every kind, with this text and number.
pub fn every_body(text: &str, number: u32) -> Vec<EventBody> {
    let t = || text.to_owned();
    let steps: Vec<StepId> = StepId::ALL.into_iter().chain(StepId::OPTIONAL).collect();
    let step = steps[number as usize % steps.len()];
    let attempt = number;
    let profile = profile(text, number);
    let version = Version::parse("2.1.0").expect("a version");
    let names = profile.names(&version);
    let mut bodies = vec![
        EventBody::Run(RunEvent::Drafted {
            version,
            profile: Box::new(profile),
            names,
            steps: vec![definition(text, number)],
            realm: Realm::Practice,
        }),
        EventBody::Run(RunEvent::PrepareStarted { statement: t(), commit_time: stamp(), begun: None }),
        EventBody::Run(RunEvent::Prepared),
        EventBody::Run(RunEvent::DeployStarted {
            staging: staging(text),
            told: t(),
            differences: vec![Difference::new(text, text, text)],
        }),
        EventBody::Run(RunEvent::CheckingStarted),
        EventBody::Run(RunEvent::Ended {
            result: RunResult::ReleasedWithFailedCheck,
            note: t(),
            left_behind: vec![t()],
        }),
        EventBody::Run(RunEvent::TookOver { from: t() }),
        EventBody::Step(StepEvent::Offered { step }),
        EventBody::Step(StepEvent::Started { step, attempt, plan: Box::new(plan(step, text, number)) }),
        EventBody::Step(StepEvent::Warned { step, attempt, evidence: vec![t()], warning: t() }),
        EventBody::Step(StepEvent::Skipped { step, note: t() }),
        EventBody::Step(StepEvent::Failed { step, attempt, failure: failure(text) }),
        EventBody::Step(StepEvent::InDoubt { step, attempt, why: t() }),
        EventBody::Step(StepEvent::Resumed { step, attempt, evidence: t() }),
        EventBody::Step(StepEvent::Reset { step, attempt, evidence: t(), reported_by: None }),
        EventBody::Step(StepEvent::Reset { step, attempt, evidence: t(), reported_by: Some(t()) }),
        EventBody::Step(StepEvent::Stopped { step, attempt, note: t() }),
        EventBody::Run(RunEvent::QuestionAnswered {
            step,
            question: t(),
            text: t(),
            answer: t(),
            label: t(),
            note: t(),
        }),
        EventBody::Run(RunEvent::JobRevoking { step, job: t(), note: t() }),
        EventBody::Run(RunEvent::CheckAnswered { check: t(), answer: CheckAnswer::CouldNotCheck, note: t() }),
    ];
    bodies.extend(about_the_machine(text));
    bodies.extend(undone(step, attempt, text));
    bodies.push(rollback(text, number));
    bodies.push(EventBody::Run(RunEvent::StartedOver { base: t(), main: t(), note: t() }));
    bodies.extend(facts(text, number).into_iter().map(|fact| EventBody::Run(RunEvent::FactLearned { step, fact })));
    bodies.extend(
        [
            Completion::Did,
            Completion::AlreadyDone,
            Completion::FoundDone,
            Completion::ByHand { note: t() },
            Completion::SaidBy { note: t() },
        ]
        .map(|how| EventBody::Step(StepEvent::Succeeded { step, attempt, how, evidence: vec![] })),
    );
    bodies
}

fn rollback(text: &str, number: u32) -> EventBody {
    let (profile, version) = (profile(text, number), Version::parse("2.1.0").expect("a version"));
    EventBody::Run(RunEvent::RollbackDrafted {
        names: profile.names(&version),
        version,
        profile: Box::new(profile),
        steps: vec![definition(text, number)],
        realm: Realm::Practice,
        rolls_back: Box::new(earlier_release(text)),
    })
}

fn about_the_machine(text: &str) -> [EventBody; 7] {
    let (staging, reason, note) = (staging(text), text.to_owned(), text.to_owned());
    let from = Some(Box::new(holder(text)));
    [
        RunEvent::LockAcquiring { staging: staging.clone(), from: None, on_machine: None, reason: reason.clone() },
        RunEvent::LockAcquiring { staging: staging.clone(), from: from.clone(), on_machine: from, reason },
        RunEvent::LockRefused { reason: note.clone(), from: Some(RunId(note.clone())), is_accepted: true },
        RunEvent::AddressChanged { staging },
        RunEvent::ScriptStopping { step: StepId::BackUp, job: text.to_owned(), is_forced: true, note: note.clone() },
        RunEvent::MachineGivenUp { note },
        RunEvent::ValueCorrected {
            key: text.to_owned(),
            label: text.to_owned(),
            old: text.to_owned(),
            new: text.to_owned(),
            reason: text.to_owned(),
            profile: Box::new(profile(text, 3)),
        },
    ]
    .map(EventBody::Run)
}

fn undone(step: StepId, attempt: u32, text: &str) -> [EventBody; 2] {
    [UndoKind::Restored, UndoKind::NothingApplied].map(|how| {
        let (job, note, evidence) = (text.to_owned(), text.to_owned(), text.to_owned());
        EventBody::Step(StepEvent::Undone { step, attempt, job, how, note, evidence })
    })
}

fn stamp() -> Timestamp {
    "2026-11-23T09:02:11.000Z".parse().expect("a time")
}

fn staging(text: &str) -> StagingMachine {
    let t = || text.to_owned();
    StagingMachine {
        name: t(),
        address: t(),
        port: 65_535,
        user: t(),
        fingerprint: t(),
        known_by: Some(FingerprintSource::Nobody),
        machine_id: t(),
        boot_id: t(),
    }
}

fn holder(text: &str) -> LockOwner {
    let t = || text.to_owned();
    let (run, since, seen) = (RunId(t()), stamp(), Some(stamp()));
    LockOwner { run, person: t(), computer: t(), version: t(), is_rollback: true, reason: t(), since, seen }
}

fn definition(text: &str, number: u32) -> StepDefinition {
    StepDefinition {
        id: StepId::BackUp,
        phase: Phase::Deploy,
        title: text.to_owned(),
        short_title: text.to_owned(),
        effect: Effect::AtMostOnce,
        role: Role::Changing,
        usual_minutes: Some((number, number)),
        who_to_call: text.to_owned(),
        is_optional: number > 7,
    }
}

fn failure(text: &str) -> Failure {
    Failure::new(ErrorCode::ScriptFailed, text)
        .with(text, text)
        .because(text)
        .hint(text)
        .changed(Changed::Unknown)
        .retry(Retry::AfterObserve)
}

fn plan(step: StepId, text: &str, number: u32) -> StepPlan {
    let t = || text.to_owned();
    let commit = CommitLine { id: t(), summary: t(), author: t(), at: stamp() };
    StepPlan {
        step,
        hash: t(),
        lede: t(),
        button: t(),
        changes: vec![
            Change::Line { text: t(), value: t() },
            Change::Commits { title: t(), commits: vec![commit], total: number },
            Change::Diff { title: t(), diff: t() },
            Change::Command { title: t(), command: t() },
            Change::Request { title: t(), body: t() },
        ],
        preconditions: vec![Precondition { id: t(), passed: number > 7, text: t(), detail: t() }],
        question: Some(Question {
            id: t(),
            text: t(),
            options: vec![Choice { id: t(), label: t(), detail: t() }],
            needs_note: true,
        }),
        notices: vec![t()],
        already: Some(t()),
        follows: false,
        irreversible: true,
        way_back: WayBack::Irreversible { way_back: t(), minutes: Some(number), who: t() },
        by_hand: ByHand { lines: vec![t()], page: None },
        inputs: inputs(step, text),
    }
}

fn inputs(step: StepId, text: &str) -> PlanInputs {
    const TEXTS: &str = "message author email base head parent previous commit object image body newest running job \
                         late script folder_hash database deployment_before serving_before kind kind_before \
                         service_deployment deployment revision build url branch title";
    let texts = TEXTS.split_whitespace().map(|name| (name.to_owned(), text.to_owned()));
    let numbers = ["value", "value_before", "attempt", "pull_request", "newest_number"]
        .map(|name| (name.to_owned(), "3".to_owned()));
    let map =
        texts.chain(numbers).chain(["time", "sent_at"].map(|name| (name.to_owned(), stamp().to_string()))).collect();
    PlanInputs::read(step, &map).expect("inputs of every step")
}

fn facts(text: &str, number: u32) -> Vec<Fact> {
    let t = || text.to_owned();
    let limit = || FailureLimit { kind: t(), value: number };
    vec![
        Fact::Merged { base: t(), head: t(), commit: t(), already: true },
        Fact::VersionSet { commit: t(), previous: t(), already: false },
        Fact::TagMade { object: t(), commit: t(), already: false },
        Fact::PullRequestOpened { number, url: t(), branch: t(), commit: t() },
        Fact::PullRequestMerged { number, commit: t() },
        Fact::MainPublished { commit: t() },
        Fact::TagPublished { object: t(), commit: t() },
        Fact::RevisionSaved { arn: t(), revision: number, base_arn: t(), image: t(), already: true },
        Fact::RevisionAccepted { arn: t(), person: t() },
        Fact::BackupProved {
            job: t(),
            file: t(),
            size: t(),
            finished_at: stamp(),
            proof: t(),
            confirmed_by: Some(t()),
            database: t(),
        },
        Fact::BackupFound {
            job: t(),
            file: t(),
            size: t(),
            finished_at: stamp(),
            previous: Some(BackupFile { name: t(), size: t(), written_at: stamp() }),
            database: t(),
        },
        Fact::BuildStarted { build: t(), url: t(), sent_at: stamp(), commit: t() },
        Fact::BuildRerun { build: t(), url: t(), attempt: number },
        Fact::BuildCancelled { build: t(), url: t(), attempt: number },
        Fact::PackageReady { image: t(), digest: t(), pushed_at: stamp(), commit: t() },
        Fact::BuildEnded { conclusion: t(), url: t() },
        Fact::DeployPhaseBegan { deployment: t(), previous_arn: t(), at: stamp() },
        Fact::MigrationFinished { job: t(), started_at: stamp(), finished_at: stamp() },
        Fact::ServerBecameNew { task: t(), count: number, of: number },
        Fact::RolledOut { deployment: t(), servers: number },
        Fact::StartFailed { deployment: t(), task: t(), reason: t() },
        Fact::RolloutLost { arn: t(), reason: t() },
        Fact::FailureLimitRaised { before: limit(), now: limit() },
        Fact::FailureLimitRestored { now: limit() },
        Fact::RolloutStopped { deployment: t(), reason: t() },
        Fact::RolledBack { deployment: t(), arn: t(), servers: number },
        Fact::SiteAnswered { version: t(), url: t() },
    ]
}

fn profile(text: &str, number: u32) -> Profile {
    serde_json::from_value(json!({
        "schema": number,
        "product": { "id": text, "name": text, "environment": text, "environmentName": text },
        "git": { "url": text, "main": "master", "branch": "v{version}", "tag": "v{version}", "versionFile": text,
            "versionKey": text, "versionValue": "{version4}-RELEASE" },
        "github": { "repository": text, "workflow": text, "buildJob": text, "inputs": { text: text },
            "actionsPage": text },
        "aws": { "account": "676917001797", "region": "us-east-1", "cluster": text, "service": text, "family": text,
            "container": text, "imageRepository": text, "imageTag": "RALLY-V{version4_}-RELEASE", "logGroup": text,
            "taskDefinitionsPage": text },
        "host": { "name": text, "address": text, "port": 22, "user": text, "keyFile": text, "fingerprint": text,
            "loginShell": text },
        "backup": { "directory": text, "command": text, "becomeRoot": text, "artifactDirectory": text,
            "artifactPattern": text, "artifactMinMib": number, "artifactProbe": text, "maxAgeMinutes": number },
        "migration": { "directory": text, "command": text, "environment": { text: text }, "probe": text },
        "site": { "url": text, "versionUrl": text, "versionPattern": text,
            "checks": [{ "id": text, "text": text }] },
        "durations": { "BackUp": [number, number] },
        "whoToCall": { "RunMigration": text },
        "restore": { "procedure": text, "minutes": number, "who": text },
        "logs": { "keepDays": number, "expectedFailures": [text] },
        "endpoints": { "github": text, "aws": null }
    }))
    .expect("a profile")
}
