//! Every check in every state that it can reach, with its words, and the time of a look.

mod answers;
mod peers;
mod rows;
mod states;
mod times;

use std::collections::{BTreeMap, BTreeSet};

use greenlight_types::{ReadinessCheck, ReadinessState};

use self::{answers::Answers, peers::Peers, rows::NO_ANSWER};

#[tokio::test]
async fn every_row_of_the_table_has_its_state_and_words() {
    let mut faults = Vec::new();
    for rows::Row(check, state, part, change) in rows::all() {
        let mut world = Answers::good();
        change(&mut world);
        let readiness = Peers::of(world).look().await;
        let Some(row) = readiness.rows.into_iter().find(|row| row.check == check) else {
            faults.push(format!("{check:?} does not run"));
            continue;
        };
        println!("{check:?} {:?}: {}. {}", row.state, row.sentence, row.meaning);
        let is_explained = row.state == ReadinessState::Ready || !row.meaning.is_empty();
        let has_failure = (part == NO_ANSWER) == row.failure.is_some();
        if row.state != state || !row.sentence.contains(part) || !is_explained || !has_failure {
            faults.push(format!("{check:?} is not {state:?} with \u{201c}{part}\u{201d}: {row:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_good_world_has_no_row_for_a_person() {
    let readiness = Peers::of(Answers::good()).look().await;
    let open: Vec<_> = readiness.rows.iter().filter(|row| row.state != ReadinessState::Ready).collect();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_table_has_every_state_that_a_check_can_reach() {
    let mut known: BTreeMap<ReadinessCheck, BTreeSet<ReadinessState>> = BTreeMap::new();
    for rows::Row(check, state, ..) in rows::all() {
        known.entry(check).or_default().insert(state);
    }
    let mut faults = Vec::new();
    for (check, reachable) in states::reachable() {
        let has = known.remove(&check).unwrap_or_default();
        if has != reachable {
            faults.push(format!("{check:?} can reach {reachable:?}; the table has {has:?}"));
        }
    }
    assert!(faults.is_empty() && known.is_empty(), "{}\n{known:?}", faults.join("\n"));
}
