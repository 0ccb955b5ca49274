//! The file of a GitHub workflow, as far as a release depends on it
//! (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>).
//!
//! The file comes from outside. Its size, its depth and its aliases have limits, and an unknown
//! member is ignored.

use std::collections::BTreeMap;

use regex::RegexBuilder;
use serde_json::Value;

/// Largest file that is read, in bytes. GitHub's own limit is 512 KiB.
const FILE_MAX: usize = 512 * 1024;
/// Most nodes of a file, with those that its aliases repeat.
const NODES_MAX: usize = 50_000;
/// Deepest nesting of a file. The syntax of GitHub needs less than ten levels.
const DEPTH_MAX: usize = 64;
/// Most repeats of anchors.
const ALIASES_MAX: usize = 1_000;
/// Most events that are named.
const EVENTS_MAX: usize = 10;
/// Longest pattern of a filter, in bytes.
const PATTERN_MAX: usize = 300;
/// Most memory of one compiled pattern, in bytes.
const PATTERN_MEMORY_MAX: usize = 256 * 1024;

/// The workflow file on a branch or at a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WorkflowFile {
    /// The branch is not on the remote.
    NoBranch,
    /// The commit does not have the file.
    Missing,
    /// The file is no workflow that the app can read: the reason.
    Unreadable(String),
    Read(WorkflowText),
}

/// The parts of a workflow that a release depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkflowText {
    /// Inputs of `workflow_dispatch`. `None` when the workflow cannot be started by hand.
    pub inputs: Option<BTreeMap<String, Input>>,
    /// Filter of `push`. `None` when a push does not start the workflow.
    pub push: Option<PushFilter>,
    /// Names of the other events that start the workflow.
    pub other_events: Vec<String>,
    /// Concurrency of the workflow and of its jobs.
    pub concurrency: Vec<Concurrency>,
    pub jobs: Vec<Job>,
}

/// An input of `workflow_dispatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub is_required: bool,
    pub has_default: bool,
    /// Allowed values of an input of the type `choice`.
    pub options: Option<Vec<String>>,
}

/// Filters of `push`. An absent list does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PushFilter {
    branches: Option<Vec<String>>,
    branches_ignore: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    tags_ignore: Option<Vec<String>>,
    /// Whether the changed paths decide, too.
    pub has_paths: bool,
}

/// A concurrency group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Concurrency {
    pub group: String,
    /// Whether a newer run cancels the one in progress. `None` for an expression.
    pub cancels: Option<bool>,
}

/// A job of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Job {
    /// Name of its environment. It may be an expression.
    pub environment: Option<String>,
    /// Another workflow that the job calls (`uses`).
    pub calls: Option<String>,
    pub steps: Vec<JobStep>,
}

/// A step of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JobStep {
    /// An action with its version.
    pub uses: String,
    /// Lines of a shell.
    pub run: String,
}

/// Reads a workflow file.
pub(super) fn read(bytes: &[u8]) -> WorkflowFile {
    if bytes.len() > FILE_MAX {
        return WorkflowFile::Unreadable(format!("it has {} bytes; the limit is {FILE_MAX}", bytes.len()));
    }
    let parsed: Result<Value, _> = serde_saphyr::from_slice_with_options(
        bytes,
        serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_nodes: NODES_MAX,
                max_depth: DEPTH_MAX,
                max_aliases: ALIASES_MAX,
            },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX },
            strict_booleans: true,
        },
    );
    match parsed {
        Ok(value) if value.get("on").is_some() => WorkflowFile::Read(workflow(&value)),
        Ok(_) => WorkflowFile::Unreadable("it has no member \u{201c}on\u{201d}".to_owned()),
        // The error may quote a long part of the file.
        Err(error) => WorkflowFile::Unreadable(first_line(&error.to_string())),
    }
}

/// Longest quoted reason, in characters.
const REASON_MAX: usize = 160;

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(REASON_MAX).collect()
}

fn workflow(file: &Value) -> WorkflowText {
    let (on, jobs) = (&file["on"], file["jobs"].as_object());
    let all = || jobs.into_iter().flat_map(|jobs| jobs.values());
    WorkflowText {
        inputs: event(on, "workflow_dispatch").map(inputs),
        push: event(on, "push").map(push_filter),
        other_events: other_events(on),
        concurrency: [file].into_iter().chain(all()).filter_map(|part| concurrency(&part["concurrency"])).collect(),
        jobs: all().map(job).collect(),
    }
}

/// The settings of an event. `on` is a name, a list of names, or an object.
fn event<'a>(on: &'a Value, name: &str) -> Option<&'a Value> {
    match on {
        Value::String(one) => (one == name).then_some(&Value::Null),
        Value::Array(all) => all.iter().any(|one| one == name).then_some(&Value::Null),
        Value::Object(all) => all.get(name),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The events besides a start by hand, a push, and a call from another workflow.
fn other_events(on: &Value) -> Vec<String> {
    const KNOWN: [&str; 3] = ["workflow_dispatch", "push", "workflow_call"];
    let names: Vec<String> = match on {
        Value::Object(all) => all.keys().cloned().collect(),
        Value::String(_) | Value::Array(_) => texts(on).unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    };
    names.into_iter().filter(|name| !KNOWN.contains(&name.as_str())).take(EVENTS_MAX).collect()
}

fn inputs(dispatch: &Value) -> BTreeMap<String, Input> {
    let input = |(name, set): (&String, &Value)| {
        let is_choice = set["type"] == "choice";
        let input = Input {
            is_required: set["required"] == true,
            has_default: set.get("default").is_some_and(|value| !value.is_null()),
            options: texts(&set["options"]).filter(|_| is_choice),
        };
        (name.clone(), input)
    };
    dispatch["inputs"].as_object().into_iter().flatten().map(input).collect()
}

fn push_filter(push: &Value) -> PushFilter {
    let list = |name: &str| texts(&push[name]);
    PushFilter {
        branches: list("branches"),
        branches_ignore: list("branches-ignore"),
        tags: list("tags"),
        tags_ignore: list("tags-ignore"),
        has_paths: push.get("paths").is_some() || push.get("paths-ignore").is_some(),
    }
}

fn concurrency(set: &Value) -> Option<Concurrency> {
    if let Some(group) = set.as_str() {
        return Some(Concurrency { group: group.to_owned(), cancels: Some(false) });
    }
    let group = text(&set["group"])?;
    let cancels = &set["cancel-in-progress"];
    let cancels = if cancels.is_null() { Some(false) } else { cancels.as_bool() };
    Some(Concurrency { group, cancels })
}

fn job(set: &Value) -> Job {
    let environment = text(&set["environment"]).or_else(|| text(&set["environment"]["name"]));
    let step = |set: &Value| JobStep {
        uses: text(&set["uses"]).unwrap_or_default(),
        run: text(&set["run"]).unwrap_or_default(),
    };
    Job {
        environment,
        calls: text(&set["uses"]),
        steps: set["steps"].as_array().into_iter().flatten().map(step).collect(),
    }
}

/// A scalar as GitHub reads it: a number is a text, too.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A list of scalars. GitHub also takes one scalar.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value.as_array() {
        Some(all) => Some(all.iter().filter_map(text).collect()),
        None => text(value).map(|one| vec![one]),
    }
}

impl WorkflowText {
    /// Files of other workflows that the jobs call. Their jobs are not read.
    pub fn called(&self) -> Vec<&str> {
        self.jobs.iter().filter_map(|job| job.calls.as_deref()).collect()
    }
}

impl PushFilter {
    /// Whether a push of this branch starts the workflow. A filter of tags alone excludes branches.
    pub fn takes_branch(&self, branch: &str) -> bool {
        takes(branch, self.branches.as_deref(), self.branches_ignore.as_deref(), self.names_tags())
    }

    /// Whether a push of this tag starts the workflow. A filter of branches alone excludes tags.
    pub fn takes_tag(&self, tag: &str) -> bool {
        takes(tag, self.tags.as_deref(), self.tags_ignore.as_deref(), self.names_branches())
    }

    fn names_branches(&self) -> bool {
        self.branches.is_some() || self.branches_ignore.is_some()
    }

    fn names_tags(&self) -> bool {
        self.tags.is_some() || self.tags_ignore.is_some()
    }
}

fn takes(name: &str, wanted: Option<&[String]>, ignored: Option<&[String]>, names_others: bool) -> bool {
    match (wanted, ignored) {
        (Some(wanted), _) => is_matched(name, wanted),
        (None, Some(ignored)) => !is_matched(name, ignored),
        (None, None) => !names_others,
    }
}

/// Whether the last pattern that fits is no exclusion (`!`).
fn is_matched(name: &str, patterns: &[String]) -> bool {
    let fitting = patterns.iter().rev().map(|pattern| match pattern.strip_prefix('!') {
        Some(pattern) => (pattern, false),
        None => (pattern.as_str(), true),
    });
    fitting.into_iter().find(|(pattern, _)| fits(name, pattern)).is_some_and(|(_, is_wanted)| is_wanted)
}

/// Whether a name fits a pattern of GitHub ("Filter pattern cheat sheet"): `*` is any text without
/// a slash, `**` any text, `?` and `+` repeat the character before them, `[…]` is a set. A pattern
/// that cannot be read fits every name.
fn fits(name: &str, pattern: &str) -> bool {
    if pattern.len() > PATTERN_MAX {
        return true;
    }
    let mut expression = String::from("^(?:");
    let mut rest = pattern.chars().peekable();
    let mut is_in_set = false;
    while let Some(c) = rest.next() {
        match c {
            '*' if !is_in_set && rest.peek() == Some(&'*') => {
                rest.next();
                expression.push_str(".*");
            }
            '*' if !is_in_set => expression.push_str("[^/]*"),
            '?' | '+' if !is_in_set => expression.push(c),
            '[' | ']' => {
                is_in_set = c == '[';
                expression.push(c);
            }
            '-' if is_in_set => expression.push(c),
            '\\' => expression.push_str(&rest.next().map_or_else(String::new, |c| regex::escape(&c.to_string()))),
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push_str(")$");
    let compiled = RegexBuilder::new(&expression).size_limit(PATTERN_MEMORY_MAX).build();
    compiled.map_or(true, |compiled| compiled.is_match(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> WorkflowText {
        match read(text.as_bytes()) {
            WorkflowFile::Read(found) => found,
            other @ (WorkflowFile::NoBranch | WorkflowFile::Missing | WorkflowFile::Unreadable(_)) => {
                panic!("{other:?}: {text}")
            }
        }
    }

    #[test]
    fn reads_events_in_all_three_forms() {
        for on in ["workflow_dispatch", "[push, workflow_dispatch]", "{ workflow_dispatch: , push: }"] {
            let found = of(&format!("on: {on}\njobs: {{}}\n"));
            assert!(found.inputs.is_some(), "{on}");
            assert_eq!(found.push.is_some(), on.contains("push"), "{on}");
        }
        let quoted = of("\"on\": push\n");
        assert!(quoted.inputs.is_none() && quoted.push.is_some());
    }

    #[test]
    fn reads_inputs_with_their_requirements() {
        let found = of("on:\n  workflow_dispatch:\n    inputs:\n      version: { required: true }\n      \
                        level: { type: choice, options: [a, 2], default: a }\n      free: \n");
        let inputs = found.inputs.expect("dispatch");
        assert!(inputs["version"].is_required && !inputs["version"].has_default);
        assert_eq!(inputs["level"].options, Some(vec!["a".to_owned(), "2".to_owned()]));
        assert!(inputs["level"].has_default);
        assert_eq!(inputs["free"], Input::default());
    }

    #[test]
    fn reads_jobs_with_environment_steps_and_calls() {
        let found = of("on: push\nconcurrency: all\njobs:\n  a:\n    environment: production\n    concurrency: \
                        { group: g, cancel-in-progress: true }\n    steps:\n      - uses: actions/checkout@v4\n      - \
                        run: |\n          make\n  b:\n    environment: { name: other }\n    uses: ./.github/x.yml\n");
        assert_eq!(found.jobs[0].environment.as_deref(), Some("production"));
        assert_eq!(found.jobs[0].steps[1].run, "make\n");
        assert_eq!(found.jobs[1].environment.as_deref(), Some("other"));
        assert_eq!(found.jobs[1].calls.as_deref(), Some("./.github/x.yml"));
        let told: Vec<(&str, Option<bool>)> =
            found.concurrency.iter().map(|one| (one.group.as_str(), one.cancels)).collect();
        assert_eq!(told, [("all", Some(false)), ("g", Some(true))]);
        let by_expression = of("on: push\nconcurrency: { group: a, cancel-in-progress: \"${{ x }}\" }\n");
        assert_eq!(by_expression.concurrency[0].cancels, None);
    }

    #[test]
    fn a_push_filter_decides_about_branch_and_tag() {
        // Filter, master, v2.1.0
        for (filter, branch, tag) in [
            ("", true, true),
            ("branches: [master]", true, false),
            ("branches: master", true, false),
            ("branches: ['rel/**']", false, false),
            ("branches: ['**', '!master']", false, false),
            ("branches: ['!master', '**']", true, false),
            ("branches-ignore: [master]", false, false),
            ("tags: ['v*']", false, true),
            ("tags: ['v[0-9]+.[0-9]+.[0-9]+']", false, true),
            ("tags: ['v2.2.*']", false, false),
            ("tags-ignore: ['v*']", false, false),
            ("branches: [main]\n    tags: ['*']", false, true),
            ("paths: ['src/**']", true, true),
        ] {
            let found = of(&format!("on:\n  push:\n    {filter}\n")).push.expect("push");
            assert_eq!((found.takes_branch("master"), found.takes_tag("v2.1.0")), (branch, tag), "{filter}");
        }
        assert!(!fits("a/b", "*") && fits("a/b", "**") && fits("ab", "ab?") && fits("a", "ab?"));
        assert!(fits("anything", "[") && fits("anything", &"a".repeat(PATTERN_MAX + 1)));
    }

    #[test]
    fn refuses_a_file_beyond_the_limits() {
        let bomb = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
            let list = vec![format!("*a{}", n - 1); 9].join(", ");
            format!("{text}a{n}: &a{n} [{list}]\n")
        });
        let deep = format!("on: {}{}\n", "[".repeat(200), "]".repeat(200));
        for bad in [bomb, deep, "x".repeat(FILE_MAX + 1), "on: [\n".into(), "jobs: {}\n".into(), String::new()] {
            assert!(matches!(read(bad.as_bytes()), WorkflowFile::Unreadable(_)), "{:.40}", bad);
        }
        assert!(matches!(read(&[0xff, 0xfe, 0x00]), WorkflowFile::Unreadable(_)));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(on: |push|[a-z]{0,4}|[\\[\\]{}:,&*!|>'\"\\n -]){0,40}") {
            read(text.as_bytes());
        }

        #[test]
        fn no_pattern_makes_the_filter_panic(pattern in "[a-z*?+!\\[\\]\\\\/.-]{0,20}") {
            fits("release/v2.1.0", &pattern);
        }
    }
}
