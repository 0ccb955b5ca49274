//! Troubles of the build and of the rollout, each practised in the real window to a correct
//! end: released, or rolled back.

use anyhow::{Context, Result, ensure};
use greenlight_tests::support::desk::VERSION;
use greenlight_types::{StepId, Trouble};

use super::troubles::{Desk, PATIENCE, at_desk, to_build};

/// Takes a release with a trouble to the start of its rollout.
pub(super) async fn to_rollout(desk: &Desk, trouble: Trouble) -> Result<()> {
    desk.prepare().await?;
    desk.window().switch_on(trouble).await?;
    to_build(desk).await
}

/// Migrates, waits for the servers, and checks the site.
pub(super) async fn to_released(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.answer_failed_start("oldDatabase").await.context("failed start")?;
    window.do_step(StepId::RunMigration, VERSION).await.context("migration")?;
    window.wait_done(StepId::AwaitRollout).await.context("servers")?;
    window.check_site(VERSION).await.context("site")?;
    window.wait_released().await?;
    let state = desk.state()?;
    ensure!(state["schema"] == "2.1.0.0" && state["is_half_migrated"] == false, "{}", state["schema"]);
    Ok(())
}

/// Ends a run whose version before serves again.
pub(super) async fn to_rolled_back(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.put_limit_back(VERSION).await.context("the limit")?;
    let result = window.stop_here("The version before serves again").await?;
    ensure!(result == "rolledBack", "the run ended as {result}");
    let state = desk.state()?;
    let serving = state["service"]["deployments"].as_array().and_then(|all| all.last()?["revision"].as_u64());
    ensure!(serving == state["service"]["completed"].as_u64(), "{serving:?} serves");
    Ok(())
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn follows_the_build_that_a_colleague_started() -> Result<()> {
    at_desk("troubles-superseded", None, async |desk| {
        to_rollout(desk, Trouble::BuildSuperseded).await?;
        let window = desk.window();
        let code = window.wait_failed(StepId::FollowBuild).await?;
        ensure!(code == "buildFailed", "{code}");
        desk.picture(Trouble::BuildSuperseded).await?;
        window.do_choice(StepId::FollowOtherBuild, VERSION).await?;
        to_released(desk).await?;
        let builds = desk.state()?["builds"].as_array().map(Vec::len);
        ensure!(builds == Some(2), "{builds:?} builds were started");
        desk.ensure_debrief(&[Trouble::BuildSuperseded]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn waits_for_the_approval_of_a_colleague() -> Result<()> {
    at_desk("troubles-approval", None, async |desk| {
        to_rollout(desk, Trouble::ApprovalWanted).await?;
        let window = desk.window();
        let is_told = async || window.sees("build-waits").await;
        window.until("the window to say that GitHub waits", PATIENCE, is_told).await?;
        desk.picture(Trouble::ApprovalWanted).await?;
        window.wait_over(Trouble::ApprovalWanted, true).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::ApprovalWanted]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn accepts_the_settings_of_the_build() -> Result<()> {
    at_desk("troubles-own-revision", None, async |desk| {
        to_rollout(desk, Trouble::WorkflowMakesRevision).await?;
        let window = desk.window();
        let code = window.wait_failed(StepId::AwaitDeployPhase).await?;
        ensure!(code == "wrongRevision", "{code}");
        desk.picture(Trouble::WorkflowMakesRevision).await?;
        window.answer_all(StepId::AwaitDeployPhase).await?;
        window.try_again(StepId::AwaitDeployPhase, VERSION).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::WorkflowMakesRevision]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn starts_a_new_deployment_after_the_one_of_a_colleague() -> Result<()> {
    at_desk("troubles-colleague", None, async |desk| {
        to_rollout(desk, Trouble::ColleagueDeploys).await?;
        let window = desk.window();
        let code = window.wait_failed(StepId::AwaitRollout).await?;
        ensure!(code == "rolloutSuperseded", "{code}");
        desk.picture(Trouble::ColleagueDeploys).await?;
        window.do_choice(StepId::DeployAgain, VERSION).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::ColleagueDeploys]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn starts_a_new_deployment_after_aws_gave_up() -> Result<()> {
    at_desk("troubles-breaker", None, async |desk| {
        to_rollout(desk, Trouble::BreakerTrips).await?;
        let window = desk.window();
        window.wait_failed(StepId::AwaitRollout).await?;
        desk.picture(Trouble::BreakerTrips).await?;
        window.do_choice(StepId::DeployAgain, VERSION).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::BreakerTrips]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn stops_the_rollout_of_a_version_that_cannot_start() -> Result<()> {
    at_desk("troubles-other-failure", None, async |desk| {
        to_rollout(desk, Trouble::FailureNotRecognised).await?;
        let window = desk.window();
        window.wait_done(StepId::AwaitDeployPhase).await?;
        window.answer_failed_start("somethingElse").await?;
        window.wait_for_attribute("precondition-startsFailAsExpected", "data-passed", "false", PATIENCE).await?;
        desk.picture(Trouble::FailureNotRecognised).await?;
        window.do_choice(StepId::StopRollout, VERSION).await?;
        to_rolled_back(desk).await?;
        let state = desk.state()?;
        ensure!(state["schema"] == "2.0.1.11", "the database is {}", state["schema"]);
        desk.ensure_debrief(&[Trouble::FailureNotRecognised]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn migrates_again_after_the_database_was_restored() -> Result<()> {
    at_desk("troubles-restored", None, async |desk| {
        to_rollout(desk, Trouble::MigrationRestored).await?;
        let window = desk.window();
        window.wait_done(StepId::AwaitDeployPhase).await?;
        window.answer_failed_start("oldDatabase").await?;
        window.press_step(StepId::RunMigration, VERSION).await?;
        let code = window.wait_failed(StepId::RunMigration).await?;
        ensure!(code == "scriptFailed", "{code}");
        desk.picture(Trouble::MigrationRestored).await?;
        window.wait_over(Trouble::MigrationRestored, true).await?;
        window.look_at(StepId::RunMigration).await?;
        window.press("report-restored").await?;
        window.note("Susan restored the backup of this release and counted the rows").await?;
        let is_offered = async || Ok(window.status(StepId::RunMigration).await? == "awaitingOperator");
        window.until("another start of the migration", PATIENCE, is_offered).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::MigrationRestored]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn leaves_out_a_migration_that_the_release_does_not_have() -> Result<()> {
    at_desk("troubles-no-migration", None, async |desk| {
        to_rollout(desk, Trouble::NoMigration).await?;
        let window = desk.window();
        window.wait_done(StepId::AwaitDeployPhase).await?;
        window.look_at(StepId::RunMigration).await?;
        desk.picture(Trouble::NoMigration).await?;
        window.press("skip-step").await?;
        window.note("The changes of this version are texts only").await?;
        window.wait_done(StepId::AwaitRollout).await?;
        window.check_site(VERSION).await?;
        window.wait_released().await?;
        let state = desk.state()?;
        ensure!(state["schema"] == "2.0.1.11", "the database is {}", state["schema"]);
        desk.ensure_debrief(&[Trouble::NoMigration]).await
    })
    .await
}

#[tokio::test]
async fn rolls_back_a_version_that_never_starts_on_the_migrated_database() -> Result<()> {
    at_desk("troubles-never-starts", None, async |desk| {
        to_rollout(desk, Trouble::NeverStarts).await?;
        let window = desk.window();
        window.answer_failed_start("oldDatabase").await?;
        window.do_step(StepId::RunMigration, VERSION).await?;
        window.look_at(StepId::AwaitRollout).await?;
        let is_alarmed = async || window.sees("start-failure").await;
        window.until("the servers to be called failing", PATIENCE, is_alarmed).await?;
        desk.picture(Trouble::NeverStarts).await?;
        window.do_choice(StepId::RollBack, VERSION).await?;
        to_rolled_back(desk).await?;
        desk.ensure_debrief(&[Trouble::NeverStarts]).await
    })
    .await
}
