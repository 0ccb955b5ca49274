//! Fetches objects and keeps copies of the remote's refs in the clone.
//!
//! One request names the wanted objects and the newest commits that the clone has
//! (gitprotocol-http(5), Smart Service git-upload-pack). Memory grows with the number of objects,
//! not with their size: libgit2 keeps some 200 bytes for each one, and maps the file of the pack.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::Write as _,
    path::Path,
};

use bytes::Bytes;
use git2::{ErrorClass, ErrorCode as GitCode, Odb, OdbLookupFlags, Oid, Reference, Repository, Sort};
use greenlight_engine::ports::{PortResult, RefCommit};
use greenlight_types::{ErrorCode, Failure};
use tokio::{
    sync::{OwnedMutexGuard, mpsc},
    task::JoinHandle,
};

use super::{
    clone::{ended, local, open},
    http::{Answer, Service, Session, size},
    listing::{Listing, list},
    names,
    pack_check::{BadPack, OBJECT_MAX, PackCheck},
    packet::{Band, Packet, Packets, add_flush, add_line},
    trouble,
};

/// Refs of the remote that are copied, and the place of their copies.
const COPIED: [(&str, &str); 2] = [("refs/heads/", "refs/remotes/origin/"), ("refs/tags/", "refs/remote-tags/")];
/// Place of the copies of environment locks. It lies outside of the refs that the app makes.
const LOCK_COPIES: &str = "refs/remote-locks/";
/// Maximum number of commits that the clone names as its own.
const HAVES_MAX: usize = 1024;
/// Maximum number of packets before the pack. The server sends one.
const ANSWERS_MAX: usize = 16;
/// Chunks that wait for the disk.
const WAITING_MAX: usize = 4;
/// Capabilities that the app requires. `side-band-64k` separates the pack from the messages of the
/// server.
const NEEDS: [&str; 1] = ["side-band-64k"];
/// Capabilities that the app requests if the server offers them.
const USED: [&str; 3] = ["side-band-64k", "thin-pack", "ofs-delta"];

/// Fetches branches and tags. Copies of refs that the remote removed are removed.
///
/// # Errors
/// The failures of [`list`] and of the transfer; `GitMissing` or `Internal` from the clone.
pub(super) async fn refresh(session: &Session<'_>, clone: &Path, one_at_a_time: OwnedMutexGuard<()>) -> PortResult<()> {
    let listing = list(session, Service::UploadPack, &NEEDS).await?;
    let mut copies = Vec::new();
    for (from, to) in COPIED {
        for one in &listing.refs {
            if let Some(rest) = one.name.strip_prefix(from)
                && Reference::is_valid_name(&one.name)
            {
                copies.push((format!("{to}{rest}"), names::object_id(&one.id)?));
            }
        }
    }
    fetch(session, clone, &listing, copies.iter().map(|(_, id)| *id)).await?;
    local(clone, move |repo| {
        let _one_at_a_time = one_at_a_time;
        replace_copies(repo, &copies)
    })
    .await
}

/// Reads a ref of the remote and the message of its commit. The commit is fetched when the clone
/// does not have it.
///
/// # Errors
/// The failures of [`list`] and of the transfer; `UnreadableAnswer` when the ref names no commit.
pub(super) async fn ref_commit(
    session: &Session<'_>,
    clone: &Path,
    name: String,
    one_at_a_time: OwnedMutexGuard<()>,
) -> PortResult<Option<RefCommit>> {
    let listing = list(session, Service::UploadPack, &NEEDS).await?;
    let Some(id) = listing.id_of(&name) else { return Ok(None) };
    let id = names::object_id(id)?;
    let was_fetched = fetch(session, clone, &listing, [id]).await?;
    let summary = session.summary();
    local(clone, move |repo| {
        let _one_at_a_time = one_at_a_time;
        if was_fetched {
            let copy = format!("{LOCK_COPIES}{}", name.strip_prefix(names::OWN).unwrap_or(&name));
            repo.reference(&copy, id, true, "fetch").map_err(|error| trouble::local(summary, &error))?;
        }
        let commit = repo.find_commit(id).map_err(|error| {
            Failure::new(ErrorCode::UnreadableAnswer, summary)
                .because(error.message())
                .hint("It names something else than a commit. Ask a developer who wrote it.")
                .with("name", &name)
        })?;
        let message = String::from_utf8_lossy(commit.message_raw_bytes()).into_owned();
        Ok(Some(RefCommit { id: id.to_string(), message }))
    })
    .await
}

/// Fetches the objects that the clone does not have, with everything that they lead to. `false`
/// when it has all.
async fn fetch(
    session: &Session<'_>,
    clone: &Path,
    listing: &Listing,
    ids: impl IntoIterator<Item = Oid>,
) -> PortResult<bool> {
    let ids: BTreeSet<Oid> = ids.into_iter().collect();
    let abilities: Vec<&str> = USED.into_iter().filter(|one| listing.can(one)).collect();
    let (summary, wanted) = (session.summary(), ids.clone());
    let request =
        local(clone, move |repo| request(repo, &wanted, &abilities).map_err(|error| trouble::local(summary, &error)));
    let Some(request) = request.await? else { return Ok(false) };
    let answer = session.post(Service::UploadPack, request, session.limits().pack).await?;
    receive(session, clone, answer).await?;
    let is_complete = local(clone, move |repo| Ok(repo.odb().is_ok_and(|odb| ids.iter().all(|id| has(&odb, *id)))));
    if is_complete.await? {
        return Ok(true);
    }
    Err(Failure::new(ErrorCode::UnreadableAnswer, summary)
        .because("the server did not send an object that it listed")
        .hint("Try again. If it stays, ask a developer to check the repository."))
}

/// Whether the clone has an object. A missing one costs no second search.
fn has(odb: &Odb<'_>, id: Oid) -> bool {
    odb.exists_ext(id, OdbLookupFlags::NO_REFRESH)
}

/// The request for objects. `None` when the clone has them.
fn request(repo: &Repository, ids: &BTreeSet<Oid>, abilities: &[&str]) -> Result<Option<Vec<u8>>, git2::Error> {
    let odb = repo.odb()?;
    let mut request = Vec::new();
    for id in ids.iter().filter(|id| !has(&odb, **id)) {
        let line = if request.is_empty() {
            format!("want {id} {} agent=greenlight/{}\n", abilities.join(" "), env!("CARGO_PKG_VERSION"))
        } else {
            format!("want {id}\n")
        };
        add_line(&mut request, line.as_bytes());
    }
    if request.is_empty() {
        return Ok(None);
    }
    add_flush(&mut request);
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TIME)?;
    walk.push_glob("refs/*")?;
    for id in walk.take(HAVES_MAX) {
        add_line(&mut request, format!("have {}\n", id?).as_bytes());
    }
    add_line(&mut request, b"done\n");
    Ok(Some(request))
}

/// Receives a pack and stores it in the clone.
async fn receive(session: &Session<'_>, clone: &Path, answer: Answer) -> PortResult<()> {
    let mut packets = Packets::of(answer);
    let mut store = PackStore::start(clone, session.limits().objects);
    let mut answers = 0;
    loop {
        let Packet::Line(line) = packets.next().await? else { break };
        match Band::of(&line) {
            Band::Data(bytes) => store.add(bytes, packets.answer()).await?,
            // Progress of the server, which no screen shows.
            Band::Words(_) => {}
            Band::GaveUp(words) => return Err(packets.answer().gave_up(&words)),
            Band::Plain(line) => {
                if let Some(words) = line.strip_prefix(b"ERR ") {
                    return Err(packets.answer().gave_up(words));
                }
                answers += 1;
                if answers > ANSWERS_MAX || !(line.starts_with(b"ACK ") || line.starts_with(b"NAK")) {
                    return Err(packets.answer().unreadable("no pack"));
                }
            }
        }
    }
    store.finish(packets.answer()).await
}

/// A part of a pack on its way to the clone.
enum Part {
    Bytes(Bytes),
    /// The pack is complete. Without it, nothing is kept.
    End,
}

/// Stores a pack on a thread for blocking work. The thread ends soon after this is dropped.
struct PackStore {
    parts: mpsc::Sender<Part>,
    work: JoinHandle<Result<(), StoreError>>,
    objects_max: u32,
}

/// Why a pack is not stored.
enum StoreError {
    Bad(BadPack),
    Clone(Failure),
    /// libgit2 could not read or write the pack.
    Pack(git2::Error),
}

impl PackStore {
    fn start(clone: &Path, objects_max: u32) -> Self {
        let (parts, received) = mpsc::channel(WAITING_MAX);
        let clone = clone.to_owned();
        let work = tokio::task::spawn_blocking(move || store(&clone, received, objects_max));
        Self { parts, work, objects_max }
    }

    async fn add(&mut self, bytes: Bytes, answer: &Answer) -> PortResult<()> {
        match answer.until_end(self.parts.send(Part::Bytes(bytes))).await? {
            Ok(()) => Ok(()),
            Err(_closed) => self.end(answer).await,
        }
    }

    async fn finish(mut self, answer: &Answer) -> PortResult<()> {
        // The thread may have ended with a failure, which `end` returns.
        let _closed = answer.until_end(self.parts.send(Part::End)).await?;
        self.end(answer).await
    }

    async fn end(&mut self, answer: &Answer) -> PortResult<()> {
        let joined = answer.until_end(&mut self.work).await?;
        let limit = match ended(joined.map(Ok))? {
            Ok(()) => return Ok(()),
            Err(StoreError::Bad(BadPack::Objects)) => format!("{} objects", self.objects_max),
            Err(StoreError::Bad(BadPack::Object)) => format!("{} for one object", size(OBJECT_MAX)),
            Err(StoreError::Bad(BadPack::Format)) => return Err(answer.unreadable("no pack")),
            Err(StoreError::Pack(error)) if error.class() == ErrorClass::Os => {
                return Err(trouble::local("store what the repository sent", &error));
            }
            Err(StoreError::Pack(error)) => {
                return Err(answer.unreadable(&format!("a pack with an error: {}", error.message())));
            }
            Err(StoreError::Clone(failure)) => return Err(failure),
        };
        Err(answer.too_much(&limit))
    }
}

fn store(clone: &Path, mut received: mpsc::Receiver<Part>, objects_max: u32) -> Result<(), StoreError> {
    let repo = open(clone).map_err(StoreError::Clone)?;
    let odb = repo.odb().map_err(StoreError::Pack)?;
    let mut writer = odb.packwriter().map_err(StoreError::Pack)?;
    let mut check = PackCheck::new(objects_max);
    // Without `End`, the writer is dropped and removes its file.
    while let Some(part) = received.blocking_recv() {
        match part {
            Part::Bytes(bytes) => {
                check.check(&bytes).map_err(StoreError::Bad)?;
                // The error of `write_all` has no text.
                writer.write_all(&bytes).map_err(|_| StoreError::Pack(git2::Error::last_error(-1)))?;
            }
            Part::End => {
                writer.progress(move |_| !received.is_closed());
                writer.commit().map_err(StoreError::Pack)?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Makes the copies in the clone equal to the refs of the remote.
fn replace_copies(repo: &Repository, copies: &[(String, Oid)]) -> PortResult<()> {
    let failed = |error: git2::Error| trouble::local("copy the branches and tags of the repository", &error);
    let wanted: HashSet<&str> = copies.iter().map(|(name, _)| name.as_str()).collect();
    let mut present: HashMap<String, Oid> = HashMap::new();
    let mut stale = Vec::new();
    for (_, place) in COPIED {
        for found in repo.references_glob(&format!("{place}*")).map_err(failed)? {
            let found = found.map_err(failed)?;
            let name = found.name().map_err(failed)?;
            match found.target() {
                Some(id) if wanted.contains(name) => {
                    present.insert(name.to_owned(), id);
                }
                Some(_) | None => stale.push(name.to_owned()),
            }
        }
    }
    // First, because a branch `a` has to give way to a branch `a/b`.
    for name in stale {
        repo.find_reference(&name).and_then(|mut found| found.delete()).or_else(absent).map_err(failed)?;
    }
    for (name, id) in copies.iter().filter(|(name, id)| present.get(name) != Some(id)) {
        repo.reference(name, *id, true, "fetch").map_err(failed)?;
    }
    Ok(())
}

fn absent(error: git2::Error) -> Result<(), git2::Error> {
    if error.code() == GitCode::NotFound { Ok(()) } else { Err(error) }
}
