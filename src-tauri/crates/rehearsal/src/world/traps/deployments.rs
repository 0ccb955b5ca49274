//! Traps of the service deployments and of changes of the service.

use super::*;
use crate::world::service::{ServiceDeployment, ServiceUpdate, Settings, Stage};

fn newest(world: &World) -> ServiceDeployment {
    world.service.history.last().expect("a service deployment").clone()
}

#[test]
fn trap_e3_keeps_a_live_counter_of_failed_starts() {
    let breaker = Some(Breaker { rolls_back: true });
    let mut world = deploying(Rules { breaker, ..brisk() });
    let mut counted = Vec::new();
    while newest(&world).stage == Stage::InProgress && counted.len() < 200 {
        assert_eq!(newest(&world).breaker_word(&world.rules), "MONITORING");
        counted.push(newest(&world).failures);
        pass(&mut world, 1);
    }
    counted.dedup();
    assert_eq!(counted, [0, 1, 2]);
    let tripped = newest(&world);
    assert_eq!((tripped.failures, tripped.breaker_word(&world.rules)), (3, "TRIGGERED"));
    pass(&mut world, 120);
    assert_eq!((newest(&world).stage, newest(&world).revision), (Stage::RollbackSuccessful, FIRST + 1));
}

#[test]
fn trap_e1_threshold_of_a_running_deployment_can_be_raised() {
    let breaker = Some(Breaker { rolls_back: true });
    let mut world = deploying(Rules { breaker, ..brisk() });
    let settings = Settings { threshold: Threshold::parse("COUNT", 1_000).expect("a threshold"), ..world.settings() };
    let before = world.service.deployments.len();
    world.update_service(&ServiceUpdate { settings: Some(settings), ..ServiceUpdate::default() }).expect("changed");
    assert_eq!(world.service.deployments.len(), before, "it starts no deployment");
    pass(&mut world, 120);
    assert_eq!(rollout(&world), (Rollout::InProgress, FIRST + 1), "more than three starts have failed");
    migrate(&mut world);
    pass(&mut world, 60);
    assert_eq!((newest(&world).stage, rollout(&world).1), (Stage::Successful, FIRST + 1));
}

#[test]
fn trap_e4_new_deployment_ends_the_back_off() {
    let mut world = world(brisk());
    let revision = register(&mut world);
    world.set_revision(revision, "workflow");
    pass(&mut world, 3 * 60 * 60);
    let waits_ms = |world: &World| world.service.deployments.last().map_or(0, |one| one.next_start_ms - world.now_ms);
    let first = newest(&world);
    world.update_service(&ServiceUpdate { is_forced: true, ..ServiceUpdate::default() }).expect("forced");
    assert!(waits_ms(&world) < 10 * SECOND, "{}", waits_ms(&world));
    let records: Vec<Stage> = world.service.history.iter().map(|one| one.stage).collect();
    assert_eq!(records, [Stage::Successful, Stage::Stopped, Stage::InProgress]);
    assert_ne!(first.arn(), newest(&world).arn());
}

#[test]
fn trap_e10_stop_goes_back_to_a_completed_revision_only() {
    let mut world = deploying(brisk());
    let arn = newest(&world).arn();
    let refused = |answer: Result<(), (&'static str, String)>| answer.err().map(|(kind, _)| kind);
    assert_eq!(refused(world.stop_service_deployment(&arn, "ABORT")), Some("InvalidParameterException"));
    assert_eq!(
        refused(world.stop_service_deployment("nobody", "ROLLBACK")),
        Some("ServiceDeploymentNotFoundException")
    );
    world.stop_service_deployment(&arn, "ROLLBACK").expect("it is under way");
    world.stop_service_deployment(&arn, "ROLLBACK").expect("it goes on");
    pass(&mut world, 120);
    assert_eq!((newest(&world).stage, rollout(&world)), (Stage::RollbackSuccessful, (Rollout::Completed, FIRST)));
    assert_eq!(refused(world.stop_service_deployment(&arn, "ROLLBACK")), Some("ConflictException"), "it is over");
}
