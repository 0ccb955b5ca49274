//! One cut of each kind, all at the same time; `make test-ssh` cuts at sixty points.

use std::path::Path;

use greenlight_cuts::{
    case::{Case, Kind},
    play,
    report::{table, violations},
};

#[test]
fn a_job_starts_once_and_is_told_whole_whatever_is_cut_while_it_runs() {
    let cases: Vec<Case> =
        (0_usize..).zip(Kind::ALL).map(|(number, kind)| Case::of(number, kind, 3 + number as u64, 10)).collect();
    let played = play(&cases, cases.len(), Path::new(env!("CARGO_BIN_EXE_cut_child")), |_| {});
    let text = table(&played);
    assert_eq!(violations(&played), 0, "{text}\n{played:?}");
    // On a busy machine the time itself is no measure; that it came is.
    assert!(played.iter().all(|one| one.back_ms.is_some()), "{text}\n{played:?}");
}
