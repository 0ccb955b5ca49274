//! Two computers with two staging machines and one git server. No machine knows the other owner;
//! only the lock on the git server stops the second migration.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use greenlight_adapters::{git::GitAdapter, keychain::MemorySecrets};
use greenlight_engine::ports::{Credential, Git, SecretText, Secrets as _};
use greenlight_tests::support::git_server::{GitServer, TOKEN};
use greenlight_types::Status;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::{
    computer::{Computer, names},
    machine::{self, Machine},
    race::{SPEED, both_take, press_on, until_over},
    scene::Scene,
};

/// Longest time of a race.
const PATIENCE: Duration = Duration::from_secs(120);

/// Plays a race on a fresh git server.
///
/// # Errors
/// When a check fails.
pub async fn play_apart(scene: &Scene, asked: &Machine, lead_ms: u64) -> Result<()> {
    let server = GitServer::start().await?;
    let (data, world) = (machine::folder()?, Arc::new(Mutex::new(scene.world.clone())));
    let ours = Machine::new(&scene.world.host.dumps)?.with_verbs_of(asked)?;
    let theirs = Machine::new(&scene.world.host.dumps)?.with_verbs_of(asked)?;
    let ann = Computer::open_at(scene, &ours, &world, "Ann", SPEED, Some(remote(&server, &data, "ann").await?)).await?;
    let bob =
        Computer::open_at(scene, &theirs, &world, "Bob", SPEED, Some(remote(&server, &data, "bob").await?)).await?;
    let raced = tokio::time::timeout(PATIENCE, race(&ann, &bob, [&ours, &theirs], lead_ms)).await;
    let mut held = raced.context("it did not end").and_then(|raced| raced);
    for computer in [&ann, &bob] {
        held = held.and(computer.judge().await);
    }
    ann.close().await;
    bob.close().await;
    held.with_context(|| format!("{lead_ms} ms lead, {} and {} starts", ours.starts(), theirs.starts()))
}

/// The git adapter of one computer.
async fn remote(server: &GitServer, data: &TempDir, name: &str) -> Result<Arc<dyn Git>> {
    let secrets = MemorySecrets::default();
    secrets.set(&Credential::Github { token: SecretText::new(TOKEN) }).await?;
    Ok(Arc::new(GitAdapter::new(&server.url(), data.path().join(name), Arc::new(secrets))?))
}

async fn race(ann: &Computer, bob: &Computer, machines: [&Machine; 2], lead_ms: u64) -> Result<()> {
    let (holder, other, refusal) = both_take(ann, bob, lead_ms).await?;
    let [ours, theirs] = machines;
    let (of_holder, of_other) = if std::ptr::eq(holder, ann) { (ours, theirs) } else { (theirs, ours) };
    let refused = other.migrate().await.err().context("the other one's button worked")?;
    ensure!(names(&refused, &holder.by.person), "the other one is told {refused:?}");
    // The other computer takes the lock over. Its owner did not hear of it.
    other.take(Some(&refusal)).await?;
    let refused = holder.migrate().await.err().context("the button of the run that lost the lock worked")?;
    ensure!(names(&refused, &other.by.person), "the one that lost the lock is told {refused:?}");
    press_on(of_other, other).await?;
    until_over(of_other, &[other]).await?;
    ensure!(other.migration() == Status::Succeeded, "{:?}", other.migration());
    let starts = (of_holder.starts(), of_other.starts());
    ensure!(starts == (0, 1), "{starts:?} starts of the migration");
    Ok(())
}
