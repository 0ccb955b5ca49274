//! "Continue this release here": a computer with an empty record takes a release over from one that is gone.

use greenlight_types::How;

use super::*;

/// The draft of the same version on a computer whose record is empty.
async fn draft_elsewhere(desk: &mut Desk) -> Release {
    desk.move_to_another_computer();
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    desk.open(&run).await
}

fn how(view: &RunView, id: StepId) -> Option<How> {
    fold::step(view, id).and_then(|step| step.how.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_whose_computer_was_lost_in_its_migration_is_continued_on_one_with_an_empty_record() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let (lost, _, _) = before_the_migration(&desk).await;
    press(&lost, StepId::RunMigration).await;
    until(&lost, "the migration", |view| status(view, StepId::RunMigration) == Status::Running).await;
    while desk.starts("migrate") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let first = lost.view().id;
    lost.close().await;

    let release = draft_elsewhere(&mut desk).await;
    let begun = release.begun_elsewhere().await.expect("GitHub answers").expect("its label is there");
    assert_eq!((begun.run.as_ref(), begun.person.as_str()), (Some(&first), "Anna"));
    release.continue_here(anna()).await.expect("what the world shows is recorded");
    let view = until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    for id in StepId::ALL.into_iter().take(6) {
        assert_eq!(how(&view, id), Some(How::AlreadyDone), "{id:?} was done already, and nothing was sent");
    }
    let events = desk.parts().await.journal.events(&view.id, 0).await.expect("the events");
    assert!(
        events.iter().any(|event| matches!(&event.body, EventBody::PrepareStarted { statement, .. }
            if statement.contains("unknown here") && statement.contains(&first.0))),
        "the record says what it does not know"
    );
    assert_eq!(release.begun_elsewhere().await, Ok(None), "it is continued already");
    let over = TakeOver { from: first, reason: "Anna's computer was stolen".to_owned() };
    deploy_from(&release, &desk, &["Another deployment is under way on AWS right now."], Some(over)).await;

    press_and_see(&release, StepId::BackUp).await;
    press_and_see(&release, StepId::DispatchBuild).await;
    let id = StepId::RunMigration;
    press(&release, id).await;
    // What the database said before the start stands only in the record that was lost.
    let view = until(&release, "the end of the migration", |view| {
        !matches!(status(view, id), Status::Running | Status::AwaitingOperator)
    })
    .await;
    assert_eq!(status(&view, id), Status::InDoubt, "{}", told(&view));
    let note = "I asked the database: it has the schema of 2.1.0".to_owned();
    release.act(anna(), Act::SettleDoubt { step: id, happened: true, note }).await.expect("the word is taken");
    press(&release, StepId::CheckSite).await;
    until(&release, "the version on the site", |view| fold::newest(view, FactKind::SiteAnswered).is_some()).await;
    for check in &desk.profile.site.checks {
        let act = Act::AnswerCheck { check: check.id.clone(), answer: CheckAnswer::Passed, note: String::new() };
        release.act(anna(), act).await.expect("the answer is taken");
    }
    let end = until(&release, "the end", |view| view.state == RunState::Ended).await;
    assert_eq!(end.result, Some(RunResult::Released), "{}", told(&end));
    assert_eq!((desk.starts("migrate"), desk.starts("backup")), (1, 1), "each job started once, over both computers");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_offered_to_continue_what_nobody_began() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let release = draft_elsewhere(&mut desk).await;
    assert_eq!(release.begun_elsewhere().await, Ok(None));
    let refused = release.continue_here(anna()).await.expect_err("there is nothing to continue");
    assert_eq!(refused.code, ErrorCode::NotAllowedNow);
    assert_eq!(release.view().state, RunState::Draft);
    let _ = desk.handle.stop().await;
}
