//! Git over smart HTTP on loopback: git's own `http-backend` as CGI behind a token, with hooks.
//!
//! Knows nothing of a release. It serves one repository and does not support the dumb protocol.

mod cgi;
mod colleague;
mod pull_requests;
pub mod seed;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::Engine;

use crate::fronts::Pulse;

/// Callback after an accepted push, before the end of its answer.
pub type Pushed = Arc<dyn Fn() + Send + Sync>;

/// A front for one repository behind a token.
#[derive(Clone)]
pub struct GitFront {
    inner: Arc<Inner>,
}

struct Inner {
    /// Folder that holds `owner/name.git`.
    projects: PathBuf,
    /// Name of the repository: `owner/name`.
    repository: String,
    token: String,
    pushed: Pushed,
    pulse: Pulse,
}

impl GitFront {
    /// Serves `projects/repository.git` to clients with the token. Any user name is accepted, as on
    /// GitHub.
    #[must_use]
    pub fn new(projects: &Path, repository: &str, token: &str, pushed: Pushed, pulse: Pulse) -> Self {
        Self {
            inner: Arc::new(Inner {
                projects: projects.to_owned(),
                repository: repository.to_owned(),
                token: token.to_owned(),
                pushed,
                pulse,
            }),
        }
    }

    /// Router of the front.
    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Path for `http-backend`. Only `/owner/name.git/info/refs` and the two services are allowed.
    fn path_info(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix('/')?.strip_prefix(&self.inner.repository)?;
        let rest = rest.strip_prefix(".git").unwrap_or(rest);
        ["/info/refs", "/git-upload-pack", "/git-receive-pack"]
            .contains(&rest)
            .then(|| format!("/{}.git{rest}", self.inner.repository))
    }

    /// User name of a request with the right token.
    fn user(&self, headers: &HeaderMap) -> Option<String> {
        let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let encoded = sent.strip_prefix("Basic ")?;
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, token) = text.split_once(':')?;
        (token == self.inner.token).then(|| user.to_owned())
    }
}

async fn answer(State(front): State<GitFront>, request: Request<Body>) -> Response {
    front.inner.pulse.beat();
    let Some(user) = front.user(request.headers()) else {
        let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")];
        return (StatusCode::UNAUTHORIZED, asks, "remote: Invalid username or token.\n").into_response();
    };
    let Some(path_info) = front.path_info(request.uri().path()) else {
        return (StatusCode::NOT_FOUND, "remote: Repository not found.\n").into_response();
    };
    let call =
        cgi::Call { projects: front.inner.projects.clone(), user, path_info, pushed: Arc::clone(&front.inner.pushed) };
    match cgi::run(call, request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, "git http-backend failed");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
        }
    }
}
