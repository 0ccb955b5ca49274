//! Tests of the editor: every other byte stays equal, and an unclear file is refused.

use proptest::prelude::*;

use super::*;

const NEW: &str = "2.1.0.0-RELEASE";

fn changed(before: &[u8]) -> Vec<u8> {
    set(before, "version", NEW).expect("a change").bytes
}

#[test]
fn only_the_value_changes_whatever_the_separator_and_the_line_ends() {
    for (before, after) in [
        (&b"version=2.0.1.11-RELEASE\n"[..], &b"version=2.1.0.0-RELEASE\n"[..]),
        (b"version = 2.0\r\nname=x\r\n", b"version = 2.1.0.0-RELEASE\r\nname=x\r\n"),
        (b"# version=1\n  version:\t2.0", b"# version=1\n  version:\t2.1.0.0-RELEASE"),
        (b"a=1\rversion 2.0\rb=2", b"a=1\rversion 2.1.0.0-RELEASE\rb=2"),
        (b"!c\nname=Caf\xe9\nversion=1\nlast=\xff", b"!c\nname=Caf\xe9\nversion=2.1.0.0-RELEASE\nlast=\xff"),
        (b"version=\n", b"version=2.1.0.0-RELEASE\n"),
        (b"version\n", b"version=2.1.0.0-RELEASE\n"),
        (b"version", b"version=2.1.0.0-RELEASE"),
        (b"a=one \\\n  version=2\nversion=1", b"a=one \\\n  version=2\nversion=2.1.0.0-RELEASE"),
        (b"a=one\\\\\nversion=1", b"a=one\\\\\nversion=2.1.0.0-RELEASE"),
        (b"#c\\\nversion=1", b"#c\\\nversion=2.1.0.0-RELEASE"),
        (b"versio\\u006e=1", b"versio\\u006e=2.1.0.0-RELEASE"),
        (b"\xef\xbb\xbfversion=1\nname=x\n", b"\xef\xbb\xbfversion=2.1.0.0-RELEASE\nname=x\n"),
        (b"\xef\xbb\xbf# c\r\nversion=1", b"\xef\xbb\xbf# c\r\nversion=2.1.0.0-RELEASE"),
        (b"\xef\xbb\xbfversion", b"\xef\xbb\xbfversion=2.1.0.0-RELEASE"),
        (b"version.other=9\nversion=1\nmy.version=8", b"version.other=9\nversion=2.1.0.0-RELEASE\nmy.version=8"),
    ] {
        assert_eq!(changed(before), after, "{}", String::from_utf8_lossy(before));
    }
}

#[test]
fn reports_the_line_and_the_previous_value() {
    let edit = set(b"# c\r\n\r\nversion=2.0.1.11-RELEASE\r\n", "version", NEW).expect("a change");
    assert_eq!((edit.line, edit.previous.as_str(), edit.is_changed), (3, "2.0.1.11-RELEASE", true));
}

#[test]
fn an_equal_value_written_with_escapes_changes_nothing() {
    let before = b"version=2.1.0.0\\-RELEASE\n";
    let edit = set(before, "version", NEW).expect("no change");
    assert_eq!((edit.bytes.as_slice(), edit.is_changed), (&before[..], false));
}

#[test]
fn refuses_an_unclear_file_with_the_reason() {
    for (file, reason) in [
        (&b"name=x\n#version=1\n"[..], "not in the file"),
        (b"version=1\nversion: 2\n", "2 times, on lines 1, 2"),
        (b"version=1\\\n  2\n", "over several lines"),
        (b"", "not in the file"),
    ] {
        let problem = set(file, "version", NEW).expect_err(reason).to_string();
        assert!(problem.contains(reason), "{problem}");
    }
    for value in ["", "two words", "line\nbreak", "back\\slash", "caf\u{e9}"] {
        assert!(matches!(set(b"version=1", "version", value), Err(PropertiesProblem::BadValue { .. })), "{value:?}");
    }
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let key = prop::collection::vec(any::<u8>().prop_filter("no line end", |b| !b"\r\n\\".contains(b)), 0..12);
    key.prop_filter("not the key", |line| !String::from_utf8_lossy(line).contains("version"))
}

proptest! {
    #[test]
    fn every_other_byte_stays_equal(
        before in prop::collection::vec(line(), 0..5),
        after in prop::collection::vec(line(), 0..5),
        end in prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..]), Just(&b"\r"[..])],
        separator in prop_oneof![Just("="), Just(" = "), Just(":"), Just("\t"), Just(" : ")],
        old in "[0-9.]{0,8}",
    ) {
        let mut head = before.join(end);
        if !before.is_empty() { head.extend_from_slice(end); }
        head.extend_from_slice(format!("version{separator}").as_bytes());
        let mut tail = Vec::new();
        for line in &after { tail.extend_from_slice(end); tail.extend_from_slice(line); }
        let file = [head.clone(), old.as_bytes().to_vec(), tail.clone()].concat();
        let edit = set(&file, "version", NEW).expect("a change");
        prop_assert_eq!(&edit.bytes, &[head, NEW.as_bytes().to_vec(), tail].concat());
        prop_assert_eq!(edit.previous, old);
        prop_assert_eq!(get(&edit.bytes, "version").expect("the value"), NEW);
        let again = set(&edit.bytes, "version", NEW).expect("again");
        prop_assert!(!again.is_changed && again.bytes == edit.bytes);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = set(&bytes, "version", NEW);
        let _ = get(&bytes, "");
    }
}
