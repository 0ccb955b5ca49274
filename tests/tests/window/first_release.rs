//! `make test-first-release`: a person on a new computer with the profile of a product that the app
//! does not know. They sign in, choose the values of Setup from lists, and release.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::process::rally::{CLUSTER, Pace, SERVICE, WORKFLOW};
use greenlight_tests::support::desk::{Desk, VERSION};
use greenlight_tests::support::window::Window;
use greenlight_types::StepId;

use super::TURN;

/// Longest wait for one step.
const PATIENCE: Duration = Duration::from_secs(120);
/// Most entries until the product is ready to release.
const ENTRIES_OF_SETUP_MAX: u32 = 25;
/// Most entries of the release.
const ENTRIES_OF_RELEASE_MAX: u32 = 20;

/// Enters the values that the runbook leaves open. Chooses a value from a list where a system has
/// one.
async fn set_up(window: &Window<'_>, desk: &Desk) -> Result<()> {
    window.press("nav-setup").await?;
    window.type_value("machine", "host.fingerprint", &desk.stage.machine.fingerprint()?).await?;
    for (group, key, wanted) in [
        ("code", "github.workflow", WORKFLOW),
        ("code", "github.build_job", "build"),
        ("aws", "aws.cluster", CLUSTER),
        ("aws", "aws.service", SERVICE),
        ("database", "backup.artifact_directory", "/opt/backup/dumps"),
    ] {
        window.choose_value(group, key, wanted).await.with_context(|| format!("choose {key}"))?;
    }
    let version_page = format!("{}/version", desk.stage.site_address());
    for (group, key, text) in [
        ("database", "backup.artifact_pattern", "rally-prod-*.dump"),
        ("site", "site.version_url", &version_page),
        ("site", "site.version_pattern", r"([0-9]+(?:\.[0-9]+){2,3}-RELEASE)"),
        ("site", "site.checks", "Open the site. It says Rally."),
        ("database", "restore.procedure", "Restore the dump with pg_restore."),
        ("database", "restore.minutes", "25"),
        ("database", "restore.who", "Ada Example"),
    ] {
        window.type_value(group, key, text).await.with_context(|| format!("type {key}"))?;
    }
    window.test_setup(&["code", "aws", "machine", "database", "site"]).await.context("every group is right")
}

async fn release(window: &Window<'_>) -> Result<()> {
    window.draft(VERSION).await?;
    window.start_prepare().await?;
    for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::BackUp) {
        window.do_step(step, VERSION).await.with_context(|| step.name())?;
    }
    window.wait_for_state(&["prepared"]).await?;
    window.fill_deploy(VERSION, None).await?;
    window.start_deploy().await?;
    for step in [StepId::BackUp, StepId::DispatchBuild, StepId::RunMigration] {
        window.do_step(step, VERSION).await.with_context(|| step.name())?;
    }
    window.wait_done(StepId::AwaitRollout).await?;
    window.check_site(VERSION).await?;
    window.wait_released().await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures of the measure")]
async fn from_nothing_to_released(desk: &Desk) -> Result<()> {
    let session = desk.open().await?;
    let window = Window::new(&session, PATIENCE);
    window.introduce("Anna").await?;
    window.sign_in(&desk.stage.sign_ins()).await?;
    set_up(&window, desk).await?;
    let of_setup = window.entries();
    release(&window).await?;
    let of_release = window.entries() - of_setup;
    println!("{of_setup} entries until the product was ready, {of_release} in the release");
    ensure!(of_setup <= ENTRIES_OF_SETUP_MAX, "{of_setup} entries until the product was ready");
    ensure!(of_release <= ENTRIES_OF_RELEASE_MAX, "{of_release} entries in the release");
    desk.judge().await?;
    session.end().await?;
    desk.find_no_secret()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-first-release"]
async fn releases_an_unknown_product_that_was_set_up_from_lists() -> Result<()> {
    let _turn = TURN.write().await;
    let desk = Desk::start_unknown_product(Pace::brisk()).await?;
    from_nothing_to_released(&desk).await
}
