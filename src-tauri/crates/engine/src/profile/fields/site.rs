//! The site and its checks.

use greenlight_types::{SetupGroup, SiteCheck};

use super::{
    super::value::is_version_pattern,
    field::{Field, Form, Need, Set},
    forms::{address, line, lines},
};

pub(in super::super) const FIELDS: [Field; 4] = [
    Field {
        key: "site.url",
        group: SetupGroup::Site,
        label: "Address of the site",
        why: "People use the product there.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.site.url.clone(),
        set: Set::By(|profile, value| address(value).map(|value| profile.site.url = value)),
    },
    Field {
        key: "site.version_url",
        group: SetupGroup::Site,
        label: "Address that shows the version of the site",
        why: "The runbook gives only the address of the site itself.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.site.version_url.clone(),
        set: Set::By(|profile, value| address(value).map(|value| profile.site.version_url = value)),
    },
    Field {
        key: "site.version_pattern",
        group: SetupGroup::Site,
        label: "Pattern that finds the version on that page",
        why: "The runbook does not say how the site shows its version.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.site.version_pattern.clone(),
        set: Set::By(|profile, value| {
            let value = line(value)?;
            if !is_version_pattern(&value) {
                return Err("a regular expression with a group for the version, such as \"version\":\"([^\"]+)\"");
            }
            profile.site.version_pattern = value;
            Ok(())
        }),
    },
    Field {
        key: "site.checks",
        group: SetupGroup::Site,
        label: "What a person checks on the site",
        why: "The runbook says \u{201c}perform sanity checks\u{201d} and lists none.",
        form: Form::Lines,
        need: Need::Release,
        get: |profile| profile.site.checks.iter().map(|check| check.text.as_str()).collect::<Vec<_>>().join("\n"),
        set: Set::By(|profile, value| checks(value).map(|checks| profile.site.checks = checks)),
    },
];

fn checks(value: &str) -> Result<Vec<SiteCheck>, &'static str> {
    let checks: Vec<SiteCheck> = lines(value)?
        .into_iter()
        .zip(1..)
        .map(|(text, number)| SiteCheck { id: format!("check-{number}"), text })
        .collect();
    if checks.is_empty() { Err("one to fifty checks, one on each line") } else { Ok(checks) }
}
