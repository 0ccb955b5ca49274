//! A short form of `make test-jobs`: on one shell a part of the cases, on all of them what each verb answers.

use greenlight_jobs::{
    VERBS,
    alone::{self, ALONE},
    cases::{self, Case},
    machine::Shell,
    steps::with_stops,
};

/// Of the cases, every so-many-th is played.
const EVERY: usize = 5;

#[test]
fn each_verb_answers_alike_on_every_shell() {
    for (name, check) in ALONE {
        for shell in Shell::ALL {
            check(shell, VERBS).unwrap_or_else(|error| panic!("{name} on {shell:?}: {error:#}"));
        }
    }
}

#[test]
fn a_job_that_is_stopped_anywhere_starts_at_most_once_and_is_never_called_what_it_is_not() {
    let steps = with_stops(VERBS);
    let some: Vec<Case> = cases::all(&steps, &[Shell::Dash]).into_iter().step_by(EVERY).collect();
    for (kind, row) in cases::table(some, &steps.text) {
        assert!(row.violations.is_empty(), "{kind:?}: {:#?}", row.violations);
        assert!(row.cases > 0, "{kind:?}: the verb was never stopped");
    }
}

#[test]
fn of_many_launches_at_once_one_starts() {
    for seed in 0..6 {
        let shell = Shell::ALL[seed as usize % 3];
        alone::at_once(shell, VERBS, 10, seed).unwrap_or_else(|error| panic!("{shell:?}: {error:#}"));
    }
}
