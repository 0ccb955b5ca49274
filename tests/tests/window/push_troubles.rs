//! The trouble of the push, practised in the real window to a right end.

use anyhow::{Context, Result, ensure};
use greenlight_tests::support::desk::VERSION;
use greenlight_types::{StepId, Trouble};

use super::{
    rollout_troubles::to_released,
    troubles::{PATIENCE, at_desk, to_build},
};

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn releases_the_merged_pull_request() -> Result<()> {
    at_desk("troubles-protected", None, async |desk| {
        let window = desk.window();
        window.draft(VERSION).await?;
        window.switch_on(Trouble::MainIsProtected).await?;
        window.start_prepare().await?;
        for step in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag] {
            window.do_step(step, VERSION).await.with_context(|| step.name())?;
        }
        ensure!(window.prepare_step(StepId::PushBranch).await?, "the push is not offered");
        window.wait_for_attribute("precondition-mayPush", "data-passed", "false", PATIENCE).await?;
        desk.picture(Trouble::MainIsProtected).await?;
        window.choose(StepId::OpenPullRequest).await?;
        window.answer_all(StepId::OpenPullRequest).await?;
        desk.picture_of("pull-request-plan").await?;
        window.do_choice(StepId::OpenPullRequest, VERSION).await.context("pull request")?;
        window.look_at(StepId::PushBranch).await?;
        window.wait_for_attribute("focus", "data-plan", "ready", PATIENCE).await?;
        desk.picture_of("pull-request-open").await?;
        window.wait_over(Trouble::MainIsProtected, false).await.context("the merge")?;
        window.look_at(StepId::PushBranch).await?;
        window.until("the window to show the merge", PATIENCE, async || window.sees("already").await).await?;
        desk.picture_of("pull-request-merged").await?;
        // The label is made again, on the commit of main.
        for step in [StepId::PushBranch, StepId::CreateTag, StepId::PushTag, StepId::RegisterTaskDefinition] {
            window.do_step(step, VERSION).await.with_context(|| step.name())?;
        }
        window.deploy(VERSION, None).await?;
        to_build(desk).await?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::MainIsProtected]).await
    })
    .await
}
