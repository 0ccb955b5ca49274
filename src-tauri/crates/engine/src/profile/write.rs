//! Writes a profile as an ordinary profile file, which [`parse`](super::parse) reads back to the
//! same profile.

use std::fmt::Write as _;

use greenlight_types::Profile;

use super::file_keys::{FIELDS, Field, Value};

const HEAD: &str = "# A profile of Greenlight: the names and limits of one product and environment. An empty
# text is a value that a person has to enter. docs/profile.md of Greenlight explains each key.
";

/// The profile as TOML, with a comment for each key.
#[must_use]
pub fn to_toml(profile: &Profile) -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for field in &FIELDS {
        let Some(lines) = lines(field, &(field.get)(profile)) else { continue };
        let (parent, is_table) = match &lines {
            Lines::Value(_) => (field.key.rsplit_once('.').map_or("", |(parent, _)| parent), false),
            Lines::Table(_) => (field.key, true),
        };
        let (Lines::Value(body) | Lines::Table(body)) = lines;
        if is_table {
            push(&mut text, format_args!("\n# {}\n[{parent}]\n{body}", field.label));
        } else {
            if parent != section {
                push(&mut text, format_args!("\n[{parent}]\n"));
            }
            push(&mut text, format_args!("# {}\n{body}", field.label));
        }
        section = parent;
    }
    text
}

/// The lines of one key.
enum Lines {
    /// A key with its value.
    Value(String),
    /// The rows of a section of its own.
    Table(String),
}

/// `None` when the profile does not have the key.
fn lines(field: &Field, value: &Value<'_>) -> Option<Lines> {
    let name = field.key.rsplit('.').next().unwrap_or(field.key);
    let one = |value: String| Some(Lines::Value(format!("{name} = {value}\n")));
    match value {
        Value::Text(text) => one(quoted(text)),
        Value::Number(number) => one(number.to_string()),
        Value::Flag(flag) => one(flag.to_string()),
        Value::MaybeText(text) => text.and_then(|text| one(quoted(text))),
        Value::MaybeNumber(number) => number.and_then(|number| one(number.to_string())),
        Value::Section(is_there) => is_there.then(|| Lines::Table(String::new())),
        Value::Texts(texts) => one(list(texts.iter().map(|text| quoted(text)))),
        Value::Checks(checks) => one(list(
            checks.iter().map(|check| format!("{{ id = {}, text = {} }}", quoted(&check.id), quoted(&check.text))),
        )),
        Value::Map(map) => table(map.iter().map(|(key, value)| (key.as_str(), quoted(value)))),
        Value::People(people) => table(people.iter().map(|(step, person)| (step.name(), quoted(person)))),
        Value::Minutes(minutes) => {
            table(minutes.iter().map(|(step, (low, high))| (step.name(), format!("[{low}, {high}]"))))
        }
    }
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, String)>) -> Option<Lines> {
    Some(Lines::Table(rows.map(|(key, value)| format!("{} = {value}\n", bare_or_quoted(key))).collect()))
}

fn list(rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.map(|row| format!("  {row},\n")).collect();
    if rows.is_empty() { "[]".to_owned() } else { format!("[\n{rows}]") }
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string of TOML 1.0: on one line, with every control character escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if character.is_control() => push(&mut quoted, format_args!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a text does not fail.
    let _ = text.write_fmt(part);
}
