//! One push of one ref, as a compare-and-swap.
//!
//! libgit2 1.9 has neither force-with-lease nor atomic pushes, moves a tag when that is a fast-forward, and returns Ok
//! for a refused ref (libgit2#3963, git2-rs#733). So the expectation is compared in the negotiation, and the answer is
//! read from the server's own status.

use std::cell::{Cell, RefCell};

use git2::{ErrorCode as GitCode, Oid, ProxyOptions, PushOptions, PushUpdate, RemoteRedirect, Repository};
use greenlight_engine::ports::{PortResult, PushRef, PushResult, SecretText};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};

use super::{
    names::{self, Address},
    network::{self, Line},
    trouble::{self, TokenUse},
};
use crate::mutant::{self, Mutant};

const SUMMARY: &str = "push to the repository";

/// Most that is kept of what the server says.
const WORDS_LIMIT: usize = 16 * 1024;

/// A checked [`PushRef`].
pub(super) struct Order {
    id: Oid,
    name: String,
    expect: Option<Oid>,
}

impl Order {
    pub(super) fn new(push: &PushRef) -> PortResult<Self> {
        Ok(Self {
            id: names::object_id(&push.id)?,
            name: names::ref_name(&push.name, &["refs/heads/", "refs/tags/"])?,
            expect: push.expect.as_deref().map(names::object_id).transpose()?,
        })
    }
}

/// What the negotiation found.
#[derive(Clone, Copy, Default)]
enum Found {
    #[default]
    Nothing,
    /// The remote has something else than expected.
    Moved(Option<Oid>),
    /// It has our object already.
    Already,
    /// As expected; sending begins.
    Expected,
    /// The waiter left before.
    Left,
    /// libgit2 would do something else than it was told.
    Strange,
}

/// What the server said.
#[derive(Default)]
struct Words {
    sideband: Vec<u8>,
    /// Per ref: `None` when it was updated, else why not.
    statuses: Vec<(String, Option<String>)>,
}

pub(super) fn push(
    repo: &Repository,
    address: &Address,
    token: &SecretText,
    order: &Order,
    line: &Line,
) -> PortResult<PushResult> {
    let odb = repo.odb().map_err(|error| trouble::local(SUMMARY, &error))?;
    if !odb.exists(order.id) {
        return Err(Failure::new(ErrorCode::GitMissing, SUMMARY)
            .because(format!("the app's copy of the repository does not have {}", order.id)));
    }
    let (used, found, words) = (Cell::new(TokenUse::NotAsked), Cell::new(Found::Nothing), RefCell::default());
    let mut options = options(address, token, order, line, &used, &found, &words);
    let mut remote = repo.remote_anonymous(address.as_str()).map_err(|error| trouble::local(SUMMARY, &error))?;
    let sent = remote.push(&[format!("{}:{}", order.id, order.name)], Some(&mut options));
    drop(options);
    drop(remote);
    let words: Words = words.into_inner();
    match (found.get(), sent) {
        (Found::Moved(now), _) => Ok(PushResult::Moved { now: now.map(|id| id.to_string()) }),
        (Found::Already, _) => Ok(PushResult::Accepted),
        (Found::Left, _) => Err(Failure::new(ErrorCode::TimedOut, SUMMARY).because("nobody waited any more")),
        (Found::Strange, _) => {
            Err(Failure::new(ErrorCode::Internal, SUMMARY).because("another change than the planned one was prepared"))
        }
        (Found::Expected, Ok(())) => verdict(order, &words),
        (Found::Expected, Err(error)) => Err(after_negotiation(&error, address, used.get(), &words)),
        (Found::Nothing, Err(error)) => Err(trouble::remote(SUMMARY, &error, address, used.get())),
        (Found::Nothing, Ok(())) => Err(Failure::new(ErrorCode::Internal, SUMMARY)
            .because("the remote was never compared with what was expected")
            .changed(Changed::Unknown)),
    }
}

fn options<'a>(
    address: &'a Address,
    token: &'a SecretText,
    order: &'a Order,
    line: &'a Line,
    used: &'a Cell<TokenUse>,
    found: &'a Cell<Found>,
    words: &'a RefCell<Words>,
) -> PushOptions<'a> {
    let mut callbacks = network::callbacks(address, token, used, line);
    callbacks.sideband_progress(move |bytes| {
        let mut words = words.borrow_mut();
        let room = WORDS_LIMIT.saturating_sub(words.sideband.len()).min(bytes.len());
        words.sideband.extend_from_slice(&bytes[..room]);
        // Once sending began it goes on to the end: its answer is wanted by whoever asks the remote next.
        line.is_wanted() || line.is_sending()
    });
    callbacks.push_transfer_progress(move |_, _, _| {
        line.is_wanted();
    });
    callbacks.push_negotiation(move |updates| {
        found.set(compare(updates, order, line));
        match found.get() {
            Found::Expected => Ok(()),
            Found::Nothing | Found::Moved(_) | Found::Already | Found::Left | Found::Strange => {
                Err(git2::Error::from_str("stopped before anything was sent"))
            }
        }
    });
    callbacks.push_update_reference(move |name, status| {
        words.borrow_mut().statuses.push((name.to_owned(), status.map(str::to_owned)));
        Ok(())
    });
    let mut options = PushOptions::new();
    options
        .remote_callbacks(callbacks)
        .proxy_options(ProxyOptions::new())
        .packbuilder_parallelism(1)
        .follow_redirects(RemoteRedirect::None);
    options
}

/// `PushUpdate::src` is what the remote has now and `dst` what would be written; git2's names mislead.
fn compare(updates: &[PushUpdate<'_>], order: &Order, line: &Line) -> Found {
    let [update] = updates else { return Found::Strange };
    if update.dst_refname_bytes() != order.name.as_bytes() || update.dst() != order.id {
        return Found::Strange;
    }
    let now = Some(update.src()).filter(|id| !id.is_zero());
    if now != order.expect && !mutant::is(Mutant::RefMoved) {
        return Found::Moved(now);
    }
    if now == Some(order.id) {
        return Found::Already;
    }
    if line.may_send() { Found::Expected } else { Found::Left }
}

/// The server's own status decides; without one we do not know.
fn verdict(order: &Order, words: &Words) -> PortResult<PushResult> {
    if mutant::is(Mutant::PushBelieved) {
        return Ok(PushResult::Accepted);
    }
    match words.statuses.iter().find(|(name, _)| *name == order.name) {
        Some((_, None)) => Ok(PushResult::Accepted),
        Some((_, Some(status))) => {
            let said = readable(&words.sideband);
            let status = readable(status.as_bytes());
            Ok(PushResult::Refused { reason: if said.is_empty() { status } else { format!("{status}\n{said}") } })
        }
        None => Err(Failure::new(ErrorCode::UnreadableAnswer, SUMMARY)
            .because("the server did not say whether it took the change")
            .changed(Changed::Unknown)),
    }
}

fn after_negotiation(error: &git2::Error, address: &Address, used: TokenUse, words: &Words) -> Failure {
    // Raised by libgit2 while it collects the objects, before the first byte (push.c, queue_objects).
    if error.code() == GitCode::NotFastForward {
        return Failure::new(ErrorCode::PushRefused, SUMMARY)
            .because("the new commit does not build on what the remote has; the app never overwrites")
            .hint("Ask a developer.")
            .retry(Retry::No);
    }
    let failure = trouble::remote(SUMMARY, error, address, used).changed(Changed::Unknown);
    let said = readable(&words.sideband);
    if said.is_empty() { failure } else { failure.because(said) }
}

/// The server's text as lines without control characters.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split(['\n', '\r']).map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    lines.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
