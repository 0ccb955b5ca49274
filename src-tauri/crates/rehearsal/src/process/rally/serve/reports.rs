//! Routes of the reports about a commit, and of the environments.

use axum::{
    Json, Router,
    extract::{OriginalUri, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{PretendRally, complaint, listed};

type Pairs = Vec<(String, String)>;

pub(super) fn routes(base: &str) -> Router<PretendRally> {
    Router::new()
        .route(&format!("{base}/commits/{{sha}}/check-runs"), get(check_runs))
        .route(&format!("{base}/commits/{{sha}}/status"), get(combined_status))
        .route(&format!("{base}/environments"), get(environments))
}

impl PretendRally {
    fn has_commit(&self, sha: &str) -> bool {
        match &self.repo {
            Some(repo) => repo.has_commit(sha),
            None => self.rally().git.objects.commits.contains_key(sha),
        }
    }
}

fn no_commit(sha: &str) -> Response {
    let sha: String = sha.chars().take(100).collect();
    complaint(StatusCode::UNPROCESSABLE_ENTITY, &format!("No commit found for SHA: {sha}"))
}

async fn check_runs(
    State(site): State<PretendRally>,
    Path(sha): Path<String>,
    Query(query): Query<Pairs>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    if !site.has_commit(&sha) {
        return no_commit(&sha);
    }
    let body = site.rally().check_runs(&sha, &query);
    listed(&headers, &uri, &query, body)
}

async fn combined_status(State(site): State<PretendRally>, Path(sha): Path<String>) -> Response {
    if !site.has_commit(&sha) {
        return no_commit(&sha);
    }
    Json(site.rally().combined_status(&sha)).into_response()
}

async fn environments(
    State(site): State<PretendRally>,
    Query(query): Query<Pairs>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let body = site.rally().environments(&query);
    listed(&headers, &uri, &query, body)
}
