//! The list of the workflows of a repository, for Setup.

use greenlight_engine::ports::{LISTED_MAX, ListedWorkflow, PortResult};

use super::{GithubAdapter, answers};

impl GithubAdapter {
    /// The first [`LISTED_MAX`] workflows of the repository, in GitHub's order. A workflow that has
    /// no file of the repository is left out: it cannot be started.
    ///
    /// # Errors
    /// The failure of GitHub.
    pub async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        let summary = "list the workflows";
        let mut url = self.actions(&["workflows"]);
        url.query_pairs_mut().append_pair("per_page", &LISTED_MAX.to_string());
        let listed = self.caller.get(summary, url).await?.expect::<answers::Workflows>(summary)?;
        Ok(listed.workflows.into_iter().filter_map(answers::Workflow::into_listed).collect())
    }
}
