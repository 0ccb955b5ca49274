//! A release up to the offered migration, played once in memory. Every race begins there.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use greenlight_rehearsal::world::{
    World,
    git::{LOCK, Objects},
    rules::Rules,
};
use greenlight_simulation::{
    operator::engine::read,
    play::simulated_profile,
    scripted::{Scripted, person, quiet_world},
};
use greenlight_types::{Event, EventBody, RunEvent, StepId};
use parking_lot::Mutex;

use crate::machine::{BACKUPS, STORE};

/// The starting point of a race.
#[derive(Clone)]
pub struct Scene {
    /// The journal so far.
    pub events: Vec<Event>,
    pub world: World,
    /// The app's copy of the repository.
    pub clone: Objects,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

impl Scene {
    /// Plays the release.
    ///
    /// # Errors
    /// When the migration is never offered.
    pub fn play() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(86_400), play()).await? })
    }
}

async fn play() -> Result<Scene> {
    let mut profile = simulated_profile()?;
    // Relative to the home folder of the race's host.
    "migrate".clone_into(&mut profile.migration.directory);
    "sh ./run.sh".clone_into(&mut profile.migration.command);
    profile.migration.environment.clear();
    BACKUPS.clone_into(&mut profile.backup.artifact_directory);
    profile.host.login_shell.clear();
    let world = Arc::new(Mutex::new(quiet_world(Rules { breaker: None, ..Rules::default() })));
    let scripted = Scripted::draft(&profile, world, person("Ann", "desk-7")).await?;
    scripted.prepare().await?;
    scripted.deploy(None).await?;
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        scripted.press_when_offered(step).await?;
    }
    scripted.offered(StepId::RunMigration).await?;
    // The races test the button, so the question is answered before.
    read(&scripted.release, &scripted.by, StepId::RunMigration).await?;
    let (now_ms, run, mut world) = (scripted.clock.now_ms(), scripted.view().id, scripted.world().clone());
    // The environment of a race is free.
    world.git.refs.remove(LOCK);
    let (clone, journal) = (scripted.clone_of_app(), scripted.journal.clone());
    scripted.release.close().await;
    let machine_id = fs_err::read_to_string("/etc/machine-id").context("this machine has no name")?;
    let machine = format!("{}.{STORE}", machine_id.trim());
    let events = journal.all(&run).into_iter().map(|event| at_machine(event, &machine)).collect();
    Ok(Scene { events, world, clone, now_ms })
}

/// The same event with the id of the race's host.
fn at_machine(mut event: Event, machine: &str) -> Event {
    if let EventBody::Run(RunEvent::DeployStarted { staging, .. })
    | EventBody::Run(RunEvent::LockAcquiring { staging, .. }) = &mut event.body
    {
        machine.clone_into(&mut staging.machine_id);
    }
    event
}
