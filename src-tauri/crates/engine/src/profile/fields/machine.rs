//! The staging machine.

use greenlight_types::SetupGroup;

use super::{
    field::{Field, Form, Need, Set},
    forms::{line_or_none, template, word},
};

pub(in super::super) const FIELDS: [Field; 5] = [
    Field {
        key: "host.name",
        group: SetupGroup::Machine,
        label: "Name of the staging machine",
        why: "You see this name at Deploy. {version} is the version, such as 2.1.0.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.host.name.clone(),
        set: Set::By(|profile, value| template(value).map(|value| profile.host.name = value)),
    },
    Field {
        key: "host.address",
        group: SetupGroup::Machine,
        label: "Address",
        why: "Deploy proposes this address. You confirm it there, because a version may have a machine of its own.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.host.address.clone(),
        set: Set::By(|profile, value| word_or_none(value).map(|value| profile.host.address = value)),
    },
    Field {
        key: "host.user",
        group: SetupGroup::Machine,
        label: "User",
        why: "The app signs in to the machine as this user.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.host.user.clone(),
        set: Set::By(|profile, value| word(value).map(|value| profile.host.user = value)),
    },
    Field {
        key: "host.key_file",
        group: SetupGroup::Machine,
        label: "Key file",
        why: "Access proposes this file.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.host.key_file.clone(),
        set: Set::By(|profile, value| line_or_none(value).map(|value| profile.host.key_file = value)),
    },
    Field {
        key: "host.fingerprint",
        group: SetupGroup::Machine,
        label: "Fingerprint",
        why: "It proves that the machine is the right one. Ask the person who looks after the machine. Without it you compare at Deploy.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.host.fingerprint.clone(),
        set: Set::By(|profile, value| fingerprint(value).map(|value| profile.host.fingerprint = value)),
    },
];

fn word_or_none(value: &str) -> Result<String, &'static str> {
    if value.trim().is_empty() { Ok(String::new()) } else { word(value) }
}

/// A SHA-256 fingerprint as OpenSSH prints it: 43 characters of base64 without padding.
fn fingerprint(value: &str) -> Result<String, &'static str> {
    let value = line_or_none(value)?;
    let is_base64 =
        |text: &str| text.len() == 43 && text.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c));
    let is_right = value.is_empty() || value.strip_prefix("SHA256:").is_some_and(is_base64);
    is_right.then_some(value).ok_or("SHA256: and 43 characters, or nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_its_form_or_is_absent() {
        let good = format!("SHA256:{}", "a".repeat(43));
        assert_eq!(fingerprint(&format!(" {good} ")), Ok(good.clone()));
        assert_eq!(fingerprint(""), Ok(String::new()));
        for bad in ["SHA256:abc", "MD5:aa:bb", &good[7..], &format!("{good}=")] {
            assert!(fingerprint(bad).is_err(), "{bad}");
        }
    }
}
