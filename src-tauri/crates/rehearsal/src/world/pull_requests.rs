//! Pull requests on GitHub, and the reviewer who merges them into the main branch.
//!
//! The commits are in the model of [`super::git`], or in the repository that the git front serves:
//! both are [`Branches`].

use serde::{Deserialize, Serialize};

use super::{
    World,
    git::{Commit, MAIN, Merge, Remote},
    record::{Actor, Op},
    rules::Review,
};

/// Name of the person who merges pull requests.
pub const REVIEWER: &str = "R. Reviewer";
/// Login of the person who merges pull requests.
pub const REVIEWER_LOGIN: &str = "reviewer";
/// Prefix of the full names of branches.
const BRANCHES: &str = "refs/heads/";
/// Most pull requests that a World keeps. GitHub keeps all.
const KEPT_MAX: usize = 1_000;

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Number that GitHub shows, from 1.
    pub number: u32,
    /// Branch with the changes, without `refs/heads/`.
    pub branch: String,
    /// Branch that takes the changes, without `refs/heads/`.
    pub base: String,
    /// First line of the proposal.
    pub title: String,
    /// The rest of the proposal.
    pub body: String,
    /// Time of the request, in ms since 1970.
    pub opened_ms: i64,
    /// Newest commit of its branch. It follows the branch until the pull request ends.
    pub head: String,
    /// Open, closed or merged.
    pub state: State,
    /// Start of the reviewer's wait, in ms since 1970: the request, or a merge that was not
    /// possible.
    waits_from_ms: i64,
}

/// State of a pull request. Times are in ms since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Waits for a reviewer.
    Open,
    /// Closed without a merge.
    Closed { at_ms: i64 },
    /// Merged; `commit` is the one of the base branch that brought the changes.
    Merged { at_ms: i64, commit: String },
}

/// Request to open a pull request.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// First line of the proposal.
    pub title: &'a str,
    /// The rest of the proposal.
    pub body: &'a str,
    /// Branch with the changes, without `refs/heads/`.
    pub branch: &'a str,
    /// Branch that takes the changes, without `refs/heads/`.
    pub base: &'a str,
}

/// Reason why GitHub refuses to open a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A branch does not exist. The value is `head` or `base`.
    NoBranch(&'static str),
    /// GitHub's words for another reason.
    Words(String),
}

impl Refusal {
    /// The reason in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::NoBranch(field) => format!("{field} is invalid."),
            Self::Words(words) => words.clone(),
        }
    }
}

/// How the reviewer merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeKind {
    /// A commit with main and the branch as parents.
    Merge,
    /// A commit with main as its only parent.
    Squash,
}

/// A merge that a repository makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeOrder {
    /// Branch that takes the changes, without `refs/heads/`.
    pub base: String,
    /// Commit with the changes.
    pub head: String,
    /// How the reviewer merges.
    pub kind: MergeKind,
    /// Message of the new commit.
    pub message: String,
    /// Time of the new commit, in ms since 1970.
    pub at_ms: i64,
}

/// A repository with branches. Branch names have no `refs/heads/`.
pub trait Branches {
    /// Newest commit of a branch.
    fn tip(&self, branch: &str) -> Option<String>;
    /// Whether a commit is reachable from another one.
    fn contains(&self, from: &str, commit: &str) -> bool;
    /// Moves the base branch to a new commit and returns its id.
    ///
    /// # Errors
    /// The reason in words, for example a conflict. Then nothing changed.
    fn merge(&mut self, order: &MergeOrder) -> Result<String, String>;
}

impl Branches for Remote {
    fn tip(&self, branch: &str) -> Option<String> {
        self.refs.get(&format!("{BRANCHES}{branch}")).cloned()
    }

    fn contains(&self, from: &str, commit: &str) -> bool {
        self.objects.reachable(from).contains(commit)
    }

    fn merge(&mut self, order: &MergeOrder) -> Result<String, String> {
        let base = self.tip(&order.base).ok_or_else(|| format!("{} does not exist", order.base))?;
        let files = match self.objects.merge(&base, &order.head) {
            Merge::Files(files) => files,
            Merge::Conflict(paths) => return Err(format!("Merge conflict in {}", paths.join(", "))),
        };
        let parents = match order.kind {
            MergeKind::Merge => vec![base, order.head.clone()],
            MergeKind::Squash => vec![base],
        };
        let (summary, body) = order.message.split_once('\n').unwrap_or((order.message.as_str(), ""));
        let id = self.objects.add(Commit {
            parents,
            files,
            summary: summary.to_owned(),
            body: body.to_owned(),
            author: REVIEWER.to_owned(),
            at_s: order.at_ms / 1_000,
        });
        self.refs.insert(format!("{BRANCHES}{}", order.base), id.clone());
        Ok(id)
    }
}

impl PullRequest {
    /// Whether it waits for a reviewer.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Message of the commit that a merge makes, in GitHub's form.
    fn message(&self, kind: MergeKind, owner: &str) -> String {
        let Self { number, branch, title, .. } = self;
        match kind {
            MergeKind::Merge => format!("Merge pull request #{number} from {owner}/{branch}\n\n{title}\n"),
            MergeKind::Squash => format!("{title} (#{number})\n"),
        }
    }
}

/// Name of the main branch without `refs/heads/`.
pub(crate) fn main_branch() -> &'static str {
    MAIN.strip_prefix(BRANCHES).unwrap_or(MAIN)
}

impl World {
    /// All pull requests, oldest first.
    #[must_use]
    pub fn pull_requests(&self) -> &[PullRequest] {
        &self.pull_requests
    }

    /// Opens a pull request in the model of the repository, for the current caller.
    ///
    /// # Errors
    /// As [`Self::open_pull_request_in`].
    pub fn open_pull_request(&mut self, new: Proposal<'_>) -> Result<PullRequest, Refusal> {
        self.in_model(|world, git| world.open_pull_request_in(git, new))
    }

    /// Opens a pull request for the current caller.
    ///
    /// # Errors
    /// GitHub's refusal when a branch is missing, when the branch brings no commit, and when the
    /// same branches have an open one.
    pub fn open_pull_request_in(
        &mut self,
        branches: &mut dyn Branches,
        new: Proposal<'_>,
    ) -> Result<PullRequest, Refusal> {
        self.follow_branches(branches);
        let head = branches.tip(new.branch);
        let answer = self.checked(branches, new, head.as_deref()).map(|head| self.opened(new, head));
        let number = answer.as_ref().ok().map(|one| one.number);
        let op = Op::PullRequestOpened { branch: new.branch.to_owned(), head: head.unwrap_or_default(), number };
        let (at, refused) = (self.now_ms, answer.as_ref().err().map(Refusal::words));
        self.record.request(at, refused, op);
        answer
    }

    fn checked(&self, branches: &dyn Branches, new: Proposal<'_>, head: Option<&str>) -> Result<String, Refusal> {
        let base = branches.tip(new.base).ok_or(Refusal::NoBranch("base"))?;
        let head = head.ok_or(Refusal::NoBranch("head"))?;
        let is_same = |one: &PullRequest| one.is_open() && one.branch == new.branch && one.base == new.base;
        if self.pull_requests.iter().any(is_same) {
            return Err(Refusal::Words(format!("A pull request already exists for {}:{}.", self.owner(), new.branch)));
        }
        if branches.contains(&base, head) {
            return Err(Refusal::Words(format!("No commits between {} and {}", new.base, new.branch)));
        }
        if self.pull_requests.len() >= KEPT_MAX {
            return Err(Refusal::Words("The practice has too many pull requests.".to_owned()));
        }
        Ok(head.to_owned())
    }

    fn opened(&mut self, new: Proposal<'_>, head: String) -> PullRequest {
        let opened = PullRequest {
            number: u32::try_from(self.pull_requests.len()).unwrap_or(u32::MAX).saturating_add(1),
            branch: new.branch.to_owned(),
            base: new.base.to_owned(),
            title: new.title.to_owned(),
            body: new.body.to_owned(),
            opened_ms: self.now_ms,
            head,
            state: State::Open,
            waits_from_ms: self.now_ms,
        };
        self.pull_requests.push(opened.clone());
        self.effects += 1;
        self.changed();
        opened
    }

    /// A reviewer merges a pull request in the model of the repository. Returns the new commit.
    ///
    /// # Errors
    /// As [`Self::merge_pull_request_in`].
    pub fn merge_pull_request(&mut self, number: u32, kind: MergeKind) -> Result<String, String> {
        let commit = self.in_model(|world, git| world.merge_pull_request_in(git, number, kind))?;
        self.follow_main();
        Ok(commit)
    }

    /// A reviewer merges a pull request. Returns the new commit of its base. The caller tells the
    /// World where main is afterwards.
    ///
    /// # Errors
    /// The reason in words: it is not open, or its changes conflict with the base.
    pub fn merge_pull_request_in(
        &mut self,
        branches: &mut dyn Branches,
        number: u32,
        kind: MergeKind,
    ) -> Result<String, String> {
        self.follow_branches(branches);
        let found = self.pull_requests.iter().find(|one| one.number == number && one.is_open());
        let Some(one) = found.cloned() else { return Err(format!("Pull request {number} is not open")) };
        let base = branches.tip(&one.base).unwrap_or_default();
        // GitHub marks a pull request as merged once its commits are on the base.
        let commit = if branches.contains(&base, &one.head) {
            one.head
        } else {
            let message = one.message(kind, self.owner());
            branches.merge(&MergeOrder { base: one.base, head: one.head, kind, message, at_ms: self.now_ms })?
        };
        self.end_pull_request(number, State::Merged { at_ms: self.now_ms, commit: commit.clone() });
        self.main_was_reviewed();
        let op = Op::PullRequestMerged { number, commit: commit.clone() };
        self.record.by_itself(self.now_ms, Actor::Colleague, op);
        Ok(commit)
    }

    /// A reviewer closes an open pull request without a merge. Returns whether it was open.
    pub fn close_pull_request(&mut self, number: u32) -> bool {
        self.end_pull_request(number, State::Closed { at_ms: self.now_ms })
    }

    fn end_pull_request(&mut self, number: u32, state: State) -> bool {
        let found = self.pull_requests.iter_mut().find(|one| one.number == number && one.is_open());
        let Some(one) = found else { return false };
        one.state = state;
        self.effects += 1;
        self.changed();
        true
    }

    /// Moves the open pull requests to the newest commits of their branches.
    pub fn follow_branches(&mut self, branches: &dyn Branches) {
        for one in self.pull_requests.iter_mut().filter(|one| one.is_open()) {
            if let Some(head) = branches.tip(&one.branch) {
                one.head = head;
            }
        }
    }

    /// [`Self::follow_branches`] in the model of the repository.
    pub fn follow_model(&mut self) {
        self.in_model(|world, git| world.follow_branches(git));
    }

    /// The reviewer merges or closes the pull requests whose wait is over. Returns whether a branch
    /// moved.
    pub fn review_pull_requests_in(&mut self, branches: &mut dyn Branches) -> bool {
        let due: Vec<u32> = self.waiting().filter(|(_, due_ms)| *due_ms <= self.now_ms).map(|(one, _)| one).collect();
        let mut has_moved = false;
        for number in due {
            let was_refused = self.pull_requests.iter().any(|one| matches!(one.state, State::Closed { .. }));
            let kind = match self.rules.review {
                Review::Refuse if !was_refused => {
                    self.close_pull_request(number);
                    continue;
                }
                Review::Merge | Review::Refuse => MergeKind::Merge,
                Review::Squash => MergeKind::Squash,
            };
            let is_merged = self.merge_pull_request_in(branches, number, kind).is_ok();
            has_moved |= is_merged;
            let now = self.now_ms;
            let refused = self.pull_requests.iter_mut().filter(|one| !is_merged && one.number == number);
            refused.for_each(|one| one.waits_from_ms = now);
        }
        has_moved
    }

    /// [`Self::review_pull_requests_in`] in the model of the repository, if it has one.
    pub(crate) fn advance_reviews(&mut self) {
        if self.reviews_due_ms().is_some_and(|due_ms| due_ms <= self.now_ms)
            && self.in_model(|world, git| world.review_pull_requests_in(git))
        {
            self.follow_main();
        }
    }

    /// Earliest time at which the reviewer acts in the model of the repository, in ms since 1970.
    pub(crate) fn reviews_due_ms(&self) -> Option<i64> {
        let has_model = !self.git.refs.is_empty();
        self.waiting().map(|(_, due_ms)| due_ms).min().filter(|_| has_model)
    }

    /// Numbers of the open pull requests with the times at which the reviewer acts, in ms since
    /// 1970.
    fn waiting(&self) -> impl Iterator<Item = (u32, i64)> {
        let wait = self.review_wait_ms();
        let open = self.pull_requests.iter().filter(|one| one.is_open());
        open.filter_map(move |one| Some((one.number, one.waits_from_ms.saturating_add(wait?))))
    }

    /// Owner of the repository.
    pub(crate) fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    pub(crate) fn in_model<T>(&mut self, work: impl FnOnce(&mut Self, &mut Remote) -> T) -> T {
        let mut git = std::mem::take(&mut self.git);
        let done = work(self, &mut git);
        self.git = git;
        done
    }
}

#[cfg(test)]
mod tests;
