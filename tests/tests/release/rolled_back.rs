//! The rollback of the release that ended, on the same real systems.

use super::*;

/// Rolls an ended release back to its end, and compares the servers.
pub async fn roll_back(desk: &Desk, end: &RunView) {
    let run = Release::draft_rollback(&desk.parts().await, &end.id, &anna()).await.expect("a draft");
    let rollback = desk.open(&run).await;
    deploy(&rollback, desk).await;
    press_and_see(&rollback, StepId::RollBack).await;
    let note = "the search was broken".to_owned();
    rollback.act(anna(), Act::EndRun { result: RunResult::RolledBack, note }).await.expect("the true end");
    let view = until(&rollback, "the end", |view| view.state == RunState::Ended).await;
    let journal = desk.parts().await.journal;
    let events = journal.events(&run, 0).await.expect("the events");
    assert_eq!(fold::fold(&events).expect("a run"), view, "the record on disk tells the same run");
    keep_golden("rolled-back", &events, &view);
    let later = rollback_run::later(journal.as_ref(), end).await.expect("the journal answers");
    assert_eq!(later.map(|later| (later.run, later.person)), Some((run, "Anna".to_owned())));

    let Some(Fact::RolledBack { arn, .. }) = fold::newest(&view, FactKind::RolledBack) else { panic!("a rollback") };
    assert_ne!(Some(arn), ours(end).as_ref(), "it is another revision than ours");
    let tasks = desk.ports().services.tasks().await.expect("tasks");
    let running: Vec<_> = tasks.iter().filter(|task| task.last_status == TaskStatus::Running).collect();
    assert_eq!(running.len(), 2, "two servers run");
    assert!(running.iter().all(|task| &task.task_definition == arn), "both run the revision before");
}

fn ours(release: &RunView) -> Option<String> {
    let saved = fold::newest(release, FactKind::RevisionSaved);
    if let Some(Fact::RevisionSaved { arn, .. }) = saved { Some(arn.clone()) } else { None }
}
