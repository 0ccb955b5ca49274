//! Limits of every answer of the remote. The server of these tests sends far more than allowed. It
//! stops by itself, so that a missing limit fails a test and not the computer.
//!
//! Memory is that of a process of its own, which makes one call.

use std::{path::PathBuf, process::Stdio};

use greenlight_tests::support::process::Deadline;
use greenlight_types::Failure;
use serde::{Deserialize, Serialize};

use super::{
    hostile::{HostileGit, Reply, Script, file_object, listing, listing_start, object_head, ok, pack_header, packet},
    *,
};

const MIB: u64 = 1024 * 1024;
const ID: &str = "1111111111111111111111111111111111111111";
/// Address of the server, and file for the result, of a call in a process of its own.
const URL: &str = "GREENLIGHT_TEST_GIT_URL";
const RESULT: &str = "GREENLIGHT_TEST_GIT_RESULT";
/// Most bytes that a server sends: more than any limit of these tests.
const TOO_MUCH: u64 = 512 * MIB;
/// Memory of a call. It needs a fifth to a half of this, and less than the pack that it receives.
const MEMORY_MAX: u64 = 96 * MIB;

/// Result of a call in a process of its own.
#[derive(Debug, Serialize, Deserialize)]
struct Alone {
    failure: Option<Failure>,
    /// Highest resident memory, in bytes.
    peak: u64,
}

/// In the process of its own: makes the call, and writes its result.
fn call_alone(call: impl AsyncFnOnce(GitAdapter) -> PortResult<()>) {
    let (url, result) = (std::env::var(URL).expect("an address"), std::env::var(RESULT).expect("a file"));
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&url, &folder.path().join("clone"), Some(TOKEN));
    let failure = tokio::runtime::Runtime::new().expect("a runtime").block_on(call(git)).err();
    let status = std::fs::read_to_string("/proc/self/status").expect("the memory of this process");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    let alone = Alone { failure, peak: peak.map(|kib: u64| kib * 1024).expect("a peak") };
    std::fs::write(result, serde_json::to_vec(&alone).expect("JSON")).expect("a result");
}

fn is_alone() -> bool {
    std::env::var_os(URL).is_some()
}

/// Runs the test `name` in a process of its own against `server`.
async fn alone(name: &str, server: &HostileGit) -> (Failure, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let result: PathBuf = folder.path().join("result.json");
    let run = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", &format!("limits::{name}")])
        .env(URL, server.url())
        .env(RESULT, &result)
        .stdin(Stdio::null())
        .output();
    let output = run.await.expect("a process");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let alone: Alone = serde_json::from_slice(&std::fs::read(result).expect("a result")).expect("JSON");
    (alone.failure.expect("a failure"), alone.peak)
}

fn is_too_much(failure: &Failure, limit: &str, changed: Changed) {
    assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, changed), "{failure:?}");
    assert!(failure.to_string().contains(&format!("GitHub answered with more than {limit}")), "{failure}");
}

/// Lists one branch, and answers requests for objects with `body`.
fn answers_objects<I>(body: impl Fn() -> I + Send + Sync + 'static) -> Script
where
    I: Iterator<Item = Vec<u8>> + Send + 'static,
{
    Box::new(move |request: &str| {
        if request.starts_with("GET") {
            let all = listing("upload-pack", ID, &[MASTER]);
            ok("upload-pack-advertisement", std::iter::once(all))
        } else {
            ok("upload-pack-result", std::iter::once(packet(b"NAK\n")).chain(body()))
        }
    })
}

/// A part of a pack in packets of the data band.
fn in_band(data: &[u8]) -> Vec<u8> {
    data.chunks(60_000).flat_map(|part| packet(&[b"\x01", part].concat())).collect()
}

/// A pack of different files that never ends.
fn endless_pack() -> impl Iterator<Item = Vec<u8>> + Send {
    const FILE: usize = 32 * 1024;
    let files = (0..TOO_MUCH / FILE as u64).map(|number| {
        let mut data = vec![b'a'; FILE];
        data[..8].copy_from_slice(&number.to_be_bytes());
        in_band(&file_object(&data))
    });
    std::iter::once(in_band(&pack_header(4_000_000))).chain(files)
}

#[test]
fn a_listing_without_end_is_read_up_to_its_limit() {
    if is_alone() {
        return call_alone(async |git| git.remote_refs().await.map(drop));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = HostileGit::start(|_| {
            let lines = (0..TOO_MUCH / MIB).map(|chunk| {
                let name = "x".repeat(1000);
                let lines = (0..1000).map(|line| packet(format!("{ID} refs/heads/{chunk}-{line}-{name}\n").as_bytes()));
                lines.flatten().collect()
            });
            ok("upload-pack-advertisement", std::iter::once(listing_start("upload-pack")).chain(lines))
        })
        .await;
        let (failure, peak) = alone("a_listing_without_end_is_read_up_to_its_limit", &server).await;
        is_too_much(&failure, "16 MiB", Changed::Nothing);
        assert!(server.sent() < 64 * MIB, "{} bytes", server.sent());
        assert!(peak < MEMORY_MAX, "{} MiB", peak / MIB);
    });
}

#[tokio::test]
async fn a_listing_of_too_many_names_is_refused() {
    let server = HostileGit::start(|_| {
        let lines = (0..300).map(|chunk| {
            (0..1000).flat_map(|line| packet(format!("{ID} refs/x/{chunk}-{line}\n").as_bytes())).collect()
        });
        ok("upload-pack-advertisement", std::iter::once(listing_start("upload-pack")).chain(lines))
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&server.url(), &folder.path().join("clone"), Some(TOKEN));
    let failure = git.remote_refs().await.expect_err("too many");
    is_too_much(&failure, "200000 branches and tags", Changed::Nothing);
}

#[test]
fn a_pack_without_end_is_read_up_to_its_limit() {
    if is_alone() {
        let limits = GitLimits { pack: 128 * MIB, ..GitLimits::default() };
        return call_alone(async |git| git.with_limits(limits).refresh().await);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = HostileGit::start(answers_objects(endless_pack)).await;
        let (failure, peak) = alone("a_pack_without_end_is_read_up_to_its_limit", &server).await;
        is_too_much(&failure, "128 MiB", Changed::Nothing);
        assert!(server.sent() < 256 * MIB, "{} bytes", server.sent());
        assert!(peak < MEMORY_MAX, "{} MiB", peak / MIB);
    });
}

/// libgit2 would reserve memory for the sizes that these packs of a few bytes claim.
#[test]
fn false_sizes_of_a_pack_take_no_memory() {
    if is_alone() {
        return call_alone(async |git| git.refresh().await);
    }
    let name = "false_sizes_of_a_pack_take_no_memory";
    let large = || {
        // A file of 3 GiB with a compressed byte, and a change of it.
        let file = [object_head(3, 3 * 1024 * MIB), b"\x78\x9c\x4b\x04\x00\x00\x62\x00\x62".to_vec()].concat();
        let change = [object_head(6, 4), vec![u8::try_from(file.len()).expect("short")]].concat();
        std::iter::once([in_band(&[pack_header(2), file, change, vec![0; 100]].concat()), b"0000".to_vec()].concat())
    };
    let many = || std::iter::once([in_band(&[pack_header(1 << 30), vec![0; 100]].concat()), b"0000".to_vec()].concat());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for (script, limit) in
            [(answers_objects(large), "128 MiB for one object"), (answers_objects(many), "5000000 objects")]
        {
            let server = HostileGit::start(script).await;
            let (failure, peak) = alone(name, &server).await;
            is_too_much(&failure, limit, Changed::Nothing);
            assert!(peak < MEMORY_MAX, "{limit}: {} MiB", peak / MIB);
        }
    });
}

#[tokio::test]
async fn the_words_of_a_server_are_read_up_to_their_limit_and_the_push_is_unknown() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let listed = base.clone();
    let server = HostileGit::start(move |request| {
        if request.starts_with("GET") {
            return ok("receive-pack-advertisement", std::iter::once(listing("receive-pack", &listed, &[MASTER])));
        }
        let words = packet(&[b"\x02".as_slice(), &b"please wait\n".repeat(5000)].concat());
        ok("receive-pack-result", std::iter::repeat_n(words, 10_000))
    })
    .await;
    let git = adapter(&server.url(), &bench.folder.path().join("clone"), Some(TOKEN));
    let failure = git.push(&order(&merge, MASTER, Some(&base))).await.expect_err("no report");
    is_too_much(&failure, "1 MiB", Changed::Unknown);
    assert!(failure.to_string().contains("please wait") && failure.to_string().len() < 32 * 1024);
    assert!(server.sent() < 64 * MIB, "{} bytes", server.sent());
    // The next call to a good server is not affected.
    assert_eq!(bench.git.push(&order(&merge, MASTER, Some(&base))).await, Ok(PushResult::Accepted));
}

#[tokio::test]
async fn an_endless_negotiation_ends() {
    let acks = || std::iter::repeat_n(packet(format!("ACK {ID} common\n").as_bytes()).repeat(1000), 10_000);
    let server = HostileGit::start(answers_objects(acks)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&server.url(), &folder.path().join("clone"), Some(TOKEN));
    let failure = git.refresh().await.expect_err("no pack");
    assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing), "{failure:?}");
    assert!(server.sent() < 64 * MIB, "{} bytes", server.sent());
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_the_server() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let listed = base.clone();
    let server = HostileGit::start(move |request| {
        let service = if request.contains("receive-pack") { "receive-pack" } else { "upload-pack" };
        let all = listing(service, &listed, &[MASTER, "refs/heads/other"]);
        if request.starts_with("GET") && service == "receive-pack" {
            return ok("receive-pack-advertisement", std::iter::once(all));
        }
        if request.starts_with("GET") {
            // A listing that stops in its middle.
            let half = all[..all.len() / 2].to_vec();
            return Reply { is_silent_then: true, ..ok("upload-pack-advertisement", std::iter::once(half)) };
        }
        Reply { is_silent_then: true, ..ok("receive-pack-result", std::iter::empty()) }
    })
    .await;
    let git = Arc::new(adapter(&server.url(), &bench.folder.path().join("clone"), Some(TOKEN)));
    let (lister, pusher) = (Arc::clone(&git), Arc::clone(&git));
    let listing = tokio::spawn(async move { lister.remote_refs().await.map(drop) });
    let pushing = tokio::spawn(async move { pusher.push(&order(&merge, MASTER, Some(&base))).await.map(drop) });
    let mut deadline = Deadline::after(SOON);
    while server.requests().len() < 3 {
        assert!(!listing.is_finished() && !pushing.is_finished(), "the server is silent");
        deadline.pause("two listings and a push").await.expect("requests");
    }
    listing.abort();
    pushing.abort();
    server.wait_until_left(3).await;
}

#[tokio::test]
async fn a_fetch_that_is_given_up_leaves_nothing_behind() {
    let server = HostileGit::start(answers_objects(endless_pack)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    let git = Arc::new(adapter(&server.url(), &clone, Some(TOKEN)));
    let fetcher = Arc::clone(&git);
    let fetching = tokio::spawn(async move { fetcher.refresh().await });
    let packs = || std::fs::read_dir(clone.join("objects/pack")).map_or(0, Iterator::count);
    let mut deadline = Deadline::after(SOON);
    while packs() == 0 {
        assert!(!fetching.is_finished(), "the pack is endless");
        deadline.pause("a part of the pack").await.expect("a file");
    }
    fetching.abort();
    server.wait_until_left(2).await;
    while packs() > 0 {
        deadline.pause("the end of the work").await.expect("no file");
    }
    // The same clone and a good server.
    let good = GitServer::start().await.expect("a git server");
    let git = adapter(&good.url(), &clone, Some(TOKEN));
    git.refresh().await.expect("a fetch");
    let head = good.rev_parse(MASTER).expect("master");
    assert!(git.commit(&head).await.expect("an answer").is_some());
}

#[tokio::test]
async fn a_redirect_gets_no_token() {
    let other = HostileGit::start(|_| ok("upload-pack-advertisement", std::iter::empty())).await;
    let to = other.url();
    let server = HostileGit::start(move |_| Reply {
        head: format!("301 Moved Permanently\r\nlocation: {to}/info/refs?service=git-upload-pack"),
        ..ok("upload-pack-advertisement", std::iter::empty())
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&server.url(), &folder.path().join("clone"), Some(TOKEN));
    let failure = git.remote_refs().await.expect_err("a redirect");
    assert_eq!(failure.code, ErrorCode::UnreadableAnswer, "{failure:?}");
    assert_eq!((server.requests().len(), other.requests().len()), (1, 0), "nobody else is asked");
}

#[tokio::test]
async fn names_that_lead_out_of_the_clone_are_not_copied() {
    let bench = bench().await;
    let head = bench.at(MASTER);
    let names = [MASTER, "refs/heads/../../../../escaped", "refs/heads/a..b", "refs/tags/", "refs/heads/.lock"];
    let server = HostileGit::start(move |_| {
        ok("upload-pack-advertisement", std::iter::once(listing("upload-pack", &head, &names)))
    })
    .await;
    let git = adapter(&server.url(), &bench.folder.path().join("clone"), Some(TOKEN));
    git.refresh().await.expect("a fetch");
    let clone = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    let copies = clone.references_glob("refs/remotes/origin/*").expect("refs").count();
    assert_eq!((copies, bench.folder.path().join("escaped").exists()), (1, false));
}

#[tokio::test]
async fn twenty_thousand_tags_are_listed_and_fetched() {
    let bench = bench().await;
    let head = bench.at(MASTER);
    let tags: String = (0..20_000).map(|number| format!("{head} refs/tags/build-{number:05}\n")).collect();
    let packed = bench.server.repository().join("packed-refs");
    std::fs::write(packed, format!("# pack-refs with: peeled fully-peeled sorted \n{tags}")).expect("packed refs");
    let refs = bench.git.remote_refs().await.expect("a listing");
    assert_eq!(refs.iter().filter(|one| one.name.starts_with("refs/tags/build-")).count(), 20_000);
    bench.git.refresh().await.expect("a fetch");
    let clone = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    assert_eq!(clone.references_glob("refs/remote-tags/build-*").expect("refs").count(), 20_000);
    let merge = bench.merged().await;
    assert_eq!(bench.git.push(&order(&merge, MASTER, Some(&head))).await, Ok(PushResult::Accepted));
}
