//! The forms that a typed value may have. Each parser returns the value, or describes the expected
//! form.

use std::collections::BTreeMap;

use super::super::value::{is_address, version_parts};

/// Most entries of a list.
const LINES_MAX: usize = 50;

pub(super) fn line(value: &str) -> Result<String, &'static str> {
    let value = value.trim();
    let is_right = !value.is_empty() && !value.chars().any(char::is_control);
    is_right.then(|| value.to_owned()).ok_or("a text on one line")
}

/// A text on one line, or none.
pub(super) fn line_or_none(value: &str) -> Result<String, &'static str> {
    if value.trim().is_empty() { Ok(String::new()) } else { line(value) }
}

pub(super) fn word(value: &str) -> Result<String, &'static str> {
    let value = line(value)?;
    let is_right = value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    is_right.then_some(value).ok_or("a name of letters, digits, dots, hyphens and underscores")
}

/// A text with one part that depends on the version.
pub(super) fn template(value: &str) -> Result<String, &'static str> {
    let value = line(value)?;
    let is_right = version_parts(&value) == Some(1);
    is_right.then_some(value).ok_or("exactly one of {version}, {version4} and {version4_}, and no other braces")
}

pub(super) fn absolute(value: &str) -> Result<String, &'static str> {
    let value = line(value)?;
    let is_right = value.starts_with('/') && !value.contains("/../");
    is_right.then_some(value).ok_or("an absolute path such as /opt/backup/files")
}

pub(super) fn address(value: &str) -> Result<String, &'static str> {
    let value = line(value)?;
    is_address(&value).then_some(value).ok_or("an address that starts with https://")
}

/// A whole number from 1 to `max`.
pub(super) fn number(value: &str, max: u32) -> Result<u32, &'static str> {
    let number = value.trim().parse().ok().filter(|number| (1..=max).contains(number));
    number.ok_or("a number such as 45")
}

/// The lines that are not empty, without their outer spaces.
pub(super) fn lines(value: &str) -> Result<Vec<String>, &'static str> {
    let lines: Vec<String> = value.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let is_right = lines.len() <= LINES_MAX && !lines.iter().any(|line| line.chars().any(char::is_control));
    is_right.then_some(lines).ok_or("at most fifty lines")
}

/// `NAME=value`, one a line. A name has letters, digits, underscores and hyphens.
pub(super) fn pairs(value: &str) -> Result<BTreeMap<String, String>, &'static str> {
    named_pairs(value, |name| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
}

/// `NAME=value`, one a line, with names that a POSIX shell takes for a variable.
pub(super) fn variables(value: &str) -> Result<BTreeMap<String, String>, &'static str> {
    named_pairs(value, |name| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
    })
}

fn named_pairs(value: &str, is_name: fn(&str) -> bool) -> Result<BTreeMap<String, String>, &'static str> {
    const EXPECTED: &str = "one NAME=value on each line, with a different name each";
    let mut pairs = BTreeMap::new();
    for line in lines(value)? {
        let (name, value) = line.split_once('=').ok_or(EXPECTED)?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty()
            || !is_name(name)
            || value.is_empty()
            || pairs.insert(name.to_owned(), value.to_owned()).is_some()
        {
            return Err(EXPECTED);
        }
    }
    Ok(pairs)
}

pub(super) fn pairs_text(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_they_are_written() {
        let read = pairs(" B = two \n\nA=1=1").expect("pairs");
        assert_eq!(pairs_text(&read), "A=1=1\nB=two");
        assert_eq!(pairs(&pairs_text(&read)), Ok(read));
        assert_eq!(pairs(""), Ok(BTreeMap::new()));
        for bad in ["A", "=1", "A=", "A=1\nA=2", "A b=1"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_variable_has_a_name_that_a_shell_takes() {
        assert!(variables("CONFIG=/x\n_a1=2").is_ok());
        for bad in ["CONFIG-FILE=/x", "1A=2", "A.B=1"] {
            assert!(variables(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lists_and_numbers_have_limits() {
        assert_eq!(lines(" a \n\nb").expect("lines"), ["a", "b"]);
        assert!(lines(&"a\n".repeat(LINES_MAX + 1)).is_err());
        assert_eq!((number("45", 100), number("0", 100).is_ok(), number("101", 100).is_ok()), (Ok(45), false, false));
    }

    #[test]
    fn a_template_has_the_version_once() {
        assert!(template("V{version4_}-RELEASE").is_ok());
        for bad in ["v2.1.0", "v{version}{version4}", "{other}{version}", ""] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }
}
