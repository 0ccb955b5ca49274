//! The table of kills and violations.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::release::Played;

/// Largest number of violations of a row that are printed.
const TOLD_MAX: usize = 10;

/// One row of the table.
#[derive(Default)]
pub struct Row {
    /// Place of the kills.
    pub name: String,
    /// Number of points and of reached points, or `None` for random moments.
    pub points: Option<(usize, usize)>,
    /// Number of kills.
    pub kills: usize,
    /// Number of releases.
    pub releases: usize,
    /// Number of app processes.
    pub starts: u32,
    /// Releases with the result `released`.
    pub released: usize,
    /// Releases that the operator stopped.
    pub stopped: usize,
    /// Broken rules and other violations.
    pub violations: Vec<String>,
    /// Kills by newest step, for random moments.
    pub places: BTreeMap<String, usize>,
}

impl Row {
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a release.
    pub fn count(&mut self, what: &str, played: &Played) {
        self.kills += played.kills.len();
        for place in &played.places {
            *self.places.entry(place.clone()).or_default() += 1;
        }
        self.releases += 1;
        self.starts += played.starts;
        let result = played.ending.as_ref().map(|(result, _)| result.as_str());
        self.released += usize::from(result == Some("released"));
        self.stopped += usize::from(result == Some("stopped"));
        self.violations.extend(played.violations.iter().map(|words| format!("{what}: {words}")));
    }

    /// Whether the row has kills, no violation and no unreached point.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.violations.is_empty() && self.kills > 0 && self.points.is_none_or(|(all, reached)| all == reached)
    }
}

/// The table and the violations of its rows.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<42} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10}\n",
        "SIGKILL", "points", "reached", "kills", "releases", "starts", "released", "stopped", "violations"
    );
    for row in rows {
        let shown = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "{:<42} {:>7} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10}",
            row.name,
            shown(row.points.map(|(all, _)| all)),
            shown(row.points.map(|(_, reached)| reached)),
            row.kills,
            row.releases,
            row.starts,
            row.released,
            row.stopped,
            row.violations.len()
        );
        if row.points.is_none() {
            let places: Vec<String> = row.places.iter().map(|(place, kills)| format!("{place} {kills}")).collect();
            let _ = writeln!(text, "    newest step: {}", places.join(", "));
        }
        for words in row.violations.iter().take(TOLD_MAX) {
            let _ = writeln!(text, "    {words}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(points: Option<(usize, usize)>, kills: usize, violations: &[&str]) -> Row {
        let violations = violations.iter().map(|&words| words.to_owned()).collect();
        Row { points, kills, violations, ..Row::new("a row") }
    }

    #[test]
    fn an_empty_or_unreached_row_is_no_proof() {
        assert!(row(None, 3, &[]).is_kept() && row(Some((3, 3)), 3, &[]).is_kept());
        assert!(!row(None, 0, &[]).is_kept());
        assert!(!row(Some((3, 2)), 2, &[]).is_kept());
        assert!(!row(Some((3, 3)), 3, &["INV-D2"]).is_kept());
        assert!(table(&[row(Some((3, 3)), 3, &["INV-D2"])]).contains("INV-D2"));
    }
}
