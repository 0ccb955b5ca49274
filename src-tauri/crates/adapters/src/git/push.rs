//! One push of one ref, as a compare-and-swap.
//!
//! The request names the object that the ref must have, and the server moves it only then
//! (gitprotocol-pack(5), Reference Update Request). Before, the adapter compares the listing. The
//! report of the server decides about the result, not the end of the connection.

use std::path::Path;

use git2::{ErrorCode as GitCode, ObjectType, OdbLookupFlags, Oid, Repository, Sort};
use greenlight_engine::ports::{PortResult, PushRef, PushResult};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};

use super::{
    clone::local,
    http::{Answer, Service, Session, size},
    listing::{Listing, list},
    names,
    packet::{Band, NoPacket, Packet, Packets, Splitter, add_flush, add_line},
    trouble::{self, readable},
};

pub(super) const SUMMARY: &str = "push to the repository";

/// Maximum length of the stored server text, in bytes.
const SERVER_TEXT_MAX: usize = 16 * 1024;
/// Maximum size of the server's answer, in bytes.
const ANSWER_MAX: u64 = 1024 * 1024;
/// Maximum size of the objects that are sent, in bytes. A release sends a few kilobytes.
const PACK_MAX: usize = 256 * 1024 * 1024;
/// Maximum number of tags that point to each other.
const TAG_DEPTH_MAX: usize = 8;
/// Maximum number of status lines. The server sends one for each pushed ref.
const STATUSES_MAX: usize = 8;
/// Capabilities that the app requires.
const NEEDS: [&str; 2] = ["report-status", "side-band-64k"];

/// A checked [`PushRef`].
#[derive(Clone)]
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

/// Result of the comparison with the remote, before anything is sent.
enum Comparison {
    /// The remote has another id than expected.
    RemoteMoved(Option<Oid>),
    /// The remote has the new id already.
    UpToDate,
    /// The remote has this id, which is the expected one.
    AsExpected(Option<Oid>),
}

/// Report of the server.
#[derive(Debug, Default)]
struct ServerReport {
    /// Words for a person.
    words: Vec<u8>,
    /// Per ref: `None` when it was updated, else the reason.
    statuses: Vec<(String, Option<String>)>,
}

/// Pushes one ref.
///
/// # Errors
/// `GitMissing` when the clone lacks the object, `PushRefused` when the new commit does not build
/// on that of the remote, and the failures of the listing: all changed nothing. A failure after
/// sending began is `Changed::Unknown`.
pub(super) async fn push(session: &Session<'_>, clone: &Path, order: Order) -> PortResult<PushResult> {
    let id = order.id;
    let has_object = local(clone, move |repo| Ok(repo.odb().is_ok_and(|odb| odb.exists(id)))).await?;
    if !has_object {
        return Err(Failure::new(ErrorCode::GitMissing, SUMMARY)
            .because(format!("the app's copy of the repository does not have {id}")));
    }
    let listing = list(session, Service::ReceivePack, &NEEDS).await?;
    let now = match compare(&listing, &order)? {
        Comparison::RemoteMoved(now) => return Ok(PushResult::Moved { now: now.map(|id| id.to_string()) }),
        Comparison::UpToDate => return Ok(PushResult::Accepted),
        Comparison::AsExpected(now) => now,
    };
    let known: Vec<String> = listing.refs.into_iter().map(|one| one.id).collect();
    let objects = local(clone, move |repo| {
        check_order(repo, now, id)?;
        pack(repo, id, &known)
    });
    let mut request = command(&order, now);
    request.append(&mut objects.await?);
    let answer = session.post(Service::ReceivePack, request, ANSWER_MAX).await?;
    let mut report = ServerReport::default();
    match read(answer, &mut report).await {
        Ok(()) => verdict(&order, &report),
        Err(failure) => {
            let said = readable(&report.words);
            Err(if said.is_empty() { failure } else { failure.because(said) })
        }
    }
}

fn compare(listing: &Listing, order: &Order) -> PortResult<Comparison> {
    let now = listing.id_of(&order.name).map(names::object_id).transpose()?;
    if now != order.expect {
        return Ok(Comparison::RemoteMoved(now));
    }
    Ok(if now == Some(order.id) { Comparison::UpToDate } else { Comparison::AsExpected(now) })
}

/// The command that moves the ref. The server refuses it when the ref has another id than `now`.
fn command(order: &Order, now: Option<Oid>) -> Vec<u8> {
    let now = now.map_or_else(|| "0".repeat(40), |id| id.to_string());
    let line = format!(
        "{now} {} {}\0 report-status side-band-64k agent=greenlight/{}",
        order.id,
        order.name,
        env!("CARGO_PKG_VERSION")
    );
    let mut request = Vec::new();
    add_line(&mut request, line.as_bytes());
    add_flush(&mut request);
    request
}

/// Checks that the new commit builds on that of the remote. The app never overwrites.
fn check_order(repo: &Repository, now: Option<Oid>, id: Oid) -> PortResult<()> {
    let Some(now) = now else { return Ok(()) };
    if repo.graph_descendant_of(id, now).unwrap_or(false) {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::PushRefused, SUMMARY)
        .because("the new commit does not build on what the remote has; the app never overwrites")
        .hint("Ask a developer.")
        .retry(Retry::No))
}

/// The pack with the object and everything that the known refs of the remote do not lead to.
fn pack(repo: &Repository, id: Oid, known: &[String]) -> PortResult<Vec<u8>> {
    let failed = |error: git2::Error| trouble::local(SUMMARY, &error);
    let odb = repo.odb().map_err(failed)?;
    let mut builder = repo.packbuilder().map_err(failed)?;
    builder.set_threads(1);
    let mut at = id;
    for _ in 0..TAG_DEPTH_MAX {
        let Ok(tag) = repo.find_tag(at) else { break };
        builder.insert_object(at, None).map_err(failed)?;
        at = tag.target_id();
    }
    let mut walk = repo.revwalk().map_err(failed)?;
    walk.set_sorting(Sort::TIME).map_err(failed)?;
    if odb.read_header(at).map_err(failed)?.1 == ObjectType::Commit {
        walk.push(at).map_err(failed)?;
    } else {
        builder.insert_object(at, None).map_err(failed)?;
    }
    for known in known {
        let known = names::object_id(known)?;
        if odb.exists_ext(known, OdbLookupFlags::NO_REFRESH) {
            walk.hide(known).or_else(leads_to_no_commit).map_err(failed)?;
        }
    }
    builder.insert_walk(&mut walk).map_err(failed)?;
    let (mut pack, mut has_room) = (Vec::new(), true);
    let written = builder.foreach(|bytes| {
        has_room = pack.len() + bytes.len() <= PACK_MAX;
        if has_room {
            pack.extend_from_slice(bytes);
        }
        has_room
    });
    if !has_room {
        return Err(Failure::new(ErrorCode::Internal, SUMMARY)
            .because(format!("more than {} would have to be sent", size(PACK_MAX as u64)))
            .hint("Ask a developer: the server lacks objects that it had before."));
    }
    written.map_err(failed)?;
    Ok(pack)
}

/// A tag of a tree or a file cannot be hidden, and hides nothing.
fn leads_to_no_commit(error: git2::Error) -> Result<(), git2::Error> {
    let is_other = matches!(error.code(), GitCode::NotFound | GitCode::InvalidSpec | GitCode::Peel);
    if is_other { Ok(()) } else { Err(error) }
}

/// Reads the server's answer: its report in the data band, its words beside it.
async fn read(answer: Answer, report: &mut ServerReport) -> PortResult<()> {
    let mut packets = Packets::of(answer);
    let mut inner = Splitter::default();
    loop {
        let Packet::Line(line) = packets.next().await? else { return Ok(()) };
        match Band::of(&line) {
            Band::Data(bytes) => {
                inner.add(&bytes);
                while let Some(packet) = inner.next().map_err(|NoPacket| packets.answer().unreadable("no report"))? {
                    if let Packet::Line(line) = packet {
                        report.add(&line);
                    }
                }
            }
            Band::Words(words) => {
                let room = SERVER_TEXT_MAX.saturating_sub(report.words.len()).min(words.len());
                report.words.extend_from_slice(&words[..room]);
            }
            Band::GaveUp(words) => return Err(packets.answer().gave_up(&words)),
            Band::Plain(_) => return Err(packets.answer().unreadable("no report")),
        }
    }
}

impl ServerReport {
    /// `ok NAME` or `ng NAME REASON`. The other line, `unpack`, is about the objects.
    fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\n');
        let status = if let Some(name) = line.strip_prefix("ok ") {
            (name.to_owned(), None)
        } else if let Some((name, reason)) = line.strip_prefix("ng ").and_then(|rest| rest.split_once(' ')) {
            (name.to_owned(), Some(reason.to_owned()))
        } else {
            return;
        };
        if self.statuses.len() < STATUSES_MAX {
            self.statuses.push(status);
        }
    }
}

/// The status report of the server decides. Without one the outcome is unknown.
fn verdict(order: &Order, report: &ServerReport) -> PortResult<PushResult> {
    match report.statuses.iter().find(|(name, _)| *name == order.name) {
        Some((_, None)) => Ok(PushResult::Accepted),
        Some((_, Some(status))) => {
            let said = readable(&report.words);
            let status = readable(status.as_bytes());
            Ok(PushResult::Refused { reason: if said.is_empty() { status } else { format!("{status}\n{said}") } })
        }
        None => Err(Failure::new(ErrorCode::UnreadableAnswer, SUMMARY)
            .because("the server did not say whether it took the change")
            .changed(Changed::Unknown)),
    }
}
