//! The commands for one step of a run: plan, confirm, start, observe, stop its script, answers and
//! reports of a person. The engine refuses a step that the run does not have.

use greenlight_engine::release::Act;
use greenlight_types::{CheckAnswer, Observation, RunId, StepId, StepPlan, StopScriptRequest, UndoKind};
use tauri::State;

use crate::{command_error::CommandResult, places::Places};

/// The changes that the step would make now.
#[tauri::command]
#[specta::specta]
pub async fn plan_step(app: State<'_, Places>, run: RunId, step: StepId) -> CommandResult<StepPlan> {
    Ok(app.ready().await?.runs.plan(&run, step).await?)
}

/// Answers the question of a plan.
#[tauri::command]
#[specta::specta]
pub async fn answer_question(
    app: State<'_, Places>,
    run: RunId,
    step: StepId,
    question: String,
    answer: String,
    note: String,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::AnswerQuestion { step, question, answer, note }).await?;
    Ok(())
}

/// Confirms a plan that cannot be taken back. Returns a token for one use, valid for the shown
/// plan.
#[tauri::command]
#[specta::specta]
pub async fn confirm_step(
    app: State<'_, Places>,
    run: RunId,
    step: StepId,
    plan_hash: String,
) -> CommandResult<String> {
    Ok(app.ready().await?.runs.confirm(&run, step, plan_hash).await?)
}

/// Starts the plan that was shown. Returns once the start is in the journal. The outcome comes as
/// events.
#[tauri::command]
#[specta::specta]
pub async fn start_step(
    app: State<'_, Places>,
    run: RunId,
    step: StepId,
    plan_hash: String,
    token: Option<String>,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::StartStep { step, plan_hash, token }).await?;
    Ok(())
}

/// Asks the outside systems whether the step happened.
#[tauri::command]
#[specta::specta]
pub async fn observe_step(app: State<'_, Places>, run: RunId, step: StepId) -> CommandResult<Observation> {
    Ok(app.ready().await?.runs.observe(&run, step).await?)
}

/// Stops the script of a step that hangs.
#[tauri::command]
#[specta::specta]
pub async fn stop_script(app: State<'_, Places>, run: RunId, asked: StopScriptRequest) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::StopScript(asked)).await?;
    Ok(())
}

/// Records the statement of a person whether an attempt in doubt happened.
#[tauri::command]
#[specta::specta]
pub async fn settle_doubt(
    app: State<'_, Places>,
    run: RunId,
    step: StepId,
    attempt: u32,
    happened: bool,
    note: String,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::SettleDoubt { step, attempt, happened, note }).await?;
    Ok(())
}

/// Reports that a person did the step outside the app.
#[tauri::command]
#[specta::specta]
pub async fn finished_by_hand(app: State<'_, Places>, run: RunId, step: StepId, note: String) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::ReportDone { step, note }).await?;
    Ok(())
}

/// Records the statement of a person that this release has no migration.
#[tauri::command]
#[specta::specta]
pub async fn skip_step(app: State<'_, Places>, run: RunId, step: StepId, note: String) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::SkipStep { step, note }).await?;
    Ok(())
}

/// Records the report of a person that the database is as it was before a migration that ended.
#[tauri::command]
#[specta::specta]
pub async fn report_undone(
    app: State<'_, Places>,
    run: RunId,
    step: StepId,
    attempt: u32,
    how: UndoKind,
    note: String,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::ReportUndone { step, attempt, how, note }).await?;
    Ok(())
}

/// Answers a check of the site.
#[tauri::command]
#[specta::specta]
pub async fn answer_check(
    app: State<'_, Places>,
    run: RunId,
    check: String,
    answer: CheckAnswer,
    note: String,
) -> CommandResult<()> {
    app.ready().await?.runs.act(&run, Act::AnswerCheck { check, answer, note }).await?;
    Ok(())
}
