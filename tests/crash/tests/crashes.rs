//! The short form of `make test-crash`, and a seeded defect that it must find.
#![cfg(target_os = "linux")]

use greenlight_crash::{
    child::{Tempo, WRITE_BEHIND},
    report::{Row, table},
    rows::Bench,
};

fn broken(rows: &[Row]) -> Vec<&str> {
    rows.iter().flat_map(|row| &row.violations).map(String::as_str).collect()
}

#[test]
fn a_killed_app_ends_its_release_and_breaks_no_rule() {
    let bench = Bench::set_up().expect("the app and the shim");
    let calm = bench.calm(0).expect("a release that nobody disturbs");
    // 11 is no multiple of the points per call, so the sample contains most kinds of points. The
    // first point of each other kind is added.
    let all = calm.cases();
    let mut points: Vec<_> = all.iter().step_by(11).cloned().collect();
    for case in &all {
        if points.iter().all(|(_, point)| point.moment != case.1.moment) {
            points.push(case.clone());
        }
    }
    let files: Vec<u32> = (1..=calm.file_calls).step_by(23).collect();
    let mut rows = bench.at_points(&points, "");
    rows.extend(bench.at_file_calls(&files));
    rows.extend([bench.anywhere(Tempo::Exact, 20), bench.anywhere(Tempo::Busy, 20)]);
    assert!(rows.iter().all(Row::is_kept), "{}", table(&rows));
}

#[test]
fn detects_an_app_that_acts_before_its_append() {
    let bench = Bench::set_up().expect("the app and the shim");
    let calm = bench.calm(0).expect("a release that nobody disturbs");
    let points: Vec<_> = calm.cases().into_iter().skip(200).step_by(97).take(2).collect();
    let rows = bench.at_points(&points, WRITE_BEHIND);
    assert!(broken(&rows).iter().any(|words| words.contains("INV-J1")), "{}", table(&rows));
}
