//! The pull request of this run, for a main branch that takes no pushes (TRAP-G5).

use greenlight_types::{Fact, FactKind, Failure, RunView, StepId};

use super::{
    git_objects::{find_ref, short_id},
    run_facts::main_ref,
    set_version::says_version,
};
use crate::{
    fold,
    ports::{PullRequest, PullRequestState},
    step::StepContext,
};

/// Paths that a difference names. More are counted.
const PATHS_SHOWN: usize = 5;

/// Prefix of the branches that the app publishes for pull requests.
pub(crate) const BRANCHES: &str = "greenlight/";

/// The pull request that this run opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub number: u32,
    pub url: String,
    /// The version commit that it brings.
    pub commit: String,
}

/// The pull request of the commit that counts now. One of a merge that was started over does not.
pub(super) fn opened(run: &RunView) -> Option<Opened> {
    let version = fold::newest(run, FactKind::VersionSet)?;
    let Fact::VersionSet { commit: current, .. } = version else { return None };
    let Fact::PullRequestOpened { number, url, commit, .. } = fold::newest(run, FactKind::PullRequestOpened)? else {
        return None;
    };
    (commit == current).then(|| Opened { number: *number, url: url.clone(), commit: commit.clone() })
}

/// Whether this run opened a pull request for the commit that counts now, or may have.
pub(crate) fn has_pull_request(run: &RunView) -> bool {
    let step = fold::step(run, StepId::OpenPullRequest);
    opened(run).is_some() || step.is_some_and(|step| step.status().is_open())
}

/// State of the pull request and of main on GitHub.
pub(super) enum Seen {
    /// It is not merged, or main does not have the result yet.
    NotMerged(String),
    /// It is closed without a merge, or gone.
    Closed(String),
    Merged(Merged),
}

/// The commit of main that has the changes.
pub(super) struct Merged {
    /// Newest commit of main. It contains the result of the merge.
    pub commit: String,
    /// Whether the version file says the version of this release there.
    pub says_version: bool,
    /// Sentence with number, commit and the person who merged.
    pub evidence: String,
    /// Paths in which main differs from the version commit, in words. `None` without a difference.
    pub difference: Option<String>,
}

/// Reads the pull request, and main once it is merged.
pub(super) async fn look(cx: &StepContext, run: &RunView, opened: &Opened) -> Result<Seen, Failure> {
    let main = &run.profile.git.main;
    let Some(seen) = cx.ports.pull_requests.pull_request(opened.number).await? else {
        return Ok(Seen::Closed(format!("GitHub does not show number {} any more", opened.number)));
    };
    let merged_as = match (seen.state, &seen.merged_as) {
        (PullRequestState::Merged, Some(commit)) => commit,
        (PullRequestState::Merged, None) => return Ok(Seen::NotMerged("GitHub does not name its commit yet".into())),
        (PullRequestState::Open, _) => return Ok(Seen::NotMerged("a reviewer has to merge it on GitHub".into())),
        (PullRequestState::Closed, _) => {
            return Ok(Seen::Closed("somebody closed it without a merge; open a new one, or give up".into()));
        }
    };
    cx.ports.git.refresh().await?;
    let refs = cx.ports.git.remote_refs().await?;
    let Some(now) = find_ref(&refs, &main_ref(run)).map(|one| one.id.clone()) else {
        return Ok(Seen::NotMerged(format!("GitHub has no {main} any more")));
    };
    if !cx.ports.git.is_ancestor(merged_as, &now).await? {
        return Ok(Seen::NotMerged(format!("{main} does not contain its commit {}", short_id(merged_as))));
    }
    let difference = difference(cx, &opened.commit, &now).await?;
    let says_version = says_version(cx, run, &now).await;
    Ok(Seen::Merged(Merged { evidence: evidence(&seen, main, &now), commit: now, says_version, difference }))
}

fn evidence(seen: &PullRequest, main: &str, now: &str) -> String {
    let by = seen.merged_by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!("Pull request {} was merged{by}; {main} is {}.", seen.number, short_id(now))
}

async fn difference(cx: &StepContext, from: &str, to: &str) -> Result<Option<String>, Failure> {
    let paths = cx.ports.git.changed_paths(from, to).await?.paths;
    let named = paths.iter().take(PATHS_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = paths.len().saturating_sub(PATHS_SHOWN);
    Ok(match (paths.len(), more) {
        (0, _) => None,
        (_, 0) => Some(named),
        (_, more) => Some(format!("{named} and {more} more")),
    })
}
