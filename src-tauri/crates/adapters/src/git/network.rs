//! Calls to the remote: their thread, their deadline, their credentials, fetch and listing.
//!
//! libgit2 cannot be interrupted while a server is silent. So every call has a thread and a
//! [`CallState`] that thread and caller share. When the caller gives up, the thread may not start
//! to send a change any more.

use std::{
    cell::Cell,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use git2::{
    AutotagOption, Config, Cred, CredentialType, Direction, ErrorClass, ErrorCode as GitCode, FetchOptions, FetchPrune,
    Oid, ProxyOptions, RemoteCallbacks, RemoteRedirect, Repository,
};
use greenlight_engine::ports::{PortResult, RefCommit, RemoteRef, SecretText};
use greenlight_types::{Changed, ErrorCode, Failure};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    leftovers,
    names::Address,
    trouble::{self, TokenUse},
};

/// User name that GitHub accepts with every kind of token.
const TOKEN_USER: &str = "x-access-token";

const IDLE: u8 = 0;
const SENDING: u8 = 1;
const ABANDONED: u8 = 2;

/// State of one call that its thread and its caller share.
#[derive(Debug, Default)]
pub(super) struct CallState {
    stage: AtomicU8,
    signs: AtomicU64,
}

impl CallState {
    /// Must be called before the first byte of a change is sent. `false` when the caller gave up
    /// and reported that nothing changed.
    pub(super) fn may_send(&self) -> bool {
        self.stage.compare_exchange(IDLE, SENDING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether a change may have been sent.
    pub(super) fn is_sending(&self) -> bool {
        self.stage.load(Ordering::Acquire) == SENDING
    }

    /// Counts a sign of life of the server. `false` when the caller gave up.
    pub(super) fn note_progress(&self) -> bool {
        self.signs.fetch_add(1, Ordering::Relaxed);
        self.stage.load(Ordering::Acquire) != ABANDONED
    }

    fn abandon(&self) {
        let _ = self.stage.compare_exchange(IDLE, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
    }

    fn changed(&self) -> Changed {
        if self.is_sending() { Changed::Unknown } else { Changed::Nothing }
    }
}

/// Gives up the call when its caller is dropped.
struct CallerGuard(Arc<CallState>);

impl Drop for CallerGuard {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Starts calls, a limited number at a time.
pub(super) struct CallThreads(Arc<Semaphore>);

impl CallThreads {
    pub(super) fn new(free: Arc<Semaphore>) -> Self {
        Self(free)
    }

    /// Runs `work` on a new thread. Waits at most `quiet` without a sign of life, and at most
    /// `whole` in total.
    ///
    /// # Errors
    /// `TimedOut`, with `Changed::Unknown` when sending had begun; and the failure of `work`.
    pub(super) async fn run<T, F>(&self, summary: &str, quiet: Duration, whole: Duration, work: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&CallState) -> PortResult<T> + Send + 'static,
    {
        let permit = self.permit(summary, quiet).await?;
        let call = Arc::new(CallState::default());
        let guard = CallerGuard(Arc::clone(&call));
        let (reply, mut answer) = oneshot::channel();
        let shared = Arc::clone(&call);
        // Not a thread of the runtime, because a hanging one would keep the app from closing.
        std::thread::Builder::new()
            .name("git".to_owned())
            .spawn(move || {
                let _permit = permit;
                // The caller may have given up.
                let _ = reply.send(work(&shared));
            })
            .map_err(|error| Failure::new(ErrorCode::Internal, summary).because(error))?;
        let end = Instant::now() + whole;
        let mut seen = call.signs.load(Ordering::Relaxed);
        loop {
            match tokio::time::timeout(quiet.min(end.saturating_duration_since(Instant::now())), &mut answer).await {
                Ok(Ok(result)) => return result,
                Ok(Err(_)) => {
                    return Err(Failure::new(ErrorCode::Internal, summary)
                        .because("the conversation with the server broke off inside the app")
                        .changed(call.changed()));
                }
                Err(_) => {
                    let now = call.signs.load(Ordering::Relaxed);
                    if now == seen || Instant::now() >= end {
                        drop(guard);
                        return Err(Failure::new(ErrorCode::TimedOut, summary)
                            .because(format!("the server was silent for {} s", quiet.as_secs()))
                            .hint("Check the network connection.")
                            .changed(call.changed()));
                    }
                    seen = now;
                }
            }
        }
    }

    async fn permit(&self, summary: &str, quiet: Duration) -> PortResult<OwnedSemaphorePermit> {
        match tokio::time::timeout(quiet, Arc::clone(&self.0).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Failure::new(ErrorCode::TimedOut, summary)
                .because("earlier connections to the server still hang")
                .hint("Check the network connection, then close and reopen the app.")),
        }
    }
}

/// Opens the clone, or makes it. It has the default settings of libgit2: git settings of the
/// computer or the person, such as address rewriting, proxies and filters, must not affect a
/// release.
pub(super) fn open(path: &Path) -> PortResult<Repository> {
    let summary = "open the app's copy of the repository";
    leftovers::remove(path);
    let opened = match Repository::open_bare(path) {
        Err(error) if error.code() == GitCode::NotFound => Repository::init_bare(path),
        other => other,
    };
    let repo = opened.map_err(|error| trouble::local(summary, &error).with("path", path.display().to_string()))?;
    let none = Config::new().map_err(|error| trouble::local(summary, &error))?;
    repo.set_config(&none).map_err(|error| trouble::local(summary, &error))?;
    Ok(repo)
}

/// Callbacks that give the token once and to its own server only, and that stop when the caller
/// gave up.
pub(super) fn callbacks<'a>(
    address: &'a Address,
    token: &'a SecretText,
    used: &'a Cell<TokenUse>,
    call: &'a CallState,
) -> RemoteCallbacks<'a> {
    let mut callbacks = RemoteCallbacks::new();
    callbacks.credentials(move |asking, _user, allowed| {
        let refuse = |text: &str| Err(git2::Error::new(GitCode::Auth, ErrorClass::Http, text));
        if !address.owns(asking) {
            used.set(TokenUse::AskedElsewhere);
            return refuse("another server asked for the token");
        }
        // libgit2 asks again until the server accepts (libgit2#3471).
        if used.get() != TokenUse::NotAsked {
            used.set(TokenUse::Refused);
            return refuse("the server refused the token");
        }
        if !allowed.contains(CredentialType::USER_PASS_PLAINTEXT) {
            return refuse("the server asks for another kind of sign-in than a token");
        }
        used.set(TokenUse::Given);
        Cred::userpass_plaintext(TOKEN_USER, token.expose())
    });
    callbacks.transfer_progress(move |_| call.note_progress());
    callbacks.sideband_progress(move |_| call.note_progress());
    callbacks
}

/// Fetches branches and tags. Refs that the remote removed are removed from the clone.
pub(super) fn fetch(repo: &Repository, address: &Address, token: &SecretText, call: &CallState) -> PortResult<()> {
    let wanted = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/remote-tags/*"];
    let request = Fetch { summary: "fetch the repository", wanted: &wanted, prune: FetchPrune::On };
    fetch_wanted(repo, address, token, call, request)
}

/// The refs of a fetch.
struct Fetch<'a> {
    /// Summary of a failure.
    summary: &'static str,
    /// Ref specifications, each with the place of the copy.
    wanted: &'a [&'a str],
    /// Whether copies of removed refs are removed.
    prune: FetchPrune,
}

fn fetch_wanted(
    repo: &Repository,
    address: &Address,
    token: &SecretText,
    call: &CallState,
    request: Fetch<'_>,
) -> PortResult<()> {
    let Fetch { summary, wanted, prune } = request;
    let used = Cell::new(TokenUse::NotAsked);
    let mut callbacks = callbacks(address, token, &used, call);
    callbacks.update_tips(|_, _, _| call.note_progress());
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(callbacks)
        .proxy_options(ProxyOptions::new())
        .prune(prune)
        .update_fetchhead(false)
        .download_tags(AutotagOption::None)
        .follow_redirects(RemoteRedirect::None);
    let mut remote = repo.remote_anonymous(address.as_str()).map_err(|error| trouble::local(summary, &error))?;
    remote
        .fetch(wanted, Some(&mut options), Some("fetch"))
        .map_err(|error| trouble::remote(summary, &error, address, used.get()))
}

/// Lists all refs of the remote, sorted by name. An annotated tag has the commit that it points to.
pub(super) fn list(
    repo: &Repository,
    address: &Address,
    token: &SecretText,
    call: &CallState,
) -> PortResult<Vec<RemoteRef>> {
    let summary = "list the branches and tags of the repository";
    let used = Cell::new(TokenUse::NotAsked);
    let callbacks = callbacks(address, token, &used, call);
    let failed = |error: git2::Error| trouble::remote(summary, &error, address, used.get());
    let mut remote = repo.remote_anonymous(address.as_str()).map_err(|error| trouble::local(summary, &error))?;
    let connection =
        remote.connect_auth(Direction::Fetch, Some(callbacks), Some(ProxyOptions::new())).map_err(failed)?;
    let mut refs: Vec<RemoteRef> = Vec::new();
    let mut peeled: Vec<(String, String)> = Vec::new();
    for head in connection.list().map_err(failed)? {
        let (name, id) = (head.name(), head.oid().to_string());
        match name.strip_suffix("^{}") {
            Some(tag) => peeled.push((tag.to_owned(), id)),
            None if name.starts_with("refs/") => refs.push(RemoteRef { name: name.to_owned(), id, peeled: None }),
            // HEAD is an alias of a branch.
            None => {}
        }
    }
    refs.sort_by(|a, b| a.name.cmp(&b.name));
    for (name, id) in peeled {
        if let Ok(at) = refs.binary_search_by(|entry| entry.name.as_str().cmp(&name)) {
            refs[at].peeled = Some(id);
        }
    }
    Ok(refs)
}

/// Reads a ref of the remote and the message of its commit. The commit is fetched when the clone
/// does not have it.
pub(super) fn ref_commit(
    repo: &Repository,
    address: &Address,
    token: &SecretText,
    name: &str,
    call: &CallState,
) -> PortResult<Option<RefCommit>> {
    let summary = "read the environment lock of the repository";
    let listed = list(repo, address, token, call)?;
    let Some(there) = listed.into_iter().find(|one| one.name == name) else { return Ok(None) };
    let id = Oid::from_str(&there.id).map_err(|error| trouble::local(summary, &error))?;
    if !repo.odb().is_ok_and(|odb| odb.exists(id)) {
        fetch_ref(repo, address, token, name, call)?;
    }
    match repo.find_commit(id) {
        Ok(commit) => {
            let message = String::from_utf8_lossy(commit.message_raw_bytes()).into_owned();
            Ok(Some(RefCommit { id: there.id, message }))
        }
        // The ref moved between the two calls.
        Err(error) if error.code() == GitCode::NotFound && !repo.odb().is_ok_and(|odb| odb.exists(id)) => {
            Err(Failure::new(ErrorCode::Unreachable, summary)
                .because("it changed at the same moment")
                .hint("Try again.")
                .with("name", name))
        }
        Err(error) => Err(Failure::new(ErrorCode::UnreadableAnswer, summary)
            .because(error.message())
            .hint("It names something else than a commit. Ask a developer who wrote it.")
            .with("name", name)),
    }
}

/// Fetches one ref of the app from the remote. Its copy lies outside of the refs that the app makes
/// in its clone.
fn fetch_ref(repo: &Repository, address: &Address, token: &SecretText, name: &str, call: &CallState) -> PortResult<()> {
    let copy = name.strip_prefix(super::names::OWN).unwrap_or(name);
    let wanted = format!("+{name}:refs/remote-locks/{copy}");
    let summary = "read the environment lock of the repository";
    fetch_wanted(repo, address, token, call, Fetch { summary, wanted: &[&wanted], prune: FetchPrune::Off })
}
