//! Inputs of the outside world that differ from the usual ones.

use greenlight_rehearsal::world::host::DumpFolder;

use super::*;

fn evidence(at: &Scripted, step: StepId) -> String {
    fold::step(&at.view(), step).map(|step| step.evidence().join(" ")).unwrap_or_default()
}

#[test]
fn a_backup_is_judged_with_the_rights_of_its_script() {
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().host.dump_folder = DumpFolder::RootOnly;
        let ann = begun(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("root may look");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        assert!(plan.preconditions.iter().all(|one| one.passed), "{:?}", plan.preconditions);
    });
}

#[test]
fn a_backup_that_the_app_may_not_see_is_proved_by_a_person() {
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().host.dump_folder = DumpFolder::Closed;
        let ann = begun(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.until_is(StepId::BackUp, Status::Warned).await.expect("it is taken, and nothing proves it");
        let said = evidence(&ann, StepId::BackUp);
        assert!(said.contains("may not look into /opt/backup/files as ec2-user or through sudo"), "{said}");
        assert!(said.contains("a password is required"), "the reason of sudo: {said}");
        let note = "rally-1.dump, 4.1 GB".to_owned();
        ann.act(Act::ReportDone { step: StepId::BackUp, note }).await.expect("her word counts");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        assert!(plan.preconditions.iter().all(|one| one.passed), "{:?}", plan.preconditions);
    });
}
