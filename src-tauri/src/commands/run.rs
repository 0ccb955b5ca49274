//! The commands for a whole run: its draft, Prepare, Deploy, corrected values and its end.

use greenlight_engine::release::Act;
use greenlight_types::{
    ConfirmedMachine, DeployRequest, Difference, Handover, ProfileValue, Readiness, RunId, RunResult, RunSummary,
    RunUpdate, TakeOver, ValueCorrection,
};
use tauri::State;

use crate::{command_error::CommandResult, host_keys::HostKeys, places::Places};

/// Drafts a run of a version. `anyway` is the reason for a version that was released before or is
/// not newer.
#[tauri::command]
#[specta::specta]
pub async fn draft_run(app: State<'_, Places>, version: String, anyway: Option<String>) -> CommandResult<RunId> {
    Ok(app.ready().await?.runs.draft(&version, anyway.as_deref()).await?)
}

/// Drafts a run that rolls an ended release back.
#[tauri::command]
#[specta::specta]
pub async fn draft_rollback(app: State<'_, Places>, of: RunId) -> CommandResult<RunId> {
    Ok(app.ready().await?.runs.draft_rollback(&of).await?)
}

/// All runs, newest first.
#[tauri::command]
#[specta::specta]
pub async fn list_runs(app: State<'_, Places>) -> CommandResult<Vec<RunSummary>> {
    Ok(app.ready().await?.history.list().await?)
}

/// The view of a run and its events above number `seq`; null when there is no newer event.
#[tauri::command]
#[specta::specta]
pub async fn run_update(app: State<'_, Places>, run: RunId, seq: u32) -> CommandResult<Option<RunUpdate>> {
    Ok(app.ready().await?.history.update(&run, seq).await?)
}

/// Starts Prepare.
#[tauri::command]
#[specta::specta]
pub async fn start_prepare(app: State<'_, Places>, run: RunId, statement: String) -> CommandResult<()> {
    Ok(app.ready().await?.runs.start_prepare(&run, statement).await?)
}

/// The run that began this version on another computer.
#[tauri::command]
#[specta::specta]
pub async fn begun_elsewhere(app: State<'_, Places>, run: RunId) -> CommandResult<Option<Handover>> {
    Ok(app.ready().await?.runs.begun_elsewhere(&run).await?)
}

/// Continues a release that began on another computer.
#[tauri::command]
#[specta::specta]
pub async fn continue_here(app: State<'_, Places>, run: RunId) -> CommandResult<()> {
    Ok(app.ready().await?.runs.continue_here(&run).await?)
}

/// Differences from the day of Prepare.
#[tauri::command]
#[specta::specta]
pub async fn deploy_differences(app: State<'_, Places>, run: RunId) -> CommandResult<Vec<Difference>> {
    Ok(app.ready().await?.runs.deploy_differences(&run).await?)
}

/// The fingerprints that a machine presents, and the one that an earlier release confirmed. No
/// authentication is sent.
#[tauri::command]
#[specta::specta]
pub async fn host_keys(app: State<'_, Places>, address: String, port: u16) -> CommandResult<HostKeys> {
    Ok(app.ready().await?.runs.host_keys(&address, port).await?)
}

/// Starts Deploy with the entries of its form.
#[tauri::command]
#[specta::specta]
pub async fn start_deploy(app: State<'_, Places>, run: RunId, request: DeployRequest) -> CommandResult<()> {
    Ok(app.ready().await?.runs.start_deploy(&run, request).await?)
}

/// Ends a run with a result.
#[tauri::command]
#[specta::specta]
pub async fn end_run(app: State<'_, Places>, run: RunId, result: RunResult, note: String) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::EndRun { result, note }).await?;
    Ok(())
}

/// Changes that would stay in place if the run was stopped now.
#[tauri::command]
#[specta::specta]
pub async fn left_behind(app: State<'_, Places>, run: RunId) -> CommandResult<Vec<String>> {
    Ok(app.ready().await?.runs.left_behind(&run).await?)
}

/// Takes the environment lock for a run, also from another owner.
#[tauri::command]
#[specta::specta]
pub async fn take_environment(app: State<'_, Places>, run: RunId, over: Option<TakeOver>) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::AcquireLock { over }).await?;
    Ok(())
}

/// Records that the staging machine has another address now.
#[tauri::command]
#[specta::specta]
pub async fn change_address(app: State<'_, Places>, run: RunId, address: String, port: u16) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::ChangeAddress { address, port }).await?;
    Ok(())
}

/// Keeps why a person starts although the readiness checks found something.
#[tauri::command]
#[specta::specta]
pub async fn accept_findings(
    app: State<'_, Places>,
    run: RunId,
    findings: Vec<String>,
    reason: String,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::AcceptFindings { findings, reason }).await?;
    Ok(())
}

/// Looks whether Prepare or Deploy can start. Changes nothing. The staging machine is asked once a
/// person has confirmed it.
#[tauri::command]
#[specta::specta]
pub async fn readiness(
    app: State<'_, Places>,
    run: RunId,
    machine: Option<ConfirmedMachine>,
) -> CommandResult<Readiness> {
    Ok(app.ready().await?.runs.readiness(&run, machine).await?)
}

/// The values of the run's profile that a person may correct.
#[tauri::command]
#[specta::specta]
pub async fn run_values(app: State<'_, Places>, run: RunId) -> CommandResult<Vec<ProfileValue>> {
    Ok(app.ready().await?.runs.values(&run).await?)
}

/// Corrects a value of the profile that the run froze.
#[tauri::command]
#[specta::specta]
pub async fn correct_value(app: State<'_, Places>, run: RunId, asked: ValueCorrection) -> CommandResult<()> {
    Ok(app.ready().await?.runs.correct_value(&run, asked).await?)
}

/// Records the statement of a person that the staging machine is gone.
#[tauri::command]
#[specta::specta]
pub async fn give_up_machine(app: State<'_, Places>, run: RunId, note: String) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::GiveUpMachine { note }).await?;
    Ok(())
}

/// Makes merge, version and tag again on the newest main.
#[tauri::command]
#[specta::specta]
pub async fn start_over(app: State<'_, Places>, run: RunId, note: String) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::StartOver { note }).await?;
    Ok(())
}

/// Another person takes over on this computer.
#[tauri::command]
#[specta::specta]
pub async fn take_over(app: State<'_, Places>, run: RunId, person: String) -> CommandResult<()> {
    Ok(app.ready().await?.runs.take_over(&run, &person).await?)
}
