//! GitHub as a listener that answers as a test plans and keeps every request, with the app's
//! adapter in front of it.

use std::{collections::VecDeque, io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use greenlight_adapters::{
    github::{GithubAdapter, GithubLimits},
    keychain::MemorySecrets,
    sleep_detector::ReadClocks,
};
use greenlight_engine::ports::{Credential, SecretText, Secrets as _};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// The saved token.
pub const TOKEN: &str = "ghp_SecretOfThisTest";
/// Largest body of a request, in bytes.
const BODY_MAX: usize = 1 << 20;

/// The reaction of the listener to one request.
pub enum Reply {
    /// Status, headers and body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Reads the request and never answers.
    Silence,
    /// Announces more bytes than it sends.
    BrokenOff,
}

/// An answer with a JSON body.
#[must_use]
pub fn says(status: u16, body: &Value) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_string())
}

/// A request that arrived.
pub struct Asked {
    /// Address of the client's connection. Each connection has its own port.
    pub from: SocketAddr,
    /// Method and address.
    pub line: String,
    pub headers: HeaderMap,
    /// The body; null when it is no JSON.
    pub body: Value,
}

#[derive(Default)]
struct Desk {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
}

/// The adapter and its listener. Dropping it ends the listener.
pub struct Bench {
    /// The adapter for the repository `rally/rally`.
    pub github: GithubAdapter,
    desk: Arc<Desk>,
    listening: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Short limits, so that a test of silence does not take long.
#[must_use]
pub fn quick() -> GithubLimits {
    let ms = Duration::from_millis;
    GithubLimits { connect: ms(2000), read: ms(700), whole: ms(3000), pause: ms(1) }
}

/// An adapter with a saved token for the repository `rally/rally`.
///
/// # Errors
/// When the adapter refuses the address.
pub async fn adapter(base: &str) -> Result<GithubAdapter> {
    let secrets = MemorySecrets::default();
    secrets.set(&Credential::Github { token: SecretText::new(TOKEN) }).await?;
    Ok(GithubAdapter::new(base, "rally/rally", Arc::new(secrets))?)
}

impl Bench {
    /// Listens, and gives one reply to each request in turn. Without a reply it answers 599.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start(replies: Vec<Reply>, limits: GithubLimits, read_clocks: ReadClocks) -> Result<Self> {
        let desk = Arc::new(Desk { replies: Mutex::new(replies.into()), asked: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}/api/v3", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&desk));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listening = tokio::spawn(async move { drop(axum::serve(listener, service).await) });
        let github = adapter(&base).await?.with_limits(limits).with_clocks(read_clocks);
        Ok(Self { github, desk, listening })
    }

    /// The requests so far.
    pub fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.desk.asked.lock()
    }

    /// Methods and addresses of the requests so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.line.clone()).collect()
    }

    /// Bodies of the requests so far.
    #[must_use]
    pub fn bodies(&self) -> Vec<Value> {
        self.asked().iter().map(|asked| asked.body.clone()).collect()
    }
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, BODY_MAX).await.unwrap_or_default();
    let line = format!("{} {}", parts.method, parts.uri);
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    desk.asked.lock().push(Asked { from, line, headers: parts.headers, body });
    let reply = desk.replies.lock().pop_front();
    match reply {
        Some(Reply::Answer(status, headers, text)) => {
            let response = headers.into_iter().fold(Response::builder().status(status), |r, (k, v)| r.header(k, v));
            response.body(Body::from(text)).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        Some(Reply::Silence) => std::future::pending().await,
        Some(Reply::BrokenOff) => {
            let parts = [Ok("{\"workflow_run_id\""), Err(io::Error::other("cut"))];
            Body::from_stream(futures::stream::iter(parts)).into_response()
        }
        None => {
            let status = StatusCode::from_u16(599).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "no reply was planned").into_response()
        }
    }
}
