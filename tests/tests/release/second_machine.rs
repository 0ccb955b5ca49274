//! A second release of the same version from another staging machine, with the same database.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_repeats_a_migration_from_another_machine() {
    let desk = Desk::new(ExitCodes { migration: 3, ..ExitCodes::default() }).await;
    let first = prepare(&desk).await;
    deploy(&first, &desk).await;
    press_and_see(&first, StepId::BackUp).await;
    press_and_see(&first, StepId::DispatchBuild).await;
    press(&first, StepId::RunMigration).await;
    until(&first, "the end of the migration", |view| status(view, StepId::RunMigration) == Status::Failed).await;
    let end = Act::EndRun { result: RunResult::Stopped, note: "it failed; a new machine is prepared".to_owned() };
    first.act(anna(), end).await.expect("it is stopped");
    first.close().await;

    // The other machine has no files of the first one.
    let home = desk.folder.path().join("world/host/home/ec2-user");
    std::fs::rename(home.join(".greenlight"), home.join("of-the-first-machine")).expect("the other machine's jobs");
    let second = prepare(&desk).await;
    let differences = second.deploy_differences().await.expect("the world answers");
    let differences: Vec<&str> = differences.iter().map(|one| one.text.as_str()).collect();
    deploy_from(&second, &desk, &differences, None).await;
    press_and_see(&second, StepId::BackUp).await;
    let plan = second.plan(StepId::DispatchBuild).await.expect("a plan");
    assert!(plan.already.is_some_and(|words| words.contains("of this commit was started")), "{:?}", plan.preconditions);
    press_and_see(&second, StepId::DispatchBuild).await;
    until(&second, "the migration's button", |view| status(view, StepId::RunMigration) == Status::AwaitingOperator)
        .await;
    let plan = second.plan(StepId::RunMigration).await.expect("a plan");
    let ran = plan.preconditions.iter().find(|precondition| precondition.id == "neverRan").expect("the precondition");
    assert!(!ran.passed && ran.detail.contains("by Anna: answer the question"), "{ran:?}");
    let question = plan.question.expect("a person has to say what became of the database");
    assert!(question.id.starts_with("migration:unknownEnd:") && question.text.contains("is recorded as failed"));
    let _ = desk.handle.stop().await;
}
