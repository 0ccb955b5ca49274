//! Troubles of the scripts on the staging machine, each practised in the real window to a correct
//! end.

use anyhow::{Context, Result, ensure};
use greenlight_tests::support::desk::VERSION;
use greenlight_types::{StepId, Trouble};

use super::{
    rollout_troubles::{to_released, to_rolled_back, to_rollout},
    troubles::{PATIENCE, at_desk},
};

#[tokio::test]
async fn stops_a_backup_that_hangs_and_takes_another() -> Result<()> {
    at_desk("troubles-script-hangs", None, async |desk| {
        desk.prepare().await?;
        let window = desk.window();
        window.switch_on(Trouble::ScriptHangs).await?;
        window.press_step(StepId::BackUp, VERSION).await?;
        let is_late = async || window.sees("late").await;
        window.until("the backup to be called late", PATIENCE, is_late).await?;
        desk.picture(Trouble::ScriptHangs).await?;
        window.stop_script(VERSION, "It has printed nothing for twenty minutes; Susan agrees").await?;
        let code = window.wait_failed(StepId::BackUp).await?;
        ensure!(code == "scriptFailed", "{code}");
        let told = window.told().await;
        ensure!(told.contains(" ordered the script to stop. It ended on the staging machine (143)"), "{told}");
        window.try_again(StepId::BackUp, VERSION).await?;
        window.do_step(StepId::DispatchBuild, VERSION).await.context("the build")?;
        to_released(desk).await?;
        desk.ensure_debrief(&[Trouble::ScriptHangs]).await
    })
    .await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn rolls_back_after_the_machine_was_replaced_during_the_migration() -> Result<()> {
    at_desk("troubles-machine-replaced", None, async |desk| {
        to_rollout(desk, Trouble::MachineReplaced).await?;
        let window = desk.window();
        window.wait_done(StepId::AwaitDeployPhase).await?;
        window.answer_failed_start("oldDatabase").await?;
        window.press_step(StepId::RunMigration, VERSION).await?;
        let is_doubted = async || Ok(window.status(StepId::RunMigration).await? == "inDoubt");
        window.until("the migration to be in doubt", PATIENCE, is_doubted).await?;
        window.look_at(StepId::RunMigration).await?;
        desk.picture(Trouble::MachineReplaced).await?;
        window.press("machine-gone").await?;
        window.note("AWS replaced the instance").await?;
        let is_gone = async || window.sees("machine-given-up").await;
        window.until("the doubt to name the machine that is gone", PATIENCE, is_gone).await?;
        window.press("did-not-happen").await?;
        window.note("The database has no change of this version").await?;
        let is_settled = async || Ok(window.status(StepId::RunMigration).await? != "inDoubt");
        window.until("the doubt to end", PATIENCE, is_settled).await?;
        window.do_choice(StepId::StopRollout, VERSION).await?;
        to_rolled_back(desk).await?;
        let state = desk.state()?;
        ensure!(state["schema"] == "2.0.1.11", "the database is {}", state["schema"]);
        desk.ensure_debrief(&[Trouble::MachineReplaced]).await
    })
    .await
}
