//! One cut of each kind in parallel, the short form of `make test-network-faults`.

use std::path::Path;

use greenlight_network_faults::{
    case::{Case, Kind},
    play,
    report::{table, violations},
};

#[test]
fn a_cut_job_starts_once_and_keeps_its_output() {
    let cases: Vec<Case> =
        (0_usize..).zip(Kind::ALL).map(|(number, kind)| Case::of(number, kind, 3 + number as u64, 10)).collect();
    let played = play(&cases, cases.len(), Path::new(env!("CARGO_BIN_EXE_network_child")), |_| {});
    let text = table(&played);
    assert_eq!(violations(&played), 0, "{text}\n{played:?}");
    // A busy machine may be late, so the test only requires that a time exists.
    assert!(played.iter().all(|one| one.back_ms.is_some()), "{text}\n{played:?}");
}
