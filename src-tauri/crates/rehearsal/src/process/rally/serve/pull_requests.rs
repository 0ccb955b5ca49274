//! Routes of pull requests and of the rules of a branch.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{OriginalUri, Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use super::{PretendRally, complaint, found, object, page};
use crate::process::rally::github::pull_requests::NotOpened;

pub(super) fn routes(base: &str) -> Router<PretendRally> {
    Router::new()
        .route(&format!("{base}/rules/branches/{{branch}}"), get(branch_rules))
        .route(&format!("{base}/rulesets/{{id}}"), get(ruleset))
        .route(&format!("{base}/pulls"), get(list).post(open))
        .route(&format!("{base}/pulls/{{number}}"), get(one))
}

async fn branch_rules(State(site): State<PretendRally>, Path(branch): Path<String>) -> Response {
    Json(site.rally().branch_rules(&branch)).into_response()
}

async fn ruleset(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    found(site.rally().ruleset(&id))
}

async fn list(
    State(site): State<PretendRally>,
    Query(query): Query<Vec<(String, String)>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let (body, total) = site.with_branches(|world, branches| {
        world.follow_branches(branches);
        world.listed_pulls(&query)
    });
    page(&headers, &uri, &query, body, total)
}

async fn one(State(site): State<PretendRally>, Path(number): Path<String>) -> Response {
    found(site.with_branches(|world, branches| {
        world.follow_branches(branches);
        world.pull(&number)
    }))
}

async fn open(State(site): State<PretendRally>, body: Bytes) -> Response {
    let body = match object(&body) {
        Ok(body) => body,
        Err(why) => return complaint(StatusCode::BAD_REQUEST, why),
    };
    match site.with_branches(|world, branches| world.open_pull(branches, &body)) {
        Ok(opened) => (StatusCode::CREATED, Json(opened)).into_response(),
        Err(NotOpened::BadRequest(why)) => complaint(StatusCode::UNPROCESSABLE_ENTITY, &why),
        Err(NotOpened::Invalid(errors)) => invalid(&errors),
    }
}

/// Refusal of values in GitHub's shape `validation-error`.
fn invalid(errors: &Value) -> Response {
    let body = json!({
        "message": "Validation Failed", "errors": errors, "status": "422",
        "documentation_url": "https://docs.github.com/rest/pulls/pulls#create-a-pull-request",
    });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}
