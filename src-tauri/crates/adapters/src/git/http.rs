//! Requests to the remote and their answers: token, silence, size, status (gitprotocol-http(5)).
//!
//! The network code of libgit2 keeps a listing of any size in memory and goes on after its caller
//! gave up. So the adapter speaks the protocol itself, and libgit2 works on the clone only.
//! Dropping a call closes its connection.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use greenlight_engine::ports::{PortResult, SecretText};
use greenlight_types::{Changed, ErrorCode, Failure};
use reqwest::{Body, Client, RequestBuilder, Response, header, redirect};
use tokio::time::{Instant, timeout_at};

use super::{GitLimits, names::Address, trouble};

/// User name that GitHub accepts with every kind of token.
const TOKEN_USER: &str = "x-access-token";
/// GitHub answers as a git server only if the name starts with `git/` (dulwich#562). The version is
/// the one that libgit2 sends.
const USER_AGENT: &str = concat!("git/2.0 (greenlight/", env!("CARGO_PKG_VERSION"), ")");
/// A part of a request, in bytes. A part that leaves is a sign of life.
const PIECE: usize = 64 * 1024;

/// Program of the server that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Sends objects to the app.
    UploadPack,
    /// Takes objects and moves refs.
    ReceivePack,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

/// The remote of a profile.
pub(super) struct Remote {
    address: Address,
    client: Client,
}

impl Remote {
    /// A client that follows no redirect, so that the token goes to its own server only. It uses no
    /// proxy of the environment and no idle connection, which may die in a sleep of this computer.
    ///
    /// # Errors
    /// `Internal` when this computer's TLS cannot be set up.
    pub(super) fn new(address: Address) -> PortResult<Self> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .user_agent(USER_AGENT)
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| Failure::new(ErrorCode::Internal, "prepare calls to the repository").because_of(&error))?;
        Ok(Self { address, client })
    }
}

/// One operation at the remote: its token, its limits and its end.
pub(super) struct Session<'a> {
    remote: &'a Remote,
    token: SecretText,
    limits: GitLimits,
    end: Instant,
    summary: &'static str,
}

impl<'a> Session<'a> {
    /// Begins an operation. `summary` completes "failed to …".
    pub(super) fn begin(remote: &'a Remote, token: SecretText, limits: GitLimits, summary: &'static str) -> Self {
        Self { remote, token, limits, end: Instant::now() + limits.whole, summary }
    }

    pub(super) fn limits(&self) -> GitLimits {
        self.limits
    }

    pub(super) fn summary(&self) -> &'static str {
        self.summary
    }

    /// Requests the refs of the remote. The answer has at most `max` bytes.
    ///
    /// # Errors
    /// The failures of [`trouble::refused`] and [`trouble::lost`]; `TimedOut`.
    pub(super) async fn refs(&self, service: Service, max: u64) -> PortResult<Answer> {
        let name = service.name();
        let request = self.remote.client.get(format!("{}/info/refs?service={name}", self.base()));
        let about = self.about(self.limits.ask, Changed::Nothing);
        self.send(request, &format!("application/x-{name}-advertisement"), about, max, &AtomicU64::new(0)).await
    }

    /// Sends a request to a service. The answer has at most `max` bytes. For
    /// [`Service::ReceivePack`], every failure after the connection was made is `Changed::Unknown`.
    ///
    /// # Errors
    /// The failures of [`trouble::refused`] and [`trouble::lost`]; `TimedOut`.
    pub(super) async fn post(&self, service: Service, body: Vec<u8>, max: u64) -> PortResult<Answer> {
        let name = service.name();
        let sent = Arc::new(AtomicU64::new(0));
        let request = self
            .remote
            .client
            .post(format!("{}/{name}", self.base()))
            .header(header::CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(header::CONTENT_LENGTH, body.len())
            .body(upload(body, Arc::clone(&sent)));
        let changed = match service {
            Service::UploadPack => Changed::Nothing,
            Service::ReceivePack => Changed::Unknown,
        };
        let about = self.about(self.limits.transfer, changed);
        self.send(request, &format!("application/x-{name}-result"), about, max, &sent).await
    }

    fn base(&self) -> &str {
        self.remote.address.as_str().trim_end_matches('/')
    }

    fn about(&self, quiet: Duration, changed: Changed) -> About {
        let host = self.remote.address.host().to_owned();
        About { summary: self.summary, host, changed, quiet, whole: self.limits.whole, end: self.end }
    }

    async fn send(
        &self,
        request: RequestBuilder,
        content_type: &str,
        about: About,
        max: u64,
        signs: &AtomicU64,
    ) -> PortResult<Answer> {
        let request = request
            .basic_auth(TOKEN_USER, Some(self.token.expose()))
            .header(header::ACCEPT, content_type)
            .header(header::ACCEPT_ENCODING, "identity");
        let response =
            about.wait(request.send(), signs).await?.map_err(|error| trouble::lost(about.failure(), &error))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(trouble::refused(about.failure(), status));
        }
        let found = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_expected = found == Some(content_type);
        let answer = Answer { response, about, left: max, max };
        if is_expected { Ok(answer) } else { Err(answer.unreadable("another kind of text than a git server")) }
    }
}

/// A request body that counts each part as it leaves.
fn upload(body: Vec<u8>, sent: Arc<AtomicU64>) -> Body {
    let body = Bytes::from(body);
    let pieces = (0..body.len()).step_by(PIECE).map(move |at| {
        sent.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(body.slice(at..body.len().min(at + PIECE)))
    });
    Body::wrap_stream(futures::stream::iter(pieces))
}

/// Words and time limits of one request.
#[derive(Clone, Debug)]
struct About {
    summary: &'static str,
    host: String,
    /// Effect of a failure.
    changed: Changed,
    quiet: Duration,
    whole: Duration,
    end: Instant,
}

impl About {
    /// A failure whose code its caller replaces.
    fn failure(&self) -> Failure {
        Failure::new(ErrorCode::UnreadableAnswer, self.summary).with("host", &self.host).changed(self.changed)
    }

    /// Waits for `work` until it is silent for too long, or until the end of the operation.
    ///
    /// # Errors
    /// `TimedOut` when the time is over.
    async fn wait<F: Future>(&self, work: F, signs: &AtomicU64) -> PortResult<F::Output> {
        let mut work = pin!(work);
        let mut seen = signs.load(Ordering::Relaxed);
        loop {
            let until = self.end.min(Instant::now() + self.quiet);
            if let Ok(output) = timeout_at(until, &mut work).await {
                return Ok(output);
            }
            let now = signs.load(Ordering::Relaxed);
            if Instant::now() >= self.end || now == seen {
                return Err(self.timed_out());
            }
            seen = now;
        }
    }

    fn timed_out(&self) -> Failure {
        let why = if Instant::now() >= self.end {
            format!("it was not done after {} s", self.whole.as_secs())
        } else {
            format!("the server was silent for {} s", self.quiet.as_secs())
        };
        Failure { code: ErrorCode::TimedOut, ..self.failure() }.because(why).hint("Check the network connection.")
    }
}

/// An answer of the remote whose content is read chunk by chunk, up to its limit.
pub(super) struct Answer {
    response: Response,
    about: About,
    left: u64,
    max: u64,
}

impl Answer {
    /// The next chunk. `None` at the end.
    ///
    /// # Errors
    /// `UnreadableAnswer` when the answer is larger than its limit, `Unreachable` when the
    /// connection breaks, `TimedOut` when the server is silent.
    pub(super) async fn chunk(&mut self) -> PortResult<Option<Bytes>> {
        let next = self.about.wait(self.response.chunk(), &AtomicU64::new(0)).await?;
        let Some(bytes) = next.map_err(|error| trouble::lost(self.about.failure(), &error))? else { return Ok(None) };
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(self.too_much(&size(self.max))),
        }
        Ok(Some(bytes))
    }

    /// Waits for other work that belongs to this answer, until the end of the operation.
    ///
    /// # Errors
    /// `TimedOut` when the time is over.
    pub(super) async fn until_end<F: Future>(&self, work: F) -> PortResult<F::Output> {
        timeout_at(self.about.end, work).await.map_err(|_| self.about.timed_out())
    }

    /// The server answered more than the app reads.
    pub(super) fn too_much(&self, limit: &str) -> Failure {
        self.about
            .failure()
            .because(format!("GitHub answered with more than {limit}; the rest was not read"))
            .hint("Ask a developer: no answer about this repository should be so large.")
    }

    /// The answer cannot be read. `found` completes "the server sent …".
    pub(super) fn unreadable(&self, found: &str) -> Failure {
        self.about
            .failure()
            .because(format!("the server sent {found}"))
            .hint("Something between this computer and the server may change its answers.")
    }

    /// The answer ended too early.
    pub(super) fn broke_off(&self) -> Failure {
        Failure { code: ErrorCode::Unreachable, ..self.about.failure() }
            .because("the answer of the server broke off")
            .hint("Check the network connection and try again.")
    }

    /// The server gave up, in its own words.
    pub(super) fn gave_up(&self, words: &[u8]) -> Failure {
        Failure { code: ErrorCode::Unreachable, ..self.about.failure() }
            .because(format!("the server gave up: {}", trouble::readable(words)))
            .hint("The server has a problem of its own. Try again in a minute.")
    }
}

/// A number of bytes in words.
pub(super) fn size(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if bytes >= 1024 * MIB { format!("{} GiB", bytes / (1024 * MIB)) } else { format!("{} MiB", bytes / MIB) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_in_its_largest_unit() {
        assert_eq!(size(16 * 1024 * 1024), "16 MiB");
        assert_eq!(size(4 * 1024 * 1024 * 1024), "4 GiB");
    }
}
