//! A main branch that takes only pull requests (TRAP-G5).

use greenlight_engine::ports::Clock as _;
use greenlight_rehearsal::world::{
    git::MAIN,
    pull_requests::{MergeKind, State},
    rules::Review,
};

use super::*;

const MINUTE: i64 = 60_000;

/// Production whose main branch takes only pull requests.
fn protected(rules: Rules) -> Arc<Mutex<World>> {
    let production = world(rules);
    production.lock().git.is_protected = true;
    production
}

/// Ann's release with the label made and the push offered.
async fn ready_to_push(rules: Rules) -> Scripted {
    let profile = simulated_profile().expect("the built-in profile");
    let ann = Scripted::draft(&profile, protected(rules), person("Ann", "desk-7")).await.expect("a draft");
    ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
    for step in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag] {
        ann.press_when_offered(step).await.expect("it is started");
    }
    ann.offered(StepId::PushBranch).await.expect("its button");
    ann
}

async fn open_pull_request(ann: &Scripted) {
    press(&ann.release, &ann.by, StepId::OpenPullRequest).await.expect("it is sent");
    ann.until_is(StepId::OpenPullRequest, Status::Succeeded).await.expect("GitHub opens it");
}

/// Waits until the plan of the push is there already.
async fn until_merged(ann: &Scripted) -> StepPlan {
    for _ in 0..200 {
        let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
        if plan.already.is_some() {
            return plan;
        }
        ann.clock.sleep(Duration::from_secs(30)).await;
    }
    panic!("nobody merged it")
}

/// Plays the rest of Prepare and returns the commit that the published label names.
async fn finish_prepare(ann: &Scripted) -> String {
    // The label is made again after the merge.
    for step in [StepId::PushBranch, StepId::CreateTag, StepId::PushTag, StepId::RegisterTaskDefinition] {
        if ann.status(step) == Status::Failed {
            press(&ann.release, &ann.by, step).await.expect("it is sent again");
        } else {
            ann.press_when_offered(step).await.expect("it is started");
        }
        ann.until_is(step, Status::Succeeded).await.expect("it is done");
    }
    ann.until(|view| view.state == RunState::Prepared).await.expect("Prepare ends");
    let world = ann.world();
    world.git.objects.peel(&world.git.refs["refs/tags/v2.1.0"]).to_owned()
}

fn missed(plan: &StepPlan) -> Vec<&str> {
    plan.preconditions.iter().filter(|one| !one.passed).map(|one| one.id.as_str()).collect()
}

fn offers_start_over(ann: &Scripted) -> bool {
    let mut view = ann.view();
    greenlight_engine::options::fill(&mut view);
    view.may_start_over
}

#[test]
fn fault_7_the_rule_is_told_before_the_merge_and_closes_the_push() {
    on_virtual_time(async {
        let profile = simulated_profile().expect("the built-in profile");
        let ann =
            Scripted::draft(&profile, protected(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
        let plan = read(&ann.release, &ann.by, StepId::MergeBranch).await.expect("a plan");
        assert!(plan.notices.iter().any(|notice| notice.contains("only by pull request")), "{:?}", plan.notices);
        for step in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag] {
            ann.press_when_offered(step).await.expect("it is started");
        }
        ann.offered(StepId::PushBranch).await.expect("its button");
        let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
        assert_eq!(missed(&plan), ["mayPush"]);
    });
}

#[test]
fn a_release_goes_on_with_the_merged_commit_of_main() {
    on_virtual_time(async {
        for review in [Review::Merge, Review::Squash] {
            let ann = ready_to_push(Rules { review, review_ms: Some(3 * MINUTE), ..Rules::default() }).await;
            open_pull_request(&ann).await;
            assert!(!offers_start_over(&ann), "the branch is published");
            let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
            assert_eq!(missed(&plan), ["pullRequestMerged"], "nobody has reviewed it");
            until_merged(&ann).await;
            let tagged = finish_prepare(&ann).await;
            assert_eq!(tagged, ann.world().git.refs[MAIN], "the label is at the commit of main");
            assert_eq!(ann.world().git.objects.commits[&tagged].version_value(), "2.1.0.0-RELEASE");
            ann.deploy(None).await.expect("Deploy begins without a difference");
        }
    });
}

/// Main moves by other pull requests all the time; they are released too, and the plan says so.
#[test]
fn files_of_other_pull_requests_are_named() {
    on_virtual_time(async {
        let ann = ready_to_push(Rules { review_ms: None, ..Rules::default() }).await;
        open_pull_request(&ann).await;
        let now = ann.clock.now_ms();
        {
            let mut world = ann.world();
            world.git.commit_on(MAIN, "src/Other.java", "x", "Another pull request", now).expect("main");
            world.merge_pull_request(1, MergeKind::Merge).expect("merged");
            world.git.commit_on(MAIN, "src/Later.java", "y", "A later one", now).expect("main");
        }
        let plan = until_merged(&ann).await;
        let notice = plan.notices.join(" ");
        assert!(notice.contains("src/Later.java, src/Other.java"), "{notice}");
        let tagged = finish_prepare(&ann).await;
        assert_eq!(tagged, ann.world().git.refs[MAIN], "the release is the newest commit of main");
    });
}

#[test]
fn main_that_lost_the_version_closes_the_step() {
    on_virtual_time(async {
        let ann = ready_to_push(Rules { review_ms: None, ..Rules::default() }).await;
        open_pull_request(&ann).await;
        let now = ann.clock.now_ms();
        {
            let mut world = ann.world();
            world.merge_pull_request(1, MergeKind::Squash).expect("merged");
            let path = greenlight_rehearsal::world::git::VERSION_FILE;
            world.git.commit_on(MAIN, path, "name=rally\nversion=9\n", "Start the next", now).expect("main");
        }
        let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
        assert_eq!(missed(&plan), ["mainSaysVersion"]);
        assert!(press(&ann.release, &ann.by, StepId::PushBranch).await.is_err(), "it is closed");
    });
}

#[test]
fn a_refused_push_offers_the_pull_request_and_a_closed_one_is_opened_again() {
    on_virtual_time(async {
        let rules = Rules { tells_rules: false, review: Review::Refuse, review_ms: Some(MINUTE), ..Rules::default() };
        let ann = ready_to_push(rules).await;
        press(&ann.release, &ann.by, StepId::PushBranch).await.expect("it is sent");
        ann.until_is(StepId::PushBranch, Status::Failed).await.expect("GitHub refuses it");
        ann.until_is(StepId::OpenPullRequest, Status::AwaitingOperator).await.expect("it is offered");
        open_pull_request(&ann).await;
        ann.clock.sleep(Duration::from_secs(120)).await;
        let plan = ann.release.plan(StepId::PushBranch).await.expect("a plan");
        assert!(matches!(ann.world().pull_requests()[0].state, State::Closed { .. }));
        let why = plan.preconditions.iter().find(|one| !one.passed).expect("it waits").detail.clone();
        assert!(why.contains("closed it without a merge"), "{why}");
        open_pull_request(&ann).await;
        assert_eq!(ann.world().pull_requests().len(), 2);
        until_merged(&ann).await;
        finish_prepare(&ann).await;
    });
}

/// The answer is lost after GitHub opened it, or the order never arrived.
#[test]
fn a_lost_answer_opens_no_second_one() {
    on_virtual_time(async {
        let ann = ready_to_push(Rules { review_ms: None, ..Rules::default() }).await;
        ann.wire.next("pull_requests.open_pull_request", Fate::Lost);
        press(&ann.release, &ann.by, StepId::OpenPullRequest).await.expect("it is sent");
        ann.until_is(StepId::OpenPullRequest, Status::Succeeded).await.expect("the list of GitHub shows it");
        assert_eq!(ann.world().pull_requests().len(), 1);
        press(&ann.release, &ann.by, StepId::OpenPullRequest).await.expect("it is recorded");
        ann.until_is(StepId::OpenPullRequest, Status::Succeeded).await.expect("it is there already");
        assert_eq!(ann.world().pull_requests().len(), 1);
    });
}

#[test]
fn an_abandoned_release_names_its_open_pull_request() {
    on_virtual_time(async {
        let ann = ready_to_push(Rules { review_ms: None, ..Rules::default() }).await;
        open_pull_request(&ann).await;
        ann.act(Act::EndRun { result: RunResult::Abandoned, note: "postponed".to_owned() }).await.expect("it ends");
        let left = ann.view().left_behind.join(" ");
        assert!(left.contains("pull request 1 may be open or merged"), "{left}");
    });
}
