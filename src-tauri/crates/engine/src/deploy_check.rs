//! Finds the differences since Prepare when Deploy starts, and the effects that stay behind when a
//! run ends early. Reads only.

use greenlight_types::{Difference, Fact, FactKind, Failure, RevisionInputs, RunView, Status, StepId};

use crate::{fold, step::StepContext, time};

/// The differences from the day of Prepare (docs/releases.md#start-of-deploy). Each names person
/// and time if the outside world does.
///
/// # Errors
/// The failure of the outside system that did not answer.
pub async fn differences(cx: &StepContext) -> Result<Vec<Difference>, Failure> {
    let run = cx.run();
    let mut found = Vec::new();
    git(cx, &run, &mut found).await?;
    revision(cx, &run, &mut found).await?;
    Ok(found)
}

async fn git(cx: &StepContext, run: &RunView, found: &mut Vec<Difference>) -> Result<(), Failure> {
    let Some(Fact::TagPublished { commit, .. }) = fold::newest(run, FactKind::TagPublished) else { return Ok(()) };
    let (main, tag) = (&run.profile.git.main, &run.names.tag);
    let refs = cx.ports.git.remote_refs().await?;
    let at = |name: String| refs.iter().find(|one| one.name == name).map(|one| one.commit().to_owned());
    match at(format!("refs/tags/{tag}")) {
        Some(there) if &there == commit => {}
        Some(there) => found.push(Difference::new(
            "tagMoved",
            &there,
            format!("The label {tag} stands at another commit now ({there})."),
        )),
        None => found.push(Difference::new("tagGone", tag, format!("The label {tag} is not on GitHub any more."))),
    }
    match at(format!("refs/heads/{main}")) {
        Some(there) if &there == commit => {}
        Some(there) => {
            cx.ports.git.refresh().await?;
            let (commits, total) = cx.ports.git.commits_between(commit, &there, 5).await?;
            let who: Vec<String> = commits
                .iter()
                .map(|one| format!("\u{201c}{}\u{201d} by {} on {}", one.summary, one.author, time::in_words(one.at)))
                .collect();
            let text = format!("{main} has {total} more commits than the label {tag}: {}.", who.join("; "));
            found.push(Difference::new("mainMoved", there, text));
        }
        None => found.push(Difference::new("mainGone", main, format!("The branch {main} is not on GitHub any more."))),
    }
    Ok(())
}

async fn revision(cx: &StepContext, run: &RunView, found: &mut Vec<Difference>) -> Result<(), Failure> {
    let Some(Fact::RevisionSaved { arn, base_arn, revision, .. }) = fold::newest(run, FactKind::RevisionSaved) else {
        return Ok(());
    };
    match cx.ports.task_definitions.describe(&run.profile.aws.family).await? {
        Some(newest) if &newest.arn == arn => {}
        Some(newest) => {
            let who =
                newest.registered.map_or_else(String::new, |(by, at)| format!(" by {by} on {}", time::in_words(at)));
            let text = format!("Newer start-up settings ({}) than ours ({revision}) were saved{who}.", newest.revision);
            found.push(Difference::new("newerRevision", newest.arn, text));
        }
        None => found.push(Difference::new(
            "revisionGone",
            revision,
            format!("The start-up settings {revision} are not on AWS any more."),
        )),
    }
    if let Some(service) = cx.ports.services.describe().await? {
        let ran = ran_at_prepare(run).unwrap_or_else(|| base_arn.clone());
        if service.task_definition != ran && &service.task_definition != arn {
            let (now, then) = (last(&service.task_definition), last(&ran));
            let text = format!("Production runs {now} now; on the day of Prepare it was {then}.");
            found.push(Difference::new("servingChanged", &service.task_definition, text));
        }
        let open: Vec<_> = service.deployments.iter().filter(|one| !one.is_over()).collect();
        if open.len() > 1 {
            let ids: Vec<&str> = open.iter().map(|one| one.id.as_str()).collect();
            let text = "Another deployment is under way on AWS right now.";
            found.push(Difference::new("deploymentUnderWay", ids.join("+"), text));
        }
    }
    Ok(())
}

/// The revision that production ran when ours was saved. Ours may have another base
/// (docs/releases.md#questions).
fn ran_at_prepare(run: &RunView) -> Option<String> {
    let plan = fold::step(run, StepId::RegisterTaskDefinition)?.plan.as_ref()?;
    match plan.inputs.revision()? {
        RevisionInputs::Register { running, .. } => running.clone(),
        RevisionInputs::Exists { .. } | RevisionInputs::Undecided => None,
    }
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The effects that stay behind when the run is ended now.
#[must_use]
pub fn left_behind(run: &RunView) -> Vec<String> {
    let status = |step| fold::step(run, step).map_or(Status::NotStarted, |step| step.status());
    let (build, rollout) = (status(StepId::FollowBuild), status(StepId::AwaitRollout));
    run.facts
        .iter()
        .filter_map(|learned| match &learned.fact {
            Fact::MainPublished { commit } => Some(format!(
                "{} on GitHub is {} (commit {}); whatever is built from it is {}.",
                run.profile.git.main,
                run.names.version_value,
                commit.get(..7).unwrap_or(commit),
                run.version
            )),
            Fact::TagPublished { .. } => Some(format!("The label {} is on GitHub.", run.names.tag)),
            Fact::RevisionSaved { revision, .. } => {
                Some(format!("Start-up settings {revision} are saved on AWS; nothing uses them unless a build does."))
            }
            Fact::BackupProved { file, .. } => Some(format!("The backup {file} is on the staging machine.")),
            Fact::BuildStarted { .. } if build.is_done() => None,
            Fact::BuildStarted { url, .. } if build == Status::Failed => {
                Some(format!("The build was not followed to a good end; look at it on GitHub: {url}."))
            }
            Fact::BuildStarted { url, .. } => Some(format!("The build goes on, on GitHub: {url}.")),
            Fact::DeployPhaseBegan { .. } if rollout.is_done() => {
                Some(format!("AWS runs {} on every server.", run.version))
            }
            Fact::DeployPhaseBegan { .. } if rollout == Status::Failed => {
                Some(format!("AWS did not put {} in place on every server; look at what serves now.", run.version))
            }
            Fact::DeployPhaseBegan { .. } => Some(format!("AWS goes on putting {} in place.", run.version)),
            Fact::MigrationFinished { .. } => Some(format!("The production database is migrated for {}.", run.version)),
            Fact::Merged { .. }
            | Fact::VersionSet { .. }
            | Fact::TagMade { .. }
            | Fact::PackageReady { .. }
            | Fact::BuildEnded { .. }
            | Fact::ServerBecameNew { .. }
            | Fact::RolledOut { .. }
            | Fact::SiteAnswered { .. } => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Completion, ErrorCode, Event, StepState, Timestamp};

    use super::*;

    /// The release whose migration failed during its rollout.
    fn stopped() -> RunView {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/golden/fold/stopped-after-a-failed-migration.json"))
                .unwrap();
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).unwrap();
        fold::fold(&events).unwrap()
    }

    fn with(build: StepState, rollout: StepState) -> String {
        let (mut run, mut build, mut rollout) = (stopped(), Some(build), Some(rollout));
        for step in &mut run.steps {
            if step.definition.id == StepId::FollowBuild {
                step.state = build.take().unwrap();
            } else if step.definition.id == StepId::AwaitRollout {
                step.state = rollout.take().unwrap();
            }
        }
        left_behind(&run).join("\n")
    }

    #[test]
    fn ended_build_and_rollout_are_not_called_under_way() {
        let ended_at = Timestamp::EPOCH;
        let failed = || StepState::Failed { ended_at, failure: Failure::new(ErrorCode::BuildFailed, "build") };
        let done = || StepState::Succeeded { ended_at, how: Completion::Did, evidence: Vec::new() };
        let under_way = with(StepState::Running, StepState::Running);
        assert!(under_way.contains("The build goes on") && under_way.contains("AWS goes on"), "{under_way}");
        let failed = with(failed(), failed());
        assert!(!failed.contains("goes on") && failed.contains("AWS did not put 2.1.0 in place"), "{failed}");
        let done = with(done(), done());
        assert!(!done.contains("The build") && done.contains("AWS runs 2.1.0 on every server"), "{done}");
    }
}
