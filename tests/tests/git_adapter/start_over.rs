//! A run that starts over: another merge, version commit and tag in the same clone.

use super::*;

const KEEP_VERSION: &str = "refs/greenlight/01/version";
const KEEP_TAG: &str = "refs/greenlight/01/tag";

/// Merge, version commit and tag on main as the server has it now: their ids.
async fn made(bench: &Bench) -> [String; 3] {
    let merge = bench.merged().await;
    let before = bench.git.read_file(&merge, VERSION_FILE).await.expect("an answer").expect("the version file");
    let after = String::from_utf8(before).expect("text").replace("2.0.1.11-RELEASE", "2.1.0.0-RELEASE");
    let (git, bytes) = (&bench.git, after.as_bytes());
    let commit = git.commit_file(&merge, VERSION_FILE, bytes, "Set 2.1.0", &by(), KEEP_VERSION).await;
    let commit = commit.expect("a commit");
    let tag = bench.tagged(&commit).await;
    [merge, commit, tag]
}

fn kept(bench: &Bench) -> [String; 3] {
    let clone = git2::Repository::open_bare(bench.folder.path().join("clone")).expect("the clone");
    [KEEP, KEEP_VERSION, KEEP_TAG].map(|name| clone.refname_to_id(name).expect("kept").to_string())
}

#[tokio::test]
async fn new_objects_take_the_place_of_unpublished_ones() {
    let bench = bench().await;
    let old_base = bench.at(MASTER);
    let first = made(&bench).await;
    assert_eq!(kept(&bench), first);
    let theirs = bench.server.commit("master", "hotfix.txt", b"x", "Hotfix").expect("a commit");
    bench.git.refresh().await.expect("a fetch");

    let second = made(&bench).await;
    assert_eq!(kept(&bench), second, "the clone keeps the new objects");
    assert!(first.iter().zip(&second).all(|(old, new)| old != new));
    let [merge, commit, tag] = second;
    // The first merge can never be published by mistake.
    let stale = bench.git.push(&order(&first[1], MASTER, Some(&old_base))).await;
    assert_eq!(stale, Ok(PushResult::Moved { now: Some(theirs.clone()) }));
    assert_eq!(bench.git.push(&order(&commit, MASTER, Some(&theirs))).await, Ok(PushResult::Accepted));
    assert_eq!(bench.git.push(&order(&tag, TAG, None)).await, Ok(PushResult::Accepted));
    assert_eq!((bench.at(MASTER), bench.at(TAG)), (commit.clone(), tag));
    assert_eq!(bench.server.peel_tag("v2.1.0"), Some(commit));
    assert_eq!(bench.server.parents(&merge).expect("parents"), [theirs, bench.at(BRANCH)]);
    let on_server = bench.server.rev_parse(&format!("{}^{{object}}", first[2]));
    assert_eq!(on_server, None, "the first tag never left the clone");
}

#[tokio::test]
async fn a_published_tag_stays_where_it_is() {
    let bench = bench().await;
    let [_, _, first] = made(&bench).await;
    bench.server.tag("v2.1.0", &bench.at(MASTER), true).expect("a tag of somebody else");
    let theirs = bench.at(TAG);
    bench.server.commit("master", "hotfix.txt", b"x", "Hotfix").expect("a commit");
    bench.git.refresh().await.expect("a fetch");
    let [_, _, second] = made(&bench).await;
    for ours in [first, second] {
        let result = bench.git.push(&order(&ours, TAG, None)).await;
        assert_eq!(result, Ok(PushResult::Moved { now: Some(theirs.clone()) }));
    }
    assert_eq!(bench.at(TAG), theirs);
}
