//! The app between opening its window and being ready: every command waits for the composition.

use std::sync::Arc;

use greenlight_types::Failure;
use tauri::AppHandle;
use tokio::sync::OnceCell;

use crate::{app, args::Options, controller::Controller};

/// The controller, once it is composed. A composition that fails is tried again by the next command, so that "Try
/// again" works after the other window was closed or the profile corrected.
pub struct Startup {
    options: Options,
    handle: AppHandle,
    controller: OnceCell<Arc<Controller>>,
}

impl Startup {
    pub fn new(options: Options, handle: AppHandle) -> Self {
        Self { options, handle, controller: OnceCell::new() }
    }

    /// The controller; composes it when nobody did.
    ///
    /// # Errors
    /// Why the app cannot work: the data is open elsewhere, the profile is bad, the pretend production does not start.
    pub async fn ready(&self) -> Result<Arc<Controller>, Failure> {
        self.controller.get_or_try_init(|| app::compose(&self.options, &self.handle)).await.cloned()
    }
}
