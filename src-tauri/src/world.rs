//! Where releases act: the real systems, or the pretend production. Chosen once, by the arguments.

use std::{path::Path, process::ExitCode, sync::Arc};

use greenlight_engine::{ports::{Clock, Ports, SecretText, Secrets}, redact::Redactor};
use greenlight_types::{Failure, Profile, Realm};

use crate::args::Options;

pub struct World { realm: Realm, profile: Profile, clock: Arc<dyn Clock>, secrets: Arc<dyn Secrets> }

impl World {
    pub async fn make(_options: &Options, _folder: &Path, _redactor: &Arc<Redactor>) -> Result<Self, Failure> { todo!() }
    pub fn realm(&self) -> Realm { self.realm }
    pub fn profile(&self) -> &Profile { &self.profile }
    pub fn clock(&self) -> Arc<dyn Clock> { self.clock.clone() }
    pub fn secrets(&self) -> &Arc<dyn Secrets> { &self.secrets }
    pub fn speed(&self) -> u32 { 1 }
    pub async fn set_speed(&self, _speed: u32) -> Result<(), Failure> { todo!() }
    pub fn ports(&self, _profile: &Profile) -> Result<Ports, Failure> { todo!() }
    pub async fn read_key(&self, _path: &str, _passphrase: Option<&SecretText>) -> Result<String, Failure> { todo!() }
}
pub fn serve_rehearsal(_folder: &Path) -> ExitCode { todo!() }
