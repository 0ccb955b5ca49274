//! Who reads what happened.

use serde_json::Value;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name: `INV-D2`.
    pub invariant: String,
    /// What happened.
    pub words: String,
}

/// Reads what happened, in order, and says what must not have.
pub trait Judge: Send {
    /// An event became durable.
    fn event(&mut self, event: &Value);
    /// The World wrote something down.
    fn request(&mut self, entry: &Value);
    /// The screen shows this.
    fn shown(&mut self, shown: &Value);
    /// The release is over.
    fn end(&mut self, end: &Value);
    /// Broken rules so far.
    fn violations(&self) -> Vec<Violation>;
}

/// The rules that are read so far: a migration starts at most once (INV-D2), the app never moves a tag and never forces
/// (INV-G3), nothing is shown before it is durable (INV-J4), the record has no gap (INV-J5). It knows the formats and
/// nothing of the engine. The other invariants are not read here.
#[derive(Debug, Default)]
pub struct FirstRules {
    newest: u64,
    migrations: u32,
    found: Vec<Violation>,
}

impl FirstRules {
    fn find(&mut self, invariant: &str, words: String) {
        self.found.push(Violation { invariant: invariant.to_owned(), words });
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

impl Judge for FirstRules {
    fn event(&mut self, event: &Value) {
        let seq = event.get("seq").and_then(Value::as_u64).unwrap_or_default();
        if seq != self.newest + 1 {
            self.find("INV-J5", format!("event {seq} follows event {}", self.newest));
        }
        self.newest = seq;
    }

    fn request(&mut self, entry: &Value) {
        match text(entry, "/op/kind") {
            "payloadStarted" if text(entry, "/op/work") == "migration" => {
                self.migrations += 1;
                if self.migrations > 1 {
                    let job = text(entry, "/op/job").to_owned();
                    self.find("INV-D2", format!("{job} is start {} of the migration", self.migrations));
                }
            }
            "pushRef" if text(entry, "/actor") == "app" => {
                let name = text(entry, "/op/name").to_owned();
                let moves_tag = name.starts_with("refs/tags/") && entry.pointer("/op/expected") != Some(&Value::Null);
                if moves_tag || entry.pointer("/op/forced") != Some(&Value::Bool(false)) {
                    self.find("INV-G3", format!("{name} was to be moved"));
                }
            }
            _ => {}
        }
    }

    fn shown(&mut self, shown: &Value) {
        let seq = shown.get("seq").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if seq > self.newest {
            self.find("INV-J4", format!("{seq} is shown and {} is durable", self.newest));
        }
    }

    fn end(&mut self, _end: &Value) {}

    fn violations(&self) -> Vec<Violation> {
        self.found.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(read: impl FnOnce(&mut FirstRules)) -> Vec<String> {
        let mut rules = FirstRules::default();
        read(&mut rules);
        rules.violations().into_iter().map(|violation| violation.invariant).collect()
    }

    #[test]
    fn a_second_start_of_the_migration_is_found() {
        let start = json!({ "actor": "host", "op": { "kind": "payloadStarted", "job": "j", "work": "migration" } });
        assert!(found(|rules| rules.request(&start)).is_empty());
        let twice = found(|rules| {
            rules.request(&start);
            rules.request(&start);
        });
        assert_eq!(twice, ["INV-D2"]);
    }

    #[test]
    fn a_tag_that_was_to_be_moved_is_found_also_when_it_was_refused() {
        let push = |expected: Value| {
            json!({ "actor": "app", "applied": false,
                    "op": { "kind": "pushRef", "name": "refs/tags/v2.1.0", "expected": expected, "forced": false } })
        };
        assert!(found(|rules| rules.request(&push(Value::Null))).is_empty());
        assert_eq!(found(|rules| rules.request(&push(json!("a")))), ["INV-G3"]);
    }

    #[test]
    fn a_gap_in_the_record_and_a_screen_ahead_of_it_are_found() {
        assert_eq!(found(|rules| rules.event(&json!({ "seq": 2 }))), ["INV-J5"]);
        let ahead = found(|rules| {
            rules.event(&json!({ "seq": 1 }));
            rules.shown(&json!({ "seq": 2 }));
        });
        assert_eq!(ahead, ["INV-J4"]);
    }
}
