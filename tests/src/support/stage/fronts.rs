//! The listeners that the app calls. Each one names the request, may hold it, and forwards it to
//! the system that answers.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use greenlight_rehearsal::process::rally::PretendRally;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::doors::Doors;
use super::service::Service;
use crate::support::hold::Moment;

/// Largest body in bytes. A pushed pack is far smaller.
const LARGEST: usize = 64 << 20;

/// The ECS calls that the simulator answers. moto answers the other AWS calls.
const OF_SERVICE: [&str; 11] = [
    "ListClusters",
    "DescribeClusters",
    "ListServices",
    "DescribeServices",
    "ListServiceDeployments",
    "DescribeServiceDeployments",
    "DescribeServiceRevisions",
    "ListTasks",
    "DescribeTasks",
    "UpdateService",
    "StopServiceDeployment",
];

/// The system behind a front.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The git server.
    Git { to: String },
    /// The REST API of GitHub.
    Github { to: String },
    /// AWS, routed by `X-Amz-Target`.
    Aws { service: String, others: String, world: PretendRally },
    /// The load balancer in front of the tasks.
    Site { service: Arc<Service> },
}

/// One listener of the stage.
#[derive(Clone, Debug)]
pub(super) struct Front {
    kind: Kind,
    doors: Doors,
    client: reqwest::Client,
}

impl Front {
    pub(super) fn new(kind: Kind, doors: Doors) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { kind, doors, client: client.build().unwrap_or_default() }
    }

    /// Serves the front on a free loopback port and returns its address.
    pub(super) async fn serve(self, serving: &mut JoinSet<()>) -> Result<String> {
        serve(serving, Router::new().fallback(answer).with_state(Arc::new(self))).await
    }

    fn name(&self, method: &Method, path: &str, headers: &HeaderMap) -> String {
        match &self.kind {
            Kind::Git { .. } => format!("git {method} {path}"),
            Kind::Github { .. } => format!("GitHub {method} {path}"),
            Kind::Aws { .. } => format!("AWS {}", operation(headers)),
            Kind::Site { .. } => format!("site {method} {path}"),
        }
    }

    async fn ask(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Response {
        let to = match &self.kind {
            Kind::Git { to } | Kind::Github { to } => Some(to.clone()),
            Kind::Aws { service, others, .. } => {
                let is_of_service = OF_SERVICE.contains(&operation(&headers).as_str());
                Some(if is_of_service { service.clone() } else { others.clone() })
            }
            Kind::Site { service } => service.next_url(),
        };
        let Some(to) = to else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
        match self.forward(method, &format!("{to}{path}"), &headers, body).await {
            Ok((status, headers_back, body)) => {
                self.overhear(&headers, status, &body);
                (status, headers_back, Body::from(body)).into_response()
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        }
    }

    /// Tells the service about a registered revision, because moto stores the task definitions.
    fn overhear(&self, headers: &HeaderMap, status: StatusCode, body: &[u8]) {
        if let Kind::Aws { world, .. } = &self.kind
            && operation(headers) == "RegisterTaskDefinition"
            && status.is_success()
            && let Ok(answer) = serde_json::from_slice::<Value>(body)
        {
            world.on_definition(&answer);
        }
    }

    async fn forward(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let mut sent = headers.clone();
        for of_connection in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            sent.remove(of_connection);
        }
        // The signature covers the host, and the simulator checks the signature. The other systems
        // need their own host.
        let is_checked = matches!(&self.kind, Kind::Aws { service, .. } if url.starts_with(service.as_str()));
        if !is_checked {
            sent.remove(header::HOST);
        }
        let answer = self.client.request(method, url).headers(sent).body(body).send().await?;
        let (status, mut back) = (answer.status(), answer.headers().clone());
        back.remove(header::TRANSFER_ENCODING);
        back.remove(header::CONTENT_LENGTH);
        back.remove(header::CONNECTION);
        Ok((status, back, answer.bytes().await?))
    }
}

/// `AmazonEC2ContainerServiceV20141113.DescribeServices` becomes `DescribeServices`; STS sends no
/// target.
fn operation(headers: &HeaderMap) -> String {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// Answers in a separate task: as with a real service, a request has its effect even if the client
/// is gone.
async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else { return StatusCode::BAD_REQUEST.into_response() };
    let path = parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let name = front.name(&parts.method, parts.uri.path(), &parts.headers);
    let answered = tokio::spawn(async move {
        front.doors.pass(Moment::BeforeEffect, &name).await;
        front.doors.note(&name);
        let response = front.ask(parts.method, &path, parts.headers, body).await;
        front.doors.pass(Moment::AfterEffect, &name).await;
        response
    });
    answered.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Serves a router on a free loopback port and returns its address.
pub(super) async fn serve(serving: &mut JoinSet<()>, router: Router) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    serving.spawn(async move {
        // It serves until the stage is dropped.
        let _ended = axum::serve(listener, router).await;
    });
    Ok(url)
}
