//! A colleague pushes to the main branch between the merge and the push of a practised release. The
//! release starts over on the new main, in the real window.

use anyhow::{Context, Result, ensure};
use greenlight_tests::support::{
    desk::VERSION,
    process::{clean_command, run},
};
use greenlight_types::StepId;

use super::troubles::{Desk, PATIENCE, at_desk};

/// Puts a commit of a colleague on the main branch of the pretend repository.
fn push_hotfix(desk: &Desk) -> Result<String> {
    let git = |arguments: &[&str]| {
        let folder = desk.repository();
        let mut command = clean_command("git", &folder);
        command.arg("--git-dir").arg(&folder).args(["-c", "user.name=David", "-c", "user.email=david@example.org"]);
        run(command.args(arguments)).map(|printed| printed.trim().to_owned())
    };
    let tree = git(&["rev-parse", "master^{tree}"])?;
    let hotfix = git(&["commit-tree", &tree, "-p", "master", "-m", "Hotfix"])?;
    git(&["update-ref", "refs/heads/master", &hotfix])?;
    Ok(hotfix)
}

#[tokio::test]
async fn starts_over_on_the_main_branch_that_a_colleague_moved() -> Result<()> {
    at_desk("start-over", None, async |desk| {
        let window = desk.window();
        window.draft_and_prepare(VERSION).await?;
        for step in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag] {
            window.do_step(step, VERSION).await.with_context(|| step.name())?;
        }
        let hotfix = push_hotfix(desk)?;
        window.look_at(StepId::PushBranch).await?;
        window.press_within("start-over", PATIENCE).await?;
        desk.picture_of("start-over").await?;
        window.note("David's hotfix belongs to this release; he agrees").await?;
        let is_offered = async || Ok(window.status(StepId::MergeBranch).await? == "awaitingOperator");
        window.until("the merge to be offered again", PATIENCE, is_offered).await?;
        for step in [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag, StepId::PushBranch, StepId::PushTag] {
            window.do_step(step, VERSION).await.with_context(|| format!("{} again", step.name()))?;
        }
        let folder = desk.repository();
        let mut command = clean_command("git", &folder);
        let parents =
            run(command.arg("--git-dir").arg(&folder).args(["rev-list", "--first-parent", "-4", "refs/tags/v2.1.0"]))?;
        ensure!(parents.contains(&hotfix), "the label does not contain the hotfix: {parents}");
        Ok(())
    })
    .await
}
