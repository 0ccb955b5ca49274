//! INV-S3: no event of the journal holds a secret: neither one of the app, nor the value of a
//! secret environment entry of a task definition.

use serde_json::Value;

use crate::{
    Found,
    known::Known,
    records::{Entry, Op, Step},
};

/// Parts of the name of an environment entry whose value is a secret.
const NAMES: [&str; 7] = ["password", "passwd", "passphrase", "secret", "token", "key", "credential"];

/// An event as it is in the journal.
pub fn event(known: &Known, event: &Value, found: &mut Found) {
    if !known.secrets.is_empty() && holds(event, &known.secrets) {
        let kind = event.pointer("/body/kind").and_then(Value::as_str).unwrap_or_default();
        found.add("INV-S3", format!("event {} ({kind}) holds a secret", event["seq"]));
    }
}

/// A registration shows the real values; its plan must not hold one.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    let Op::RegisterTaskDefinition { body, .. } = &entry.op else { return };
    let planned = known.attempt(Step::RegisterTaskDefinition).map(|attempt| attempt.plan.input("body"));
    for value in secret_values(body) {
        if planned.is_some_and(|planned| planned.contains(value)) {
            found.add("INV-S3", "the plan of the start-up settings holds a secret environment value");
        }
    }
}

/// Values of the environment entries whose names say that they are secret.
fn secret_values(body: &Value) -> impl Iterator<Item = &str> {
    let containers = body.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten();
    let entries = containers.filter_map(|one| one.get("environment")?.as_array()).flatten();
    entries.filter_map(|entry| {
        let name = entry.get("name")?.as_str()?.to_lowercase();
        let value = entry.get("value")?.as_str()?;
        (!value.is_empty() && NAMES.iter().any(|part| name.contains(part))).then_some(value)
    })
}

fn holds(value: &Value, secrets: &[String]) -> bool {
    match value {
        Value::String(text) => secrets.iter().any(|secret| text.contains(secret.as_str())),
        Value::Array(all) => all.iter().any(|one| holds(one, secrets)),
        Value::Object(all) => all
            .iter()
            .any(|(name, one)| secrets.iter().any(|secret| name.contains(secret.as_str())) || holds(one, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
