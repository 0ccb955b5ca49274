//! Lines of scripts and of the production log: from the spool by number, and live.

use greenlight_types::{LineSource, Lines, LogLine, RunId};
use tauri::{State, ipc::Channel};

use crate::{command_error::CommandResult, places::Places};

/// Lines from the spool, at most 2,000.
#[tauri::command]
#[specta::specta]
pub async fn output_lines(
    app: State<'_, Places>,
    run: RunId,
    source: LineSource,
    from: u32,
    count: u32,
) -> CommandResult<Vec<LogLine>> {
    Ok(app.ready().await?.history.lines(&run, source, from, count)?)
}

/// Number of lines in the spool.
#[tauri::command]
#[specta::specta]
pub async fn output_count(app: State<'_, Places>, run: RunId, source: LineSource) -> CommandResult<u32> {
    Ok(app.ready().await?.history.line_count(&run, source)?)
}

/// Sends new lines of a run in batches. Lines may be missing; their numbers show the gap.
#[tauri::command]
#[specta::specta]
pub async fn follow_lines(app: State<'_, Places>, run: RunId, channel: Channel<Lines>) -> CommandResult<()> {
    app.ready().await?.window.follow(run, channel);
    Ok(())
}
