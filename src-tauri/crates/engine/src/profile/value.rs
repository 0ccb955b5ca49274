//! Forms that a value of a profile may have.

use regex::Regex;

use crate::loopback::is_loopback;

/// Number of version parts in a template. `None` when it has other braces.
pub(super) fn version_parts(template: &str) -> Option<usize> {
    let count = ["{version}", "{version4}", "{version4_}"].iter().map(|part| template.matches(part).count()).sum();
    let rest = template.replace("{version4_}", "").replace("{version4}", "").replace("{version}", "");
    (!rest.contains(['{', '}'])).then_some(count)
}

/// Accepts https to any host, and plain http only to loopback. Refuses a user name or password.
pub(super) fn is_address(text: &str) -> bool {
    let (is_tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return false,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_plain = !text.contains(char::is_whitespace) && !authority.contains('@') && !host.is_empty();
    is_plain && (is_tls || is_loopback(host))
}

/// A pattern whose first group is the version.
pub(super) fn is_version_pattern(pattern: &str) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.captures_len() >= 2)
}
