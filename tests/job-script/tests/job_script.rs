//! The short form of `make test-job-script`: a sample of the stops on one shell, and all answers on
//! each shell.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use greenlight_job_script::{
    VERBS,
    alone::{self, ALONE},
    cases::{self, Case},
    failing,
    machine::Shell,
    steps::with_stops,
};

/// One of this many cases is played.
const EVERY: usize = 5;
/// Calls of one verb that are tried.
const CALLS: u32 = 24;

#[test]
fn verbs_answer_alike_on_every_shell() {
    for (name, check) in ALONE {
        for shell in Shell::ALL {
            check(shell, VERBS).unwrap_or_else(|error| panic!("{name} on {shell:?}: {error:#}"));
        }
    }
}

#[test]
fn a_stopped_job_starts_once_and_reports_true_states() {
    let steps = with_stops(VERBS);
    let some: Vec<Case> = cases::all(&steps, &[Shell::Dash]).into_iter().step_by(EVERY).collect();
    for (kind, row) in cases::table(some, &steps.text) {
        assert!(row.violations.is_empty(), "{kind:?}: {:#?}", row.violations);
        assert!(row.cases > 0, "{kind:?}: the verb was never stopped");
    }
}

#[test]
fn a_verb_with_a_failing_program_never_answers_falsely() {
    let calls = failing::Verb::ALL.into_iter().flat_map(|verb| (1..=CALLS).step_by(3).map(move |at| (verb, at)));
    let calls: Vec<(failing::Verb, u32)> = calls.collect();
    let reached: usize = calls
        .into_par_iter()
        .map(|(verb, at)| {
            let fails = |how| {
                let came = failing::play(Shell::Dash, VERBS, verb, at, how);
                usize::from(came.unwrap_or_else(|error| panic!("{verb:?}, call {at} fails {how} its work: {error:#}")))
            };
            failing::HOW.map(fails).into_iter().sum::<usize>()
        })
        .sum();
    assert!(reached > 60, "only {reached} calls failed");
}

#[test]
fn one_of_many_parallel_launches_starts() {
    for seed in 0..6 {
        let shell = Shell::ALL[seed as usize % 3];
        alone::at_once(shell, VERBS, 10, seed).unwrap_or_else(|error| panic!("{shell:?}: {error:#}"));
    }
}
