//! The git adapter against git's own `http-backend` behind nginx, with a token, hooks and a
//! protected branch.

#[path = "git_adapter/hostile.rs"]
mod hostile;
#[path = "git_adapter/https.rs"]
mod https;
#[path = "git_adapter/limits.rs"]
mod limits;
#[path = "git_adapter/locks.rs"]
mod locks;
#[path = "git_adapter/start_over.rs"]
mod start_over;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_adapters::git::{GitAdapter, GitLimits};
use greenlight_engine::ports::{
    Credential, Git, MergeResult, PortResult, PushRef, PushResult, SecretText, Secrets, Signature,
};
use greenlight_tests::support::{
    git_server::{GitServer, TOKEN, VERSION_FILE},
    hold::Moment,
    process::{Process, Signal, clean_command, free_port, is_root, program, run, wait_for_port},
};
use greenlight_types::{Changed, CredentialKind, ErrorCode};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

const MASTER: &str = "refs/heads/master";
const BRANCH: &str = "refs/heads/v2.1.0";
const TAG: &str = "refs/tags/v2.1.0";
const KEEP: &str = "refs/greenlight/01/merge";
const SOON: Duration = Duration::from_secs(20);

/// A keychain with at most one token.
struct Keys {
    token: Option<&'static str>,
}

#[async_trait]
impl Secrets for Keys {
    async fn get(&self, _kind: CredentialKind) -> PortResult<Option<Credential>> {
        Ok(self.token.map(|token| Credential::Github { token: SecretText::new(token) }))
    }
    async fn set(&self, _credential: &Credential) -> PortResult<()> {
        Ok(())
    }
    async fn remove(&self, _kind: CredentialKind) -> PortResult<()> {
        Ok(())
    }
    fn place(&self) -> String {
        "the test".to_owned()
    }
}

struct Bench {
    server: GitServer,
    git: Arc<GitAdapter>,
    folder: TempDir,
}

fn adapter(url: &str, clone: &Path, token: Option<&'static str>) -> GitAdapter {
    let keys = Arc::new(Keys { token });
    GitAdapter::new(url, clone.to_owned(), keys).expect("an adapter")
}

/// A server, and an adapter that has fetched from it.
async fn bench() -> Bench {
    let server = GitServer::start().await.expect("a git server");
    let folder = tempfile::tempdir().expect("a folder");
    let git = Arc::new(adapter(&server.url(), &folder.path().join("clone"), Some(TOKEN)));
    git.refresh().await.expect("a first fetch");
    Bench { server, git, folder }
}

fn by() -> Signature {
    Signature {
        name: "Robin Release".to_owned(),
        email: "robin@rally.example".to_owned(),
        at: "2026-11-23T09:02:11.000Z".parse().expect("a time"),
    }
}

impl Bench {
    fn at(&self, name: &str) -> String {
        self.server.rev_parse(name).unwrap_or_else(|| panic!("{name} is not on the server"))
    }

    async fn merged(&self) -> String {
        let (base, head) = (self.at(MASTER), self.at(BRANCH));
        match self.git.merge(&base, &head, "Merge v2.1.0", &by(), KEEP).await.expect("a merge") {
            MergeResult::Merged(id) => id,
            MergeResult::Conflict(paths) => panic!("conflict in {paths:?}"),
        }
    }

    async fn tagged(&self, commit: &str) -> String {
        self.git.make_tag(commit, "v2.1.0", "Rally 2.1.0", &by(), "refs/greenlight/01/tag").await.expect("a tag object")
    }
}

fn order(id: &str, name: &str, expect: Option<&str>) -> PushRef {
    PushRef { id: id.to_owned(), name: name.to_owned(), expect: expect.map(str::to_owned) }
}

#[tokio::test]
async fn merge_version_and_tag_arrive_as_planned() {
    let bench = bench().await;
    let base = bench.at(MASTER);
    let merge = bench.merged().await;
    let before = bench.git.read_file(&merge, VERSION_FILE).await.expect("an answer").expect("the version file");
    let after = String::from_utf8(before).expect("text").replace("2.0.1.11-RELEASE", "2.1.0.0-RELEASE");
    let commit = bench
        .git
        .commit_file(&merge, VERSION_FILE, after.as_bytes(), "Set 2.1.0", &by(), "refs/greenlight/01/version")
        .await
        .expect("a commit");
    let tag = bench.tagged(&commit).await;

    assert_eq!(bench.git.push(&order(&commit, MASTER, Some(&base))).await, Ok(PushResult::Accepted));
    assert_eq!(bench.git.push(&order(&tag, TAG, None)).await, Ok(PushResult::Accepted));

    assert_eq!(bench.at(MASTER), commit);
    assert_eq!(bench.server.peel_tag("v2.1.0").as_deref(), Some(commit.as_str()));
    assert_eq!(bench.server.parents(&commit).expect("parents"), std::slice::from_ref(&merge));
    assert_eq!(bench.server.parents(&merge).expect("parents"), [base, bench.at(BRANCH)]);
    let diff = bench.server.diff(&merge, &commit).expect("a diff");
    let lines: Vec<_> =
        diff.lines().filter(|l| l.starts_with(['+', '-']) && !l.starts_with("+++") && !l.starts_with("---")).collect();
    assert_eq!(lines, ["-version=2.0.1.11-RELEASE", "+version=2.1.0.0-RELEASE"]);
    let refs = bench.git.remote_refs().await.expect("a listing");
    let listed = refs.iter().find(|entry| entry.name == TAG).expect("the tag is listed");
    assert_eq!((listed.id.as_str(), listed.commit()), (tag.as_str(), commit.as_str()));
}

#[tokio::test]
async fn the_same_inputs_give_the_same_ids_everywhere() {
    let bench = bench().await;
    let other = adapter(&bench.server.url(), &bench.folder.path().join("other"), Some(TOKEN));
    other.refresh().await.expect("a fetch");
    let (base, head) = (bench.at(MASTER), bench.at(BRANCH));
    let merge = bench.merged().await;
    let again = other.merge(&base, &head, "Merge v2.1.0", &by(), KEEP).await.expect("a merge");
    assert_eq!(again, MergeResult::Merged(merge.clone()));
    let tag = bench.tagged(&merge).await;
    assert_eq!(other.make_tag(&merge, "v2.1.0", "Rally 2.1.0", &by(), KEEP).await, Ok(tag));
    let seen = bench.git.commit(&merge).await.expect("an answer").expect("our commit");
    assert_eq!((seen.at.to_string().as_str(), seen.summary.as_str()), ("2026-11-23T09:02:11.000Z", "Merge v2.1.0"));
}

#[tokio::test]
async fn removes_only_the_git_lock_of_a_killed_app() {
    let bench = bench().await;
    let lock = bench.folder.path().join("clone").join(format!("{KEEP}.lock"));
    std::fs::create_dir_all(lock.parent().expect("a folder")).expect("the folder of the refs");
    std::fs::write(&lock, "").expect("a lock");
    let base = bench.server.rev_parse(MASTER).expect("master");
    let head = bench.server.rev_parse(BRANCH).expect("the branch");
    let merge = async || bench.git.merge(&base, &head, "Merge", &by(), KEEP).await;
    merge().await.expect_err("a lock of this process may be in use");
    assert!(lock.exists(), "and stays");
    let before = std::time::SystemTime::now() - Duration::from_secs(3_600);
    std::fs::File::options().write(true).open(&lock).expect("the lock").set_modified(before).expect("an older time");
    merge().await.expect("the step can be done again");
    assert!(!lock.exists(), "nothing of the killed app is left");
}

#[tokio::test]
async fn a_conflict_names_its_files_and_pushes_nothing() {
    let bench = bench().await;
    let path = bench.server.make_conflict().expect("a conflict");
    bench.git.refresh().await.expect("a fetch");
    assert_eq!(bench.git.merge_conflicts(&bench.at(MASTER), &bench.at(BRANCH)).await, Ok(vec![path.to_owned()]));
    let result = bench.git.merge(&bench.at(MASTER), &bench.at(BRANCH), "Merge", &by(), KEEP).await;
    assert_eq!(result, Ok(MergeResult::Conflict(vec![path.to_owned()])));
    assert!(bench.server.pushes_asked().is_empty());
}

#[tokio::test]
async fn does_not_merge_a_merged_branch_again() {
    let bench = bench().await;
    let merge = bench.merged().await;
    let head = bench.at(BRANCH);
    assert_eq!(bench.git.merge_conflicts(&bench.at(MASTER), &head).await, Ok(Vec::new()));
    assert_eq!(bench.git.merge_conflicts(&merge, &head).await, Ok(Vec::new()), "it is merged already");
    assert_eq!(bench.git.is_ancestor(&head, &merge).await, Ok(true));
    assert_eq!(bench.git.is_ancestor(&merge, &head).await, Ok(false));
    let failure = bench.git.merge(&merge, &head, "Again", &by(), KEEP).await.expect_err("nothing to merge");
    assert_eq!((failure.code, failure.changed), (ErrorCode::NotAllowedNow, Changed::Nothing));
}

#[tokio::test]
async fn branches_without_a_common_commit_are_refused() {
    let bench = bench().await;
    let repo = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    let tree = repo.treebuilder(None).and_then(|builder| builder.write()).expect("an empty tree");
    let who = git2::Signature::new("A", "a@b", &git2::Time::new(1, 0)).expect("a signature");
    let alone = repo.commit(None, &who, &who, "alone", &repo.find_tree(tree).expect("a tree"), &[]).expect("a commit");
    let result = bench.git.merge(&bench.at(MASTER), &alone.to_string(), "Merge", &by(), KEEP).await;
    assert_eq!(result.expect_err("no merge").code, ErrorCode::MergeConflict);
    let tried = bench.git.merge_conflicts(&bench.at(MASTER), &alone.to_string()).await;
    assert_eq!(tried.expect_err("no merge").code, ErrorCode::MergeConflict);
}

#[tokio::test]
async fn never_moves_a_tag_even_as_a_fast_forward() {
    let bench = bench().await;
    let merge = bench.merged().await;
    let base = bench.at(MASTER);
    // A lightweight tag on the base, so that a move to the merge would be a fast-forward.
    bench.server.tag("v2.1.0", &base, false).expect("a tag of somebody else");
    let result = bench.git.push(&order(&merge, TAG, None)).await;
    assert_eq!(result, Ok(PushResult::Moved { now: Some(base.clone()) }));
    assert_eq!(bench.at(TAG), base);
    assert!(bench.server.pushes_asked().is_empty(), "nothing may be sent");
}

#[tokio::test]
async fn a_branch_and_a_tag_may_share_a_name() {
    let bench = bench().await;
    let base = bench.at(MASTER);
    bench.server.tag("v2.1.0", &base, true).expect("a tag");
    bench.git.refresh().await.expect("a fetch");
    let refs = bench.git.remote_refs().await.expect("a listing");
    let of = |name: &str| refs.iter().find(|entry| entry.name == name).expect("listed").commit().to_owned();
    assert_eq!((of(BRANCH), of(TAG)), (bench.at(BRANCH), base.clone()));
    let (commits, total) = bench.git.commits_between(&base, &of(BRANCH), 2).await.expect("commits");
    assert_eq!((commits.len(), total), (2, 3));
    assert_eq!(commits[0].summary, "Describe closed sites");
    let changed = bench.git.changed_paths(&base, &of(BRANCH)).await.expect("paths");
    assert_eq!(changed.paths, ["README.md", "db/closed_on.sql", "src/main/java/Site.java"]);
}

#[tokio::test]
async fn a_protected_branch_is_refused_with_the_server_message() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    bench.server.protect(MASTER).expect("a protection");
    let result = bench.git.push(&order(&merge, MASTER, Some(&base))).await.expect("an answer");
    let PushResult::Refused { reason } = result else { panic!("{result:?}") };
    assert!(reason.contains("GH006") && reason.contains("pull request"), "{reason}");
    assert_eq!(bench.at(MASTER), base);
}

#[tokio::test]
async fn a_branch_moved_before_the_push_stops_it() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let theirs = bench.server.commit("master", "other.txt", b"x", "Somebody else").expect("a commit");
    let result = bench.git.push(&order(&merge, MASTER, Some(&base))).await;
    assert_eq!(result, Ok(PushResult::Moved { now: Some(theirs) }));
    assert!(bench.server.pushes_asked().is_empty());
}

#[tokio::test]
async fn the_server_refuses_a_branch_moved_during_the_push() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let hold = bench.server.hold(Moment::BeforeEffect, MASTER).expect("a hold");
    let git = Arc::clone(&bench.git);
    let push = tokio::spawn(async move { git.push(&order(&merge, MASTER, Some(&base))).await });
    hold.wait_until_held(SOON).await.expect("held");
    let theirs = bench.server.commit("master", "other.txt", b"x", "Somebody else").expect("a commit");
    hold.release().expect("released");
    let result = push.await.expect("no panic").expect("an answer");
    assert!(matches!(result, PushResult::Refused { .. }), "{result:?}");
    assert_eq!(bench.at(MASTER), theirs);
}

#[tokio::test]
async fn does_not_move_a_tag_created_during_the_push() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let hold = bench.server.hold(Moment::BeforeEffect, TAG).expect("a hold");
    let git = Arc::clone(&bench.git);
    let push = tokio::spawn(async move { git.push(&order(&merge, TAG, None)).await });
    hold.wait_until_held(SOON).await.expect("held");
    bench.server.tag("v2.1.0", &base, false).expect("a tag");
    hold.release().expect("released");
    let result = push.await.expect("no panic").expect("an answer");
    assert!(matches!(result, PushResult::Refused { .. }), "{result:?}");
    assert_eq!(bench.at(TAG), base);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_push_unknown() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let wire = Wire::to(bench.server.url()).await;
    let git = adapter(&wire.url, &bench.folder.path().join("clone"), Some(TOKEN));
    let hold = bench.server.hold(Moment::AfterEffect, MASTER).expect("a hold");
    let its_merge = merge.clone();
    let push = tokio::spawn(async move { git.push(&order(&its_merge, MASTER, Some(&base))).await });
    hold.wait_until_held(SOON).await.expect("held");
    drop(wire);
    let failure = push.await.expect("no panic").expect_err("no answer came");
    assert_eq!(failure.changed, Changed::Unknown, "{failure:?}");
    assert_eq!(bench.at(MASTER), merge, "the server did take it");
}

#[tokio::test]
async fn a_silent_server_leaves_the_push_unknown() {
    let bench = bench().await;
    let (merge, base) = (bench.merged().await, bench.at(MASTER));
    let limits = GitLimits { transfer: Duration::from_millis(1500), ..GitLimits::default() };
    let git = adapter(&bench.server.url(), &bench.folder.path().join("clone"), Some(TOKEN)).with_limits(limits);
    let hold = bench.server.hold(Moment::BeforeEffect, MASTER).expect("a hold");
    let failure = git.push(&order(&merge, MASTER, Some(&base))).await.expect_err("the server is silent");
    assert_eq!((failure.code, failure.changed), (ErrorCode::TimedOut, Changed::Unknown));
    drop(hold);
}

#[tokio::test]
async fn silence_before_the_push_leaves_nothing_changed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/rally.git", listener.local_addr().expect("an address"));
    let folder = tempfile::tempdir().expect("a folder");
    let limits = GitLimits { ask: Duration::from_millis(300), ..GitLimits::default() };
    let git = adapter(&url, &folder.path().join("clone"), Some(TOKEN)).with_limits(limits);
    let failure = git.remote_refs().await.expect_err("silence");
    assert_eq!((failure.code, failure.changed), (ErrorCode::TimedOut, Changed::Nothing));
    drop(listener);
    let failure = git.remote_refs().await.expect_err("nobody there");
    assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Nothing), "{failure:?}");
}

#[tokio::test]
async fn a_refused_token_is_tried_once() {
    let server = GitServer::start().await.expect("a git server");
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&server.url(), &folder.path().join("clone"), Some("ghp_wrong"));
    let failure = git.remote_refs().await.expect_err("a wrong token");
    assert_eq!(failure.code, ErrorCode::CredentialRefused, "{failure:?}");
    assert!(!format!("{failure:?}").contains("ghp_wrong"));
    let asked = asked_until_now(&server).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test]
async fn without_a_saved_token_the_server_is_not_asked() {
    let server = GitServer::start().await.expect("a git server");
    let folder = tempfile::tempdir().expect("a folder");
    let git = adapter(&server.url(), &folder.path().join("clone"), None);
    assert_eq!(git.refresh().await.expect_err("no token").code, ErrorCode::CredentialMissing);
    let asked = asked_until_now(&server).await;
    assert!(asked.is_empty(), "{asked:?}");
}

#[tokio::test]
async fn refuses_a_server_with_an_untrusted_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let openssl = program("TLS server", "openssl", "openssl").expect("openssl");
    let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"];
    let mut make = clean_command(&openssl, folder.path());
    run(make.current_dir(folder.path()).args(made).args(["-keyout", "key.pem", "-out", "cert.pem"])).expect("made");
    let port = free_port().expect("a port");
    let mut serve = clean_command(&openssl, folder.path());
    serve.current_dir(folder.path()).args(["s_server", "-www", "-quiet", "-cert", "cert.pem", "-key", "key.pem"]);
    serve.args(["-accept", &port.to_string()]);
    let log = folder.path().join("log");
    let mut server = Process::start("openssl", &serve, Signal::Terminate, &log).expect("a TLS server");
    wait_for_port(&mut server, port, SOON).await.expect("it listens");
    let git = adapter(&format!("https://localhost:{port}/rally.git"), &folder.path().join("clone"), Some(TOKEN));
    let failure = git.remote_refs().await.expect_err("nobody vouches for it");
    assert_eq!(failure.code, ErrorCode::Unreachable, "{failure:?}");
    assert!(failure.hints[0].contains("certificate"), "{failure:?}");
}

/// Every request before this call. nginx writes its log after the answer, so the function waits for
/// the log line of a last request of its own.
async fn asked_until_now(server: &GitServer) -> Vec<String> {
    reqwest::get(format!("{}/the-end", server.url())).await.expect("an answer");
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let requests = server.requests();
        if let Some(at) = requests.iter().position(|line| line.contains("/the-end")) {
            return requests[..at].to_vec();
        }
        assert!(tokio::time::Instant::now() < end, "nginx logs nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn large_file_pointers_among_the_changes_are_named() {
    let bench = bench().await;
    let base = bench.at(MASTER);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    bench.server.commit("master", "film.mp4", pointer, "Add a film").expect("a commit");
    let head = bench.server.commit("master", "notes.txt", b"version 2", "Add notes").expect("a commit");
    bench.git.refresh().await.expect("a fetch");
    let changed = bench.git.changed_paths(&base, &head).await.expect("paths");
    assert_eq!(changed.paths, ["film.mp4", "notes.txt"]);
    assert_eq!(changed.lfs_pointers, ["film.mp4"]);
}

#[tokio::test]
async fn refuses_a_folder_a_missing_and_a_large_file() {
    let bench = bench().await;
    let base = bench.at(MASTER);
    assert_eq!(bench.git.read_file(&base, "no/such/file").await, Ok(None));
    assert_eq!(bench.git.read_file(&base, "src/main").await.expect_err("a folder").code, ErrorCode::VersionFileUnclear);
    let missing = bench.git.commit_file(&base, "no/such/file", b"x", "x", &by(), KEEP).await;
    assert_eq!(missing.expect_err("no file").code, ErrorCode::GitMissing);
    let big = vec![b'x'; 1024 * 1024 + 1];
    let head = bench.server.commit("master", "big.txt", &big, "Add much").expect("a commit");
    bench.git.refresh().await.expect("a fetch");
    assert_eq!(bench.git.read_file(&head, "big.txt").await.expect_err("too big").code, ErrorCode::VersionFileUnclear);
}

#[tokio::test]
async fn a_fetch_keeps_own_refs_and_drops_removed_ones() {
    let bench = bench().await;
    let merge = bench.merged().await;
    let clone = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    let on_server = git2::Repository::open_bare(bench.server.repository()).expect("the repository");
    on_server.find_reference(BRANCH).and_then(|mut branch| branch.delete()).expect("deleted");
    bench.git.refresh().await.expect("a fetch");
    assert!(clone.find_reference("refs/remotes/origin/v2.1.0").is_err());
    assert_eq!(clone.refname_to_id(KEEP).expect("kept").to_string(), merge);
}

#[tokio::test]
async fn only_full_names_of_branches_tags_and_locks_are_pushed() {
    let bench = bench().await;
    let base = bench.at(MASTER);
    for name in ["master", "refs/notes/x", "refs/heads/a:refs/heads/b", "+refs/heads/master", "refs/heads/*"] {
        let failure = bench.git.push(&order(&base, name, None)).await.expect_err(name);
        assert_eq!(failure.code, ErrorCode::BadInput, "{name}");
    }
    let place = bench.git.merge(&base, &bench.at(BRANCH), "x", &by(), "refs/heads/v2.1.0").await;
    assert_eq!(place.expect_err("not ours").code, ErrorCode::BadInput);
}

/// libgit2 reads a user's settings once per process, so this test runs itself in a process with
/// another home.
#[test]
fn the_git_settings_of_the_computer_do_not_reach_into_a_release() {
    const MARK: &str = "GREENLIGHT_TEST_IN_HOSTILE_HOME";
    if std::env::var_os(MARK).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            assert!(
                bench().await.git.remote_refs().await.expect("our server").iter().any(|entry| entry.name == BRANCH)
            );
        });
        return;
    }
    let home = tempfile::tempdir().expect("a home");
    let settings =
        "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http://127.0.0.1\n[http]\n\tproxy = http://127.0.0.1:1\n";
    std::fs::write(home.path().join(".gitconfig"), settings).expect("settings");
    let name = "the_git_settings_of_the_computer_do_not_reach_into_a_release";
    let output = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", name])
        .env(MARK, "1")
        .env("HOME", home.path())
        .output()
        .expect("a second process");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A relay of TCP connections. Dropping it cuts every connection.
struct Wire {
    url: String,
    _forwarding: JoinSet<()>,
}

impl Wire {
    async fn to(url: String) -> Self {
        let rest = url.strip_prefix("http://").expect("http").to_owned();
        let (target, path) = rest.split_once('/').expect("a path");
        let (target, listener) = (target.to_owned(), TcpListener::bind("127.0.0.1:0").await.expect("a port"));
        let here = listener.local_addr().expect("an address");
        let mut forwarding = JoinSet::new();
        forwarding.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                open.spawn(async move {
                    let mut far = tokio::net::TcpStream::connect(target).await.expect("the server");
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { url: format!("http://{here}/{path}"), _forwarding: forwarding }
    }
}
