//! Many releases on all cores, with the same report as on one.

use std::ops::Range;

use anyhow::Result;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Outcomes that are held at most before they are handed over.
const HELD_MAX: u64 = 1_000;

/// Plays every number once, on all cores, and hands the outcomes over in the order of the numbers, so that the first
/// broken rule is the same on any machine.
///
/// # Errors
/// One of the errors of `play`; no outcome of the thousand numbers around it is handed over.
pub fn in_order<T: Send>(
    mut seeds: Range<u64>,
    play: impl Fn(u64) -> Result<T> + Sync,
    mut each: impl FnMut(T),
) -> Result<()> {
    while !seeds.is_empty() {
        let until = seeds.end.min(seeds.start.saturating_add(HELD_MAX));
        let outcomes: Vec<T> = (seeds.start..until).into_par_iter().map(&play).collect::<Result<_>>()?;
        outcomes.into_iter().for_each(&mut each);
        seeds.start = until;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_in_the_order_of_the_numbers_whichever_is_ready_first() {
        let (mut got, expected) = (Vec::new(), (7..2_507).collect::<Vec<u64>>());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("four threads");
        let play = |seed: u64| {
            // Every other one takes longer.
            let turns = (seed % 2) * 2_000;
            Ok(seed + (0..turns).map(std::hint::black_box).filter(|turn| *turn == turns).count() as u64)
        };
        pool.install(|| in_order(7..2_507, play, |seed| got.push(seed))).expect("no error");
        assert_eq!(got, expected);
    }

    #[test]
    fn a_release_that_cannot_be_played_ends_the_batch() {
        let mut got = Vec::new();
        let play = |seed| if seed == 1_500 { anyhow::bail!("seed {seed}") } else { Ok(seed) };
        let error = in_order(0..9_000, play, |seed| got.push(seed)).expect_err("it could not be played");
        assert_eq!(error.to_string(), "seed 1500");
        assert_eq!(got, (0..1_000).collect::<Vec<_>>());
    }
}
