//! Routes of the simulated services: authentication, parsing of bodies, and status codes.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, OriginalUri, Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use super::{aws, github::pages, site};
use crate::{
    fronts::{
        aws::{Asked, Door, answered, form_answered, refused},
        git::seed::Repo,
    },
    host::jobs::HostEvent,
    process::{InitialState, Production},
    world::{Rules, WORKFLOW, World, pull_requests::Branches},
};

mod pull_requests;
mod reports;

/// The simulated services behind their routes.
#[derive(Clone, Debug)]
pub struct PretendRally {
    rally: Arc<Mutex<World>>,
    repository: Arc<str>,
    /// The repository on disk; `None` when another server serves it.
    repo: Option<Repo>,
    github_token: Arc<str>,
    aws_door: Arc<Door>,
    /// Number of calls to GitHub.
    asked: Arc<AtomicU32>,
}

impl PretendRally {
    /// Makes new services, or restores those that a process left.
    ///
    /// # Errors
    /// When the state on disk cannot be read.
    pub fn make(beginning: InitialState) -> io::Result<Self> {
        let rally = match &beginning.state {
            Some(state) => serde_json::from_slice(state)
                .map_err(|error| io::Error::other(format!("the state of the practice cannot be read: {error}")))?,
            None => World::with_rules(&beginning.start(), Rules::practice()),
        };
        Ok(Self {
            rally: Arc::new(Mutex::new(rally)),
            repository: beginning.repository.into(),
            repo: beginning.repo,
            github_token: beginning.github_token.into(),
            asked: Arc::default(),
            aws_door: Arc::new(Door::new(beginning.aws_key_id, beginning.aws_secret)),
        })
    }

    /// Services for a probe, without a server.
    pub(super) fn of(world: World, repository: &str, github_token: &str) -> Self {
        Self {
            rally: Arc::new(Mutex::new(world)),
            repository: repository.into(),
            repo: None,
            github_token: github_token.into(),
            asked: Arc::default(),
            aws_door: Arc::new(Door::new("AKIAPROBE".to_owned(), "a secret that nobody has".to_owned())),
        }
    }

    pub(super) fn rally(&self) -> MutexGuard<'_, World> {
        self.rally.lock()
    }

    /// Works with the World and the repository of its pull requests.
    fn with_branches<T>(&self, work: impl FnOnce(&mut World, &mut dyn Branches) -> T) -> T {
        let mut rally = self.rally();
        match self.repo.clone() {
            Some(mut repo) => work(&mut rally, &mut repo),
            None => rally.in_model(|world, git| work(world, git)),
        }
    }
}

impl Production for PretendRally {
    fn github(&self) -> Router {
        let base = format!("/repos/{}", self.repository);
        Router::new()
            .route("/user", get(|| async { Json(World::user()) }))
            .route(&format!("{base}/actions/workflows"), get(workflows))
            .route(&format!("{base}/actions/workflows/{{workflow}}"), get(workflow))
            .route(&format!("{base}/actions/workflows/{{workflow}}/dispatches"), post(dispatch))
            .route(&format!("{base}/actions/workflows/{{workflow}}/runs"), get(workflow_runs))
            .route(&format!("{base}/actions/runs"), get(runs))
            .route(&format!("{base}/actions/runs/{{id}}"), get(run))
            .route(&format!("{base}/actions/runs/{{id}}/jobs"), get(jobs))
            .route(&format!("{base}/actions/runs/{{id}}/rerun-failed-jobs"), post(rerun_failed_jobs))
            .route(&format!("{base}/actions/runs/{{id}}/cancel"), post(cancel))
            .route(&format!("{base}/actions/runs/{{id}}/pending_deployments"), get(pending_deployments))
            .route(&format!("{base}/actions/runs/{{id}}/attempts/{{attempt}}/jobs"), get(attempt_jobs))
            .merge(pull_requests::routes(&base))
            .merge(reports::routes(&base))
            .fallback(|| async { not_found() })
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .layer(axum::middleware::from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }

    fn aws(&self) -> Router {
        Router::new().fallback(aws_call).with_state(self.clone())
    }

    fn site(&self) -> Router {
        Router::new().route("/pages/{page}", get(outside_page)).fallback(site_page).with_state(self.clone())
    }

    fn advance(&self, now_ms: i64) {
        self.rally().advance(now_ms);
    }

    fn on_host(&self, _at_ms: i64, event: HostEvent) {
        self.rally().on_host(event);
    }

    fn on_main(&self, _at_ms: i64, commit: &str, version_value: &str) {
        self.rally().on_main(commit, version_value);
    }

    fn world(&self) -> Option<MutexGuard<'_, World>> {
        Some(self.rally())
    }

    fn effects(&self) -> u64 {
        self.rally().effects()
    }

    fn state(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&*self.rally())?)
    }
}

/// Largest body that GitHub's front reads, in bytes. The app sends nothing larger.
const BODY_MAX: usize = 1_048_576;
/// Calls per hour that GitHub allows for a person's token.
const RATE: u32 = 5_000;

/// Refusal of a call; `None` when it may pass.
fn refusal(token: &str, request: &Request) -> Option<Response> {
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let sent = header(header::AUTHORIZATION).unwrap_or_default();
    let given = sent.strip_prefix("Bearer ").or_else(|| sent.strip_prefix("token ")).unwrap_or_default();
    let kind = header(header::CONTENT_TYPE).unwrap_or("application/json");
    let length = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok()).unwrap_or_default();
    if token.is_empty() || given != token {
        return Some(complaint(StatusCode::UNAUTHORIZED, "Bad credentials"));
    }
    if length > BODY_MAX {
        return Some(complaint(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"));
    }
    let is_json = kind.to_ascii_lowercase().contains("json");
    (request.method() == Method::POST && !is_json)
        .then(|| complaint(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type"))
}

/// Replaces the router's own refusals by GitHub's. GitHub answers 404 to another method or a path
/// that is not UTF-8.
fn in_its_words(answer: Response) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return answer;
    }
    match answer.status() {
        StatusCode::PAYLOAD_TOO_LARGE => complaint(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large"),
        StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED => not_found(),
        _ => answer,
    }
}

/// Authenticates a call, and adds the headers that every answer of GitHub has.
async fn admit(State(site): State<PretendRally>, request: Request, next: Next) -> Response {
    let is_over = {
        let rally = site.rally();
        rally.rules.token_expires_at.is_some_and(|at| rally.now_ms() >= at)
    };
    // An empty token matches no caller, so an expired token is refused.
    let refused = refusal(if is_over { "" } else { &site.github_token }, &request);
    let mut answer = match refused {
        Some(refused) => refused,
        None => in_its_words(next.run(request).await),
    };
    let used = site.asked.fetch_add(1, Ordering::Relaxed).saturating_add(1).min(RATE);
    let expires = site.rally().rules.token_expires_at;
    let reset = crate::clock::real_ms() / 1_000 + 3_600;
    let id: u64 = rand::random();
    // The clock of GitHub is the virtual one.
    let date = jiff::Timestamp::from_millisecond(site.rally().now_ms()).unwrap_or_default();
    let told = [
        ("date", date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-github-request-id", format!("{id:016X}")),
        ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ("x-ratelimit-limit", RATE.to_string()),
        ("x-ratelimit-used", used.to_string()),
        ("x-ratelimit-remaining", (RATE - used).to_string()),
        ("x-ratelimit-reset", reset.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ];
    let expiry = expires.map(|at| ("github-authentication-token-expiration", expiry(at)));
    for (name, value) in told.into_iter().chain(expiry) {
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Expiry of a token as GitHub writes it: `2026-11-23 09:00:00 UTC`.
fn expiry(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An error answer in GitHub's shape.
fn complaint(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.as_u16().to_string(),
    });
    (status, Json(body)).into_response()
}

fn not_found() -> Response {
    complaint(StatusCode::NOT_FOUND, "Not Found")
}

fn found(body: Option<Value>) -> Response {
    body.map_or_else(not_found, |body| Json(body).into_response())
}

async fn workflows(State(site): State<PretendRally>) -> Response {
    let all: Vec<Value> = site.rally().workflow(WORKFLOW).into_iter().collect();
    Json(json!({ "total_count": all.len(), "workflows": all })).into_response()
}

async fn workflow(State(site): State<PretendRally>, Path(name): Path<String>) -> Response {
    found(site.rally().workflow(&name))
}

/// The JSON object of a body.
///
/// # Errors
/// GitHub's text for status 400.
fn object(body: &Bytes) -> Result<Value, &'static str> {
    match serde_json::from_slice::<Value>(body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err("Body should be a JSON object"),
        Err(_) => Err("Problems parsing JSON"),
    }
}

async fn dispatch(State(site): State<PretendRally>, Path(name): Path<String>, body: Bytes) -> Response {
    let body = match object(&body) {
        Ok(body) => body,
        Err(why) => return complaint(StatusCode::BAD_REQUEST, why),
    };
    let mut rally = site.rally();
    if rally.workflow(&name).is_none() {
        return not_found();
    }
    match rally.start_build(&body) {
        Ok(details) if body.get("return_run_details") == Some(&Value::Bool(true)) => Json(details).into_response(),
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => complaint(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

async fn rerun_failed_jobs(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    let mut rally = site.rally();
    if rally.run_of(&id).is_none() {
        return not_found();
    }
    match rally.rerun_failed_jobs(&id) {
        Ok(()) => (StatusCode::CREATED, Json(serde_json::json!({}))).into_response(),
        Err(why) => complaint(StatusCode::FORBIDDEN, &why),
    }
}

async fn cancel(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    let mut rally = site.rally();
    if rally.run_of(&id).is_none() {
        return not_found();
    }
    match rally.cancel_build(&id) {
        Ok(()) => (StatusCode::ACCEPTED, Json(serde_json::json!({}))).into_response(),
        Err(why) => complaint(StatusCode::CONFLICT, &why),
    }
}

async fn workflow_runs(
    State(site): State<PretendRally>,
    Path(name): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let rally = site.rally();
    rally.workflow(&name).map_or_else(not_found, |_| listed(&headers, &uri, &query, rally.runs(&query)))
}

async fn runs(
    State(site): State<PretendRally>,
    Query(query): Query<Vec<(String, String)>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    listed(&headers, &uri, &query, site.rally().runs(&query))
}

/// One page of a list, with a `Link` header that names the other pages under the requested host.
fn listed(headers: &HeaderMap, uri: &Uri, query: &[(String, String)], body: Value) -> Response {
    let total = body.get("total_count").and_then(Value::as_u64).unwrap_or_default();
    page(headers, uri, query, body, total)
}

/// One page of a list with `total` entries.
fn page(headers: &HeaderMap, uri: &Uri, query: &[(String, String)], body: Value, total: u64) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let address = format!("http://{host}{}", uri.path());
    let links = pages::Page::of(query).links(&address, uri.query().unwrap_or_default(), total);
    let links = links.and_then(|links| header::HeaderValue::from_str(&links).ok());
    (links.map(|links| [(header::LINK, links)]), Json(body)).into_response()
}

async fn run(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    found(site.rally().run_of(&id))
}

async fn jobs(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    found(site.rally().jobs(&id))
}

async fn pending_deployments(State(site): State<PretendRally>, Path(id): Path<String>) -> Response {
    found(site.rally().pending_deployments(&id))
}

async fn attempt_jobs(State(site): State<PretendRally>, Path((id, _)): Path<(String, String)>) -> Response {
    found(site.rally().jobs(&id))
}

async fn aws_call(State(site): State<PretendRally>, request: Request) -> Response {
    match site.aws_door.admit(request).await {
        Ok(Asked::Operation(operation, body)) => match site.rally().aws(&operation, &body) {
            Ok(answer) => answered(&answer),
            Err((status, kind, message)) => refused(status, kind, &message),
        },
        Ok(Asked::Identity) => form_answered(aws::caller_identity()),
        Err(denial) => denial.into_response(),
    }
}

async fn site_page(State(site): State<PretendRally>) -> Response {
    match site.rally().serving_version() {
        Some(version) => Html(site::page(&version)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no server is healthy").into_response(),
    }
}

async fn outside_page(Path(page): Path<String>) -> Html<String> {
    let name = match page.as_str() {
        "actions" => "GitHub's Actions page",
        "task-definitions" => "the page of AWS with the start-up settings",
        _ => "a page of another site",
    };
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Practice</title></head><body>\
         <h1>Practice</h1><p>In a real release, {name} opens here.</p></body></html>"
    ))
}
