//! Starting over on the newest main: somebody pushed between the merge and the push of a release.

use greenlight_rehearsal::world::git::{MAIN, Tag};

use super::*;

const LOCAL: [StepId; 3] = [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag];

/// A colleague pushes one commit to main. Returns its id.
fn colleague_pushes(at: &Scripted, text: &str) -> String {
    let now_ms = at.clock.now_ms();
    at.world().git.commit_on(MAIN, "src/Web.java", text, "Hotfix", now_ms).expect("main")
}

fn start_over(note: &str) -> Act {
    Act::StartOver { note: note.to_owned() }
}

fn may_start_over(at: &Scripted) -> bool {
    let mut view = at.view();
    greenlight_engine::options::fill(&mut view);
    view.may_start_over
}

/// Ann's release with the label made and the push offered.
async fn ready_to_push() -> Scripted {
    let profile = simulated_profile().expect("the built-in profile");
    let ann = Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
    ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
    for step in LOCAL {
        ann.press_when_offered(step).await.expect("it is started");
    }
    ann.offered(StepId::PushBranch).await.expect("its button");
    ann
}

/// Plays the rest of Prepare.
async fn prepare_again(ann: &Scripted) {
    for step in StepId::ALL.into_iter().take(6).filter(|step| !ann.status(*step).is_done()) {
        ann.press_when_offered(step).await.expect("it is started");
    }
    ann.until(|view| view.state == RunState::Prepared).await.expect("Prepare ends");
}

fn attempt(at: &Scripted, step: StepId) -> u32 {
    fold::step(&at.view(), step).map_or(0, |step| step.attempt)
}

/// Commit of the tag on the remote.
fn tagged(at: &Scripted) -> String {
    let world = at.world();
    let object = &world.git.refs["refs/tags/v2.1.0"];
    world.git.objects.tags[object].target.clone()
}

/// DE-14: main moves between the merge and the push. "Not yet" never opens again.
#[test]
fn de_14_a_colleague_between_merge_and_push() {
    on_virtual_time(async {
        let ann = ready_to_push().await;
        assert!(may_start_over(&ann), "the page shows it once main has moved");
        let unmoved = ann.act(start_over("just so")).await.expect_err("main has not moved");
        assert_eq!(unmoved.code, ErrorCode::NotAllowedNow, "{unmoved}");
        let hotfix = colleague_pushes(&ann, "a hotfix");
        let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
        assert!(plan.preconditions.iter().any(|one| one.id == "mainUnmoved" && !one.passed), "{plan:?}");
        assert_eq!(ann.act(start_over(" ")).await.expect_err("without a note").code, ErrorCode::BadInput);

        ann.act(start_over("Bob's hotfix belongs to it")).await.expect("she starts over");
        prepare_again(&ann).await;
        assert!(LOCAL.into_iter().all(|step| attempt(&ann, step) == 2));
        let Some(Fact::Merged { base, .. }) = fold::newest(&ann.view(), FactKind::Merged).cloned() else {
            panic!("merged")
        };
        assert_eq!(base, hotfix, "the merge is made on the new main");
        let main = ann.world().git.refs[MAIN].clone();
        assert_eq!(tagged(&ann), main, "the label is at the commit that was pushed");
        assert!(ann.world().git.objects.reachable(&main).contains(hotfix.as_str()), "the hotfix takes part");
        assert!(!may_start_over(&ann));
        ann.deploy(None).await.expect("Deploy begins without a difference");
    });
}

#[test]
fn de_14_a_push_that_failed_because_main_moved() {
    on_virtual_time(async {
        let ann = ready_to_push().await;
        let plan = read(&ann.release, &ann.by, StepId::PushBranch).await.expect("a plan");
        let hotfix = colleague_pushes(&ann, "a hotfix");
        start(&ann.release, &ann.by, plan).await.expect("it is started");
        ann.until_is(StepId::PushBranch, Status::Failed).await.expect("main moved");
        let failure = ann.failure(StepId::PushBranch).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RefMoved, "{failure}");
        assert!(failure.hints.iter().any(|hint| hint.contains("Start over on the new master")), "{failure:?}");
        ann.act(start_over("Bob's hotfix belongs to it")).await.expect("she starts over");
        assert_eq!((ann.status(StepId::PushBranch), attempt(&ann, StepId::PushBranch)), (Status::NotStarted, 1));

        // Another push comes. She starts over once more.
        for step in LOCAL {
            ann.press_when_offered(step).await.expect("it is started");
        }
        ann.offered(StepId::PushBranch).await.expect("its button");
        let second = colleague_pushes(&ann, "one more");
        ann.act(start_over("one more")).await.expect("she starts over again");
        prepare_again(&ann).await;
        let world = ann.world();
        let taken = world.git.objects.reachable(&world.git.refs[MAIN]);
        assert!(taken.contains(hotfix.as_str()) && taken.contains(second.as_str()));
    });
}

#[test]
fn a_version_that_is_not_free_any_more_is_given_up() {
    on_virtual_time(async {
        let ann = ready_to_push().await;
        let target = colleague_pushes(&ann, "the same release, by hand");
        let at_s = ann.clock.now_ms() / 1_000;
        let tag = Tag { name: "v2.1.0".to_owned(), target: target.clone(), message: "2.1.0".to_owned(), at_s };
        {
            let mut world = ann.world();
            world.git.refs.insert("refs/tags/v2.1.0".to_owned(), tag.id());
            world.git.objects.tags.insert(tag.id(), tag);
        }
        let taken = ann.act(start_over("a hotfix")).await.expect_err("the label is taken");
        assert_eq!(taken.code, ErrorCode::TagElsewhere, "{taken}");
        assert!(taken.hints.iter().any(|hint| hint.contains("prepare the next free version")), "{taken:?}");
        assert_eq!(ann.status(StepId::CreateTag), Status::Succeeded, "nothing was reset");
        let end = Act::EndRun { result: RunResult::Abandoned, note: "2.1.0 is taken".to_owned() };
        ann.act(end).await.expect("she gives it up");
        assert_eq!(tagged(&ann), target, "the label of the colleague did not move");
    });
}

#[test]
fn de_13_a_difference_that_ends_the_release_is_refused_before_anything_is_backed_up() {
    on_virtual_time(async {
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        colleague_pushes(&ann, "a hotfix");
        let refused = ann.deploy(None).await.expect_err("its build can never start");
        assert!(refused.to_string().contains("can never be built"), "{refused}");
        assert!(refused.hints.join(" ").contains("next free version"), "{refused:?}");
        assert_eq!(ann.view().state, RunState::Prepared, "nothing was taken");
        let end = Act::EndRun { result: RunResult::Stopped, note: "main moved".to_owned() };
        ann.act(end).await.expect("the true way on");
    });
}

/// INV-G3: nothing that was published is started over, also after a false word about the push.
#[test]
fn a_published_merge_is_never_started_over() {
    on_virtual_time(async {
        let ann = ready_to_push().await;
        let plan = read(&ann.release, &ann.by, StepId::PushBranch).await.expect("a plan");
        ann.wire.next("git.push", Fate::Lost);
        for _ in 0..10 {
            ann.wire.next("git.remote_refs", Fate::Unreached);
        }
        start(&ann.release, &ann.by, plan).await.expect("it is started");
        ann.until_is(StepId::PushBranch, Status::InDoubt).await.expect("no answer");
        assert!(!may_start_over(&ann));
        assert_eq!(ann.act(start_over("why not")).await.expect_err("in doubt").code, ErrorCode::NotAllowedNow);
        let (step, note) = (StepId::PushBranch, "I saw nothing".to_owned());
        let untrue = Act::SettleDoubt { step, attempt: 1, happened: false, note };
        ann.act(untrue).await.expect("a false word");
        colleague_pushes(&ann, "on top of ours");
        tokio::time::sleep(Duration::from_secs(300)).await;
        for _ in 0..10 {
            match ann.act(start_over("on top of ours")).await.expect_err("it is published") {
                refused if refused.code == ErrorCode::Unreachable => {}
                refused => {
                    assert!(refused.to_string().contains("contains the merge of this release"), "{refused}");
                    let note = "master contains it".to_owned();
                    ann.act(Act::ReportDone { step, note }).await.expect("the app sees it");
                    assert!(fold::newest(&ann.view(), FactKind::MainPublished).is_some());
                    return;
                }
            }
        }
        panic!("GitHub never answered");
    });
}
