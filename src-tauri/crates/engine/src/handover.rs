//! "Continue this release here": a computer with an empty journal rebuilds a run from the state of
//! the outside world.
//!
//! Each step of Prepare that the outside world shows as done is recorded with that evidence. Facts
//! that only the journal of the other computer has stay unknown.

use greenlight_types::{ErrorCode, Failure, Handover, Phase, RunId, RunState, Status, StepId};
use serde_json::Value;

use crate::{
    ports::{RemoteRef, RolloutState},
    step::StepContext,
};

/// Lines in the message of the tag (docs/releases.md#frozen-values).
pub(crate) const RUN: &str = "Greenlight-Run: ";
pub(crate) const PERSON: &str = "Released-By: ";
/// Longest name that is shown, in characters.
const LONGEST: usize = 100;

/// Reads the tag of this version. `None` when the run is not a draft, or the tag is not on GitHub.
pub(crate) async fn begun(cx: &StepContext) -> Result<Option<Handover>, Failure> {
    let run = cx.run();
    if run.state != RunState::Draft {
        return Ok(None);
    }
    let name = format!("refs/tags/{}", run.names.tag);
    let refs = cx.ports.git.remote_refs().await?;
    let Some(there) = refs.iter().find(|one| one.name == name) else { return Ok(None) };
    cx.ports.git.refresh().await?;
    told(cx, there).await.map(Some)
}

async fn told(cx: &StepContext, there: &RemoteRef) -> Result<Handover, Failure> {
    let (commit, is_serving) = (there.commit().to_owned(), is_serving(cx).await);
    if let Some(tag) = cx.ports.git.tag(&there.id).await? {
        let clean = |name: &str| short(cx.ports.redactor().text(name).as_str());
        let line = |start: &str| tag.message.lines().find_map(|line| line.strip_prefix(start)).map(short);
        return Ok(Handover {
            run: line(RUN).filter(|run| !run.is_empty()).map(RunId),
            person: clean(&line(PERSON).filter(|person| !person.is_empty()).unwrap_or(tag.tagger)),
            at: tag.at,
            commit,
            is_serving,
        });
    }
    // A lightweight tag names no person and no time. Its commit does.
    let made =
        cx.ports.git.commit(&commit).await?.ok_or_else(|| {
            Failure::new(ErrorCode::GitMissing, "read who made the label").with("commit", commit.clone())
        })?;
    Ok(Handover { run: None, person: short(&made.author), at: made.at, commit, is_serving })
}

/// Whether exactly one deployment is left, runs the image of this version, and is not in progress.
/// `None` when that is not known.
async fn is_serving(cx: &StepContext) -> Option<bool> {
    let service = cx.ports.services.describe().await.ok()??;
    let [one] = service.deployments.as_slice() else { return Some(false) };
    let definition = cx.ports.task_definitions.describe(&one.task_definition).await.ok()??.definition;
    let run = cx.run();
    let containers = definition.get("containerDefinitions").and_then(Value::as_array)?;
    let is_named =
        |container: &&Value| container.get("name").and_then(Value::as_str) == Some(&run.profile.aws.container);
    let image = containers.iter().find(is_named)?.get("image").and_then(Value::as_str)?;
    Some(image == run.names.image && one.rollout_state != RolloutState::InProgress)
}

fn short(text: &str) -> String {
    text.trim().chars().filter(|one| !one.is_control()).take(LONGEST).collect()
}

/// The statement in this journal in place of "testing is finished". This computer does not know who
/// said that.
pub(crate) fn statement(begun: &Handover) -> String {
    let record = begun.run.as_ref().map_or_else(String::new, |run| format!(" Its own record is {run}."));
    format!(
        "Continued here. {} began this release on another computer on {}.{record} Who said that testing is finished is \
         unknown here.",
        begun.person,
        crate::time::in_words(begun.at)
    )
}

/// The steps that may be recorded from the outside world without a press of their button.
pub(crate) fn steps() -> impl Iterator<Item = StepId> {
    StepId::ALL.into_iter().filter(|step| step.phase() == Phase::Prepare)
}

/// Whether a step neither runs nor waits for another step.
pub(crate) const fn is_settled(status: Status) -> bool {
    !matches!(status, Status::NotStarted | Status::Running)
}
