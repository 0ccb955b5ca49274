//! One request and its answer: token, address, time limits. A GET is retried, a POST never.

use std::sync::Arc;

use bytes::Bytes;
use greenlight_engine::{
    loopback::is_loopback,
    ports::{PortResult, SecretText, Secrets},
};
use greenlight_types::{Changed, ErrorCode, Failure, Retry, Timestamp};
use http_body_util::{BodyExt, Limited, combinators::BoxBody};
use octocrab::{Octocrab, service::middleware::retry::RetryConfig};
use parking_lot::Mutex;
use reqwest::Url;
use serde::de::DeserializeOwned;

use super::{
    GithubLimits, answers,
    trouble::{self, Area},
};
use crate::{
    credentials,
    sleep_detector::{BothClocks, ReadClocks, slept},
};

/// Maximum number of attempts of a read.
const READ_ATTEMPTS: u32 = 3;
/// Maximum size of an answer, in bytes.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

type Response = http::Response<BoxBody<Bytes, octocrab::Error>>;

/// Headers that explain the status.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    pub(super) accepted_permissions: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) remaining: Option<String>,
    pub(super) reset: Option<String>,
    pub(super) sso: Option<String>,
    pub(super) expiration: Option<String>,
    pub(super) date: Option<String>,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) hints: Hints,
    body: String,
    area: Area,
}

impl Answer {
    /// The answer with the words of another part of GitHub for a refusal.
    pub(super) fn about(self, area: Area) -> Self {
        Self { area, ..self }
    }

    /// Parses a 2xx answer.
    ///
    /// # Errors
    /// The failure of another status, or `UnreadableAnswer`.
    pub(super) fn expect<T: DeserializeOwned>(&self, summary: &str) -> PortResult<T> {
        if !(200..300).contains(&self.status) {
            return Err(self.failure(summary));
        }
        serde_json::from_str(&self.body).map_err(|error| {
            Failure::new(ErrorCode::UnreadableAnswer, summary)
                .because_of(&error)
                .hint("Try again. Something between this computer and GitHub may change its answers.")
        })
    }

    pub(super) fn failure(&self, summary: &str) -> Failure {
        trouble::refused(summary, self.area, self.status, &self.complaint(), &self.hints)
    }

    /// Whether the server refused a dispatch because it does not know the flag (GHES 3.19,
    /// benc-uk#86).
    pub(super) fn refuses_run_details(&self) -> bool {
        let words = self.parsed().message;
        matches!(self.status, 400 | 422)
            && (words.contains("not a permitted key") || words.contains("return_run_details"))
    }

    /// Whether the plan of the owner has no rulesets for a private repository
    /// (github/branch-deploy#345).
    pub(super) fn refuses_rulesets(&self) -> bool {
        self.status == 403 && self.parsed().message.starts_with("Upgrade to GitHub")
    }

    pub(super) fn token_expires_at(&self) -> Option<Timestamp> {
        self.hints.expiration.as_deref().and_then(answers::expiry)
    }

    /// Time of the answer by the clock of the server.
    pub(super) fn answered_at(&self) -> Option<Timestamp> {
        self.hints.date.as_deref().and_then(answers::date)
    }

    fn complaint(&self) -> String {
        self.parsed().words().chars().filter(|c| !c.is_control()).take(300).collect()
    }

    fn parsed(&self) -> answers::Complaint {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends requests with the saved token.
pub(super) struct Caller {
    base: Url,
    secrets: Arc<dyn Secrets>,
    limits: GithubLimits,
    read_clocks: ReadClocks,
    /// The client of the current token. Cached, because making a client reads all root
    /// certificates.
    client: Mutex<Option<CachedClient>>,
}

/// A client with its connections. Replaced after a sleep of this computer.
struct CachedClient {
    token: SecretText,
    client: Octocrab,
    used: BothClocks,
}

impl Caller {
    pub(super) fn new(base: &str, secrets: Arc<dyn Secrets>, limits: GithubLimits) -> PortResult<Self> {
        let bad = |why: String| {
            Failure::new(ErrorCode::BadProfile, "use the address of GitHub")
                .because(why)
                .hint(format!("A good address is {}", super::GITHUB))
        };
        let base = Url::parse(base).map_err(|error| bad(error.to_string()))?;
        let is_local = base.host_str().is_some_and(is_loopback);
        if base.scheme() != "https" && !(base.scheme() == "http" && is_local) {
            return Err(bad("only https is used (http only to this computer)".to_owned()));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(bad("only a server and a path are expected".to_owned()));
        }
        Ok(Self { base, secrets, limits, read_clocks: Arc::new(BothClocks::now), client: Mutex::new(None) })
    }

    pub(super) fn with_limits(self, limits: GithubLimits) -> Self {
        Self { limits, client: Mutex::new(None), ..self }
    }

    pub(super) fn with_clocks(self, read_clocks: ReadClocks) -> Self {
        Self { read_clocks, ..self }
    }

    /// Address of a resource. Every part is percent-encoded.
    pub(super) fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Sends a read at most [`READ_ATTEMPTS`] times. A lost answer and a 5xx are retried, a refusal
    /// is not.
    pub(super) async fn get(&self, summary: &str, url: Url) -> PortResult<Answer> {
        let unchanged = |failure: Failure| Failure { changed: Changed::Nothing, retry: Retry::Safe, ..failure };
        let mut pause = self.limits.pause;
        for _ in 1..READ_ATTEMPTS {
            let client = self.client(summary).await?;
            match self.attempt(summary, client._get(url.as_str())).await {
                Ok(answer) if answer.status < 500 => return Ok(answer),
                Ok(_) | Err(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        let client = self.client(summary).await?;
        self.attempt(summary, client._get(url.as_str())).await.map_err(unchanged)
    }

    /// Sends a change once, over a new connection: an idle connection may be dead, and a lost
    /// answer puts the step in doubt. A failure has `Changed::Unknown` unless no connection was
    /// made.
    pub(super) async fn post_once(
        &self,
        summary: &str,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> PortResult<Answer> {
        let client = self.fresh(summary, &self.token(summary).await?)?;
        self.attempt(summary, client._post(url.as_str(), body)).await
    }

    async fn attempt(
        &self,
        summary: &str,
        request: impl Future<Output = octocrab::Result<Response>>,
    ) -> PortResult<Answer> {
        let whole = async { read(summary, request.await.map_err(|error| trouble::lost(summary, &error))?).await };
        let silent = |why: String| {
            let failure = Failure::new(ErrorCode::TimedOut, summary).because(why);
            Err(failure.hint("Check the network connection.").changed(Changed::Unknown))
        };
        tokio::select! {
            biased;
            answer = tokio::time::timeout(self.limits.whole, whole) => answer.unwrap_or_else(|_| {
                silent(format!("no whole answer within {} s", self.limits.whole.as_secs()))
            }),
            // The deadline does not run while the computer sleeps.
            () = slept(&self.read_clocks) => silent("this computer slept, or its clock was set".to_owned()),
        }
    }

    async fn token(&self, summary: &str) -> PortResult<SecretText> {
        credentials::github_token(&*self.secrets, summary).await
    }

    async fn client(&self, summary: &str) -> PortResult<Octocrab> {
        let (token, now) = (self.token(summary).await?, (self.read_clocks)());
        let mut cached = self.client.lock();
        if let Some(cached) = cached.as_mut().filter(|cached| cached.token == token && !cached.used.slept_until(&now)) {
            cached.used = now;
            return Ok(cached.client.clone());
        }
        let client = self.fresh(summary, &token)?;
        *cached = Some(CachedClient { token, client: client.clone(), used: now });
        Ok(client)
    }

    fn fresh(&self, summary: &str, token: &SecretText) -> PortResult<Octocrab> {
        self.build(token).map_err(|error| {
            Failure::new(ErrorCode::Internal, summary)
                .because(error)
                .hint("The GitHub token may hold a character that no token has. Save it again on Access.")
        })
    }

    fn build(&self, token: &SecretText) -> Result<Octocrab, String> {
        Octocrab::builder()
            .base_uri(self.base.as_str())
            .map_err(|error| error.to_string())?
            .personal_token(token.expose())
            // By default octocrab sends every request three times, also a POST.
            .add_retry_config(RetryConfig::None)
            .set_connect_timeout(Some(self.limits.connect))
            .set_read_timeout(Some(self.limits.read))
            .set_write_timeout(Some(self.limits.read))
            .build()
            // The error text of octocrab may quote the header with the token.
            .map_err(|_| "the client could not be made".to_owned())
    }
}

async fn read(summary: &str, response: Response) -> PortResult<Answer> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let hints = Hints {
        accepted_permissions: header("x-accepted-github-permissions"),
        retry_after: header("retry-after"),
        remaining: header("x-ratelimit-remaining"),
        reset: header("x-ratelimit-reset"),
        sso: header("x-github-sso"),
        expiration: header("github-authentication-token-expiration"),
        date: header("date"),
    };
    let status = response.status().as_u16();
    let unreadable = |why: String| {
        Failure::new(ErrorCode::UnreadableAnswer, summary)
            .because(why)
            .hint("Check the network connection.")
            .changed(Changed::Unknown)
    };
    let bytes = Limited::new(response.into_body(), ANSWER_LIMIT)
        .collect()
        .await
        .map_err(|error| unreadable(format!("the answer broke off: {error}")))?
        .to_bytes();
    // A body in another encoding is no JSON, but its status still counts.
    Ok(Answer { status, hints, body: String::from_utf8_lossy(&bytes).into_owned(), area: Area::Workflows })
}
