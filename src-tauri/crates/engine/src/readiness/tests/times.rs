//! The time of a look, by the virtual clock.

use std::time::Duration;

use greenlight_types::{ReadinessCheck, ReadinessGroup, ReadinessRow};
use tokio::time::Instant;

use super::{
    super::{CHECK_MAX, CHECKS, Reads, check::Subject},
    answers::Answers,
    peers::{Peer, Peers},
};
use crate::ports::HostAddress;

/// Duration of each call.
const LATENCY: Duration = Duration::from_secs(1);
/// Share of the longest chain of dependent calls that a look may take, in percent.
const SHARE_MAX: u32 = 130;

fn peers(dead: Option<Peer>) -> Peers {
    Peers { latency: LATENCY, dead, ..Peers::of(Answers::good()) }
}

/// Duration of each check that runs alone, with no answer known.
async fn alone(dead: Option<Peer>) -> Vec<(ReadinessCheck, Duration)> {
    let mut found = Vec::new();
    for check in CHECKS {
        let peers = peers(dead);
        let computer = peers.answers.computer.clone();
        let machine = peers.machine().map(|machine| HostAddress {
            address: machine.address,
            port: machine.port,
            user: "ec2-user".into(),
            fingerprint: machine.fingerprint,
            machine_id: String::new(),
        });
        let context = peers.context();
        let run = context.run();
        let reads = Reads::new(&context, &run, machine);
        let subject = Subject { run: &run, reads: &reads, computer: &computer };
        let begun = Instant::now();
        // A check of a dead peer ends at its limit.
        let _ = tokio::time::timeout(CHECK_MAX, check.look(&subject)).await;
        if check.is_for(&subject) {
            found.push((check.id(), begun.elapsed()));
        }
    }
    found
}

/// The rows of a look and its duration.
async fn together(dead: Option<Peer>) -> (Vec<ReadinessRow>, Duration) {
    let begun = Instant::now();
    let readiness = peers(dead).look().await;
    (readiness.rows, begun.elapsed())
}

fn longest(all: &[(ReadinessCheck, Duration)]) -> Duration {
    all.iter().map(|(_, took)| *took).max().unwrap_or_default()
}

fn in_time(whole: Duration, chain: Duration) -> bool {
    whole * 100 <= chain * SHARE_MAX
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_no_longer_than_its_longest_chain() {
    let chains = alone(None).await;
    let (rows, whole) = together(None).await;
    assert_eq!(rows.len(), chains.len());
    assert!(longest(&chains) >= 2 * LATENCY, "{chains:?}");
    assert!(in_time(whole, longest(&chains)), "{whole:?}, the longest chain {:?}", longest(&chains));
    println!("longest chain {:?}, the whole look {whole:?}, {} checks", longest(&chains), rows.len());
}

#[tokio::test(start_paused = true)]
async fn the_other_checks_answer_beside_a_dead_peer() {
    for dead in [Peer::Git, Peer::Github, Peer::Aws, Peer::Machine, Peer::Site] {
        let chains = alone(Some(dead)).await;
        let (rows, whole) = together(Some(dead)).await;
        assert!(in_time(whole, longest(&chains)), "{dead:?}: {whole:?}, the longest chain {:?}", longest(&chains));
        let mut answered = 0;
        for (row, (check, chain)) in rows.iter().zip(&chains) {
            assert_eq!(row.check, *check);
            let took = Duration::from_millis(row.took_ms.into());
            assert!(in_time(took, *chain), "{dead:?}: {check:?} took {took:?} instead of {chain:?}");
            assert_eq!(row.failure.is_some(), *chain >= CHECK_MAX, "{dead:?}: {row:?}");
            answered += usize::from(row.failure.is_none());
        }
        assert!(answered >= 20, "{dead:?}: only {answered} checks answer");
        let computer = rows.iter().filter(|row| row.group == ReadinessGroup::Computer);
        assert!(computer.filter(|row| row.failure.is_none()).count() >= 5, "{dead:?}");
        println!("{dead:?} is dead: {answered} of {} checks answer, the whole look {whole:?}", rows.len());
    }
}
