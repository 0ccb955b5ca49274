//! The real git program against the git front.
#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it should be")]

#[expect(dead_code, reason = "shared with tests that need more of it")]
mod support;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use greenlight_rehearsal::{
    fronts::{
        Pulse,
        git::{GitFront, seed::Repo},
    },
    world::pull_requests::{Branches as _, MergeKind, MergeOrder},
};
use support::{git, run, success, text};

const REPOSITORY: &str = "rallyforresearch/rally";

struct Served {
    _runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    repo: Repo,
    port: u16,
    pushes: Arc<AtomicU32>,
}

impl Served {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::open_or_seed(folder.path(), REPOSITORY).unwrap();
        let pushes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&pushes);
        let pushed = Arc::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let front = GitFront::new(folder.path(), REPOSITORY, "token-1", pushed, Pulse::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move { axum::serve(listener, front.router()).await });
        Self { _runtime: runtime, folder, repo, port, pushes }
    }

    fn url(&self, token: &str) -> String {
        format!("http://x-access-token:{token}@127.0.0.1:{}/{REPOSITORY}.git", self.port)
    }

    fn cloned(&self) -> PathBuf {
        let clone = self.folder.path().join("clone");
        success(git(self.folder.path()).args(["clone", "--quiet", &self.url("token-1")]).arg(&clone));
        clone
    }
}

fn commit(clone: &Path, name: &str) {
    std::fs::write(clone.join(name), "content\n").unwrap();
    success(git(clone).args(["add", name]));
    success(git(clone).args(["commit", "--quiet", "-m", name]));
}

#[test]
fn clone_has_the_release_branch_and_the_last_tag() {
    let served = Served::start();
    let clone = served.cloned();
    let refs = success(git(&clone).args(["ls-remote", "origin"]));
    for name in ["refs/heads/master", "refs/heads/v2.1.0", "refs/tags/v2.0.1.11"] {
        assert!(refs.contains(name), "{refs}");
    }
    let properties = std::fs::read_to_string(clone.join("src/main/resources/version.properties")).unwrap();
    assert!(properties.contains("\nversion=2.0.1.11-RELEASE\n"), "{properties}");
    let (ahead, authors) = (
        success(git(&clone).args(["rev-list", "--count", "origin/master..origin/v2.1.0"])),
        success(git(&clone).args(["log", "--format=%an", "origin/master..origin/v2.1.0"])),
    );
    assert_eq!(ahead.trim(), "6");
    assert!(authors.contains("Lin Kosei") && authors.contains("David Okafor"), "{authors}");
}

#[test]
fn refuses_a_wrong_or_missing_token() {
    let served = Served::start();
    for url in [served.url("wrong"), format!("http://127.0.0.1:{}/{REPOSITORY}.git", served.port)] {
        let refused = run(git(served.folder.path()).args(["ls-remote", &url]));
        assert!(!refused.status.success(), "{url} was served: {}", text(&refused));
    }
    let elsewhere = served.url("token-1").replace("/rally.git", "/other.git");
    let missing = run(git(served.folder.path()).args(["ls-remote", &elsewhere]));
    assert!(text(&missing).contains("not found"), "{}", text(&missing));
}

#[test]
fn push_moves_main_and_is_reported_before_its_answer() {
    let served = Served::start();
    let clone = served.cloned();
    commit(&clone, "a.txt");
    success(git(&clone).args(["push", "--quiet", "origin", "HEAD:refs/heads/master"]));
    assert_eq!(served.pushes.load(Ordering::SeqCst), 1);
    let head = success(git(&clone).args(["rev-parse", "HEAD"]));
    assert_eq!(served.repo.main().as_deref(), Some(head.trim()));
}

#[test]
fn large_push_arrives_whole() {
    let served = Served::start();
    let clone = served.cloned();
    let noise: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(clone.join("large.bin"), &noise).unwrap();
    success(git(&clone).args(["add", "large.bin"]));
    success(git(&clone).args(["commit", "--quiet", "-m", "large"]));
    success(git(&clone).args(["push", "--quiet", "origin", "HEAD:refs/heads/large"]));
    assert!(served.repo.commit_of("refs/heads/large").is_some());
}

#[test]
fn main_never_goes_back_and_tags_never_move() {
    let served = Served::start();
    let clone = served.cloned();
    let before = served.repo.main();
    success(git(&clone).args(["checkout", "--quiet", "HEAD~1"]));
    commit(&clone, "b.txt");
    let back = run(git(&clone).args(["push", "--force", "origin", "HEAD:refs/heads/master"]));
    assert!(text(&back).contains("GH006"), "{}", text(&back));
    let moved = run(git(&clone).args(["push", "--force", "origin", "HEAD:refs/tags/v2.0.1.11"]));
    assert!(text(&moved).contains("GH013"), "{}", text(&moved));
    let deleted = run(git(&clone).args(["push", "origin", ":refs/tags/v2.0.1.11"]));
    assert!(!deleted.status.success(), "{}", text(&deleted));
    assert_eq!(served.repo.main(), before);
    assert_eq!(served.repo.commit_of("refs/tags/v2.0.1.11"), before);
    success(git(&clone).args(["push", "--quiet", "origin", "HEAD:refs/tags/v9.9.9"]));
}

#[test]
fn trap_g5_protected_main_refuses_a_push_and_takes_a_merge() {
    let mut served = Served::start();
    let clone = served.cloned();
    let before = served.repo.main().unwrap();
    commit(&clone, "a.txt");
    served.repo.set_protected(true).unwrap();
    served.repo.set_protected(true).unwrap();
    let push = ["push", "origin", "HEAD:refs/heads/master"];
    let refused = run(git(&clone).args(push));
    assert!(text(&refused).contains("GH013"), "{}", text(&refused));
    assert!(text(&refused).contains("Changes must be made through a pull request"), "{}", text(&refused));
    assert_eq!(served.repo.main().as_deref(), Some(before.as_str()));
    success(git(&clone).args(["push", "--quiet", "origin", "HEAD:refs/heads/greenlight/v2.1.0"]));
    let order = MergeOrder {
        base: "master".to_owned(),
        head: served.repo.tip("greenlight/v2.1.0").unwrap(),
        kind: MergeKind::Merge,
        message: "Merge pull request #1\n".to_owned(),
        at_ms: 1_795_424_531_000,
    };
    let merged = served.repo.merge(&order).unwrap();
    success(git(&clone).args(["pull", "--quiet", "--ff-only", "origin", "master"]));
    assert_eq!(success(git(&clone).args(["rev-parse", "HEAD"])).trim(), merged);
    let parents = success(git(&clone).args(["rev-parse", "HEAD^1", "HEAD^2"]));
    assert_eq!(parents.split_whitespace().collect::<Vec<_>>(), [before, order.head]);
    commit(&clone, "b.txt");
    served.repo.set_protected(false).unwrap();
    success(git(&clone).args(push));
}
