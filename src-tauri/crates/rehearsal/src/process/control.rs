//! Control front: the app keeps the process alive, sets its speed and stops it. Needs a token and
//! listens on loopback only.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use crate::{clock::VirtualClock, fronts::Pulse};

/// Longest wait for an answer of the control front.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Most bytes read of an answer.
const ANSWER_BYTES: u64 = 64 * 1024;

/// State of the control front.
#[derive(Clone)]
pub(super) struct Control {
    token: Arc<str>,
    clock: Arc<VirtualClock>,
    pulse: Pulse,
    stop: watch::Sender<bool>,
}

#[derive(Deserialize)]
struct Speed {
    speed: u32,
}

impl Control {
    pub(super) fn new(token: &str, clock: Arc<VirtualClock>, pulse: Pulse, stop: watch::Sender<bool>) -> Self {
        Self { token: token.into(), clock, pulse, stop }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/alive", get(alive))
            .route("/speed", post(speed))
            .route("/stop", post(stop))
            .with_state(self)
    }

    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if sent.and_then(|sent| sent.strip_prefix("Bearer ")) != Some(&*self.token) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        self.pulse.beat();
        Ok(())
    }
}

async fn alive(State(control): State<Control>, headers: HeaderMap) -> StatusCode {
    match control.admit(&headers) {
        Ok(()) => StatusCode::OK,
        Err(refused) => refused,
    }
}

async fn speed(State(control): State<Control>, headers: HeaderMap, Json(wanted): Json<Speed>) -> StatusCode {
    if let Err(refused) = control.admit(&headers) {
        return refused;
    }
    match control.clock.set_speed(wanted.speed) {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn stop(State(control): State<Control>, headers: HeaderMap) -> StatusCode {
    if let Err(refused) = control.admit(&headers) {
        return refused;
    }
    // The answer must leave before the listener ends.
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        control.stop.send_replace(true);
    });
    StatusCode::OK
}

/// Calls a control front and returns the body of the answer.
///
/// # Errors
/// When no answer comes in time, or its status is not 200.
pub(crate) async fn call(port: u16, token: &str, method: &str, path: &str, body: &str) -> io::Result<String> {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
        Ok::<Vec<u8>, io::Error>(answer)
    };
    let answer = tokio::time::timeout(ANSWER_MAX, exchange)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the pretend production does not answer"))??;
    let head = String::from_utf8_lossy(&answer);
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(head.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default());
    }
    let line = head.lines().next().unwrap_or("no answer").to_owned();
    Err(io::Error::other(format!("the pretend production answered: {line}")))
}
