//! One test for each trap of docs/traps.md that a release step can meet in the simulator.
//!
//! Other files test the rest: `git.rs` the repository (TRAP-G3, TRAP-G5, TRAP-G6, TRAP-G9), the SSH
//! front and the SSH adapter SSH (TRAP-S1 to TRAP-S6, TRAP-S8), and the fronts the wire (TRAP-W1,
//! TRAP-L3, TRAP-L4).
//!
//! The simulator does not model these traps, because no step can meet them yet:
//! - TRAP-T10: the app deregisters nothing. TRAP-T11: it needs IAM.
//! - TRAP-W3: the workflow is where the profile says. TRAP-W7: no environment has reviewers.
//! - TRAP-W5 and TRAP-W6: the app reads no job logs and no annotations.
//! - TRAP-W9: the app re-runs nothing.
//! - TRAP-E8: it is a rule of the engine. TRAP-E12: the app uses no pause hooks.
//! - TRAP-M3: the script is a black box. TRAP-M6: it is a rule of the engine.

mod deployments;

use greenlight_types::{LockOwner, RunId};
use serde_json::{Value, json};

use super::{
    definition::{self, FIRST},
    host::{Host, Packet, Put},
    record::{Actor, Caller},
    rules::{Breaker, Concurrency, Deploys, Threshold},
    service::{Rollout, Status},
    work::{HostEvent, Work},
    *,
};

const NOW: i64 = 1_795_424_400_000;

fn world(rules: Rules) -> World {
    let start = Start {
        main: "c1".to_owned(),
        version_value: "2.0.1.11-RELEASE".to_owned(),
        now_ms: NOW,
        repository: "rallyforresearch/rally".to_owned(),
    };
    let mut world = World::with_rules(&start, Rules { chatters: false, ..rules });
    world.host = Host::prepared_for("2.1.0.0", NOW);
    world
}

fn brisk() -> Rules {
    Rules { pace: Pace::brisk(), ..Rules::default() }
}

/// Registers the revision of the release, as a step does. Returns its number.
fn register(world: &mut World) -> u32 {
    let mut body = request(&world.definitions()[0].definition);
    body["containerDefinitions"][0]["image"] = json!(format!("registry/{IMAGES}:RALLY-V2_1_0_0-RELEASE"));
    world.register_definition(&body).expect("a revision").revision
}

/// Request that copies a described revision.
fn request(described: &Value) -> Value {
    let mut body = described.clone();
    let added = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
    ];
    for name in added {
        assert!(body.as_object_mut().and_then(|body| body.remove(name)).is_some(), "{name} is a member of the answer");
    }
    body
}

/// A World in which the new version is built and the database is not migrated.
fn deploying(rules: Rules) -> World {
    let mut world = world(rules);
    register(&mut world);
    world.on_main("c2", "2.1.0.0-RELEASE");
    world.dispatch("master", json!({}));
    pass(&mut world, 9);
    world
}

fn pass(world: &mut World, seconds: i64) {
    // One second at a time, as the clock of a release advances.
    for _ in 0..seconds {
        world.advance(world.now_ms() + SECOND);
    }
}

fn migrate(world: &mut World) {
    world.on_host(HostEvent::Ended(Work::Migration, 0));
}

fn rollout(world: &World) -> (Rollout, u32) {
    let primary = world.service.deployments.last().expect("a deployment");
    (primary.rollout, primary.revision)
}

#[test]
fn trap_t1_t3_describe_has_all_members_and_empty_values() {
    let mut world = world(Rules::default());
    let mut body = request(&world.definitions()[0].definition);
    body["somethingOfNextYear"] = json!({ "deep": [1, ""] });
    body["containerDefinitions"][0]["environment"] = json!([{ "name": "EMPTY", "value": "" }]);
    let saved = world.register_definition(&body).expect("a revision").definition.clone();
    assert_eq!(request(&saved), body);
    assert_eq!((body["volumes"].clone(), body["enableFaultInjection"].clone()), (json!([]), json!(false)));
}

#[test]
fn trap_t4_a_second_container_has_its_own_image() {
    let definition = definition::first("RALLY-V2_0_1_11-RELEASE", NOW);
    let containers = definition["containerDefinitions"].as_array().expect("containers");
    assert_eq!(containers.iter().filter(|one| one["name"] == CONTAINER).count(), 1);
    assert!(
        containers
            .iter()
            .any(|one| one["name"] != CONTAINER && !one["image"].as_str().is_none_or(|image| image.contains("RALLY")))
    );
}

#[test]
fn trap_t5_saves_a_revision_without_its_image() {
    let mut world = world(brisk());
    let revision = register(&mut world);
    assert!(world.image_of(revision).is_none());
    world.set_revision(revision, "workflow");
    pass(&mut world, 20);
    let failed: Vec<&str> =
        world.service.tasks.iter().filter(|task| task.revision == revision).map(|task| task.reason.as_str()).collect();
    assert!(!failed.is_empty() && failed.iter().any(|reason| reason.contains("CannotPullContainer")), "{failed:?}");
}

#[test]
fn trap_t5_immutable_tag_breaks_the_build() {
    let mut world = world(Rules { has_immutable_tags: true, ..brisk() });
    world.put_image("2.1.0.0", "earlier");
    world.on_main("c2", "2.1.0.0-RELEASE");
    world.dispatch("master", json!({}));
    pass(&mut world, 10);
    assert_eq!(world.builds()[0].ended.map(|(_, conclusion)| conclusion.word()), Some("failure"));
    assert_eq!(
        world.images().iter().find(|image| image.tag.contains("2_1_0_0")).map(|image| image.commit.as_str()),
        Some("earlier")
    );
}

#[test]
fn trap_t6_deployment_ignores_an_overwritten_tag() {
    let mut world = deploying(brisk());
    pass(&mut world, 10);
    let first = world.service.deployments.last().and_then(|primary| primary.digest.clone()).expect("a digest");
    world.put_image("2.1.0.0", "somebody else's");
    migrate(&mut world);
    pass(&mut world, 60);
    assert_eq!(rollout(&world).0, Rollout::Completed);
    let digests: Vec<Option<&str>> = world.service.healthy().map(|task| task.digest.as_deref()).collect();
    assert_eq!(digests, [Some(first.as_str()); 2]);
}

#[test]
fn trap_t7_our_revision_differs_from_the_running_one() {
    let mut world = world(brisk());
    let newest = world.copy_newest();
    pass(&mut world, 60);
    assert_eq!((newest, rollout(&world)), (FIRST + 1, (Rollout::Completed, FIRST)));
}

#[test]
fn trap_t8_registering_twice_makes_two_revisions() {
    let mut world = world(Rules::default());
    assert_eq!((register(&mut world), register(&mut world)), (FIRST + 1, FIRST + 2));
}

#[test]
fn trap_t9_workflow_may_deploy_another_revision() {
    let deployed = |deploys| rollout(&deploying(Rules { deploys, ..brisk() })).1;
    let ours = FIRST + 1;
    assert_eq!(deployed(Deploys::Newest), ours);
    assert_eq!(deployed(Deploys::Running), FIRST, "it only forces a new deployment");
    assert_eq!(deployed(Deploys::ItsOwn), ours + 1, "it renders its own");
}

#[test]
fn trap_g4_builds_the_main_branch_at_dispatch() {
    let mut world = world(brisk());
    world.on_main("ours", "2.1.0.0-RELEASE");
    world.on_main("a colleague's", "2.1.0.0-RELEASE");
    world.dispatch("master", json!({}));
    assert_eq!(world.builds()[0].commit.id, "a colleague's");
}

#[test]
fn trap_g8_image_tag_follows_the_version_file() {
    let world = deploying(brisk());
    assert!(world.images().iter().any(|image| image.tag == "RALLY-V2_1_0_0-RELEASE" && image.version == "2.1.0.0"));
}

#[test]
fn trap_w2_lists_show_a_run_after_a_delay() {
    let mut world = world(Rules { list_lag: 80 * SECOND, ..Rules::default() });
    world.dispatch("master", json!({}));
    pass(&mut world, 79);
    assert!(!world.lists(&world.builds()[0]));
    pass(&mut world, 1);
    assert!(world.lists(&world.builds()[0]));
}

#[test]
fn trap_w4_new_run_may_cancel_the_running_one() {
    let twice = |concurrency| {
        let mut world = world(Rules { concurrency, ..brisk() });
        world.dispatch("master", json!({}));
        world.dispatch("master", json!({}));
        world.builds()[0].ended.map(|(_, conclusion)| conclusion.word())
    };
    assert_eq!(twice(Concurrency::CancelInProgress), Some("cancelled"));
    assert_eq!(twice(Concurrency::None), None);
}

#[test]
fn trap_w8_failed_run_may_leave_a_successful_rollout() {
    let mut world = deploying(Rules { waits_max: 30 * SECOND, ..brisk() });
    pass(&mut world, 60);
    assert_eq!(world.builds()[0].ended.map(|(_, conclusion)| conclusion.word()), Some("failure"));
    assert_eq!(rollout(&world), (Rollout::InProgress, FIRST + 1));
    migrate(&mut world);
    pass(&mut world, 60);
    assert_eq!(rollout(&world), (Rollout::Completed, FIRST + 1));
}

#[test]
fn trap_e1_breaker_rolls_back_after_three_failed_starts() {
    let mut world = deploying(Rules { breaker: Some(Breaker { rolls_back: true }), ..brisk() });
    pass(&mut world, 60);
    assert_eq!(rollout(&world).1, FIRST, "before anybody could migrate");
    migrate(&mut world);
    pass(&mut world, 120);
    assert_eq!(rollout(&world), (Rollout::Completed, FIRST), "and the migration runs under the old version");
    assert_eq!([1, 2, 6, 7, 1_000].map(|desired| Threshold::default().limit(desired)), [3, 3, 3, 4, 200]);
}

#[test]
fn trap_e2_counts_tasks_that_end_after_running() {
    let mut world = deploying(brisk());
    pass(&mut world, 40);
    let primary = world.service.deployments.last().expect("a deployment");
    let ended = world.service.tasks.iter().filter(|task| task.exit == Some(1)).count();
    assert!(ended > 1 && primary.failed as usize == ended, "{ended} and {}", primary.failed);
}

#[test]
fn trap_e4_slows_down_retries_up_to_27_minutes() {
    let mut world = world(brisk());
    let revision = register(&mut world);
    world.set_revision(revision, "workflow");
    let mut starts: Vec<i64> = Vec::new();
    for _ in 0..3 * 60 * 60 {
        pass(&mut world, 1);
        let newest =
            world.service.tasks.iter().filter(|task| task.revision == revision).map(|task| task.created_ms).max();
        if newest > starts.last().copied() {
            starts.extend(newest);
        }
    }
    let waits: Vec<i64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) / SECOND).collect();
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
    let longest = waits.last().copied().unwrap_or_default();
    assert!((27 * 60..28 * 60).contains(&longest), "{waits:?}");
}

#[test]
fn trap_e4_keeps_the_pace_for_tasks_that_ran() {
    let mut world = deploying(brisk());
    pass(&mut world, 300);
    let failed = world.service.deployments.last().map_or(0, |primary| primary.failed);
    assert!(failed > 20, "{failed} in five minutes");
}

#[test]
fn trap_e5_percentages_decide_how_many_old_tasks_serve() {
    let serving = |minimum_percent, maximum_percent| {
        let mut world = deploying(Rules { minimum_percent, maximum_percent, ..brisk() });
        pass(&mut world, 40);
        world.service.healthy().filter(|task| task.revision == FIRST).count()
    };
    assert_eq!(serving(100, 200), 2);
    assert_eq!(serving(100, 100), 2, "there is no room for a new one, and nothing moves");
    assert_eq!(serving(50, 100), 1, "one goes first, and the failing phase runs at half");
}

#[test]
fn trap_e6_brief_task_and_rollback_are_no_success() {
    let mut world = deploying(brisk());
    let has_run = (0..40).any(|_| {
        pass(&mut world, 1);
        world.service.tasks.iter().any(|task| task.revision == FIRST + 1 && task.status == Status::Running)
    });
    assert!(has_run && rollout(&world).0 == Rollout::InProgress);
    let mut world = deploying(Rules { breaker: Some(Breaker { rolls_back: true }), ..brisk() });
    pass(&mut world, 120);
    assert_eq!((world.service.deployments.len(), rollout(&world)), (1, (Rollout::Completed, FIRST)));
}

#[test]
fn trap_e7_e11_second_deployment_supersedes_ours() {
    let mut world = deploying(brisk());
    let ours = world.service.deployments.last().map(|one| one.id.clone()).expect("ours");
    world.record.switch_on();
    world.set_revision(FIRST, "a colleague");
    pass(&mut world, 60);
    assert_eq!(world.service.outcome(&ours), Some(false));
    let told: Vec<Value> = world.record.take().into_iter().map(|entry| json!(entry)).collect();
    assert!(told.iter().any(|entry| entry["op"]["result"] == "superseded" && entry["op"]["id"] == ours.as_str()));
}

#[test]
fn trap_e9_forgets_a_stopped_task_after_an_hour() {
    let mut world = deploying(brisk());
    pass(&mut world, 20);
    let failed = world.service.tasks.iter().find(|task| task.exit == Some(1)).map(|task| task.id.clone()).expect("one");
    assert!(world.service.tasks.iter().any(|task| task.id == failed && !task.reason.is_empty()));
    migrate(&mut world);
    world.advance(world.now_ms() + 2 * 60 * MINUTE);
    assert!(world.service.tasks.iter().all(|task| task.id != failed));
}

#[test]
fn trap_l1_log_stream_names_its_task() {
    let mut world = deploying(brisk());
    pass(&mut world, 10);
    let streams: Vec<String> = world.service.tasks.iter().map(service::Task::stream).collect();
    assert!(!world.logs.is_empty() && world.logs.iter().all(|line| streams.contains(&line.stream)));
}

#[test]
fn trap_l2_line_may_arrive_after_newer_ones() {
    let mut world = world(Rules { log_lag: 70 * SECOND, ..Rules::default() });
    for number in 0..6 {
        world.log("ecs/web/1", number.to_string());
        pass(&mut world, 1);
    }
    let texts = |world: &World| -> Vec<String> {
        world.log_page(0, "", 100).0.into_iter().map(|line| line.message.clone()).collect()
    };
    assert_eq!(texts(&world), ["0", "1", "3", "4"]);
    pass(&mut world, 70);
    assert_eq!(texts(&world), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn trap_s3_m5_second_launch_is_idempotent_reboot_loses_result() {
    let mut world = held_world(Rules::default());
    let script = "cd /opt/rally && ./run.sh";
    assert_eq!(world.submit(FIRST_JOB, script, "db", HOUR, RUN), Put::New);
    assert_eq!(world.submit(FIRST_JOB, script, "db", HOUR, RUN), Put::Same);
    assert_eq!(world.submit(FIRST_JOB, "another", "db", HOUR, RUN), Put::Conflict, "the first one stays");
    for _ in 0..3 {
        world.launch(FIRST_JOB, RUN);
    }
    world.reboot();
    world.launch(FIRST_JOB, RUN);
    pass(&mut world, 600);
    let job = &world.host.jobs["rally.prod.migrate.2.1.0.a1"];
    assert_eq!((job.starts, job.ended, job.is_lost), (1, None, true));
    assert!(world.schema().1, "how far it came is not known");
}

const RUN: &str = "run-1";

fn holder(run: &str) -> LockOwner {
    let since = "2026-11-23T09:00:00.000Z".parse().expect("a time");
    let text = || "x".to_owned();
    let run = RunId(run.to_owned());
    let (is_rollback, seen) = (false, None);
    LockOwner { run, person: text(), computer: text(), version: text(), is_rollback, reason: text(), since, seen }
}

/// A World in which [`RUN`] owns the environment lock.
fn held_world(rules: Rules) -> World {
    let mut world = world(rules);
    assert!(world.acquire_lock(&holder(RUN), None));
    world
}

#[test]
fn only_the_lock_owner_starts_its_jobs() {
    let mut world = held_world(Rules::default());
    assert!(world.acquire_lock(&holder(RUN), None), "a repeat keeps it");
    assert!(!world.acquire_lock(&holder("run-2"), None), "it is held");
    assert_eq!(world.submit(FIRST_JOB, "./run.sh", "db", HOUR, "run-2"), Put::NotOwner);
    assert_eq!(world.submit(FIRST_JOB, "./run.sh", "db", HOUR, RUN), Put::New);
    assert!(world.acquire_lock(&holder("run-2"), Some(RUN)), "a person takes it over");
    assert!(!world.launch(FIRST_JOB, RUN), "an order that comes late");
    assert_eq!(world.host.jobs[FIRST_JOB].starts, 0);
    world.release_lock(RUN);
    assert!(world.host.is_held_by("run-2"), "only its holder gives it back");
    assert!(world.launch(FIRST_JOB, "run-2"));
    assert_eq!(world.host.jobs[FIRST_JOB].starts, 1);
}

#[test]
fn late_order_starts_nothing_after_expiry_or_on_another_machine() {
    let mut world = held_world(Rules::default());
    world.submit(FIRST_JOB, "./run.sh", "db", 10 * MINUTE, RUN);
    let machine = world.host.machine_id.clone();
    let order = || Packet::Launch { id: FIRST_JOB.to_owned(), run: RUN.to_owned() };
    world.delay(order(), &machine, world.now_ms() + 11 * MINUTE);
    world.delay(order(), "another machine", world.now_ms() + MINUTE);
    pass(&mut world, 700);
    assert_eq!(world.host.jobs[FIRST_JOB].starts, 0);
}

const FIRST_JOB: &str = "rally.prod.migrate.2.1.0.a1";
const SECOND_JOB: &str = "rally.prod.migrate.2.1.0.a2";
const HOUR: i64 = 60 * MINUTE;

#[test]
fn revoked_job_never_starts_but_the_next_attempt_does() {
    let mut world = held_world(Rules::default());
    assert!(world.revoke(FIRST_JOB, "outside"), "also of a job that is not there yet");
    assert_eq!(world.submit(FIRST_JOB, "./run.sh", "db", HOUR, RUN), Put::Revoked);
    world.launch(FIRST_JOB, RUN);
    assert_eq!(world.host.jobs[FIRST_JOB].starts, 0);
    assert_eq!(world.submit(SECOND_JOB, "./run.sh", "db", HOUR, RUN), Put::New);
    world.launch(SECOND_JOB, RUN);
    assert!(!world.revoke(SECOND_JOB, "outside"), "it had started");
}

#[test]
fn refuses_start_after_expiry_or_beside_the_same_mutex() {
    let mut world = held_world(Rules::default());
    world.submit(FIRST_JOB, "./run.sh", "db", MINUTE, RUN);
    assert_eq!(world.submit(SECOND_JOB, "./run.sh", "db", HOUR, RUN), Put::Unfinished, "the first may still start");
    pass(&mut world, 61);
    world.launch(FIRST_JOB, RUN);
    assert_eq!(world.host.jobs[FIRST_JOB].starts, 0);
    let backup = "rally.prod.backup.2.1.0.a1";
    world.submit(backup, "./backupRallyPROD.sh", "db", HOUR, RUN);
    world.launch(backup, RUN);
    assert!(world.revoke(FIRST_JOB, "expired"));
    world.submit(SECOND_JOB, "./run.sh", "db", HOUR, RUN);
    world.launch(SECOND_JOB, RUN);
    assert_eq!(world.host.jobs[SECOND_JOB].starts, 0, "a backup runs");
    pass(&mut world, 3_600);
    world.launch(SECOND_JOB, RUN);
    assert_eq!(world.host.jobs[SECOND_JOB].starts, 1);
}

#[test]
fn trap_m1_backup_may_exit_0_with_an_empty_file() {
    let mut world = held_world(Rules::default());
    (world.host.ends.bad_backups, world.host.ends.backup) = (1, 0);
    for job in ["a1", "a2"] {
        world.submit(job, "./backupRallyPROD.sh", "db", HOUR, RUN);
        world.launch(job, RUN);
        pass(&mut world, 600);
    }
    let exits: Vec<Option<i32>> = world.host.jobs.values().map(|job| job.ended.map(|(_, exit)| exit)).collect();
    assert_eq!(exits, [Some(0), Some(0)]);
    let sizes: Vec<(u64, bool)> = world.host.dumps.iter().skip(1).map(|dump| (dump.bytes, dump.is_good)).collect();
    assert!(matches!(sizes.as_slice(), [(0, false), (1_000_000.., true)]), "{sizes:?}");
}

#[test]
fn trap_m4_old_version_serves_on_the_new_schema() {
    let mut world = deploying(brisk());
    pass(&mut world, 20);
    migrate(&mut world);
    assert_eq!(world.schema(), ("2.1.0.0", false));
    assert_eq!(world.service.healthy().filter(|task| task.revision == FIRST).count(), 2);
    pass(&mut world, 90);
    assert!(world.service.healthy().all(|task| task.revision == FIRST + 1));
}

#[test]
fn record_separates_a_colleague_from_the_app() {
    let mut world = world(Rules::default());
    world.record.switch_on();
    world.record.called_by(Caller::COLLEAGUE);
    world.dispatch("master", json!({}));
    assert_eq!(world.record.take().first().map(|entry| entry.actor), Some(Actor::Colleague));
}
