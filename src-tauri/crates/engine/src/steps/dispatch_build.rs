//! Starts the build workflow on the main branch.
//!
//! The dispatch is sent once. After a lost answer the app searches for the workflow run and never
//! sends again (TRAP-W1, TRAP-W2, INV-B1).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    BuildInputs, Change, Choice, Effect, ErrorCode, ExistingBuild, Fact, FactKind, Failure, Observation, PlanInputs,
    Precondition, Question, Role, RunView, StepId, StepPlan, Timestamp, WayBack,
};

use super::{
    aws_patience, backup,
    git_objects::{find_ref, short_id},
    job,
    migration::database,
    production::Production,
    refusals::{foreign_plan, plan_closed, production_changed},
    run_facts::{main_ref, our_revision, tag_ref, version_commit, who_to_call},
};
use crate::{
    env_lock,
    ports::{BuildRun, Dispatch, ServiceSnapshot},
    rollout::build_needs,
    step::{Entry, Outcome, PlanDraft, Step, StepContext},
    time,
};

pub struct DispatchBuild;

/// How far GitHub's clock may be behind ours (TRAP-W2).
const SKEW: Duration = Duration::from_secs(120);
/// Longest time of a workflow run at GitHub, waiting included (GitHub, "Actions limits": workflow
/// run time).
const LONGEST_BUILD: Duration = Duration::from_secs(35 * 86_400);
/// Maximum age of the checks before the dispatch. Longer than for a job, because a slow GitHub is
/// asked three times.
const ASKED_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Longest time until a started workflow run shows in the list.
const VISIBLE_AFTER: Duration = Duration::from_secs(90);
const SEARCHES: u32 = 12;
const SEARCH_PAUSE: Duration = Duration::from_secs(5);

#[async_trait]
impl Step for DispatchBuild {
    fn id(&self) -> StepId {
        StepId::DispatchBuild
    }
    fn effect(&self) -> Effect {
        Effect::AtMostOnce
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::BackupProved]
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let github = &run.profile.github;
        let commit = version_commit(&run)?;
        cx.activity(self.id(), "Asking GitHub and AWS");
        let workflow_inputs = serde_json::to_string_pretty(&workflow_inputs(&run)).unwrap_or_default();
        let known = known_runs(cx, &run, &commit).await?;
        let production = Production::read(cx, &run).await?;
        let (waits, gives_up) = aws_patience::judge(&run, &production, build_needs(&run.profile), self.id())?;
        let service = &production.service;
        let before = service.primary().map(|one| one.id.clone()).unwrap_or_default();
        let serving = serving(&run, service);
        let existing = ours(&run, &known);
        let inputs = BuildInputs {
            commit: commit.clone(),
            deployment_before: before,
            serving_before: serving,
            existing: existing.map(|one| ExistingBuild {
                build: one.id.clone(),
                url: one.url.clone(),
                sent_at: one.created_at,
            }),
        };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::DispatchBuild(inputs),
            "Start the build",
            format!(
                "GitHub builds {} from {} and then asks AWS to put it in place. Someone must stay from here: you are needed \
                 for the migration once AWS starts putting it in place.",
                run.version, run.profile.git.main
            ),
        )
        .by_hand(
            vec![format!("Run workflow {} on branch {}", github.workflow, run.profile.git.main)],
            Some(github.actions_page.clone()),
        )
        .irreversible()
        .line("Workflow", github.workflow.clone())
        .line("Commit", commit)
        .change(Change::Request {
            title: format!("Sent once to GitHub: start {} on {}", github.workflow, main_ref(&run)),
            body: format!("ref: {}\ninputs: {workflow_inputs}", main_ref(&run)),
        })
        .preconditions(preconditions(cx, &run).await?);
        if let Some(one) = existing {
            return Ok(draft
                .already(format!("GitHub run {} of this commit was started by {} already.", one.number, one.actor))
                .finish());
        }
        let draft = draft.preconditions(vec![unstarted(&known), waits]);
        if !known.is_empty() {
            return Ok(draft.question(which_build(&known)).finish());
        }
        let open = match image_question(cx, &run).await? {
            Some(question) => Some(question),
            None => gives_up.or_else(|| stay_question(&run)),
        };
        Ok(match open {
            Some(question) => draft.question(question).finish(),
            None => draft.finish(),
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let run = cx.run();
        let sent_at = cx.ports.clock.now();
        let PlanInputs::DispatchBuild(inputs) = &plan.inputs else { return foreign_plan(plan) };
        if let (Some(evidence), Some(existing)) = (&plan.already, &inputs.existing) {
            let ExistingBuild { build, url, sent_at } = existing;
            let fact = started(build, url, *sent_at, &inputs.commit);
            return Outcome::Already { evidence: vec![evidence.clone()], facts: vec![fact] };
        }
        if entry == Entry::Attach {
            return Outcome::Unknown("starting a build is never followed, only asked about".into());
        }
        match asked_again(cx, &run, &inputs.commit).await {
            Ok(preconditions) if preconditions.iter().all(|precondition| precondition.passed) => {}
            Ok(preconditions) => return Outcome::Failed(plan_closed(&StepPlan { preconditions, ..plan.clone() })),
            Err(failure) => return Outcome::Failed(failure),
        }
        match cx.ports.services.describe().await {
            Ok(service) => {
                let now = service.as_ref().map(|one| serving(&run, one)).unwrap_or_default();
                if now != inputs.serving_before {
                    return Outcome::Failed(production_changed("start the build that was shown"));
                }
            }
            Err(failure) => return Outcome::Failed(failure),
        }
        // The answers above may have taken a night. GitHub does not compare the owner of the
        // environment lock, so the app checks it again here.
        if let Err(failure) = env_lock::ensure_owned(cx).await {
            return Outcome::Failed(failure);
        }
        if time::is_older_than(sent_at, ASKED_WITHIN, cx.ports.clock.now()) {
            return Outcome::Failed(job::too_late("the build"));
        }
        let dispatch = Dispatch {
            workflow: run.profile.github.workflow.clone(),
            git_ref: main_ref(&run),
            inputs: workflow_inputs(&run),
        };
        match cx.ports.builds.dispatch(&dispatch).await {
            Ok(Some(build)) => told(cx, &inputs.commit, &build, sent_at).await,
            Ok(None) => search(cx, &run, &inputs.commit, sent_at).await,
            Err(failure) if failure.is_lost_reply() => search(cx, &run, &inputs.commit, sent_at).await,
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let planned = plan.and_then(|plan| plan.inputs.build()).map(|inputs| Ok(inputs.commit.clone()));
        let commit = match planned.unwrap_or_else(|| version_commit(&run)) {
            Ok(commit) => commit,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        let started_at = crate::fold::step(&run, self.id()).and_then(|step| step.started_at);
        let Some(since) = started_at.or(known_since(&run)).map(|at| at.minus(SKEW)) else {
            return Observation::NotDone { evidence: "Deploy has not started.".into() };
        };
        match cx.ports.builds.dispatched_runs(&run.profile.github.workflow, None, &since).await {
            Ok(runs) => match runs.iter().filter(|one| one.head_sha == commit).collect::<Vec<_>>().as_slice() {
                [] if !runs.is_empty() => Observation::Conflict { what: of_another_commit(&runs) },
                [one] => Observation::Done {
                    evidence: vec![format!("GitHub run {} of this commit, started by {}.", one.number, one.actor)],
                    facts: vec![started(&one.id, &one.url, one.created_at, &commit)],
                },
                [] => match cx.doubts.since(self.id()).or(started_at) {
                    Some(at) if !time::has_passed(at, VISIBLE_AFTER, cx.ports.clock.now()) => Observation::Unknown {
                        why: "GitHub shows no such build yet; it may take a minute to appear".into(),
                    },
                    Some(_) | None => Observation::NotDone { evidence: "GitHub shows no such build.".into() },
                },
                several => Observation::Unknown {
                    why: format!(
                        "GitHub shows {} builds of this commit: a person has to say which is ours",
                        several.len()
                    ),
                },
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn roll_back(&self, run: &RunView) -> WayBack {
        WayBack::Irreversible {
            way_back: "A build can be cancelled on GitHub until AWS starts putting the new version in place.".into(),
            minutes: None,
            who: who_to_call(run, StepId::DispatchBuild),
        }
    }
}

fn workflow_inputs(run: &RunView) -> std::collections::BTreeMap<String, String> {
    run.profile.github.inputs.iter().map(|(key, template)| (key.clone(), run.version.spell(template))).collect()
}

/// A build of another commit that was started at that time. Main may have moved between the last
/// check and the dispatch (TRAP-G4), so it is not certain that our build never started.
fn of_another_commit(runs: &[BuildRun]) -> String {
    let list: Vec<String> =
        runs.iter().map(|one| format!("run {} of {} by {}", one.number, short_id(&one.head_sha), one.actor)).collect();
    format!("GitHub shows a build of another commit: {}", list.join(", "))
}

/// The revision that served before ours: the one that the service is set to, or one that our
/// deployment replaces.
fn serving(run: &RunView, service: &ServiceSnapshot) -> String {
    let ours = our_revision(run).ok();
    let deployed = service.deployments.iter().map(|one| &one.task_definition);
    let mut all = std::iter::once(&service.task_definition).chain(deployed);
    all.find(|arn| Some(*arn) != ours.as_ref()).cloned().unwrap_or_default()
}

/// From this time on, a build of this commit belongs to this release: the start of Deploy or, for a
/// release that another computer began, the time of the tag.
fn known_since(run: &RunView) -> Option<Timestamp> {
    run.begun.as_ref().map(|begun| begun.at).or(run.deploy_started_at)
}

/// Builds of this commit that may belong to this release. One build means that it was started
/// already. An older build, of an earlier run of this release, counts while it is under way.
async fn known_runs(cx: &StepContext, run: &RunView, commit: &str) -> Result<Vec<BuildRun>, Failure> {
    let Some(since) = known_since(run).map(|at| at.minus(SKEW)) else {
        return Ok(Vec::new());
    };
    let longest_ago = since.minus(LONGEST_BUILD);
    let mut all = cx.ports.builds.dispatched_runs(&run.profile.github.workflow, Some(commit), &longest_ago).await?;
    all.retain(|one| one.conclusion.is_none() || one.created_at >= since);
    Ok(all)
}

/// The build of this release: the only known one, or the one that a person chose.
fn ours<'a>(run: &RunView, known: &'a [BuildRun]) -> Option<&'a BuildRun> {
    match known {
        [one] => Some(one),
        several => {
            let chosen = answered(run, &which_build_id(several))?;
            several.iter().find(|one| one.id == chosen)
        }
    }
}

/// Precondition: no build of this commit is known. There is never a second one (INV-B1).
fn unstarted(known: &[BuildRun]) -> Precondition {
    let detail = match known {
        [] => "asked GitHub just now".to_owned(),
        several => {
            let numbers: Vec<String> = several.iter().map(|one| one.number.to_string()).collect();
            format!("GitHub shows {}", numbers.join(", "))
        }
    };
    Precondition {
        id: "notStarted".into(),
        passed: known.is_empty(),
        text: "No build of this commit was started".into(),
        detail,
    }
}

fn which_build_id(known: &[BuildRun]) -> String {
    let mut ids: Vec<&str> = known.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    format!("build:{}", ids.join(":"))
}

/// Asks which of several builds of the same commit this release follows. Only a person knows.
fn which_build(known: &[BuildRun]) -> Question {
    let option = |one: &BuildRun| Choice {
        id: one.id.clone(),
        label: format!("GitHub run {}", one.number),
        detail: format!("Started by {} on {}. {}", one.actor, time::in_words(one.created_at), one.url),
    };
    Question {
        id: which_build_id(known),
        text: format!("GitHub shows {} builds of this commit. Which one does this release follow?", known.len()),
        options: known.iter().map(option).collect(),
        needs_note: true,
    }
}

/// Checks every precondition again, after the press.
async fn asked_again(cx: &StepContext, run: &RunView, commit: &str) -> Result<Vec<Precondition>, Failure> {
    let mut preconditions = preconditions(cx, run).await?;
    preconditions.push(unstarted(&known_runs(cx, run, commit).await?));
    let production = Production::read(cx, run).await?;
    let (waits, _) = aws_patience::judge(run, &production, build_needs(&run.profile), StepId::DispatchBuild)?;
    preconditions.push(waits);
    Ok(preconditions)
}

async fn told(cx: &StepContext, commit: &str, build: &str, sent_at: Timestamp) -> Outcome {
    for _ in 0..SEARCHES {
        if let Ok(Some(one)) = cx.ports.builds.run(build).await {
            let fact = started(build, &one.url, sent_at, commit);
            return Outcome::Succeeded {
                evidence: vec![format!("GitHub run {} started.", one.number)],
                facts: vec![fact],
            };
        }
        cx.wait(SEARCH_PAUSE).await;
    }
    Outcome::Unknown(format!("GitHub named run {build}, but does not show it yet"))
}

/// Searches for the workflow run that this dispatch started.
async fn search(cx: &StepContext, run: &RunView, commit: &str, sent_at: Timestamp) -> Outcome {
    cx.activity(StepId::DispatchBuild, "Looking for the build on GitHub");
    let since = sent_at.minus(SKEW);
    for _ in 0..SEARCHES {
        if let Ok(runs) = cx.ports.builds.dispatched_runs(&run.profile.github.workflow, Some(commit), &since).await {
            match runs.as_slice() {
                [] => {}
                [one] => {
                    return Outcome::Succeeded {
                        evidence: vec![format!("GitHub run {} started; found by its commit and time.", one.number)],
                        facts: vec![started(&one.id, &one.url, sent_at, commit)],
                    };
                }
                several => return Outcome::Unknown(format!("GitHub shows {} builds of this commit", several.len())),
            }
        }
        cx.wait(SEARCH_PAUSE).await;
    }
    Outcome::Unknown("GitHub's answer was lost, and no build shows yet".into())
}

fn started(build: &str, url: &str, sent_at: Timestamp, commit: &str) -> Fact {
    Fact::BuildStarted { build: build.to_owned(), url: url.to_owned(), sent_at, commit: commit.to_owned() }
}

/// Preconditions: the backup is proved, main is still the tagged commit, GitHub knows the workflow,
/// and the database answers if the profile can ask.
async fn preconditions(cx: &StepContext, run: &RunView) -> Result<Vec<Precondition>, Failure> {
    let commit = version_commit(run)?;
    let database = database::answers(cx).await?;
    let precondition =
        |id: &str, passed, text: String, detail: String| Precondition { id: id.into(), passed, text, detail };
    let refs = cx.ports.git.remote_refs().await?;
    let main = find_ref(&refs, &main_ref(run)).map(|one| one.id.clone()).unwrap_or_default();
    let tag = find_ref(&refs, &tag_ref(run)).map(|one| one.commit().to_owned()).unwrap_or_default();
    let workflow = cx.ports.builds.workflow(&run.profile.github.workflow).await?;
    Ok(vec![
        backup::precondition(cx, run, &cx.host()?).await?,
        precondition(
            "mainIsTagged",
            main == commit && tag == commit,
            format!("{} is still the commit labelled {}", run.profile.git.main, run.names.tag),
            format!("{} and {}", short_id(&main), short_id(&tag)),
        ),
        precondition(
            "mayStartBuild",
            workflow.is_some(),
            "GitHub knows the build".into(),
            workflow.unwrap_or_else(|| format!("{} was not found", run.profile.github.workflow)),
        ),
    ]
    .into_iter()
    .chain(database)
    .collect())
}

fn answered<'a>(run: &'a RunView, id: &str) -> Option<&'a str> {
    run.answers.iter().rev().find(|answer| answer.question == id).map(|answer| answer.answer.as_str())
}

/// An image of that name before the build is a question, not an error (docs/releases.md#questions).
async fn image_question(cx: &StepContext, run: &RunView) -> Result<Option<Question>, Failure> {
    let Some(image) = cx.ports.images.find(&run.names.image_tag).await? else { return Ok(None) };
    if cx.ports.images.tags_may_be_overwritten().await? == Some(false) {
        return Err(Failure::new(
            ErrorCode::PreconditionFailed,
            format!("build {}: a package of this name is there and cannot be overwritten", run.version),
        )
        .with("image", run.names.image.clone())
        .hint("Stop here; a developer decides what happens with the package, or the way on is a new version number."));
    }
    let id = format!("image:{}", image.digest);
    if answered(run, &id) == Some("again") {
        return Ok(None);
    }
    Ok(Some(Question {
        id,
        text: format!(
            "A package named {} is there already, pushed on {}.",
            run.names.image_tag,
            time::in_words(image.pushed_at)
        ),
        options: vec![Choice {
            id: "again".into(),
            label: "Build it again".into(),
            detail: "The new build overwrites it. Choose this only if nobody needs the package that is there.".into(),
        }],
        needs_note: true,
    }))
}

fn stay_question(run: &RunView) -> Option<Question> {
    let id = "stay";
    let minutes = |step| run.profile.durations.get(&step).map_or(0, |(_, high)| *high);
    let (build, migration) = (minutes(StepId::FollowBuild), minutes(StepId::RunMigration));
    (answered(run, id) != Some("stay")).then(|| Question {
        id: id.into(),
        text: format!("From here someone must stay for about {} min. Do you stay?", build + migration + 10),
        options: vec![Choice {
            id: "stay".into(),
            label: "I stay".into(),
            detail: format!("You are needed after about {build} min, when the migration has to be started."),
        }],
        needs_note: false,
    })
}
