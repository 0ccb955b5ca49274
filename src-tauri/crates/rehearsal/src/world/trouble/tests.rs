//! Tests of each single trouble, on a World without fronts.

use serde_json::json;

use super::*;
use crate::world::{
    Rules, Start,
    rules::{Threshold, ThresholdKind},
    service::Rollout,
};

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn world() -> World {
    let mut world = World::new(&Start {
        main: "old".to_owned(),
        version_value: "2.0.1.11-RELEASE".to_owned(),
        now_ms: 0,
        repository: "rallyforresearch/rally".to_owned(),
    });
    world.on_main(COMMIT, "2.1.0.0-RELEASE");
    world
}

fn with(trouble: Trouble) -> World {
    let mut world = world();
    assert!(world.switch_trouble(trouble, true, None));
    world
}

fn state(world: &World, trouble: Trouble) -> TroubleState {
    world.troubles.states().find(|(one, ..)| *one == trouble).map(|(_, state, _)| state).unwrap()
}

fn to(world: &mut World, minutes: i64) {
    world.advance(minutes * MINUTE);
}

#[test]
fn no_trouble_happens_before_it_is_switched_on() {
    let mut world = world();
    world.dispatch("master", json!({}));
    to(&mut world, 30);
    assert_eq!(world.images.len(), 2);
    assert_eq!(world.fate_of(Work::Backup), None);
    assert_eq!(world.github_asked(Some(GithubRequest::Dispatch)), GithubResponse::default());
    assert!(world.deeds(true).is_empty());
    assert!(world.troubles.spells().is_empty());
}

#[test]
fn doomed_build_fails_at_minute_20_and_the_next_succeeds() {
    let mut world = with(Trouble::BuildFails);
    world.dispatch("master", json!({}));
    to(&mut world, 19);
    assert_eq!(world.builds[0].ended, None);
    assert_eq!(state(&world, Trouble::BuildFails), TroubleState::Waiting);
    to(&mut world, 21);
    assert_eq!(world.builds[0].is_good(), Some(false));
    assert_eq!(world.images.len(), 1, "no image was pushed");
    assert_eq!(state(&world, Trouble::BuildFails), TroubleState::Happened);
    world.dispatch("master", json!({}));
    to(&mut world, 45);
    assert_eq!(world.images.len(), 2);
    assert_eq!(world.troubles.spells().len(), 1);
}

#[test]
fn build_without_image_succeeds_and_deploys_nothing() {
    let mut world = with(Trouble::ImageMissing);
    world.dispatch("master", json!({}));
    to(&mut world, 30);
    assert_eq!(world.builds[0].is_good(), Some(true));
    assert_eq!(world.images.len(), 1);
    assert_eq!(world.service.deployments.len(), 1);
    assert_eq!(state(&world, Trouble::ImageMissing), TroubleState::Happened);
}

#[test]
fn full_disk_fails_only_one_backup() {
    let mut world = with(Trouble::BackupDiskFull);
    assert_eq!(world.fate_of(Work::Backup), Some(Fate { exit: 1, after_ms: 4 * MINUTE, hangs: false }));
    world.on_host(HostEvent::Started(Work::Backup));
    assert_eq!(state(&world, Trouble::BackupDiskFull), TroubleState::Waiting);
    world.on_host(HostEvent::Ended(Work::Backup, 1));
    world.on_host(HostEvent::Ended(Work::Backup, 1));
    assert_eq!(state(&world, Trouble::BackupDiskFull), TroubleState::Happened);
    assert_eq!(world.fate_of(Work::Backup), None);
    assert_eq!(world.troubles.spells().len(), 1, "what is told twice happened once");
}

#[test]
fn one_script_hangs_until_it_is_killed() {
    for work in [Work::Backup, Work::Migration] {
        let mut world = with(Trouble::ScriptHangs);
        assert!(world.fate_of(work).is_some_and(|fate| fate.hangs));
        world.on_host(HostEvent::Started(work));
        assert_eq!(state(&world, Trouble::ScriptHangs), TroubleState::Happening);
        to(&mut world, 90);
        world.on_host(HostEvent::Ended(work, 143));
        assert_eq!(state(&world, Trouble::ScriptHangs), TroubleState::Happened);
        assert_eq!(world.schema(), ("2.0.1.11", false), "it had changed nothing");
        assert_eq!(world.fate_of(work), None, "the next one ends");
    }
}

#[test]
fn the_machine_is_replaced_once_during_the_migration() {
    let mut world = with(Trouble::MachineReplaced);
    world.on_host(HostEvent::Started(Work::Backup));
    to(&mut world, 1);
    assert!(!world.replaces_machine(), "only the migration is hit");
    world.on_host(HostEvent::Started(Work::Migration));
    assert!(!world.replaces_machine());
    world.advance(MINUTE + CUT_AFTER_MS);
    assert!(world.replaces_machine() && !world.replaces_machine());
    assert_eq!(state(&world, Trouble::MachineReplaced), TroubleState::Happened);
}

#[test]
fn failed_migration_leaves_half_a_schema_until_people_finish_it() {
    let mut world = with(Trouble::MigrationFailsHalfWay);
    assert_eq!(world.fate_of(Work::Migration).map(|fate| fate.exit), Some(3));
    world.on_host(HostEvent::Ended(Work::Migration, 3));
    assert_eq!(world.schema(), ("2.0.1.11", true));
    assert_eq!(state(&world, Trouble::MigrationFailsHalfWay), TroubleState::Happening);
    to(&mut world, 16);
    world.advance_troubles(world.now_ms);
    assert_eq!(world.schema(), ("2.1.0.0", false));
    assert_eq!(state(&world, Trouble::MigrationFailsHalfWay), TroubleState::Happened);
}

#[test]
fn connection_is_lost_during_the_migration_and_returns() {
    let mut world = with(Trouble::ConnectionLostInMigration);
    let is_cut = |world: &World| world.troubles.is_happening(Trouble::ConnectionLostInMigration);
    world.on_host(HostEvent::Started(Work::Backup));
    to(&mut world, 1);
    assert!(!is_cut(&world), "only the migration is hit");
    world.on_host(HostEvent::Started(Work::Migration));
    assert!(!is_cut(&world));
    world.advance_troubles(MINUTE + CUT_AFTER_MS);
    assert!(is_cut(&world));
    world.advance_troubles(MINUTE + CUT_AFTER_MS + CUT_MS);
    assert!(!is_cut(&world));
}

#[test]
fn visible_trouble_lasts_some_seconds_at_every_speed() {
    let mut world = with(Trouble::TokenExpires);
    world.troubles.speed = 60;
    assert!(world.github_asked(None).is_refused);
    world.advance_troubles(REFUSED_MS);
    assert!(world.github_asked(Some(GithubRequest::Other)).is_refused);
    world.advance_troubles(SEEN_S * SECOND * 60);
    assert!(!world.github_asked(Some(GithubRequest::Other)).is_refused);
}

#[test]
fn renewed_token_ends_the_refusals_at_once() {
    let mut world = with(Trouble::TokenExpires);
    assert!(world.github_asked(None).is_refused);
    assert!(world.switch_trouble(Trouble::TokenExpires, false, None));
    assert!(!world.github_asked(None).is_refused);
    assert_eq!(state(&world, Trouble::TokenExpires), TroubleState::Happened);
}

#[test]
fn slow_github_loses_one_answer_until_runs_are_listed() {
    let mut world = with(Trouble::GithubAnswersLate);
    let slow = world.github_asked(Some(GithubRequest::Other));
    assert!((10..=20).contains(&slow.after_s) && !slow.is_lost, "{slow:?}");
    assert!(!world.github_asked(Some(GithubRequest::Runs)).is_lost);
    assert!(world.github_asked(Some(GithubRequest::Dispatch)).is_lost);
    assert!(!world.github_asked(Some(GithubRequest::Dispatch)).is_lost, "only one answer is lost");
    assert!(world.github_asked(Some(GithubRequest::Runs)).after_s >= 10);
    assert_eq!(world.github_asked(Some(GithubRequest::Runs)), GithubResponse::default());
}

#[test]
fn conflict_appears_before_the_read_and_gets_resolved() {
    let mut world = with(Trouble::MergeConflict);
    assert!(world.deeds(false).is_empty());
    assert_eq!(world.deeds(true), [Deed::Conflict]);
    world.deed_done(Deed::Conflict);
    assert!(world.deeds(true).is_empty());
    to(&mut world, 11);
    assert_eq!(world.deeds(false), [Deed::Resolve]);
    world.deed_done(Deed::Resolve);
    assert!(world.deeds(true).is_empty());
    assert_eq!(state(&world, Trouble::MergeConflict), TroubleState::Happened);
}

#[test]
fn main_moves_between_backup_and_build() {
    let mut world = with(Trouble::MainMovedOn);
    assert!(world.deeds(true).is_empty());
    world.on_host(HostEvent::Ended(Work::Backup, 0));
    assert_eq!(world.deeds(false), [Deed::MoveOn]);
    world.deed_done(Deed::MoveOn);
    assert!(world.deeds(false).is_empty());
    assert_eq!(state(&world, Trouble::MainMovedOn), TroubleState::Happened);
}

#[test]
fn site_check_fails_once_all_servers_have_switched() {
    let mut world = with(Trouble::SiteCheckFails);
    let text = serde_json::to_string(&world.definitions[0]).unwrap();
    let ours = text.replace("RALLY-V2_0_1_11-RELEASE", "RALLY-V2_1_0_0-RELEASE");
    world.definitions.push(serde_json::from_str(&ours).unwrap());
    world.definitions[1].revision += 1;
    world.dispatch("master", json!({}));
    to(&mut world, 20);
    assert_eq!(state(&world, Trouble::SiteCheckFails), TroubleState::Waiting);
    world.on_host(HostEvent::Ended(Work::Migration, 0));
    to(&mut world, 60);
    world.advance_troubles(world.now_ms);
    assert_eq!(state(&world, Trouble::SiteCheckFails), TroubleState::Happening);
    world.switch_trouble(Trouble::SiteCheckFails, false, None);
    assert_eq!(state(&world, Trouble::SiteCheckFails), TroubleState::Happened);
}

#[test]
fn saved_state_keeps_every_trouble() {
    let mut world = with(Trouble::TokenExpires);
    world.switch_trouble(Trouble::BuildFails, true, Some(7 * MINUTE));
    world.github_asked(None);
    let kept: World = serde_json::from_slice(&serde_json::to_vec(&world).unwrap()).unwrap();
    assert_eq!(kept.troubles, world.troubles);
}

/// A world in which AWS puts our version in place. The breaker is on and waits long.
fn rolling_out(trouble: Trouble) -> World {
    let mut world = with(trouble);
    world.rules.breaker = Rules::practice().breaker;
    world.rules.breaker_threshold = Threshold { kind: ThresholdKind::Count, value: 90 };
    let text = serde_json::to_string(&world.definitions[0]).unwrap();
    let ours = text.replace("RALLY-V2_0_1_11-RELEASE", "RALLY-V2_1_0_0-RELEASE");
    world.definitions.push(serde_json::from_str(&ours).unwrap());
    world.definitions[1].revision += 1;
    world.dispatch("master", json!({}));
    world
}

fn primary(world: &World) -> (u32, Rollout) {
    world.service.deployments.last().map(|one| (one.revision, one.rollout)).unwrap()
}

#[test]
fn the_workflow_deploys_a_copy_of_our_revision_once() {
    let mut world = rolling_out(Trouble::WorkflowMakesRevision);
    let ours = world.definitions[1].revision;
    to(&mut world, 19);
    assert_eq!(primary(&world).0, ours + 1);
    assert_eq!(state(&world, Trouble::WorkflowMakesRevision), TroubleState::Happened);
}

#[test]
fn a_colleague_deploys_the_version_before_during_the_rollout() {
    let mut world = rolling_out(Trouble::ColleagueDeploys);
    let before = world.service.completed;
    to(&mut world, 19);
    assert_ne!(primary(&world).0, before);
    to(&mut world, 22);
    assert_eq!(primary(&world).0, before);
    assert_eq!(state(&world, Trouble::ColleagueDeploys), TroubleState::Happened);
}

#[test]
fn aws_gives_up_at_the_limit_that_a_colleague_lowered() {
    let mut world = rolling_out(Trouble::BreakerTrips);
    let before = world.service.completed;
    to(&mut world, 30);
    assert_eq!(world.rules.breaker_limit(), 3);
    assert_eq!(primary(&world).0, before, "it was rolled back");
    assert!(world.service.history.iter().any(|record| record.has_tripped));
    assert_eq!(state(&world, Trouble::BreakerTrips), TroubleState::Happened);
}

#[test]
fn a_failure_that_no_migration_cures_has_its_own_exit_code() {
    let mut world = rolling_out(Trouble::FailureNotRecognised);
    to(&mut world, 22);
    world.on_host(HostEvent::Ended(Work::Migration, 0));
    to(&mut world, 24);
    let exits: Vec<Option<i32>> =
        world.service.tasks.iter().filter_map(|task| task.stopped_ms.map(|_| task.exit)).collect();
    assert!(!exits.is_empty() && exits.iter().all(|exit| *exit == Some(78)), "{exits:?}");
    // A developer repairs the setting.
    world.switch_trouble(Trouble::FailureNotRecognised, false, None);
    to(&mut world, 60);
    assert_eq!(primary(&world).1, Rollout::Completed);
}

#[test]
fn people_restore_the_database_after_a_failed_migration() {
    let mut world = rolling_out(Trouble::MigrationRestored);
    assert_eq!(world.fate_of(Work::Migration).map(|fate| fate.exit), Some(3));
    world.on_host(HostEvent::Ended(Work::Migration, 3));
    assert_eq!(world.schema(), ("2.0.1.11", true));
    to(&mut world, 16);
    world.advance_troubles(world.now_ms);
    assert_eq!(world.schema(), ("2.0.1.11", false));
    assert_eq!(state(&world, Trouble::MigrationRestored), TroubleState::Happened);
    assert_eq!(world.fate_of(Work::Migration), None, "the next one ends well");
}

#[test]
fn a_version_without_a_migration_starts_at_once() {
    let mut world = rolling_out(Trouble::NoMigration);
    to(&mut world, 40);
    assert_eq!(primary(&world).1, Rollout::Completed);
    assert_eq!(world.schema(), ("2.0.1.11", false));
    assert_eq!(state(&world, Trouble::NoMigration), TroubleState::Happened);
}

#[test]
fn the_new_version_never_starts_on_the_migrated_database() {
    let mut world = rolling_out(Trouble::NeverStarts);
    to(&mut world, 20);
    assert_eq!(state(&world, Trouble::NeverStarts), TroubleState::Waiting);
    world.on_host(HostEvent::Ended(Work::Migration, 0));
    to(&mut world, 25);
    assert_eq!(primary(&world).1, Rollout::InProgress);
    let record = world.service.history.last().unwrap().arn();
    world.stop_service_deployment(&record, "ROLLBACK").unwrap();
    to(&mut world, 40);
    assert_eq!(primary(&world), (world.service.completed, Rollout::Completed));
    assert_eq!(state(&world, Trouble::NeverStarts), TroubleState::Happened);
}

#[test]
fn another_run_of_the_workflow_cancels_ours() {
    let mut world = rolling_out(Trouble::BuildSuperseded);
    to(&mut world, 6);
    let ends: Vec<Option<bool>> = world.builds.iter().map(crate::world::build::Build::is_good).collect();
    assert_eq!(ends, [Some(false), None]);
    assert_eq!(world.builds[0].commit.id, world.builds[1].commit.id);
    to(&mut world, 30);
    assert_eq!(world.images.len(), 2, "the other one builds the package");
}

#[test]
fn an_approval_is_wanted_until_a_colleague_gives_it() {
    let mut world = rolling_out(Trouble::ApprovalWanted);
    to(&mut world, 20);
    assert!(world.awaits_approval(&world.builds[0].clone()));
    assert_eq!(state(&world, Trouble::ApprovalWanted), TroubleState::Happening);
    world.switch_trouble(Trouble::ApprovalWanted, false, None);
    to(&mut world, 21);
    assert_eq!(world.service.deployments.len(), 2, "GitHub deploys");
    assert_eq!(state(&world, Trouble::ApprovalWanted), TroubleState::Happened);
}

#[test]
fn main_takes_only_pull_requests_until_one_is_merged() {
    use crate::world::pull_requests::Proposal;
    let mut world = with(Trouble::MainIsProtected);
    world.git = crate::world::git::Remote::seeded("2.0.1.11-RELEASE", "v2.1.0", 0);
    world.rules.review_ms = None;
    assert!(world.deeds(false).is_empty() && !world.takes_only_pull_requests());
    assert_eq!(world.deeds(true), [Deed::Protect]);
    world.deed_done(Deed::Protect);
    assert!(world.deeds(true).is_empty() && world.takes_only_pull_requests());
    let proposal = Proposal { title: "Release", body: "", branch: "v2.1.0", base: "master" };
    world.open_pull_request(proposal).unwrap();
    to(&mut world, 1);
    assert!(!world.pull_requests()[0].is_open(), "a reviewer merged it");
    assert_eq!(state(&world, Trouble::MainIsProtected), TroubleState::Happened);
    assert!(!world.takes_only_pull_requests());
}

#[test]
fn the_reviewer_leaves_time_to_see_an_open_pull_request() {
    let mut world = with(Trouble::MainIsProtected);
    world.deed_done(Deed::Protect);
    world.troubles.speed = 60;
    assert_eq!(world.review_wait_ms(), Some(SEEN_S * SECOND * 60));
    world.switch_trouble(Trouble::MainIsProtected, false, None);
    assert!(!world.takes_only_pull_requests(), "the rule is lifted");
    assert_eq!(world.review_wait_ms(), world.rules.review_ms);
}
