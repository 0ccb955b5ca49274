//! The time between opening the window and being ready: every command waits for the composition.

use std::sync::Arc;

use greenlight_engine::redact::Redactor;
use greenlight_types::Failure;
use tauri::AppHandle;
use tokio::sync::OnceCell;

use crate::{
    args::Options,
    composition::{self, Composition},
};

/// The composition, once it exists. After a failure the next command composes again, so that "Try
/// again" works after the other window was closed or the profile was corrected.
pub struct Startup {
    options: Options,
    handle: AppHandle,
    redactor: Arc<Redactor>,
    composition: OnceCell<Composition>,
}

impl Startup {
    pub fn new(options: Options, handle: AppHandle, redactor: Arc<Redactor>) -> Self {
        Self { options, handle, redactor, composition: OnceCell::new() }
    }

    /// Returns the composition, or makes it.
    ///
    /// # Errors
    /// See [`composition::compose`].
    pub async fn ready(&self) -> Result<&Composition, Failure> {
        self.composition.get_or_try_init(|| composition::compose(&self.options, &self.handle, &self.redactor)).await
    }
}
