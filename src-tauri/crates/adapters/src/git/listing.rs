//! The refs of the remote, as it lists them at the start of every call (gitprotocol-pack(5),
//! Reference Discovery).
//!
//! A listing is kept in memory. 20,000 tags have about 3 MiB; the limits allow far more.

use bytes::Bytes;
use git2::Oid;
use greenlight_engine::ports::{PortResult, RemoteRef};

use super::{
    http::{Answer, Service, Session},
    packet::{Packet, Packets},
};

/// Maximum size of a listing, in bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Maximum number of lines of a listing. An annotated tag has two.
const LINES_MAX: usize = 200_000;

/// The refs of the remote, and the abilities of its server.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Sorted by name. An annotated tag has the commit that it points to.
    pub(super) refs: Vec<RemoteRef>,
    /// Words of the server: `side-band-64k`, `agent=…`.
    abilities: Vec<String>,
}

impl Listing {
    /// The object that a ref of this name has on the remote.
    pub(super) fn id_of(&self, name: &str) -> Option<&str> {
        let at = self.refs.binary_search_by(|one| one.name.as_str().cmp(name)).ok()?;
        Some(&self.refs.get(at)?.id)
    }

    /// Whether the server has an ability.
    pub(super) fn can(&self, ability: &str) -> bool {
        self.abilities.iter().any(|one| one == ability)
    }
}

/// Lists all refs of the remote.
///
/// # Errors
/// The failures of [`Session::refs`] and [`Packets::next`]; `UnreadableAnswer` for a listing over a
/// limit or in another format, and for a server without one of `needs`.
pub(super) async fn list(session: &Session<'_>, service: Service, needs: &[&str]) -> PortResult<Listing> {
    let mut packets = Packets::of(session.refs(service, BYTES_MAX).await?);
    // The name of the service and a flush come first.
    for is_first in [true, false] {
        match (packets.next().await?, is_first) {
            (Packet::Line(line), true) if line.starts_with(b"# service=") => {}
            (Packet::Flush, false) => {}
            (Packet::Line(_) | Packet::Flush, _) => return Err(packets.answer().unreadable("no listing of refs")),
        }
    }
    let mut reader = Reader::default();
    loop {
        match packets.next().await? {
            Packet::Line(_) if reader.lines == LINES_MAX => {
                return Err(packets.answer().too_much(&format!("{LINES_MAX} branches and tags")));
            }
            Packet::Line(line) => reader.add(&line, packets.answer())?,
            Packet::Flush => break,
        }
    }
    let listing = reader.end();
    // Without a ref, some servers name no abilities.
    match needs.iter().find(|need| !listing.refs.is_empty() && !listing.can(need)) {
        Some(need) => Err(packets.answer().unreadable(&format!("a listing without {need}"))),
        None => Ok(listing),
    }
}

/// Makes a listing of its lines.
#[derive(Debug, Default)]
struct Reader {
    listing: Listing,
    /// Name of an annotated tag, and the commit that it points to.
    peeled: Vec<(String, String)>,
    lines: usize,
}

impl Reader {
    fn add(&mut self, line: &Bytes, answer: &Answer) -> PortResult<()> {
        if let Some(words) = line.strip_prefix(b"ERR ") {
            return Err(answer.gave_up(words));
        }
        self.add_ref(line).ok_or_else(|| answer.unreadable("a listing in an unknown format"))
    }

    /// `None` when the line is no ref.
    fn add_ref(&mut self, line: &[u8]) -> Option<()> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.lines += 1;
        let mut parts = line.splitn(2, |byte| *byte == 0);
        let (entry, abilities) = (parts.next()?, parts.next());
        if let Some(abilities) = abilities.filter(|_| self.lines == 1) {
            let words = String::from_utf8_lossy(abilities);
            self.listing.abilities = words.split_ascii_whitespace().map(str::to_owned).collect();
        }
        if entry.starts_with(b"shallow ") {
            return Some(());
        }
        let (id, name) = entry.split_at_checked(40)?;
        let id = Oid::from_str(std::str::from_utf8(id).ok()?).ok()?.to_string();
        let name = String::from_utf8_lossy(name.strip_prefix(b" ")?).into_owned();
        match name.strip_suffix("^{}") {
            Some(tag) => self.peeled.push((tag.to_owned(), id)),
            None if name.starts_with("refs/") => self.listing.refs.push(RemoteRef { name, id, peeled: None }),
            // HEAD is an alias of a branch.
            // An empty repository lists `capabilities^{}`, which is no ref.
            None => {}
        }
        Some(())
    }

    fn end(self) -> Listing {
        let Self { mut listing, peeled, .. } = self;
        listing.refs.sort_by(|a, b| a.name.cmp(&b.name));
        for (name, id) in peeled {
            if let Ok(at) = listing.refs.binary_search_by(|entry| entry.name.as_str().cmp(&name)) {
                listing.refs[at].peeled = Some(id);
            }
        }
        listing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn read(lines: &[String]) -> Option<Listing> {
        let mut reader = Reader::default();
        for line in lines {
            reader.add_ref(line.as_bytes())?;
        }
        Some(reader.end())
    }

    #[test]
    fn refs_have_their_ids_and_tags_their_commits() {
        let listing = read(&[
            format!("{ONE} HEAD\0side-band-64k agent=git/2.39 symref=HEAD:refs/heads/master\n"),
            format!("{ONE} refs/heads/master\n"),
            format!("{TWO} refs/tags/v1\n"),
            format!("{ONE} refs/tags/v1^{{}}\n"),
            format!("{TWO} refs/greenlight/rally/prod\n"),
        ])
        .expect("a listing");
        let of = |name: &str| listing.refs.iter().find(|one| one.name == name).expect("listed").commit().to_owned();
        assert_eq!((of("refs/tags/v1").as_str(), listing.id_of("refs/tags/v1")), (ONE, Some(TWO)));
        assert_eq!((of("refs/heads/master").as_str(), listing.id_of("refs/heads/none")), (ONE, None));
        assert!(listing.can("side-band-64k") && !listing.can("side-band"));
        assert_eq!(listing.refs.len(), 3);
    }

    #[test]
    fn an_empty_repository_has_no_refs() {
        let listing = read(&[format!("{ZERO} capabilities^{{}}\0report-status\n")]).expect("a listing");
        assert!(listing.refs.is_empty() && listing.can("report-status"));
    }

    #[test]
    fn a_line_that_is_no_ref_is_refused() {
        for bad in ["", "refs/heads/master", "<html>", &ONE[..39], ONE, &format!("{ONE}refs/heads/a")] {
            assert!(read(&[bad.to_owned()]).is_none(), "{bad}");
        }
        let long = format!("{ONE}{ONE} refs/heads/sha256");
        assert!(read(&[long]).is_none(), "an id of another hash");
    }
}
