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
        assert!(refused.summary.contains("the build of 2.1.0 has not started"), "{refused}");
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
