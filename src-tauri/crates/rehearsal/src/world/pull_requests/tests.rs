//! Tests of pull requests in the model of the repository (TRAP-G5).

use super::*;
use crate::world::{MINUTE, Rules, record::Caller};

const NOW: i64 = 1_800_000_000_000;
const BRANCH: &str = "greenlight/v2.1.0";

/// A World in which the release branch is also published as a branch of its own.
fn world(rules: Rules) -> World {
    let mut git = Remote::seeded("2.0.1.11-RELEASE", "v2.1.0", NOW);
    git.is_protected = true;
    let head = git.refs["refs/heads/v2.1.0"].clone();
    git.refs.insert(format!("{BRANCHES}{BRANCH}"), head);
    World::in_process(git, Rules { chatters: false, ..rules }, NOW)
}

fn proposal(branch: &str) -> Proposal<'_> {
    Proposal { title: "Release 2.1.0", body: "Please merge it.", branch, base: "master" }
}

fn open(world: &mut World) -> PullRequest {
    world.open_pull_request(proposal(BRANCH)).expect("a pull request")
}

fn main(world: &World) -> String {
    world.git.refs[MAIN].clone()
}

fn merged_as(world: &World, number: u32) -> Option<String> {
    let one = world.pull_requests.iter().find(|one| one.number == number)?;
    if let State::Merged { commit, .. } = &one.state { Some(commit.clone()) } else { None }
}

fn pass(world: &mut World, ms: i64) {
    world.advance(world.now_ms() + ms);
}

#[test]
fn opens_one_pull_request_for_each_branch() {
    let mut world = world(Rules::default());
    let one = open(&mut world);
    assert_eq!((one.number, one.head.as_str()), (1, world.git.refs["refs/heads/v2.1.0"].as_str()));
    let again = world.open_pull_request(proposal(BRANCH)).expect_err("a second one");
    assert_eq!(again.words(), format!("A pull request already exists for rallyforresearch:{BRANCH}."));
    assert!(world.close_pull_request(1) && !world.close_pull_request(1));
    assert_eq!(open(&mut world).number, 2, "a closed one does not count");
}

#[test]
fn refuses_a_missing_branch_and_one_without_commits() {
    let mut world = world(Rules::default());
    assert_eq!(world.open_pull_request(proposal("elsewhere")), Err(Refusal::NoBranch("head")));
    let nowhere = Proposal { base: "elsewhere", ..proposal(BRANCH) };
    assert_eq!(world.open_pull_request(nowhere), Err(Refusal::NoBranch("base")));
    let root = world.git.objects.commits[&main(&world)].parents[0].clone();
    world.git.refs.insert("refs/heads/old".to_owned(), root);
    let merged = world.open_pull_request(proposal("old")).expect_err("no commit");
    assert_eq!(merged.words(), "No commits between master and old");
    assert!(world.pull_requests().is_empty());
}

#[test]
fn a_merge_has_both_parents_and_the_changes_of_both_sides() {
    let mut world = world(Rules::default());
    let head = open(&mut world).head;
    let moved = world.git.commit_on(MAIN, "src/Other.java", "c", "Hotfix", NOW).expect("a commit");
    let commit = world.merge_pull_request(1, MergeKind::Merge).expect("a merge");
    let made = &world.git.objects.commits[&commit];
    assert_eq!((made.parents.as_slice(), made.author.as_str()), (&[moved, head][..], REVIEWER));
    let texts = ["src/Study.java", "src/Web.java", "src/Other.java"].map(|path| made.files[path].as_str());
    assert_eq!(texts, ["b", "b", "c"]);
    assert_eq!(
        (main(&world), world.main.id.clone(), merged_as(&world, 1)),
        (commit.clone(), commit.clone(), Some(commit))
    );
    assert!(world.merge_pull_request(1, MergeKind::Merge).is_err(), "it is not open any more");
}

#[test]
fn a_squash_has_main_as_its_only_parent() {
    let mut world = world(Rules::default());
    let before = main(&world);
    open(&mut world);
    let commit = world.merge_pull_request(1, MergeKind::Squash).expect("a merge");
    let made = &world.git.objects.commits[&commit];
    assert_eq!((made.parents.as_slice(), made.files["src/Study.java"].as_str()), (&[before][..], "b"));
    assert_eq!(made.summary, "Release 2.1.0 (#1)");
}

#[test]
fn a_conflict_leaves_the_pull_request_open() {
    let mut world = world(Rules { review_ms: Some(MINUTE), ..Rules::default() });
    open(&mut world);
    let moved = world.git.commit_on(MAIN, "src/Study.java", "c", "The same here", NOW);
    let refused = world.merge_pull_request(1, MergeKind::Merge).expect_err("a conflict");
    assert!(refused.contains("src/Study.java"), "{refused}");
    pass(&mut world, 3 * MINUTE);
    assert_eq!((Some(main(&world)), world.pull_requests()[0].is_open()), (moved, true));
    world.git.commit_on(&format!("{BRANCHES}{BRANCH}"), "src/Study.java", "c", "Take it over", NOW);
    pass(&mut world, 2 * MINUTE);
    assert!(merged_as(&world, 1).is_some(), "the reviewer tries again");
}

#[test]
fn the_reviewer_merges_when_the_time_has_passed() {
    let mut world = world(Rules { review_ms: Some(5 * MINUTE), review: Review::Squash, ..Rules::default() });
    open(&mut world);
    pass(&mut world, 5 * MINUTE - 1_000);
    assert!(world.pull_requests()[0].is_open());
    pass(&mut world, 1_000);
    assert_eq!(merged_as(&world, 1), Some(main(&world)));
    assert_eq!(world.git.objects.commits[&main(&world)].parents.len(), 1);
}

#[test]
fn without_a_reviewer_a_pull_request_stays_open() {
    let mut world = world(Rules { review_ms: None, ..Rules::default() });
    open(&mut world);
    pass(&mut world, 300 * MINUTE);
    assert!(world.pull_requests()[0].is_open());
}

#[test]
fn a_refusing_reviewer_closes_the_first_and_merges_the_second() {
    let mut world = world(Rules { review_ms: Some(MINUTE), review: Review::Refuse, ..Rules::default() });
    let before = main(&world);
    open(&mut world);
    pass(&mut world, 2 * MINUTE);
    assert!(matches!(world.pull_requests()[0].state, State::Closed { .. }));
    assert_eq!(main(&world), before);
    open(&mut world);
    pass(&mut world, 2 * MINUTE);
    assert_eq!(merged_as(&world, 2), Some(main(&world)));
}

#[test]
fn the_head_follows_its_branch_until_the_end() {
    let mut world = world(Rules { review_ms: None, ..Rules::default() });
    open(&mut world);
    let name = format!("{BRANCHES}{BRANCH}");
    let newer = world.git.commit_on(&name, "src/Study.java", "d", "Repair", NOW).expect("a commit");
    world.follow_model();
    assert_eq!(world.pull_requests()[0].head, newer);
    assert!(world.close_pull_request(1));
    world.git.commit_on(&name, "src/Study.java", "e", "Late", NOW);
    world.follow_model();
    assert_eq!(world.pull_requests()[0].head, newer);
}

#[test]
fn commits_that_reached_main_make_the_pull_request_merged() {
    let mut world = world(Rules { review_ms: Some(MINUTE), ..Rules::default() });
    let head = open(&mut world).head;
    world.git.refs.insert(MAIN.to_owned(), head.clone());
    pass(&mut world, 2 * MINUTE);
    assert_eq!((merged_as(&world, 1), main(&world)), (Some(head.clone()), head));
}

#[test]
fn the_record_tells_who_opened_and_who_merged() {
    let mut world = world(Rules { review_ms: Some(MINUTE), ..Rules::default() });
    world.record.switch_on();
    world.record.called_by(Caller { actor: Actor::App, process: 1, is_answered: true, is_late: false });
    let head = open(&mut world).head;
    let _refused = world.open_pull_request(proposal(BRANCH));
    pass(&mut world, 2 * MINUTE);
    let told: Vec<(Actor, bool, Op)> =
        world.record.take().into_iter().map(|entry| (entry.actor, entry.applied, entry.op)).collect();
    let request = |number| Op::PullRequestOpened { branch: BRANCH.to_owned(), head: head.clone(), number };
    let merged = Op::PullRequestMerged { number: 1, commit: main(&world) };
    assert_eq!(
        told,
        [(Actor::App, true, request(Some(1))), (Actor::App, false, request(None)), (Actor::Colleague, true, merged)]
    );
}

#[test]
fn a_kept_world_has_the_same_future() {
    let mut world = world(Rules { review_ms: Some(MINUTE), ..Rules::default() });
    open(&mut world);
    let mut again: World =
        serde_json::from_slice(&serde_json::to_vec(&world).expect("a state")).expect("the same state");
    pass(&mut world, 2 * MINUTE);
    pass(&mut again, 2 * MINUTE);
    assert_eq!((main(&again), again.pull_requests()), (main(&world), world.pull_requests()));
}
