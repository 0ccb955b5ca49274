//! Dispatches whose answer does not tell which build they started.

use greenlight_rehearsal::world::git::MAIN;

use super::*;

/// A colleague pushes a hotfix to main.
pub(super) fn moves_main(ann: &Scripted) {
    let (mut world, now_ms) = (ann.world(), ann.clock.now_ms());
    world.git.commit_on(MAIN, "src/Web.java", "hotfix", "Hotfix", now_ms).expect("a commit");
    world.follow_main();
}

/// The button of the build is pressed. GitHub does not name the build that it starts.
async fn dispatched(rules: Rules, fate: Fate) -> Scripted {
    let ann = begun(&world(Rules { tells_run: false, ..rules })).await;
    ann.press_when_offered(StepId::BackUp).await.expect("the backup");
    ann.offered(StepId::DispatchBuild).await.expect("its button");
    ann.wire.next("builds.dispatch", fate);
    press(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("it is sent");
    ann
}

/// Main moves while the dispatch is on its way, so GitHub builds another commit.
pub(super) async fn of_another_commit() -> Scripted {
    let ann = dispatched(Rules::default(), Fate::Late(Duration::from_secs(10))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    moves_main(&ann);
    ann.until_is(StepId::DispatchBuild, Status::InDoubt).await.expect("no build of our commit shows");
    ann.until_is(StepId::DispatchBuild, Status::Failed).await.expect("GitHub shows the other one");
    ann
}

#[test]
fn de_15_a_person_chooses_which_of_several_builds_is_ours() {
    on_virtual_time(async {
        let ann = dispatched(Rules { list_lag: 70_000, ..Rules::default() }, Fate::Calm).await;
        ann.world().dispatch(MAIN, serde_json::json!({}));
        ann.until_is(StepId::DispatchBuild, Status::InDoubt).await.expect("the list shows none yet");
        tokio::time::sleep(Duration::from_secs(20)).await;
        let ids: Vec<String> = ann.world().builds().iter().map(|build| build.id.to_string()).collect();
        assert_eq!(ids.len(), 2, "ours and the one of the colleague");
        let mut view = ann.view();
        greenlight_engine::options::fill(&mut view);
        let step = fold::step(&view, StepId::DispatchBuild).expect("the step");
        assert!(step.options.may_answer && !step.options.may_claim && !step.options.may_start, "{:?}", step.options);
        let plan = ann.release.plan(StepId::DispatchBuild).await.expect("a plan");
        assert!(!plan.is_open(), "a doubt starts nothing");
        let question = plan.question.expect("which one");
        let wanted = ids[0].clone();
        assert!(question.options.iter().all(|option| ids.contains(&option.id)), "{question:?}");
        let (question, note) = (question.id, "GitHub shows my name beside it".to_owned());
        let act = Act::AnswerQuestion { step: StepId::DispatchBuild, question, answer: wanted.clone(), note };
        ann.act(act).await.expect("the answer is taken");
        ann.until_is(StepId::DispatchBuild, Status::Succeeded).await.expect("the doubt is over");
        let followed = fold::newest(&ann.view(), FactKind::BuildStarted).cloned();
        assert!(matches!(followed, Some(Fact::BuildStarted { build, .. }) if build == wanted));
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn de_15_a_build_of_another_commit_ends_the_doubt_and_the_run_may_stop() {
    on_virtual_time(async {
        let ann = of_another_commit().await;
        let failure = ann.failure(StepId::DispatchBuild).expect("its reason");
        assert_eq!(failure.code, ErrorCode::WrongCommit, "{failure}");
        let build = ann.world().builds()[0].clone();
        assert_eq!(failure.params.get("run"), Some(&build.id.to_string()));
        assert_eq!(failure.params.get("commit"), Some(&build.commit.id));
        let note = "another commit is built".to_owned();
        ann.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("the run may stop");
        let left = ann.view().left_behind.join("\n");
        assert!(left.contains(&format!("run {}", build.number)), "{left}");
    });
}

#[test]
fn a_build_of_another_commit_is_cancelled_before_the_stop() {
    on_virtual_time(async {
        let ann = of_another_commit().await;
        press(&ann.release, &ann.by, StepId::CancelBuild).await.expect("GitHub cancels it");
        ann.until_is(StepId::CancelBuild, Status::Succeeded).await.expect("it is over");
        assert_eq!(ann.world().builds()[0].is_good(), Some(false));
        let note = "another commit was built".to_owned();
        ann.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("the run may stop");
        let left = ann.view().left_behind.join("\n");
        assert!(left.contains("cancelled on GitHub") && !left.contains("may put it in place"), "{left}");
    });
}
