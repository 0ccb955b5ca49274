//! DE-16: a hotfix is prepared beside a release that waits in Deploy.

use super::*;

fn start() -> Act {
    Act::StartPrepare { statement: "Testing of 2.1.1 is finished".to_owned() }
}

#[test]
fn de_16_a_hotfix_is_prepared_once_the_build_of_the_other_release_has_started() {
    on_virtual_time(async {
        let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
        let hotfix = ann.draft_another("2.1.1").await.expect("a draft beside it");
        let refused = hotfix.act(start()).await.expect_err("its push would close the build");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert!(refused.summary.contains("the build of Rally 2.1.0 has not started"), "{refused}");
        back_up_and_build(&ann).await;
        ann.until(|view| fold::newest(view, FactKind::BuildStarted).is_some()).await.expect("the build");
        hotfix.act(start()).await.expect("it may begin");
        assert_eq!(hotfix.view().state, RunState::Preparing);
        let third = ann.draft_another("2.1.2").await.expect("another draft");
        let refused = third.act(start()).await.expect_err("one Prepare at a time");
        assert!(refused.summary.contains("2.1.1 is being prepared"), "{refused}");
        assert_eq!(ann.view().state, RunState::Deploying, "the release before goes on");
    });
}

#[test]
fn a_release_is_prepared_beside_a_rollback_and_deployed_after_it() {
    on_virtual_time(async {
        let ann = rollback_run::released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        back.deploy(None).await.expect("the environment is free");
        {
            let mut world = ann.world();
            let head = world.git.refs.get("refs/heads/v2.1.0").cloned().expect("a branch");
            world.git.refs.insert("refs/heads/v2.1.1".to_owned(), head);
        }
        let next = ann.draft_another("2.1.1").await.expect("a draft");
        next.prepare().await.expect("a rollback waits for no build");
        let refused = next.deploy(None).await.expect_err("one Deploy at a time");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow, "{refused}");
        assert!(refused.summary.contains("start Deploy: Rally 2.1.0 is being rolled back"), "{refused}");
        let note = "not needed".to_owned();
        back.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("a way on");
        next.deploy(None).await.expect("the environment is free");
    });
}

#[test]
fn a_rollback_starts_beside_a_prepare_and_waits_for_a_deploy() {
    on_virtual_time(async {
        let ann = rollback_run::released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        let next = ann.draft_another("2.1.1").await.expect("a draft");
        next.act(start()).await.expect("it may begin");
        back.deploy(None).await.expect("it needs no build");
        assert_eq!((next.view().state, back.view().state), (RunState::Preparing, RunState::Deploying));
    });
}
