//! Plays releases on all cores. The report is the same as on one core.

use std::ops::Range;

use anyhow::Result;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

/// Largest number of results between two calls of `each`.
const HELD_MAX: u64 = 1_000;

/// Plays each seed once on all cores and passes the results on in the order of the seeds. The first
/// broken rule is therefore the same on every machine.
///
/// # Errors
/// The first error of `play`. No result of the same thousand seeds is passed on.
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
    fn results_keep_the_order_of_the_seeds() {
        let (mut got, expected) = (Vec::new(), (7..2_507).collect::<Vec<u64>>());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("four threads");
        let play = |seed: u64| {
            // Every second seed takes longer.
            let turns = (seed % 2) * 2_000;
            Ok(seed + (0..turns).map(std::hint::black_box).filter(|turn| *turn == turns).count() as u64)
        };
        pool.install(|| in_order(7..2_507, play, |seed| got.push(seed))).expect("no error");
        assert_eq!(got, expected);
    }

    #[test]
    fn an_error_of_one_release_ends_the_batch() {
        let mut got = Vec::new();
        let play = |seed| if seed == 1_500 { anyhow::bail!("seed {seed}") } else { Ok(seed) };
        let error = in_order(0..9_000, play, |seed| got.push(seed)).expect_err("it could not be played");
        assert_eq!(error.to_string(), "seed 1500");
        assert_eq!(got, (0..1_000).collect::<Vec<_>>());
    }
}
