//! The environment lock: a ref below `refs/greenlight/` whose commits hold messages.

use greenlight_engine::ports::RefCommit;

use super::*;

const LOCK: &str = "refs/greenlight/rally/prod";
const OUR_COPY: &str = "refs/greenlight/01/lock";

impl Bench {
    /// Another computer with a clone of its own.
    fn other(&self, name: &str) -> GitAdapter {
        adapter(&self.server.url(), &self.folder.path().join(name), Some(TOKEN))
    }
}

/// Commits an entry on top of the one that was read, and pushes it.
async fn write(git: &GitAdapter, found: Option<&RefCommit>, message: &str) -> (String, PushResult) {
    let parent = found.map(|found| found.id.as_str());
    let id = git.commit_message(parent, message, &by(), OUR_COPY).await.expect("a commit");
    let result = git.push(&order(&id, LOCK, parent)).await.expect("an answer");
    (id, result)
}

async fn read(git: &GitAdapter) -> Option<RefCommit> {
    git.ref_commit(LOCK).await.expect("an answer")
}

#[tokio::test]
async fn an_entry_is_made_taken_over_and_released_with_its_history() {
    let bench = bench().await;
    let other = bench.other("other");
    assert_eq!(read(&bench.git).await, None);
    let mut last = None;
    for (git, message) in [(&*bench.git, "free\n"), (&other, "held\n\nRun: r-1\n"), (&bench.git, "free again\n")] {
        let (id, result) = write(git, last.as_ref(), message).await;
        assert_eq!(result, PushResult::Accepted, "{message}");
        let found = RefCommit { id, message: message.to_owned() };
        for reader in [&*bench.git, &other] {
            assert_eq!(read(reader).await.as_ref(), Some(&found));
        }
        let parents = bench.server.parents(&found.id).expect("parents");
        assert_eq!(parents, last.into_iter().map(|before: RefCommit| before.id).collect::<Vec<_>>());
        last = Some(found);
    }
}

#[tokio::test]
async fn the_slower_computer_changes_nothing() {
    let bench = bench().await;
    let other = bench.other("other");
    let (first, result) = write(&bench.git, None, "one\n").await;
    assert_eq!(result, PushResult::Accepted);
    let (_, late) = write(&other, None, "two\n").await;
    assert_eq!(late, PushResult::Moved { now: Some(first.clone()) });
    assert_eq!(bench.at(LOCK), first);
}

#[tokio::test]
async fn the_server_refuses_an_entry_that_lost_the_race() {
    let bench = bench().await;
    let (first, _) = write(&bench.git, None, "one\n").await;
    let found = read(&bench.git).await;
    let hold = bench.server.hold(Moment::BeforeEffect, LOCK).expect("a hold");
    let git = Arc::clone(&bench.git);
    let push = tokio::spawn(async move { write(&git, found.as_ref(), "ours\n").await.1 });
    hold.wait_until_held(SOON).await.expect("held");
    let on_server = git2::Repository::open_bare(bench.server.repository()).expect("the repository");
    let theirs = on_server
        .find_commit(first.parse().expect("an id"))
        .and_then(|parent| {
            let (tree, by) = (parent.tree()?, parent.author());
            on_server.commit(Some(LOCK), &by, &by, "theirs\n", &tree, &[&parent])
        })
        .expect("a commit");
    hold.release().expect("released");
    let result = push.await.expect("no panic");
    assert!(matches!(result, PushResult::Refused { .. }), "{result:?}");
    assert_eq!(read(&bench.git).await.map(|found| found.message), Some("theirs\n".to_owned()));
    assert_eq!(bench.at(LOCK), theirs.to_string());
}

#[tokio::test]
async fn one_of_ten_computers_at_once_gets_the_lock() {
    let bench = bench().await;
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        let git = bench.other(&format!("computer-{number}"));
        tasks.spawn(async move { write(&git, None, &format!("held by {number}\n")).await });
    }
    let ends: Vec<(String, PushResult)> = tasks.join_all().await;
    let winners: Vec<&String> =
        ends.iter().filter(|(_, result)| *result == PushResult::Accepted).map(|(id, _)| id).collect();
    assert_eq!(winners, [&bench.at(LOCK)], "{ends:?}");
}

#[tokio::test]
async fn a_rule_that_refuses_the_lock_is_reported_in_its_words() {
    let bench = bench().await;
    bench.server.protect(LOCK).expect("a protection");
    let (_, result) = write(&bench.git, None, "free\n").await;
    let PushResult::Refused { reason } = result else { panic!("{result:?}") };
    assert!(reason.contains("GH006"), "{reason}");
    assert_eq!(read(&bench.git).await, None);
}

#[tokio::test]
async fn a_lost_answer_shows_in_the_next_read() {
    let bench = bench().await;
    let wire = Wire::to(bench.server.url()).await;
    let git = adapter(&wire.url, &bench.folder.path().join("clone"), Some(TOKEN));
    let id = git.commit_message(None, "held\n", &by(), OUR_COPY).await.expect("a commit");
    let hold = bench.server.hold(Moment::AfterEffect, LOCK).expect("a hold");
    let push = order(&id, LOCK, None);
    let push = tokio::spawn(async move { git.push(&push).await });
    hold.wait_until_held(SOON).await.expect("held");
    drop(wire);
    let failure = push.await.expect("no panic").expect_err("no answer came");
    assert_eq!(failure.changed, Changed::Unknown, "{failure:?}");
    assert_eq!(read(&bench.git).await.map(|found| found.id), Some(id));
}

#[tokio::test]
async fn a_ref_that_names_no_commit_is_not_free() {
    let bench = bench().await;
    let on_server = git2::Repository::open_bare(bench.server.repository()).expect("the repository");
    let blob = on_server.blob(b"held").expect("a blob");
    on_server.reference(LOCK, blob, false, "").expect("a ref");
    let failure = bench.git.ref_commit(LOCK).await.expect_err("no commit");
    assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing), "{failure:?}");
}

#[tokio::test]
async fn a_refresh_leaves_the_lock_alone() {
    let bench = bench().await;
    let other = bench.other("other");
    let (id, _) = write(&other, None, "held\n").await;
    bench.git.refresh().await.expect("a fetch");
    let clone = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    assert!(clone.find_commit(id.parse().expect("an id")).is_err(), "a fetch takes branches and tags only");
    assert_eq!(read(&bench.git).await.map(|found| found.id), Some(id.clone()));
    bench.git.refresh().await.expect("a fetch");
    assert!(clone.find_reference(LOCK).is_err(), "the lock of the remote is none of our own refs");
    assert_eq!(clone.refname_to_id("refs/remote-locks/rally/prod").expect("a copy").to_string(), id);
}

#[tokio::test]
async fn only_refs_of_the_app_are_read_as_locks() {
    let bench = bench().await;
    for name in ["refs/heads/master", "refs/greenlight/*", "refs/greenlight/a:refs/heads/b", "greenlight/rally"] {
        let failure = bench.git.ref_commit(name).await.expect_err(name);
        assert_eq!(failure.code, ErrorCode::BadInput, "{name}");
    }
}
