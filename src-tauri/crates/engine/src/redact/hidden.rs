//! Hides plain secrets of a task definition in plans, questions and differences. The hash lets two
//! values be compared and a changed value be seen.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::shapes;

/// Parts of the name of an environment variable whose value is a secret.
const NAMES: [&str; 7] = ["password", "passwd", "passphrase", "secret", "token", "key", "credential"];
/// Bytes of the hash that are shown: enough to see a change, too few to be sure of a guess.
const SHOWN: usize = 4;

/// Whether a name says that its value is a secret.
#[must_use]
pub fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

/// A task definition whose secret environment values are replaced by `[hidden sha256:…]`. Depends
/// on the definition alone, so that two hidings of one definition are equal.
#[must_use]
pub fn hidden(definition: &Value) -> Value {
    let mut hidden = definition.clone();
    let containers = hidden.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for entry in containers.into_iter().flatten().filter_map(|one| one.get_mut("environment")?.as_array_mut()).flatten()
    {
        let is_named = entry.get("name").and_then(Value::as_str).is_some_and(names_secret);
        let Some(value) = entry.get_mut("value") else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut found = Vec::new();
        shapes::find(text.as_bytes(), &mut found);
        if is_named || !found.is_empty() {
            *value = Value::String(placeholder(&text));
        }
    }
    hidden
}

fn placeholder(value: &str) -> String {
    let hash = Sha256::digest(value.as_bytes());
    let shown: String = hash.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    format!("[hidden sha256:{shown}]")
}
