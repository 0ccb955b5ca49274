//! Runs `git http-backend` once per request: request body in, CGI answer out, both streamed and
//! bounded.
//!
//! Like a real server, it completes a push that has reached git although the client disconnects.

use std::{collections::BTreeMap, io, path::PathBuf, process::Stdio, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, Method, Response, StatusCode, header},
};
use futures::StreamExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::mpsc,
};

use super::Pushed;

/// Most bytes accepted of a request body.
const BODY_MAX: u64 = 512 * 1024 * 1024;
/// Most bytes of the answer's header.
const HEAD_MAX: u64 = 16 * 1024;
/// Most header lines of the answer.
const HEAD_LINES_MAX: usize = 50;
/// Longest run of `http-backend`.
const RUN_MAX: Duration = Duration::from_secs(600);
/// Most bytes kept of the error output.
const ERRORS_MAX: u64 = 16 * 1024;

/// Inputs of a call besides the request.
pub(super) struct Call {
    pub projects: PathBuf,
    pub user: String,
    pub path_info: String,
    pub pushed: Pushed,
}

/// Runs git for a request.
pub(super) async fn run(call: Call, request: Request<Body>) -> io::Result<Response<Body>> {
    let is_push = call.path_info.ends_with("/git-receive-pack") && request.method() == Method::POST;
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .envs(environment(&call, &request))
        .current_dir(&call.projects)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("failed to start git (is it installed?): {error}")))?;
    if let Some(stdin) = child.stdin.take() {
        tokio::spawn(feed(stdin, request.into_body()));
    }
    let stdout = child.stdout.take().ok_or_else(|| io::Error::other("git gave no output"))?;
    let mut stdout = BufReader::new(stdout);
    let head = match tokio::time::timeout(RUN_MAX, read_head(&mut stdout)).await {
        Ok(head) => head?,
        Err(_) => return Err(io::Error::other("git http-backend gave no answer in time")),
    };
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(16);
    tokio::spawn(finish(child, stdout, sender, is_push.then_some(call.pushed)));
    let stream = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = head.status;
    for (name, value) in head.fields {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// The CGI variables (RFC 3875). The process's own environment adds only the search path of
/// programs.
fn environment(call: &Call, request: &Request<Body>) -> BTreeMap<&'static str, String> {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut variables: BTreeMap<&'static str, String> = [
        ("GIT_PROJECT_ROOT", call.projects.to_string_lossy().into_owned()),
        ("GIT_HTTP_EXPORT_ALL", "1".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("HOME", call.projects.to_string_lossy().into_owned()),
        ("PATH", std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned())),
        ("GATEWAY_INTERFACE", "CGI/1.1".to_owned()),
        ("SERVER_PROTOCOL", "HTTP/1.1".to_owned()),
        ("REMOTE_ADDR", "127.0.0.1".to_owned()),
        ("REMOTE_USER", call.user.clone()),
        ("REQUEST_METHOD", request.method().to_string()),
        ("PATH_INFO", call.path_info.clone()),
        ("QUERY_STRING", request.uri().query().unwrap_or_default().to_owned()),
    ]
    .into_iter()
    .collect();
    let copied = [
        ("CONTENT_TYPE", header::CONTENT_TYPE),
        ("CONTENT_LENGTH", header::CONTENT_LENGTH),
        ("HTTP_CONTENT_ENCODING", header::CONTENT_ENCODING),
        ("HTTP_GIT_PROTOCOL", HeaderName::from_static("git-protocol")),
        ("HTTP_ACCEPT", header::ACCEPT),
    ];
    for (variable, field) in copied {
        if let Some(value) = text(field) {
            variables.insert(variable, value);
        }
    }
    variables
}

async fn feed(mut stdin: ChildStdin, body: Body) {
    let mut chunks = body.into_data_stream();
    let mut sent: u64 = 0;
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return };
        sent += chunk.len() as u64;
        // git may refuse a push without reading all of it. The broken pipe is no error here; git's
        // output has the reason.
        if sent > BODY_MAX || stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

struct Head {
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
}

async fn read_head(stdout: &mut BufReader<ChildStdout>) -> io::Result<Head> {
    let mut head = Head { status: StatusCode::OK, fields: Vec::new() };
    let mut limited = stdout.take(HEAD_MAX);
    for _ in 0..HEAD_LINES_MAX {
        let mut line = String::new();
        if limited.read_line(&mut line).await? == 0 {
            return Err(io::Error::other("git http-backend ended before its answer"));
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Ok(head);
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        if name.eq_ignore_ascii_case("status") {
            let code = value.get(..3).and_then(|code| code.parse::<u16>().ok());
            head.status = code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::BAD_GATEWAY);
        } else if let (Ok(name), Ok(value)) = (name.parse(), value.parse()) {
            head.fields.push((name, value));
        }
    }
    Err(io::Error::other("git http-backend's header is too long"))
}

/// Forwards the body, waits for git's end, reports a push, and only then ends the body.
async fn finish(
    mut child: Child,
    mut stdout: BufReader<ChildStdout>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    pushed: Option<Pushed>,
) {
    let errors = child.stderr.take().map(|stderr| tokio::spawn(read_errors(stderr)));
    let work = async {
        let mut buffer = vec![0_u8; 32 * 1024];
        loop {
            match stdout.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    let chunk = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                    // A disconnected client does not stop git.
                    let _gone = sender.send(Ok(chunk)).await;
                }
            }
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(RUN_MAX, work).await;
    if let Some(errors) = errors
        && let Ok(text) = errors.await
        && !text.trim().is_empty()
    {
        tracing::info!(text = %text.trim(), "git http-backend");
    }
    if let Some(pushed) = pushed {
        pushed();
    }
    match ended {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => drop(sender.send(Err(error)).await),
        Err(_) => {
            drop(child.kill().await);
            drop(sender.send(Err(io::Error::other("git took too long"))).await);
        }
    }
}

async fn read_errors(stderr: tokio::process::ChildStderr) -> String {
    let mut bytes = Vec::new();
    let mut limited = stderr.take(ERRORS_MAX);
    let _ended = limited.read_to_end(&mut bytes).await;
    // The rest is read and dropped, so that git never blocks on it.
    let mut rest = limited.into_inner();
    let _ended = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
