//! The pretend production that a window in practice has left behind.

use std::path::Path;

use anyhow::Result;
use greenlight_rehearsal::handle::Handle;

use super::process::wait_gone;

/// Ends the pretend production of a folder, where one is served, and waits until its process is gone: it writes into
/// that folder to its end.
///
/// # Errors
/// When it does not end.
pub async fn stop_world(folder: &Path) -> Result<()> {
    let Some(world) = Handle::attach(folder).await else { return Ok(()) };
    world.stop().await?;
    wait_gone(world.file().pid, "the pretend production to end").await
}
