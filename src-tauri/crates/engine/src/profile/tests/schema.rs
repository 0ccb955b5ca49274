//! The JSON Schema of a profile file, made from the raw types. It describes the shape of the file.
//! The rules for the values are in `check.rs`.

use std::{collections::BTreeMap, path::Path};

use greenlight_types::StepId;
use serde_json::{Map, Value, json};

use super::super::{
    BUILT_IN,
    file_keys::FIELDS,
    raw::{Checks, RawCheck, RawProfile},
};

const COMMAND: &str = "GREENLIGHT_WRITE_SCHEMA=1 cargo test -p greenlight-engine schema";

/// The shape of a type of the file.
pub(in super::super) trait Shape {
    /// Whether a key of this type may be absent.
    const MAY_BE_ABSENT: bool = false;
    fn shape() -> Value;
}

/// One key of a table.
pub(in super::super) struct Key {
    name: &'static str,
    shape: Value,
    may_be_absent: bool,
}

impl Key {
    pub(in super::super) fn new<T: Shape>(name: &'static str, attributes: &'static str) -> Self {
        let may_be_absent = T::MAY_BE_ABSENT || attributes.contains("default");
        Self { name, shape: T::shape(), may_be_absent }
    }
}

pub(in super::super) fn table<const N: usize>(keys: [Key; N]) -> Value {
    let required: Vec<&str> = keys.iter().filter(|key| !key.may_be_absent).map(|key| key.name).collect();
    let properties: Map<String, Value> = keys.into_iter().map(|key| (key.name.to_owned(), key.shape)).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

impl Shape for String {
    fn shape() -> Value {
        json!({ "type": "string" })
    }
}

impl Shape for bool {
    fn shape() -> Value {
        json!({ "type": "boolean" })
    }
}

impl Shape for u16 {
    fn shape() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": Self::MAX })
    }
}

impl Shape for u32 {
    fn shape() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": Self::MAX })
    }
}

impl Shape for (u32, u32) {
    fn shape() -> Value {
        let number = u32::shape();
        json!({ "type": "array", "minItems": 2, "maxItems": 2, "items": number })
    }
}

impl<T: Shape> Shape for Option<T> {
    const MAY_BE_ABSENT: bool = true;
    fn shape() -> Value {
        T::shape()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn shape() -> Value {
        json!({ "type": "array", "items": T::shape() })
    }
}

impl Shape for Checks {
    fn shape() -> Value {
        Vec::<RawCheck>::shape()
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn shape() -> Value {
        json!({ "type": "object", "additionalProperties": T::shape() })
    }
}

impl<T: Shape> Shape for BTreeMap<StepId, T> {
    fn shape() -> Value {
        let steps: Map<String, Value> =
            StepId::ALL.iter().chain(&StepId::OPTIONAL).map(|step| (step.name().to_owned(), T::shape())).collect();
        json!({ "type": "object", "additionalProperties": false, "properties": steps })
    }
}

/// The part of a schema that describes a dotted key.
fn part<'a>(schema: &'a mut Value, key: &str) -> Option<&'a mut Map<String, Value>> {
    let found = key.split('.').try_fold(schema, |table, name| table.get_mut("properties")?.get_mut(name))?;
    found.as_object_mut()
}

fn schema() -> Value {
    let mut schema = RawProfile::shape();
    for field in &FIELDS {
        let found = part(&mut schema, field.key).unwrap_or_else(|| panic!("the raw types have no {}", field.key));
        found.insert("description".to_owned(), field.label.into());
    }
    let whole = schema.as_object_mut().expect("a table");
    whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    whole.insert("title".to_owned(), "Profile of Greenlight".into());
    schema
}

/// Dotted names of the keys with a value, and of the maps.
fn keys(schema: &Value, before: &str, found: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object().filter(|_| !is_map_of_steps(schema)) else {
        found.push(before.to_owned());
        return;
    };
    for (name, inner) in properties {
        keys(inner, &if before.is_empty() { name.clone() } else { format!("{before}.{name}") }, found);
    }
}

fn is_map_of_steps(schema: &Value) -> bool {
    schema["properties"].get("BackUp").is_some()
}

fn docs(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs").join(name)
}

#[test]
fn the_published_schema_is_that_of_the_raw_types() {
    let file = docs("profile.schema.json");
    let fresh = schema();
    if std::env::var_os("GREENLIGHT_WRITE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&fresh).expect("a text") + "\n";
        std::fs::write(&file, text).expect("written");
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_default()).unwrap_or_default();
    assert!(kept == fresh, "run {COMMAND}");
}

#[test]
fn the_list_of_fields_has_every_key_of_the_raw_types() {
    let mut found = Vec::new();
    keys(&RawProfile::shape(), "", &mut found);
    found.sort_unstable();
    let mut listed: Vec<&str> = FIELDS.iter().map(|field| field.key).filter(|key| *key != "endpoints").collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn the_schema_accepts_the_keys_of_the_built_in_profile() {
    let schema = schema();
    let profile: toml::Table = toml::from_str(BUILT_IN).expect("TOML");
    for name in schema["required"].as_array().expect("names") {
        assert!(profile.contains_key(name.as_str().expect("a name")), "{name}");
    }
    for (section, value) in &profile {
        let Some(table) = value.as_table() else { continue };
        let described = &schema["properties"][section];
        for name in table.keys() {
            assert!(described["properties"].get(name).is_some(), "{section}.{name}");
        }
        for name in described["required"].as_array().into_iter().flatten() {
            assert!(table.contains_key(name.as_str().expect("a name")), "{section}.{name}");
        }
    }
}

#[test]
fn the_document_explains_every_key() {
    let text = std::fs::read_to_string(docs("profile.md")).expect("the document");
    for field in &FIELDS {
        assert!(text.contains(&format!("| `{}` |", field.key)), "docs/profile.md has no row for {}", field.key);
    }
}
