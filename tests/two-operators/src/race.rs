//! One race: two computers try to migrate, and one migration runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use futures::future::join;
use greenlight_types::{ErrorCode, Failure, Status};
use parking_lot::Mutex;

use crate::{
    computer::{Computer, names},
    machine::Machine,
    scene::Scene,
};

pub(crate) const SPEED: u32 = 20;
/// Longest time of a race.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two presses of one person.
const PAUSE: Duration = Duration::from_millis(15);

/// Actions of the two computers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Both acquire the lock at the same time. The loser still presses the button.
    BothTake,
    /// The other computer takes the lock over while the owner presses the button.
    TakenWhilePressed,
    /// Both take the lock from each other and press, until the migration has run.
    ToAndFro,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::BothTake, Self::TakenWhilePressed, Self::ToAndFro];
}

/// Plays a race. The host gets its verbs from `asked`.
///
/// # Errors
/// When a check fails.
pub async fn play(scene: &Scene, asked: &Machine, kind: Kind, seed: u64) -> Result<()> {
    let machine = Machine::new(&scene.world.host.dumps)?.with_verbs_of(asked)?;
    let world = Arc::new(Mutex::new(scene.world.clone()));
    let (ann, bob) = futures::future::try_join(
        Computer::open(scene, &machine, &world, "Ann", SPEED),
        Computer::open(scene, &machine, &world, "Bob", SPEED),
    )
    .await?;
    let raced = tokio::time::timeout(PATIENCE, run(&machine, &ann, &bob, kind, seed)).await;
    let mut held = raced.context("it did not end").and_then(|raced| raced).and_then(|()| judge(&machine, &ann, &bob));
    for computer in [&ann, &bob] {
        held = held.and(computer.judge().await);
    }
    let told = [told(&ann), told(&bob)];
    ann.close().await;
    bob.close().await;
    held.with_context(|| format!("{kind:?}, seed {seed}, {} starts: {told:?}", machine.starts()))
}

/// A host on which an app has installed the job verbs.
///
/// # Errors
/// When the host cannot be created or asked.
pub async fn asked_machine(scene: &Scene) -> Result<Machine> {
    let machine = Machine::new(&scene.world.host.dumps)?;
    let world = Arc::new(Mutex::new(scene.world.clone()));
    let ann = Computer::open(scene, &machine, &world, "Ann", SPEED).await?;
    ann.take(None).await?;
    ann.close().await;
    Ok(machine)
}

fn told(computer: &Computer) -> String {
    let failure = computer.failure().map(|failure| failure.to_string()).unwrap_or_default();
    format!("{} {:?} {failure}", computer.by.person, computer.migration())
}

async fn run(machine: &Machine, ann: &Computer, bob: &Computer, kind: Kind, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed);
    let (holder, other, refusal) = both_take(ann, bob, rng.u64(..30)).await?;
    match kind {
        Kind::BothTake => {
            let (pressed, refused) = join(press_on(machine, holder), other.migrate()).await;
            pressed?;
            let refused = refused.err().context("the other one's button worked")?;
            ensure!(names(&refused, &holder.by.person), "the other one is told {refused:?}");
        }
        Kind::TakenWhilePressed => {
            let taken = async {
                tokio::time::sleep(Duration::from_millis(rng.u64(..600))).await;
                other.take(Some(&refusal)).await?;
                // The other computer now follows the started migration, or starts it.
                press_on(machine, other).await
            };
            let (_holder, taken) = join(press_until(machine, holder), taken).await;
            taken?;
        }
        Kind::ToAndFro => {
            let (one, two) = (rng.u64(1..), rng.u64(1..));
            join(to_and_fro(machine, holder, one), to_and_fro(machine, other, two)).await;
        }
    }
    until_over(machine, &[ann, bob]).await
}

/// Both acquire the lock. Returns the owner, the loser and the loser's refusal.
pub(crate) async fn both_take<'a>(
    ann: &'a Computer,
    bob: &'a Computer,
    lead_ms: u64,
) -> Result<(&'a Computer, &'a Computer, Failure)> {
    let late = async {
        tokio::time::sleep(Duration::from_millis(lead_ms)).await;
        bob.take(None).await
    };
    let (holder, other, refusal) = match join(ann.take(None), late).await {
        (Ok(()), Err(refusal)) => (ann, bob, refusal),
        (Err(refusal), Ok(())) => (bob, ann, refusal),
        (Ok(()), Ok(())) => bail!("both hold the environment"),
        (Err(one), Err(two)) => bail!("nobody holds it: {one}; {two}"),
    };
    ensure!(names(&refusal, &holder.by.person), "the other one is told {refusal:?}");
    Ok((holder, other, refusal))
}

/// Presses until the attempt runs. Refusals may be temporary.
pub(crate) async fn press_on(machine: &Machine, computer: &Computer) -> Result<()> {
    let mut refused = None;
    for _ in 0..400 {
        // After a start by the previous owner no press is possible.
        if !may_press(computer.migration()) || machine.starts() > 0 {
            return Ok(());
        }
        match computer.migrate().await {
            Ok(()) => return Ok(()),
            Err(refusal) if refusal.code == ErrorCode::EnvironmentHeld => return Err(refusal.into()),
            Err(refusal) => refused = Some(refusal),
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("the button never worked: {refused:?}")
}

/// Presses until a migration begins, and ignores refusals.
async fn press_until(machine: &Machine, computer: &Computer) {
    let begun = Instant::now();
    while machine.starts() == 0 && begun.elapsed() < PATIENCE / 4 {
        if may_press(computer.migration()) {
            let _refused = computer.migrate().await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn to_and_fro(machine: &Machine, computer: &Computer, seed: u64) {
    let (mut rng, begun) = (Rng::with_seed(seed), Instant::now());
    while machine.starts() == 0 && begun.elapsed() < PATIENCE / 4 {
        if may_press(computer.migration())
            && let Err(refusal) = computer.migrate().await
            && refusal.code == ErrorCode::EnvironmentHeld
            && rng.u8(..3) == 0
        {
            let _refused = computer.take(Some(&refusal)).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.u64(..80))).await;
    }
}

fn may_press(status: Status) -> bool {
    matches!(status, Status::AwaitingOperator | Status::Failed)
}

/// Waits until the migration has run and neither app is within an attempt.
pub(crate) async fn until_over(machine: &Machine, computers: &[&Computer]) -> Result<()> {
    let begun = Instant::now();
    loop {
        let is_open = computers.iter().any(|one| matches!(one.migration(), Status::Running | Status::InDoubt));
        if machine.ends() > 0 && !is_open {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE / 2, "the migration did not run to its end");
        tokio::time::sleep(PAUSE).await;
    }
}

fn judge(machine: &Machine, ann: &Computer, bob: &Computer) -> Result<()> {
    let (starts, ends) = (machine.starts(), machine.ends());
    ensure!(starts == 1 && ends == 1, "{starts} starts and {ends} ends of the migration");
    let done = [ann, bob].into_iter().filter(|one| one.migration() == Status::Succeeded).count();
    ensure!(done >= 1, "nobody's record says that it ran");
    Ok(())
}
