//! Pushes one ref as a compare-and-swap, and judges the result. The branch goes first. The tag
//! follows only after a listing of the remote shows the branch (INV-G3, INV-G4).

use greenlight_types::{ErrorCode, Fact, Failure, Observation, Retry};

pub(super) mod push_rules;

pub(crate) use push_rules::in_the_way;

use super::git_objects::{find_ref, short_id};
use crate::{
    ports::{PushRef, PushResult},
    step::{Outcome, StepContext},
};

/// Param of a refused push: the way on, where there is one.
const WAY: &str = "way";
const PULL_REQUEST: &str = "pullRequest";

/// Whether a push was refused by a rule that a pull request can meet.
pub(super) fn needs_pull_request(failure: &Failure) -> bool {
    failure.code == ErrorCode::PushRefused && failure.params.get(WAY).is_some_and(|way| way == PULL_REQUEST)
}

/// A ref to publish, and the commit that proves it.
pub(super) struct Publication {
    pub push: PushRef,
    /// Commit that the remote ref must lead to afterwards.
    pub commit: String,
    /// Fact that the step learns from a proved push.
    pub fact: Fact,
    /// Name on the screen: `master` or `v2.1.0`.
    pub shown: String,
    /// Whether the ref also counts as published with later commits on top: yes for a branch, no for
    /// a tag.
    pub is_branch: bool,
}

/// Pushes, then lists the remote again. Only the listing proves a success, never the answer to the
/// push.
pub(super) async fn publish(cx: &StepContext, publication: Publication) -> Outcome {
    let result = match cx.ports.git.push(&publication.push).await {
        Ok(result) => result,
        Err(failure) => return failure.into(),
    };
    match (result, look(cx, &publication).await) {
        (
            PushResult::Accepted | PushResult::Refused { .. } | PushResult::Moved { .. },
            Observation::Done { evidence, facts },
        ) => Outcome::Succeeded { evidence, facts },
        (PushResult::Refused { reason }, _) => Outcome::Failed(refused(&publication.shown, &reason)),
        (PushResult::Moved { now }, _) => Outcome::Failed(moved(&publication, now.as_deref())),
        (PushResult::Accepted, seen) => {
            Outcome::Unknown(format!("GitHub said yes, but its list does not show it: {}", words(&seen)))
        }
    }
}

/// Observes the ref on the remote.
pub(super) async fn look(cx: &StepContext, publication: &Publication) -> Observation {
    let refs = match cx.ports.git.remote_refs().await {
        Ok(refs) => refs,
        Err(failure) => return Observation::Unknown { why: failure.to_string() },
    };
    let done = |evidence: String| Observation::Done { evidence: vec![evidence], facts: vec![publication.fact.clone()] };
    let there = find_ref(&refs, &publication.push.name);
    match there {
        Some(there) if there.commit() == publication.commit => {
            done(format!("GitHub's {} is {}.", publication.shown, short_id(&publication.commit)))
        }
        there if there.map(|one| one.id.as_str()) == publication.push.expect.as_deref() => {
            Observation::NotDone { evidence: format!("GitHub's {} is as it was before.", publication.shown) }
        }
        Some(there) if publication.is_branch => {
            let contains = async {
                cx.ports.git.refresh().await?;
                cx.ports.git.is_ancestor(&publication.commit, there.commit()).await
            };
            match contains.await {
                Ok(true) => done(format!(
                    "GitHub's {} contains {}; somebody has pushed {} on top of it.",
                    publication.shown,
                    short_id(&publication.commit),
                    short_id(there.commit())
                )),
                Ok(false) => Observation::Conflict {
                    what: format!("GitHub's {} is {} now", publication.shown, short_id(there.commit())),
                },
                Err(failure) => Observation::Unknown { why: failure.to_string() },
            }
        }
        Some(there) => Observation::Conflict {
            what: format!("GitHub's {} is {} now", publication.shown, short_id(there.commit())),
        },
        None => Observation::Conflict { what: format!("GitHub has no {} any more", publication.shown) },
    }
}

fn words(seen: &Observation) -> String {
    match seen {
        Observation::Done { evidence, .. } => evidence.join(" "),
        Observation::NotDone { evidence } | Observation::InProgress { evidence } => evidence.clone(),
        Observation::Failed { failure } => failure.to_string(),
        Observation::Conflict { what } => what.clone(),
        Observation::Unknown { why } => why.clone(),
    }
}

/// The failure of a push that the server refused, with the rules behind it.
pub(super) fn refused(shown: &str, reason: &str) -> Failure {
    let rules = push_rules::broken(reason);
    let problem = rules.iter().map(|rule| rule.problem).collect::<Vec<_>>().join("; ");
    let summary = format!("push {shown}: GitHub refused it");
    let failure = Failure::new(ErrorCode::PushRefused, summary)
        .with("name", shown)
        .with("reason", reason.chars().take(600).collect::<String>())
        .because(reason)
        .retry(Retry::Safe);
    if rules.is_empty() {
        return failure.hint("Nothing was published. Ask a developer what the reason below means.");
    }
    let failure = rules.iter().fold(failure.with("problem", problem), |failure, rule| failure.hint(rule.hint));
    let failure = if !rules.is_empty() && rules.iter().all(|rule| rule.is_met_by_pull_request) {
        failure.with(WAY, PULL_REQUEST)
    } else {
        failure
    };
    failure.hint("Nothing was published. Stop here, or try again once it is allowed.")
}

/// A retry is safe: its plan asks the remote again before anything is sent.
fn moved(publication: &Publication, now: Option<&str>) -> Failure {
    let way_on = if publication.is_branch {
        let main = &publication.shown;
        format!(
            "Nothing was published. Start over on the new {main}, which has the new commits, or give up this release."
        )
    } else {
        "The label was not published. Give up this release, and prepare the next free version.".to_owned()
    };
    Failure::new(
        ErrorCode::RefMoved,
        format!("push {}: it changed on GitHub after this release was planned", publication.shown),
    )
    .with("name", publication.shown.clone())
    .with("now", now.unwrap_or("absent"))
    .because(format!("it is {} now", now.map_or("absent", short_id)))
    .hint(way_on)
    .retry(Retry::Safe)
}
