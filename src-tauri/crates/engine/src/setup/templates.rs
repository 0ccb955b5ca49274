//! Proposes templates of names, and patterns, from the names and texts that are there.

use std::cmp::Reverse;

use greenlight_types::{Candidate, Version};
use regex::Regex;

/// Most names that proposals are made from.
const NAMES_MAX: usize = 100;
/// Longest text before a version that goes into a pattern, in characters.
const CONTEXT_MAX: usize = 24;
/// Most proposals.
pub(super) const CANDIDATES_MAX: usize = 20;

/// Templates that the names follow, the one of most names first. `noun` is their kind: "labels".
pub(super) fn templates_of(names: &[String], noun: &str) -> Vec<Candidate> {
    let names = &names[..names.len().min(NAMES_MAX)];
    let mut templates: Vec<String> = Vec::new();
    for template in names.iter().flat_map(|name| spellings(name)) {
        if !templates.contains(&template) && templates.len() < NAMES_MAX {
            templates.push(template);
        }
    }
    let mut counted: Vec<(usize, String)> =
        templates.into_iter().map(|template| (count_followers(&template, names), template)).collect();
    // The order of the names decides between templates of as many names.
    counted.sort_by_key(|(count, _)| Reverse(*count));
    let best = counted.first().map(|(count, _)| *count);
    let is_alone = counted.iter().filter(|(count, _)| Some(*count) == best).count() == 1;
    let candidate = |(index, (count, value)): (usize, (usize, String))| Candidate {
        detail: format!("{count} of {} {noun} follow it", names.len()),
        is_recommended: index == 0 && is_alone,
        value,
    };
    counted.into_iter().take(CANDIDATES_MAX).enumerate().map(candidate).collect()
}

/// Number of names that follow a template.
pub(super) fn count_followers(template: &str, names: &[String]) -> usize {
    names.iter().filter(|name| Version::from_spelling(template, name).is_some()).count()
}

/// The templates that spell this name.
fn spellings(name: &str) -> Vec<String> {
    let Ok(version) = Regex::new(r"[0-9]+(?:[._][0-9]+){2,3}") else { return Vec::new() };
    let Some(seen) = version.find(name) else { return Vec::new() };
    let (before, after) = (&name[..seen.start()], &name[seen.end()..]);
    ["{version}", "{version4}", "{version4_}"]
        .into_iter()
        .map(|part| format!("{before}{part}{after}"))
        .filter(|template| Version::from_spelling(template, name).is_some())
        .collect()
}

/// A pattern for each text of a page that looks like a version: the text before it on its line, and
/// a group for the version.
pub(super) fn patterns_of(page: &str) -> Vec<Candidate> {
    let Ok(version) = Regex::new(r"[0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:-[A-Za-z0-9]+)?") else { return Vec::new() };
    let mut found = Vec::new();
    for seen in version.find_iter(page) {
        let line = page[..seen.start()].rsplit('\n').next().unwrap_or_default();
        let skipped = line.chars().count().saturating_sub(CONTEXT_MAX);
        let before: String = line.chars().skip(skipped).collect();
        let group = if seen.as_str().contains('-') { r"([0-9.]+-[A-Za-z0-9]+)" } else { r"([0-9.]+)" };
        let value = format!("{}{group}", regex::escape(&before));
        if found.iter().all(|known: &Candidate| known.value != value) {
            let detail = format!("finds {} on the page", seen.as_str());
            found.push(Candidate { value, detail, is_recommended: false });
        }
        if found.len() == CANDIDATES_MAX {
            break;
        }
    }
    if let [only] = found.as_mut_slice() {
        only.is_recommended = true;
    }
    found
}

/// Patterns of file names: each row of digits becomes `*`. `files` has the newest first.
pub(super) fn file_patterns_of(files: &[String]) -> Vec<Candidate> {
    let Ok(digits) = Regex::new(r"[0-9][0-9._:T-]*[0-9]|[0-9]") else { return Vec::new() };
    let mut found: Vec<Candidate> = Vec::new();
    for file in files.iter().filter(|file| !file.contains('\'')) {
        let value = digits.replace_all(file, "*").into_owned();
        if found.iter().all(|known| known.value != value) && found.len() < CANDIDATES_MAX {
            let is_recommended = found.is_empty() && value != *file;
            found.push(Candidate { value, detail: format!("the newest such file is {file}"), is_recommended });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(found: &[Candidate]) -> Vec<&str> {
        found.iter().map(|one| one.value.as_str()).collect()
    }

    #[test]
    fn the_template_of_most_names_is_recommended() {
        let names = ["RALLY-V2_0_1_11-RELEASE", "RALLY-V2_0_1_10-RELEASE", "latest", "cache-2_0_1_9"];
        let found = templates_of(&names.map(str::to_owned), "packages");
        assert_eq!(values(&found), ["RALLY-V{version4_}-RELEASE", "cache-{version4_}"]);
        assert!(found[0].is_recommended && !found[1].is_recommended);
        assert_eq!(found[0].detail, "2 of 4 packages follow it");
    }

    #[test]
    fn names_that_fit_two_templates_recommend_neither() {
        let found = templates_of(&["v2.0.1.11".to_owned()], "labels");
        assert_eq!(values(&found), ["v{version}", "v{version4}"]);
        assert!(found.iter().all(|one| !one.is_recommended));
        let told_apart = templates_of(&["v2.0.1.11".to_owned(), "v2.1.0".to_owned()], "labels");
        assert!(told_apart[0].is_recommended && told_apart[0].value == "v{version}");
    }

    #[test]
    fn names_without_a_version_and_many_names_have_limits() {
        assert_eq!(templates_of(&["latest".to_owned(), "2.1".to_owned()], "labels"), []);
        let many: Vec<String> = (0..5_000).map(|number| format!("x{number}-1.2.3")).collect();
        assert_eq!(templates_of(&many, "labels").len(), CANDIDATES_MAX);
    }

    #[test]
    fn a_proposed_pattern_finds_its_version_again() {
        for (page, version) in [
            ("Rally 2.0.1.11-RELEASE", "2.0.1.11-RELEASE"),
            (r#"{"name":"rally","version":"2.1.0"}"#, "2.1.0"),
            ("first line 1\nVersion (build): 2.1.0.0-RELEASE\n", "2.1.0.0-RELEASE"),
            ("2.1.0", "2.1.0"),
        ] {
            let made = patterns_of(page);
            let first = made.first().expect(page);
            let pattern = Regex::new(&first.value).expect("a pattern");
            let found = pattern.captures(page).and_then(|found| found.get(1)).expect("a group");
            assert_eq!(found.as_str(), version, "{}", first.value);
            assert!(first.detail.contains(version) && first.is_recommended);
        }
    }

    #[test]
    fn a_page_without_a_version_and_a_page_full_of_them_have_limits() {
        assert_eq!(patterns_of("no version here, only 2.1"), []);
        let full: String = (0..200).map(|number| format!("v{number} is 1.0.{number}\n")).collect();
        let found = patterns_of(&full);
        assert_eq!(found.len(), CANDIDATES_MAX);
        assert!(found.iter().all(|one| !one.is_recommended));
    }

    #[test]
    fn the_newest_file_becomes_the_recommended_pattern() {
        let files = ["rally-20261112-0310.dump", "rally-20261111-0310.dump", "notes.txt"].map(str::to_owned);
        let found = file_patterns_of(&files);
        assert_eq!(values(&found), ["rally-*.dump", "notes.txt"]);
        assert!(found[0].is_recommended && !found[1].is_recommended);
        assert_eq!(file_patterns_of(&["it's-1.dump".to_owned()]), []);
    }
}
