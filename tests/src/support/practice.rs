//! The simulator that a window in practice leaves running.

use std::path::Path;

use anyhow::Result;
use greenlight_rehearsal::handle::Handle;

use super::process::wait_gone;

/// Ends the simulator of a folder, if one is running, and waits until its process is gone. The
/// process writes into the folder until its end.
///
/// # Errors
/// When the simulator does not end.
pub async fn stop_world(folder: &Path) -> Result<()> {
    let Some(world) = Handle::attach(folder).await else { return Ok(()) };
    world.stop().await?;
    wait_gone(world.file().pid, "the pretend production to end").await
}
