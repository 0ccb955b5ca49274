//! INV-J1, INV-J2, INV-J5: intent precedes effect, each result has evidence, and each effect
//! happens once.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    Found, fold,
    known::{BRANCH_OF_PULL_REQUEST, Known, ms, owner},
    records::{Actor, Body, Entry, Event, Fact, Failure, JobState, Op, Plan, Status, Step},
};

/// INV-J5: numbers have no gaps, attempts count up, and each event names its actor.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    if event.seq != known.seq + 1 {
        found.add("INV-J5", format!("event {} follows event {}", event.seq, known.seq));
    }
    if event.by.person.is_empty() || event.by.computer.is_empty() {
        found.add("INV-J5", format!("event {} does not say who acted", event.seq));
    }
    if known.has_ended {
        found.add("INV-J5", format!("event {} follows the end of the run", event.seq));
    }
    if let Some((step, Some(attempt))) = fold::moved(&event.body) {
        let before = known.step(step).attempt;
        let is_start = matches!(event.body, Body::StepStarted { .. });
        if attempt != before + u32::from(is_start) {
            found.add("INV-J5", format!("{step:?} has attempt {before}, and event {} is of {attempt}", event.seq));
        }
    }
    if ms(&event.at).is_none() {
        found.add("INV-J5", format!("event {} has no time: {:?}", event.seq, event.at));
    }
}

/// INV-J2: no attempt is recorded as failed or not done against the world.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    if let Body::StepFailed { step, failure, .. } = &event.body
        && !check_failure_by_person(known, *step, failure, found)
        && !is_of_another_commit(known, *step, failure)
        && !is_kept_otherwise(known, *step, failure)
    {
        check_failure(known, *step, &failure.summary, found);
    }
    if let Body::StepReset { step, evidence, .. } = &event.body
        && !evidence.starts_with(&event.by.person)
    {
        check_reset(known, *step, found);
    }
    if let Body::FactLearned { fact } = &event.body {
        check_fact(known, fact, found);
    }
}

/// A person may end a doubt with "the script is over and did not finish". INV-J2: not while it
/// runs.
fn check_failure_by_person(known: &Known, step: Step, failure: &Failure, found: &mut Found) -> bool {
    let is_said = failure.code == "saidFailed" && known.step(step).status == Status::InDoubt;
    let job = known.attempt(step).map(|attempt| attempt.plan.input("job")).unwrap_or_default();
    if is_said && known.world.running.contains(job) {
        found.add("INV-J2", format!("{step:?} is called failed by a person while {job} runs"));
    }
    is_said
}

/// A dispatch in doubt is over once GitHub shows that it builds another commit.
fn is_of_another_commit(known: &Known, step: Step, failure: &Failure) -> bool {
    let is_doubted = step == Step::DispatchBuild && known.step(step).status == Status::InDoubt;
    let version = known.release_commit();
    let is_shown = known.world.runs.values().any(|run| Some(&run.head_sha) != version);
    failure.code == "wrongCommit" && is_doubted && is_shown
}

/// A registration in doubt is over once AWS shows that it keeps other settings than were sent.
fn is_kept_otherwise(known: &Known, step: Step, failure: &Failure) -> bool {
    let is_doubted = step == Step::RegisterTaskDefinition && known.step(step).status == Status::InDoubt;
    failure.code == "revisionDiffers" && is_doubted && !known.world.described.is_empty()
}

/// INV-J2: a lost answer is a doubt, never a failure. A running script has not failed.
fn check_failure(known: &Known, step: Step, summary: &str, found: &mut Found) {
    let Some(attempt) = known.attempt(step) else { return };
    let job = attempt.plan.input("job");
    let is_judged = known.world.jobs.get(job).is_some_and(|(state, _)| *state == JobState::Finished);
    let began = known.world.payloads.contains_key(job) && attempt.applied.contains(&"launch");
    if began && !is_judged {
        found.add("INV-J2", format!("{step:?} is called failed ({summary}) and its script began; nobody saw its end"));
    }
    if attempt.is_unanswered && !is_judged {
        found.add("INV-J2", format!("{step:?} is called failed ({summary}) and an answer was lost: that is a doubt"));
    }
}

/// INV-J2, INV-J3: the app records "it did not happen" only if it did not.
fn check_reset(known: &Known, step: Step, found: &mut Found) {
    let Some(attempt) = known.attempt(step) else { return };
    let ran = known.world.payloads.contains_key(attempt.plan.input("job")) && attempt.applied.contains(&"launch");
    // The branch of a pull request alone is not yet one.
    let is_harmless = |name: &&str| matches!(*name, "job" | "launch" | BRANCH_OF_PULL_REQUEST);
    let changed = attempt.applied.iter().find(|name| !is_harmless(name));
    if ran {
        found.add("INV-J2", format!("{step:?} is called not done, and its script began"));
    }
    if let Some(name) = changed {
        found.add("INV-J2", format!("{step:?} is called not done, and its {name} had its effect"));
        if step == Step::DispatchBuild {
            found.add("INV-B1", "the build is offered again although a dispatch started it");
        }
    }
}

/// INV-J2: a fact needs an answer that shows it. Facts of the repository, the rollout and the
/// backup have their own rules.
fn check_fact(known: &Known, fact: &Fact, found: &mut Found) {
    let world = &known.world;
    let version = known.release_commit();
    if let Fact::RevisionSaved { arn, .. } = fact
        && !world.described.contains(arn)
    {
        found.add("INV-J2", format!("{arn} is called saved and was never read back"));
    } else if let Fact::BuildStarted { build, .. } = fact
        && !world.runs.contains_key(build)
        && !world.told_runs.contains(build)
        && !(build.is_empty() && known.package_by_word.is_some())
    {
        found.add("INV-J2", format!("run {build:?} is called started, and GitHub never showed it"));
    } else if let Fact::BuildRerun { build, attempt } = fact
        && world.runs.get(build).is_none_or(|run| run.attempt < *attempt)
    {
        found.add("INV-J2", format!("attempt {attempt} of run {build} is called started, and GitHub did not show it"));
    } else if let Fact::BuildCancelled { build, attempt } = fact
        && world
            .runs
            .get(build)
            .is_none_or(|run| run.attempt != *attempt || run.conclusion.as_deref() != Some("cancelled"))
    {
        found
            .add("INV-J2", format!("attempt {attempt} of run {build} is called cancelled, and GitHub did not show it"));
    } else if let Fact::PackageReady { digest, commit } = fact
        && (world.images.get(&known.names.image_tag).and_then(Option::as_ref) != Some(digest)
            || version != Some(commit))
    {
        found.add("INV-J2", format!("the package {digest} of {commit} is called ready, and the registry shows it not"));
    } else if let Fact::BuildEnded { conclusion } = fact {
        let run = known.facts.build.as_ref().and_then(|build| world.runs.get(build));
        if !run.is_some_and(|run| run.status == "completed" && run.conclusion.as_ref() == Some(conclusion)) {
            found.add("INV-J2", format!("the build is called ended with {conclusion}, and GitHub did not say so"));
        }
    } else if let Fact::FailureLimitRaised { now } | Fact::FailureLimitRestored { now } = fact
        && world.limit.as_ref().is_some_and(|limit| *limit != now.words())
    {
        found.add("INV-J2", format!("the limit is said to be {}, and AWS has {:?}", now.words(), world.limit));
    } else if let Fact::SiteAnswered { version } = fact
        && world.site.as_ref() != Some(version)
    {
        found.add("INV-J2", format!("the site is said to show {version}, and it did not"));
    } else if let Fact::MigrationFinished { job } = fact {
        let seen = world.jobs.get(job);
        // A failed or stopped migration may be done by a person's word, which must follow directly.
        if known.step(Step::RunMigration).status == Status::Running && seen != Some(&(JobState::Finished, Some(0))) {
            found.add("INV-J2", format!("the migration {job} is called finished, and the machine says {seen:?}"));
        }
    }
}

/// INV-J1: a changing request needs a durable start of its step and a plan with its values. INV-J5:
/// an attempt has each effect at most once.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    // INV-J6: once a newer process of the app has sent a request, an older one sends nothing.
    if entry.actor == Actor::App && !entry.late && entry.process < known.world.process {
        let words = format!("start {} of the app acted after start {}", entry.process, known.world.process);
        found.add("INV-J6", words);
    }
    // A late request is judged by its effect, not by the time at which it left the app.
    if entry.actor != Actor::App || entry.late {
        return;
    }
    let Some((step, name)) = owner(&entry.op, known) else { return };
    let Some(step) = step else {
        found.add("INV-E1", format!("the app sent a {name}, which no step of a release does"));
        return;
    };
    if let Op::RevokeJob { id } = &entry.op {
        // A revoke needs a person's word, a doubt, or an attempt that replaces one that came too
        // late.
        let is_planned = known.attempt(step).is_some_and(|attempt| attempt.plan.input("late") == id);
        if !is_planned && !known.closing.contains(id) {
            found.add("INV-J1", format!("the start of {id} was revoked, and no event says so"));
        }
        return;
    }
    if !matches!(known.step(step).status, Status::Running | Status::InDoubt) {
        found.add("INV-J1", format!("a {name} was sent while {step:?} was {:?}", known.step(step).status));
        return;
    }
    let Some(attempt) = known.attempt(step) else { return };
    if let Some(words) = differs(&entry.op, &attempt.plan) {
        found.add("INV-J1", format!("a {name} was sent that is not the planned one: {words}"));
    }
    // A job may be submitted and launched any number of times. The host starts it once (INV-D2).
    let is_repeatable = matches!(name, "job" | "launch");
    if entry.applied && !is_repeatable && attempt.applied.contains(&name) {
        found.add("INV-J5", format!("attempt {} of {step:?} had its {name} twice", known.step(step).attempt));
    }
}

/// The first value of a request that differs from its plan.
fn differs(op: &Op, plan: &Plan) -> Option<String> {
    let differs = |what: &str, sent: &str, planned: &str| {
        (sent != planned).then(|| format!("{what} {sent:?} instead of {planned:?}"))
    };
    if let Op::PushRef { name, expected, new, .. } = op {
        let is_tag = name.starts_with("refs/tags/");
        let (what, old) = if is_tag { ("object", "") } else { ("commit", plan.input("base")) };
        let expected = expected.as_deref().unwrap_or_default();
        differs(what, new, plan.input(what)).or_else(|| differs("expected", expected, old))
    } else if let Op::RegisterTaskDefinition { body, .. } = op {
        let planned = serde_json::from_str::<Value>(plan.input("body")).ok();
        let is_planned = planned.is_some_and(|planned| shows(&planned, body));
        (!is_planned).then(|| "other settings".to_owned())
    } else if let Op::SubmitJob { id, script } = op {
        differs("job", id, plan.input("job")).or_else(|| differs("script", script, plan.input("script")))
    } else if let Op::RerunBuild { run } | Op::CancelBuild { run } = op {
        differs("run", run, plan.input("build"))
    } else if let Op::PullRequestOpened { branch, head } = op {
        differs("branch", branch, plan.input("branch")).or_else(|| differs("commit", head, plan.input("commit")))
    } else if let Op::UpdateService { threshold: Some(limit), .. } = op {
        differs("limit", limit, &format!("{} {}", plan.input("kind"), plan.input("value")))
    } else if let Op::UpdateService { arn: Some(arn), .. } = op {
        differs("revision", arn, plan.input("revision"))
    } else if let Op::StopDeployment { arn } = op {
        differs("service deployment", arn, plan.input("service_deployment"))
    } else if let Op::LaunchJob { id } = op {
        differs("job", id, plan.input("job"))
    } else {
        plan.already.as_ref().map(|_| "the plan said that it is done already".to_owned())
    }
}

/// Whether a plan shows these settings. A plan hides a secret value behind a part of its SHA-256.
fn shows(planned: &Value, sent: &Value) -> bool {
    match (planned, sent) {
        (Value::String(planned), Value::String(sent)) => {
            let hidden = planned.strip_prefix("[hidden sha256:").and_then(|rest| rest.strip_suffix(']'));
            planned == sent
                || hidden.is_some_and(|hash| {
                    let whole: String = Sha256::digest(sent).iter().map(|byte| format!("{byte:02x}")).collect();
                    hash.len() >= 8 && whole.starts_with(hash)
                })
        }
        (Value::Array(planned), Value::Array(sent)) => {
            planned.len() == sent.len() && planned.iter().zip(sent).all(|(planned, sent)| shows(planned, sent))
        }
        (Value::Object(planned), Value::Object(sent)) => {
            planned.len() == sent.len()
                && planned.iter().all(|(name, planned)| sent.get(name).is_some_and(|sent| shows(planned, sent)))
        }
        _ => planned == sent,
    }
}
