//! Compares the engine's views at named moments of the golden journals with their files. The page's
//! tests show these views.
//!
//! `ui/src/platform/moments.json` lists the moments. Each one has a file in the folder beside it.
//! `ui/src/platform/samples.ts` puts the view together again.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use greenlight_engine::{fold, options};
use greenlight_types::Event;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

const WRITE: &str = "GREENLIGHT_WRITE_MOMENTS";
const COMMAND: &str = "GREENLIGHT_WRITE_MOMENTS=1 cargo test --workspace --test golden moments";

/// One entry of the list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Moment {
    name: String,
    /// Name of the golden journal.
    golden: String,
    /// Fields of the last event that is taken. Without them the whole journal is taken.
    #[serde(default)]
    up_to: Option<Map<String, Value>>,
    /// Bodies of events that follow. Each has the time and the person of the event before it.
    #[serde(default)]
    extra: Vec<Value>,
}

/// A golden journal as its file has it.
#[derive(Deserialize)]
struct Golden {
    events: Vec<Value>,
    view: Map<String, Value>,
}

fn platform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/platform")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn moments() -> Vec<Moment> {
    read(&platform().join("moments.json"))
}

/// The content of a moment's file.
fn fixture(moment: &Moment) -> Value {
    let golden: Golden =
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/fold").join(format!("{}.json", moment.golden)));
    let cut = golden.events.iter().position(|event| match &moment.up_to {
        Some(fields) => fields.iter().all(|(name, value)| event["body"].get(name) == Some(value)),
        None => false,
    });
    assert_eq!(cut.is_some(), moment.up_to.is_some(), "{}: the journal has no such event", moment.name);
    let taken = cut.map_or(golden.events.len(), |at| at + 1);
    let mut events = golden.events[..taken].to_vec();
    for body in &moment.extra {
        let mut event = events.last().expect("an event before it").clone();
        event["seq"] = json!(events.len() + 1);
        event["body"] = body.clone();
        events.push(event);
    }
    let events: Vec<Event> = events
        .into_iter()
        .map(|event| serde_json::from_value(event).unwrap_or_else(|error| panic!("{}: {error}", moment.name)))
        .collect();
    let mut view = fold::fold(&events).unwrap_or_else(|failure| panic!("{}: {failure}", moment.name));
    options::fill(&mut view);
    let Value::Object(view) = json!(view) else { panic!("a view is an object") };
    json!({
        "golden": moment.golden,
        "seq": taken,
        "extra": events[taken..],
        "view": without_repetition(view, &golden.view),
    })
}

/// Removes each field, step definition and step plan that is equal in the golden file's view.
fn without_repetition(view: Map<String, Value>, golden: &Map<String, Value>) -> Map<String, Value> {
    for name in golden.keys() {
        assert!(view.contains_key(name), "the page would show {name} of the golden journal");
    }
    let mut kept: Map<String, Value> =
        view.into_iter().filter(|(name, value)| name == "steps" || golden.get(name) != Some(value)).collect();
    let steps = kept["steps"].as_array_mut().expect("steps").iter_mut();
    for (step, golden) in steps.zip(golden["steps"].as_array().expect("steps")) {
        let step = step.as_object_mut().expect("a step");
        for name in ["definition", "plan"] {
            if golden.get(name).cloned().map(with_current_names).as_ref() == step.get(name) {
                step.remove(name);
            }
        }
    }
    kept
}

/// Renames the fields of a plan that earlier versions wrote, as `ui/src/platform/samples.ts` does.
fn with_current_names(mut plan: Value) -> Value {
    if let Some(plan) = plan.as_object_mut()
        && let Some(gates) = plan.remove("gates")
    {
        plan.insert("preconditions".to_owned(), gates);
    }
    plan
}

#[test]
fn page_moments_are_what_the_engine_computes() {
    let is_writing = std::env::var_os(WRITE).is_some();
    let moments = moments();
    for moment in &moments {
        let path = platform().join("moments").join(format!("{}.json", moment.name));
        let fresh = fixture(moment);
        if is_writing {
            let text = serde_json::to_string_pretty(&fresh).expect("JSON");
            fs::write(&path, text + "\n").expect("the file is written");
        }
        let kept = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
        assert!(kept.as_ref() == Some(&fresh), "{} is missing or old: run {COMMAND}", path.display());
    }
    let listed: BTreeSet<String> = moments.iter().map(|moment| format!("{}.json", moment.name)).collect();
    assert_eq!(listed.len(), moments.len(), "moments.json has a name twice");
    let files = fs::read_dir(platform().join("moments")).expect("the folder");
    let found: BTreeSet<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, listed, "delete the files that moments.json does not list");
}
