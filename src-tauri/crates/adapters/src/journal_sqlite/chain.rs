//! The hash chain of the events of a run, which shows that an event was altered.
//!
//! The hash of an entry is SHA-256 over these values, each after its length as eight bytes, big end
//! first: the hash of the entry before it in its run (for the first entry, [`START`]), run, seq in
//! decimal digits, at, actor, app_version, kind, and body, as their columns hold them. The chain
//! breaks at an entry that was changed, exchanged, inserted or moved.
//!
//! The chain has no key. It does not show that the newest entries of a run were removed, nor that
//! the rest of a run was written again with new hashes. The hash of an entry, kept in another
//! place, shows both for the entries up to it: an export of the run names one.

use greenlight_types::{ErrorCode, Failure, RunId};
use sha2::{Digest, Sha256};
use sqlx::{Row, sqlite::SqliteRow};

use super::{READ, entry::Entry, failed};

/// Hash before the first entry of a run.
const START: &[u8] = b"Greenlight record";

/// An entry with its stored hash. The hash is empty in a file without a chain.
#[derive(Clone, Debug)]
pub(super) struct Linked {
    pub entry: Entry,
    pub chain: Vec<u8>,
}

impl Linked {
    pub fn from_row(row: &SqliteRow) -> Result<Self, Failure> {
        let chain = row.try_get("chain").map_err(|error| failed(READ, &error))?;
        Ok(Self { entry: Entry::from_row(row)?, chain })
    }
}

/// Appends entries to the chain that ends with the hash `before`. `None` for the first entries of a
/// run.
pub(super) fn chain(run: &RunId, before: Option<&[u8]>, entries: Vec<Entry>) -> Vec<Linked> {
    let mut before = before.unwrap_or(START).to_vec();
    let linked = entries.into_iter().map(|entry| {
        before = hash(run, &before, &entry);
        Linked { entry, chain: before.clone() }
    });
    linked.collect()
}

/// Of the entries of a run from number `after` on, returns those above it. Refuses a gap and an
/// altered entry. The entry `after` itself is not checked.
pub(super) fn unaltered(
    run: &RunId,
    after: u32,
    is_chained: bool,
    entries: Vec<Linked>,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = entries.into_iter();
    let mut before = START.to_vec();
    if after > 0 {
        match entries.next() {
            Some(entry) if entry.entry.seq == after => before = entry.chain,
            Some(_) => return Err(missing(after)),
            None => return Ok(Vec::new()),
        }
    }
    let mut found = Vec::with_capacity(entries.len());
    for (expected, Linked { entry, chain }) in (after + 1..).zip(entries) {
        if entry.seq != expected {
            return Err(missing(expected));
        }
        if is_chained && hash(run, &before, &entry) != chain {
            return Err(altered(expected));
        }
        before = chain;
        found.push(entry);
    }
    Ok(found)
}

fn hash(run: &RunId, before: &[u8], entry: &Entry) -> Vec<u8> {
    let mut hash = Sha256::new();
    let seq = entry.seq.to_string();
    let texts = [&run.0, &seq, &entry.at, &entry.actor, &entry.app_version, &entry.kind, &entry.body];
    for part in std::iter::once(before).chain(texts.map(String::as_bytes)) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn missing(seq: u32) -> Failure {
    Failure::new(ErrorCode::JournalFailed, READ)
        .with("entry", seq.to_string())
        .because(format!("entry {seq} of this run is missing"))
        .hint("Keep the file, and ask a developer; a copy may lie beside it.")
}

fn altered(seq: u32) -> Failure {
    Failure::new(ErrorCode::JournalFailed, READ)
        .with("entry", seq.to_string())
        .because(format!("entry {seq} of this run was altered after it was written"))
        .hint("Keep the file, and ask a developer; a copy may lie beside it.")
}
