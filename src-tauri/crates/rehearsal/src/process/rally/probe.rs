//! Answers arbitrary requests without a socket, for property tests and fuzzing.
//!
//! [`Probe::operation`] skips the signature check of the AWS front. That check has its own tests.

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use serde_json::Value;
use tower::ServiceExt as _;

use super::serve::PretendRally;
use crate::{
    process::Production as _,
    world::{Start, World},
};

const TOKEN: &str = "ghp_probe";
/// Largest answer that is read, in bytes.
const ANSWER_MAX: usize = 16 << 20;
const REPOSITORY: &str = "rallyforresearch/rally";

/// Operations of the AWS front.
pub const OPERATIONS: [&str; 16] = [
    "ListClusters",
    "DescribeClusters",
    "ListServices",
    "DescribeServices",
    "ListServiceDeployments",
    "DescribeServiceDeployments",
    "DescribeServiceRevisions",
    "UpdateService",
    "StopServiceDeployment",
    "ListTasks",
    "DescribeTasks",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
    "DescribeImages",
    "DescribeRepositories",
    "FilterLogEvents",
];

/// A simulator that a test calls directly.
#[derive(Debug)]
pub struct Probe {
    rally: PretendRally,
    runtime: tokio::runtime::Runtime,
}

impl Probe {
    /// Makes a probe on a new World.
    ///
    /// # Errors
    /// When the runtime cannot be made.
    pub fn new() -> std::io::Result<Self> {
        let start = Start {
            main: "c1".to_owned(),
            version_value: "2.0.1.11-RELEASE".to_owned(),
            now_ms: 1_795_424_400_000,
            repository: REPOSITORY.to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { rally: PretendRally::of(World::new(&start), REPOSITORY, TOKEN), runtime })
    }

    /// Status of an AWS operation behind the signature check.
    #[must_use]
    pub fn operation(&self, operation: &str, body: &Value) -> u16 {
        self.rally.rally().aws(operation, body).map_or_else(|(status, _, _)| status, |_| 200)
    }

    /// Status of any request to the AWS front.
    #[must_use]
    pub fn aws(&self, target: &str, kind: &str, authorization: &str, body: Vec<u8>) -> u16 {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header("x-amz-target", target)
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, authorization)
            .body(Body::from(body));
        self.status(self.rally.aws(), request)
    }

    /// Status of any request to GitHub's front with a valid token. `rest` follows the repository's
    /// address.
    #[must_use]
    pub fn github(&self, posts: bool, rest: &str, kind: &str, body: Vec<u8>) -> u16 {
        let request = Request::builder()
            .method(if posts { Method::POST } else { Method::GET })
            .uri(format!("/repos/{REPOSITORY}{rest}"))
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body));
        self.status(self.rally.github(), request)
    }

    /// Status and body of any request to GitHub's front with a valid token. `None` for an invalid
    /// HTTP request.
    #[must_use]
    pub fn github_answer(&self, method: &str, rest: &str, body: Vec<u8>) -> Option<(u16, Vec<u8>)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/repos/{REPOSITORY}{rest}"))
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .ok()?;
        let Ok(answer) = self.runtime.block_on(self.rally.github().oneshot(request));
        let status = answer.status().as_u16();
        let body = self.runtime.block_on(axum::body::to_bytes(answer.into_body(), ANSWER_MAX)).ok()?;
        Some((status, body.to_vec()))
    }

    /// Status of the answer. 400 for an invalid HTTP request, which no server would receive.
    fn status(&self, router: Router, request: axum::http::Result<Request<Body>>) -> u16 {
        let Ok(request) = request else { return 400 };
        let Ok(answer) = self.runtime.block_on(router.oneshot(request));
        answer.status().as_u16()
    }
}
