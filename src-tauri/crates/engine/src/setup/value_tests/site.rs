//! Tests the addresses of the site, and the pattern of its version.

use greenlight_types::{Profile, SiteProfile};
use regex::Regex;

use super::tested::{Tested, no_answer, not_checked, right, wrong};
use crate::ports::{PortResult, Ports, SiteAnswer};

const VERSION: [&str; 2] = ["site.version_url", "site.version_pattern"];
pub(super) const KEYS: [&str; 3] = ["site.url", "site.version_url", "site.version_pattern"];

pub(super) async fn test(ports: &Ports, profile: &Profile) -> Vec<Tested> {
    let site = &profile.site;
    let mut tested = of_address("site.url", ports.site.get(&site.url).await.as_ref().map_err(Clone::clone));
    if !site.version_url.is_empty() {
        tested.extend(of_version(site, ports.site.get(&site.version_url).await));
    }
    tested
}

fn of_address(key: &'static str, answer: PortResult<&SiteAnswer>) -> Vec<Tested> {
    match answer {
        Ok(answer) if answer.status < 400 => vec![right(key, format!("Answers in {} ms", answer.took_ms))],
        Ok(answer) => vec![wrong(key, format!("Answers with HTTP {}", answer.status))],
        Err(failure) => no_answer(&[key], "The site", &failure),
    }
}

fn of_version(site: &SiteProfile, answer: PortResult<SiteAnswer>) -> Vec<Tested> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return no_answer(&VERSION, "The site", &failure),
    };
    let mut tested = of_address(VERSION[0], Ok(&answer));
    if site.version_pattern.is_empty() {
        return tested;
    }
    if answer.status >= 400 {
        tested.extend(not_checked(&VERSION[1..], "The page does not answer"));
        return tested;
    }
    let found = Regex::new(&site.version_pattern).ok().and_then(|pattern| {
        let found = pattern.captures(&answer.body)?.get(1)?;
        Some(found.as_str().to_owned())
    });
    tested.push(match found {
        Some(version) => right(VERSION[1], format!("Says {version}")),
        None => wrong(VERSION[1], "Finds no version on the page"),
    });
    tested
}

#[cfg(test)]
mod tests {
    use greenlight_types::{
        ErrorCode, Failure,
        TestVerdict::{self, NotChecked, Right, Wrong},
    };

    use super::*;
    use crate::act::test_support::draft;

    #[test]
    fn address_and_pattern_are_tested_apart() {
        let verdicts = |pattern: &str, status| -> Vec<TestVerdict> {
            let site = SiteProfile { version_pattern: pattern.into(), ..draft().profile.site };
            let answer = SiteAnswer { status, body: "Version 2.0.1".into(), took_ms: 12 };
            of_version(&site, Ok(answer)).into_iter().map(|one| one.verdict).collect()
        };
        assert_eq!(verdicts("Version ([0-9.]+)", 200), [Right, Right]);
        assert_eq!(verdicts("Release ([0-9.]+)", 200), [Right, Wrong]);
        assert_eq!(verdicts("Version ([0-9.]+)", 404), [Wrong, NotChecked]);
        assert_eq!(verdicts("", 200), [Right]);
    }

    #[test]
    fn a_silent_site_is_not_wrong() {
        let silent = Err(Failure::new(ErrorCode::Unreachable, "ask the site"));
        let tested = of_version(&draft().profile.site, silent);
        assert!(tested.iter().all(|one| one.verdict == NotChecked && one.sentence == "The site did not answer"));
    }
}
