//! Starts the build workflow on the main branch.
//!
//! The dispatch is sent once. After a lost answer the app searches for the workflow run and never
//! sends again (TRAP-W1, TRAP-W2, INV-B1).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{
    BuildInputs, Change, Choice, Effect, ExistingBuild, ExistingPackage, Fact, FactKind, Failure, Observation,
    PlanInputs, Precondition, Question, Role, RunView, StepId, StepPlan, Timestamp, WayBack,
};

use super::{
    aws_patience, backup,
    existing_package::{self, Found, UsedPackage},
    git_objects::{find_ref, short_id},
    job,
    known_builds::{
        SKEW, answered, is_new_wanted, known_runs, may_dispatch, no_dispatched_build, ours, started_meanwhile,
        which_build,
    },
    migration::database,
    production::Production,
    refusals::{foreign_plan, plan_closed, production_changed},
    run_facts::{deploy_phase_began, known_commit, main_ref, our_revision, release_commit, tag_ref, who_to_call},
    shown_builds::{self, of_another_commit, started},
};
use crate::{
    env_lock, fold,
    ports::{BuildRun, Deployment, Dispatch, RolloutState, ServiceSnapshot},
    rollout::build_needs,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
    time,
};

pub struct DispatchBuild;

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
    fn outline(&self, run: &RunView) -> Outline {
        let github = &run.profile.github;
        let outline = Outline::changes("GitHub builds the package and then asks AWS to put it in place.")
            .confirmed()
            .needs_stay()
            .setting("Workflow", &github.workflow)
            .setting("Branch", &run.profile.git.main)
            .known_later("Commit", known_commit(run), "known after the version number is set")
            .setting("Repository", &github.repository);
        let inputs = workflow_inputs(run);
        inputs.into_iter().fold(outline, |outline, (key, value)| outline.setting(&format!("Input {key}"), value))
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let commit = release_commit(&run)?;
        if shown_builds::is_doubted(&run) {
            return plan_in_doubt(cx, self, &run, &commit).await;
        }
        cx.activity(self.id(), "Asking GitHub and AWS");
        let known = known_runs(cx, &run, &commit).await?;
        let production = Production::read(cx, &run).await?;
        let (waits, gives_up) = aws_patience::judge(&run, &production, build_needs(&run.profile), self.id())?;
        let service = &production.service;
        let serving = serving(&run, service);
        let completed = service.completed_besides(&our_revision(&run).unwrap_or_default());
        let existing = ours(&run, &known);
        let package = if known.is_empty() || is_new_wanted(&run, &known) {
            existing_package::look(cx, &run, &commit).await?
        } else {
            Found::Build
        };
        let inputs = BuildInputs {
            commit: commit.clone(),
            deployments_before: service.deployments.iter().map(|one| one.id.clone()).collect(),
            completed_before: completed.filter(|arn| *arn != serving).map(str::to_owned),
            serving_before: serving,
            existing: existing.map(|one| ExistingBuild {
                build: one.id.clone(),
                url: one.url.clone(),
                sent_at: one.created_at,
            }),
            package: None,
        };
        if let Found::Use(used) = package {
            return plan_of_package(cx, self, &run, used, inputs).await;
        }
        let draft = dispatch_draft(self, &run, inputs).preconditions(preconditions(cx, &run).await?);
        if let Some(one) = existing {
            return Ok(draft
                .already(format!("GitHub run {} of this commit was started by {} already.", one.number, one.actor))
                .finish());
        }
        let draft = draft.preconditions(vec![no_dispatched_build(&known), waits]);
        if !known.is_empty() && !is_new_wanted(&run, &known) {
            return Ok(draft.question(which_build(&known)).finish());
        }
        let is_denied = matches!(package, Found::Denied(_));
        let draft = if is_denied { draft.preconditions(vec![existing_package::denied(&run)]) } else { draft };
        let open = match package {
            Found::Open(question) | Found::Denied(question) => Some(question),
            Found::Build | Found::Use(_) => gives_up.or_else(|| stay_question(&run)),
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
        if let Some(package) = &inputs.package {
            return use_package(cx, &run, inputs, package).await;
        }
        if entry == Entry::Attach {
            return Outcome::Unknown("starting a build is never followed, only asked about".into());
        }
        match asked_again(cx, &run).await {
            Ok(preconditions) if preconditions.iter().all(|precondition| precondition.passed) => {}
            Ok(preconditions) => return Outcome::Failed(plan_closed(&StepPlan { preconditions, ..plan.clone() })),
            Err(failure) => return Outcome::Failed(failure),
        }
        match cx.ports.services.describe().await {
            Ok(service) => {
                let now = service.as_ref().map(|one| serving(&run, one)).unwrap_or_default();
                let is_new = service.is_some_and(|one| has_new_deployment(&run, inputs, &one));
                if now != inputs.serving_before || is_new {
                    return Outcome::Failed(production_changed("start the build that was shown"));
                }
            }
            Err(failure) => return Outcome::Failed(failure),
        }
        // GitHub does not compare the owner of the environment lock, so the app checks it again
        // here. The list of builds is read last: a colleague may have started one meanwhile.
        if let Err(failure) = env_lock::ensure_owned(cx).await {
            return Outcome::Failed(failure);
        }
        match known_runs(cx, &run, &inputs.commit).await {
            Ok(known) if may_dispatch(&run, &known) => {}
            Ok(known) => return Outcome::Failed(started_meanwhile(&known)),
            Err(failure) => return Outcome::Failed(failure),
        }
        // The computer may have slept since the checks began. Older checks do not count.
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
            Ok(None) => search(cx, &run, &inputs.commit, sent_at, "GitHub accepted the order").await,
            Err(failure) if failure.is_lost_reply() => {
                search(cx, &run, &inputs.commit, sent_at, "GitHub's answer was lost").await
            }
            Err(failure) => Outcome::Failed(failure),
        }
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        if plan.and_then(|plan| plan.inputs.build()).is_some_and(|inputs| inputs.package.is_some()) {
            return Observation::NotDone {
                evidence: "A package that is there was chosen; nothing was started.".into(),
            };
        }
        let planned = plan.and_then(|plan| plan.inputs.build()).map(|inputs| Ok(inputs.commit.clone()));
        let commit = match planned.unwrap_or_else(|| release_commit(&run)) {
            Ok(commit) => commit,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        let started_at = fold::step(&run, self.id()).and_then(|step| step.started_at);
        let asked_at = cx.doubts.since(self.id()).or(started_at);
        let is_late = asked_at.is_none_or(|at| time::has_passed(at, VISIBLE_AFTER, cx.ports.clock.now()));
        match shown_builds::look(cx, &run, &commit).await {
            Ok(Some(shown)) => shown.judge(&run, &commit, is_late, cx.by.github_login.as_deref()),
            Ok(None) => Observation::NotDone { evidence: "Deploy has not started.".into() },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, run: &RunView) -> WayBack {
        WayBack::Irreversible {
            way_back: "A build can be cancelled until AWS starts putting the new version in place.".into(),
            minutes: None,
            who: who_to_call(run, StepId::DispatchBuild),
        }
    }
}

/// The plan of a dispatch in doubt. It asks which of several builds is ours, and starts nothing.
async fn plan_in_doubt(
    cx: &StepContext,
    step: &DispatchBuild,
    run: &RunView,
    commit: &str,
) -> Result<StepPlan, Failure> {
    let plan = fold::step(run, step.id()).and_then(|step| step.plan.as_ref());
    let inputs = plan.and_then(|plan| plan.inputs.build()).cloned().unwrap_or_else(|| BuildInputs {
        commit: commit.to_owned(),
        deployments_before: Vec::new(),
        serving_before: String::new(),
        completed_before: None,
        existing: None,
        package: None,
    });
    let question = shown_builds::look(cx, run, &inputs.commit).await?.and_then(|shown| shown.question());
    let draft = dispatch_draft(step, run, inputs).precondition(
        "doubtIsOver",
        false,
        "It is known whether the build was started",
        "not known yet",
    );
    Ok(question.into_iter().fold(draft, PlanDraft::question).finish())
}

/// The plan to start a build, without its preconditions.
fn dispatch_draft(step: &DispatchBuild, run: &RunView, inputs: BuildInputs) -> PlanDraft {
    let github = &run.profile.github;
    let commit = inputs.commit.clone();
    let workflow_inputs = serde_json::to_string_pretty(&workflow_inputs(run)).unwrap_or_default();
    PlanDraft::new(
        step,
        run,
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
        title: format!("Sent once to GitHub: start {} on {}", github.workflow, main_ref(run)),
        body: format!("ref: {}\ninputs: {workflow_inputs}", main_ref(run)),
    })
}

fn workflow_inputs(run: &RunView) -> std::collections::BTreeMap<String, String> {
    run.profile.github.inputs.iter().map(|(key, template)| (key.clone(), run.version.spell(template))).collect()
}

/// The revision before ours: the one that the service is set to, or one that our deployment
/// replaces.
fn serving(run: &RunView, service: &ServiceSnapshot) -> String {
    let ours = our_revision(run).ok();
    let deployed = service.deployments.iter().map(|one| &one.task_definition);
    let mut all = std::iter::once(&service.task_definition).chain(deployed);
    all.find(|arn| Some(*arn) != ours.as_ref()).cloned().unwrap_or_default()
}

/// Whether a deployment of our revision began after the plan was shown. It would be taken for the
/// one of the build.
fn has_new_deployment(run: &RunView, inputs: &BuildInputs, service: &ServiceSnapshot) -> bool {
    let ours = our_revision(run).ok();
    let is_new =
        |one: &Deployment| Some(&one.task_definition) == ours.as_ref() && !inputs.deployments_before.contains(&one.id);
    service.deployments.iter().any(is_new)
}

/// Checks every precondition but the builds of GitHub again, after the press.
async fn asked_again(cx: &StepContext, run: &RunView) -> Result<Vec<Precondition>, Failure> {
    let mut preconditions = preconditions(cx, run).await?;
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

/// Searches for the workflow run that this dispatch started. `answer` tells how GitHub answered it.
async fn search(cx: &StepContext, run: &RunView, commit: &str, sent_at: Timestamp, answer: &str) -> Outcome {
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
    let others = cx.ports.builds.dispatched_runs(&run.profile.github.workflow, None, &since).await;
    let others: Vec<BuildRun> = others.unwrap_or_default().into_iter().filter(|one| one.head_sha != commit).collect();
    Outcome::Unknown(match others.as_slice() {
        [] => format!("{answer}, and no build of this commit shows yet"),
        others => format!("{answer}, and no build of this commit shows yet. {}", of_another_commit(others)),
    })
}

/// Preconditions: the backup is proved, main is still the tagged commit, GitHub knows the workflow,
/// and the database answers if the profile can ask.
async fn preconditions(cx: &StepContext, run: &RunView) -> Result<Vec<Precondition>, Failure> {
    let commit = release_commit(run)?;
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

/// The plan to use a package that is there. It changes nothing outside.
async fn plan_of_package(
    cx: &StepContext,
    step: &DispatchBuild,
    run: &RunView,
    used: UsedPackage,
    inputs: BuildInputs,
) -> Result<StepPlan, Failure> {
    let UsedPackage { package, build, evidence } = used;
    let (digest, commit) = (package.digest.clone(), inputs.commit.clone());
    let inputs = BuildInputs { existing: build, package: Some(package), ..inputs };
    let draft = PlanDraft::new(
        step,
        run,
        PlanInputs::DispatchBuild(inputs),
        "Use the package",
        format!(
            "Nothing is built: {} uses the package that is there. You then start the deployment yourself. Someone must stay from \
             here: you are needed for that and for the migration.",
            run.version
        ),
    )
    .line("Package", digest)
    .line("Commit", commit)
    .line("Why this package", evidence)
    .preconditions(vec![backup::precondition(cx, run, &cx.host()?).await?]);
    Ok(stay_question(run).into_iter().fold(draft, PlanDraft::question).finish())
}

/// Records that the release uses a package, if the registry still has it.
async fn use_package(cx: &StepContext, run: &RunView, inputs: &BuildInputs, package: &ExistingPackage) -> Outcome {
    let image = match cx.ports.images.find(&run.names.image_tag).await {
        Ok(image) => image.filter(|image| image.digest == package.digest),
        Err(failure) => return Outcome::Failed(failure),
    };
    let Some(image) = image else { return Outcome::Failed(production_changed("use the package that was shown")) };
    if let Err(failure) = env_lock::ensure_owned(cx).await {
        return Outcome::Failed(failure);
    }
    let commit = inputs.commit.clone();
    // Without a known run, deployments count from the push of the package on.
    let build = inputs.existing.clone().unwrap_or_else(|| ExistingBuild {
        build: String::new(),
        url: run.profile.github.actions_page.clone(),
        sent_at: image.pushed_at,
    });
    let begun = match deployed_since(cx, run, build.sent_at).await {
        Ok(begun) => begun,
        Err(failure) => return Outcome::Failed(failure),
    };
    let evidence = vec![format!("The package {} of {} is used.", image.digest, run.names.image_tag)];
    let ready = Fact::PackageReady {
        image: run.names.image.clone(),
        digest: image.digest,
        pushed_at: image.pushed_at,
        commit: commit.clone(),
    };
    let facts = [started(&build.build, &build.url, build.sent_at, &commit), ready].into_iter().chain(begun).collect();
    Outcome::Succeeded { evidence, facts }
}

/// The start of the deployment in charge, if it has our revision, began at or after `since`, and
/// AWS did not give it up. Otherwise a person starts one.
async fn deployed_since(cx: &StepContext, run: &RunView, since: Timestamp) -> Result<Option<Fact>, Failure> {
    let ours = our_revision(run)?;
    let Some(service) = cx.ports.services.describe().await? else { return Ok(None) };
    let is_ours = |one: &&Deployment| one.task_definition == ours && one.created_at >= since;
    let primary = service.primary().filter(is_ours).filter(|one| one.rollout_state != RolloutState::Failed);
    Ok(primary.map(|one| deploy_phase_began(&service, run, &ours, one.id.clone(), one.created_at)))
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
