//! Port to GitHub's pull requests and the rules of a branch.

use async_trait::async_trait;
use greenlight_engine::ports::{BranchRule, NewPullRequest, PortResult, PullRequest, PullRequestState, PullRequests};
use greenlight_types::{ErrorCode, Failure};

use super::{InProcess, github::refuse_expired};
use crate::world::{
    World,
    pull_requests::{self as world_side, Proposal, REVIEWER_LOGIN, State, main_branch},
};

/// Most pull requests of a list.
const LISTED_MAX: usize = 30;

#[async_trait]
impl PullRequests for InProcess {
    async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>> {
        self.read("pull_requests.branch_rules", |world| {
            refuse_expired(world)?;
            let is_told = branch == main_branch() && world.shows_pull_request_rule();
            let rule = || BranchRule { kind: "pull_request".to_owned(), may_bypass: Some(false) };
            Ok(is_told.then(rule).into_iter().collect())
        })
        .await
    }

    async fn of_branch(&self, head: &str, base: &str) -> PortResult<Vec<PullRequest>> {
        self.read("pull_requests.of_branch", |world| {
            refuse_expired(world)?;
            world.follow_model();
            let all = world.pull_requests().iter().rev().filter(|one| one.branch == head && one.base == base);
            // Lists of GitHub do not name the person who merged.
            Ok(all.take(LISTED_MAX).map(|one| PullRequest { merged_by: None, ..told(world, one) }).collect())
        })
        .await
    }

    async fn pull_request(&self, number: u32) -> PortResult<Option<PullRequest>> {
        self.read("pull_requests.pull_request", |world| {
            refuse_expired(world)?;
            world.follow_model();
            Ok(world.pull_requests().iter().find(|one| one.number == number).map(|one| told(world, one)))
        })
        .await
    }

    async fn open_pull_request(&self, new: &NewPullRequest) -> PortResult<PullRequest> {
        self.change("pull_requests.open_pull_request", |world| {
            refuse_expired(world)?;
            let proposal = Proposal { title: &new.title, body: &new.body, branch: &new.head, base: &new.base };
            let opened = world.open_pull_request(proposal).map_err(|refusal| {
                let words = refusal.words();
                Failure::new(ErrorCode::PushRefused, "open the pull request")
                    .with("name", "the pull request")
                    .with("problem", words.trim_end_matches('.'))
                    .because(format!("GitHub answered 422: {words}"))
            })?;
            Ok(told(world, &opened))
        })
        .await
    }
}

fn told(world: &World, one: &world_side::PullRequest) -> PullRequest {
    let (state, merged_as) = match &one.state {
        State::Open => (PullRequestState::Open, None),
        State::Closed { .. } => (PullRequestState::Closed, None),
        State::Merged { commit, .. } => (PullRequestState::Merged, Some(commit.clone())),
    };
    PullRequest {
        number: one.number,
        url: format!("https://github.com/{}/pull/{}", world.repository, one.number),
        state,
        head: one.head.clone(),
        merged_by: merged_as.is_some().then(|| REVIEWER_LOGIN.to_owned()),
        merged_as,
    }
}
