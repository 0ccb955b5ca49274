//! A listener that records every request and returns scripted answers. It covers behaviour that
//! moto lacks: unknown fields, refusals, empty pages, lost answers. It makes no judgement.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::ConnectInfo,
    http::{HeaderMap, StatusCode},
};
use greenlight_adapters::aws::AwsAccess;
use greenlight_engine::ports::{Credential, PortResult, SecretText, Secrets};
use greenlight_types::CredentialKind;
use parking_lot::Mutex;
use serde_json::Value;

pub const KEY_ID: &str = "AKIAFROMTHEKEYCHAIN1";
pub const SECRET: &str = "the-secret-of-the-keychain";
pub const SESSION: &str = "the-session-of-the-keychain";

/// A keychain with one AWS key, or without a key.
pub struct Keychain(pub bool);

#[async_trait::async_trait]
impl Secrets for Keychain {
    async fn get(&self, _kind: CredentialKind) -> PortResult<Option<Credential>> {
        Ok(self.0.then(|| Credential::Aws {
            key_id: KEY_ID.to_owned(),
            secret: SecretText::new(SECRET),
            session: Some(SecretText::new(SESSION)),
        }))
    }
    async fn set(&self, _credential: &Credential) -> PortResult<()> {
        Ok(())
    }
    async fn remove(&self, _kind: CredentialKind) -> PortResult<()> {
        Ok(())
    }
    fn place(&self) -> String {
        "a test".to_owned()
    }
}

/// Access to an endpoint with the key of [`Keychain`].
pub fn access(endpoint: &str) -> AwsAccess {
    AwsAccess::new("us-east-1", Some(endpoint), Arc::new(Keychain(true))).expect("access")
}

/// One recorded request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Address of the client's connection. Each connection has its own port.
    pub from: SocketAddr,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The AWS operation, for example `ListTasks`.
    pub fn operation(&self) -> &str {
        self.header("x-amz-target").rsplit('.').next().unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A listener that records requests.
pub struct Recorder {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Recorder {
    /// Answers every request with the result of `answer`, which gets the number of the request,
    /// from 0, and the request.
    pub async fn start(answer: impl Fn(usize, &Request) -> (u16, String) + Clone + Send + Sync + 'static) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let app = Router::new().fallback(move |ConnectInfo(from), headers: HeaderMap, body: Bytes| {
            let request = Request { from, headers, body };
            let number = {
                let mut kept = kept.lock();
                kept.push(request.clone());
                kept.len() - 1
            };
            let (status, body) = answer(number, &request);
            async move { (StatusCode::from_u16(status).expect("a status"), body) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move {
            axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.expect("served");
        });
        Self { url, requests, server }
    }

    /// Answers every request with the same JSON.
    pub async fn with_json(answer: Value) -> Self {
        Self::start(move |_, _| (200, answer.to_string())).await
    }

    /// Answers every request with an error in AWS's JSON protocol.
    pub async fn with_error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        Self::start(move |_, _| (status, body.clone())).await
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The address of a port that is closed now.
pub async fn closed_port() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}
