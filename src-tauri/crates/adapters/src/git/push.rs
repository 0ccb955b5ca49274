//! One push of one ref, as a compare-and-swap.
//!
//! libgit2 1.9 has neither force-with-lease nor atomic pushes. It moves a tag when that is a
//! fast-forward, and returns Ok for a refused ref (libgit2#3963, git2-rs#733). So the adapter
//! compares the expected id during the negotiation, and takes the result from the status report of
//! the server.

use std::cell::{Cell, RefCell};

use git2::{ErrorCode as GitCode, Oid, ProxyOptions, PushOptions, PushUpdate, RemoteRedirect, Repository};
use greenlight_engine::ports::{PortResult, PushRef, PushResult, SecretText};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};

use super::{
    names::{self, Address},
    network::{self, CallState},
    trouble::{self, TokenUse},
};

const SUMMARY: &str = "push to the repository";

/// Maximum length of the stored server text, in bytes.
const SERVER_TEXT_MAX: usize = 16 * 1024;

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
            name: names::ref_name(&push.name, &["refs/heads/", "refs/tags/", names::OWN])?,
            expect: push.expect.as_deref().map(names::object_id).transpose()?,
        })
    }
}

/// Result of the negotiation.
#[derive(Clone, Copy, Default)]
enum Negotiation {
    #[default]
    Pending,
    /// The remote has another id than expected.
    RemoteMoved(Option<Oid>),
    /// The remote has the new id already.
    UpToDate,
    /// The remote has the expected id, and sending begins.
    Sending,
    /// The caller gave up before.
    Abandoned,
    /// libgit2 would send another update than the planned one.
    UnplannedUpdate,
}

/// Report of the server.
#[derive(Default)]
struct ServerReport {
    sideband: Vec<u8>,
    /// Per ref: `None` when it was updated, else the reason.
    statuses: Vec<(String, Option<String>)>,
}

pub(super) fn push(
    repo: &Repository,
    address: &Address,
    token: &SecretText,
    order: &Order,
    call: &CallState,
) -> PortResult<PushResult> {
    let odb = repo.odb().map_err(|error| trouble::local(SUMMARY, &error))?;
    if !odb.exists(order.id) {
        return Err(Failure::new(ErrorCode::GitMissing, SUMMARY)
            .because(format!("the app's copy of the repository does not have {}", order.id)));
    }
    let (used, negotiation, report) =
        (Cell::new(TokenUse::NotAsked), Cell::new(Negotiation::Pending), RefCell::default());
    let mut options = options(address, token, order, call, &used, &negotiation, &report);
    let mut remote = repo.remote_anonymous(address.as_str()).map_err(|error| trouble::local(SUMMARY, &error))?;
    let sent = remote.push(&[format!("{}:{}", order.id, order.name)], Some(&mut options));
    drop(options);
    drop(remote);
    let report: ServerReport = report.into_inner();
    match (negotiation.get(), sent) {
        (Negotiation::RemoteMoved(now), _) => Ok(PushResult::Moved { now: now.map(|id| id.to_string()) }),
        (Negotiation::UpToDate, _) => Ok(PushResult::Accepted),
        (Negotiation::Abandoned, _) => {
            Err(Failure::new(ErrorCode::TimedOut, SUMMARY).because("nobody waited any more"))
        }
        (Negotiation::UnplannedUpdate, _) => {
            Err(Failure::new(ErrorCode::Internal, SUMMARY).because("another change than the planned one was prepared"))
        }
        (Negotiation::Sending, Ok(())) => verdict(order, &report),
        (Negotiation::Sending, Err(error)) => Err(after_negotiation(&error, address, used.get(), &report)),
        (Negotiation::Pending, Err(error)) => Err(trouble::remote(SUMMARY, &error, address, used.get())),
        (Negotiation::Pending, Ok(())) => Err(Failure::new(ErrorCode::Internal, SUMMARY)
            .because("the remote was never compared with what was expected")
            .changed(Changed::Unknown)),
    }
}

fn options<'a>(
    address: &'a Address,
    token: &'a SecretText,
    order: &'a Order,
    call: &'a CallState,
    used: &'a Cell<TokenUse>,
    negotiation: &'a Cell<Negotiation>,
    report: &'a RefCell<ServerReport>,
) -> PushOptions<'a> {
    let mut callbacks = network::callbacks(address, token, used, call);
    callbacks.sideband_progress(move |bytes| {
        let mut report = report.borrow_mut();
        let room = SERVER_TEXT_MAX.saturating_sub(report.sideband.len()).min(bytes.len());
        report.sideband.extend_from_slice(&bytes[..room]);
        // A push that began to send runs to its end: the next read of the remote needs its effect.
        call.note_progress() || call.is_sending()
    });
    callbacks.push_transfer_progress(move |_, _, _| {
        call.note_progress();
    });
    callbacks.push_negotiation(move |updates| {
        negotiation.set(compare(updates, order, call));
        match negotiation.get() {
            Negotiation::Sending => Ok(()),
            Negotiation::Pending
            | Negotiation::RemoteMoved(_)
            | Negotiation::UpToDate
            | Negotiation::Abandoned
            | Negotiation::UnplannedUpdate => Err(git2::Error::from_str("stopped before anything was sent")),
        }
    });
    callbacks.push_update_reference(move |name, status| {
        report.borrow_mut().statuses.push((name.to_owned(), status.map(str::to_owned)));
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

/// Despite their names, `PushUpdate::src` is the current id on the remote and `dst` is the new one.
fn compare(updates: &[PushUpdate<'_>], order: &Order, call: &CallState) -> Negotiation {
    let [update] = updates else { return Negotiation::UnplannedUpdate };
    if update.dst_refname_bytes() != order.name.as_bytes() || update.dst() != order.id {
        return Negotiation::UnplannedUpdate;
    }
    let now = Some(update.src()).filter(|id| !id.is_zero());
    if now != order.expect {
        return Negotiation::RemoteMoved(now);
    }
    if now == Some(order.id) {
        return Negotiation::UpToDate;
    }
    if call.may_send() { Negotiation::Sending } else { Negotiation::Abandoned }
}

/// The status report of the server decides. Without one the outcome is unknown.
fn verdict(order: &Order, report: &ServerReport) -> PortResult<PushResult> {
    match report.statuses.iter().find(|(name, _)| *name == order.name) {
        Some((_, None)) => Ok(PushResult::Accepted),
        Some((_, Some(status))) => {
            let said = readable(&report.sideband);
            let status = readable(status.as_bytes());
            Ok(PushResult::Refused { reason: if said.is_empty() { status } else { format!("{status}\n{said}") } })
        }
        None => Err(Failure::new(ErrorCode::UnreadableAnswer, SUMMARY)
            .because("the server did not say whether it took the change")
            .changed(Changed::Unknown)),
    }
}

fn after_negotiation(error: &git2::Error, address: &Address, used: TokenUse, report: &ServerReport) -> Failure {
    // libgit2 raises it while it collects the objects, before the first byte (push.c,
    // queue_objects).
    if error.code() == GitCode::NotFastForward {
        return Failure::new(ErrorCode::PushRefused, SUMMARY)
            .because("the new commit does not build on what the remote has; the app never overwrites")
            .hint("Ask a developer.")
            .retry(Retry::No);
    }
    let failure = trouble::remote(SUMMARY, error, address, used).changed(Changed::Unknown);
    let said = readable(&report.sideband);
    if said.is_empty() { failure } else { failure.because(said) }
}

/// The server's text as lines without control characters.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split(['\n', '\r']).map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    lines.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
