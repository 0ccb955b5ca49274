//! The site shows a version where the profile says.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};
use regex::Regex;

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct SiteVersion;

#[async_trait]
impl Check for SiteVersion {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::SiteVersion
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    /// A rollback ends on the facts of AWS, also while the site is down.
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let site = &subject.run.profile.site;
        if site.version_url.is_empty() {
            return Ok(Finding::unknown("The version on the site is not read", "The profile names no page for it."));
        }
        let answer = subject.reads.site(&site.version_url).await?;
        Ok(judge(&site.version_pattern, answer.status, &answer.body))
    }
}

fn judge(pattern: &str, status: u16, body: &str) -> Finding {
    let Ok(pattern) = Regex::new(pattern) else {
        return Finding::blocked("The pattern of the version on the site cannot be read", MEANING)
            .value("site.version_pattern");
    };
    if status >= 400 {
        return Finding::choose(
            format!("The page of the version answers with an error ({status})"),
            "The pattern of the version is not compared. A hotfix may be the way to mend the site.",
        )
        .instruct("Ask a developer why, before you start.");
    }
    match pattern.captures(body).and_then(|found| found.get(1)) {
        Some(version) => Finding::ready(format!("The site shows {}", version.as_str())),
        None => Finding::blocked("The page of the site shows no version that fits its pattern", MEANING)
            .value("site.version_pattern"),
    }
}

const MEANING: &str = "The release could not end: the app reads the new version there.";

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn the_pattern_has_to_find_a_version() {
        let state = |pattern: &str| judge(pattern, 200, "Rally 2.0.1.11-RELEASE").state;
        assert_eq!(state("Rally (\\S+)"), ReadinessState::Ready);
        for bad in ["Rally \\S+", "Version (\\S+)", "("] {
            assert_eq!(state(bad), ReadinessState::Blocked, "{bad}");
        }
        assert_eq!(
            judge("Rally (\\S+)", 503, "no server").state,
            ReadinessState::Choose,
            "a hotfix must stay possible"
        );
    }
}
