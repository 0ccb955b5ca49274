//! Writes the version into the version file on top of the merge, in the app's own clone. Publishes
//! nothing.

use async_trait::async_trait;
use greenlight_types::{
    Change, Choice, Effect, ErrorCode, Fact, FactKind, Failure, Observation, PlanInputs, Question, Role, RunView,
    StepId, StepPlan, Version, VersionInputs, WayBack,
};
use sha2::{Digest as _, Sha256};

use super::{
    git_objects::{commit_inputs, find_ref, short_id, signature_of},
    refusals::foreign_plan,
    run_facts::{known_commit, main_ref, required_fact},
};
use crate::{
    properties,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext, hex},
};

pub struct SetVersion;

#[async_trait]
impl Step for SetVersion {
    fn id(&self) -> StepId {
        StepId::SetVersion
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::Merged]
    }
    fn outline(&self, run: &RunView) -> Outline {
        let git = &run.profile.git;
        Outline::changes("Nothing outside. The commit is made on this computer and published later.")
            .setting("Line", format!("{}={}", git.version_key, run.names.version_value))
            .setting("File", &git.version_file)
            .known_later("Commit", known_commit(run), "known after this step")
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        let parent = merge_commit(&run)?;
        let (before, edit) = edited(cx, &run, &parent).await?;
        let (file, value) = (&run.profile.git.version_file, &run.names.version_value);
        let is_set = before == edit.bytes;
        let commit = if is_set { None } else { Some(commit_inputs(cx, format!("Set version to {value}"))?) };
        let inputs = VersionInputs { parent: parent.clone(), previous: edit.previous.clone(), commit };
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::SetVersion(inputs),
            "Set the version number",
            format!(
                "Writes {value} into {file} and keeps every other byte of the file. This happens on this computer only; \
                 nothing is published before you push."
            ),
        )
        .by_hand(
            vec![format!("Edit {file}"), format!("{}={value}", run.profile.git.version_key), "git commit".into()],
            None,
        );
        if is_set {
            return Ok(draft.already(format!("{file} says {value} already.")).finish());
        }
        let diff = similar::TextDiff::from_lines(
            String::from_utf8_lossy(&before).as_ref(),
            String::from_utf8_lossy(&edit.bytes).as_ref(),
        )
        .unified_diff()
        .context_radius(2)
        .to_string();
        // Lines beside the version may hold a password.
        let diff = cx.ports.redactor().text(&diff).into_string();
        let question = question(cx, &run, &edit.previous);
        let draft = question.into_iter().fold(draft, PlanDraft::question);
        Ok(draft.line("The file says now", edit.previous).change(Change::Diff { title: file.clone(), diff }).finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, _entry: Entry) -> Outcome {
        let run = cx.run();
        let PlanInputs::SetVersion(VersionInputs { parent, previous, commit }) = &plan.inputs else {
            return foreign_plan(plan);
        };
        let previous = previous.clone();
        if let Some(evidence) = &plan.already {
            let facts = vec![Fact::VersionSet { commit: parent.clone(), previous, already: true }];
            return Outcome::Already { evidence: vec![evidence.clone()], facts };
        }
        let Some(commit) = commit else { return foreign_plan(plan) };
        let written = async {
            let (_, edit) = edited(cx, &run, parent).await?;
            let keep = format!("refs/greenlight/{}/version", run.id);
            let file = &run.profile.git.version_file;
            cx.ports.git.commit_file(parent, file, &edit.bytes, &commit.message, &signature_of(commit), &keep).await
        };
        match written.await {
            Ok(commit) => Outcome::Succeeded {
                evidence: vec![format!(
                    "Set {} to {} as {}. Ready on this computer, nothing published.",
                    run.profile.git.version_key,
                    run.names.version_value,
                    short_id(&commit)
                )],
                facts: vec![Fact::VersionSet { commit, previous, already: false }],
            },
            Err(failure) => failure.into(),
        }
    }

    async fn observe(&self, cx: &StepContext, _plan: Option<&StepPlan>) -> Observation {
        let run = cx.run();
        let asked = async {
            cx.ports.git.refresh().await?;
            let parent = merge_commit(&run)?;
            let (before, edit) = edited(cx, &run, &parent).await?;
            if before == edit.bytes {
                return Ok::<_, Failure>((Some((parent, true)), edit.previous));
            }
            let refs = cx.ports.git.remote_refs().await?;
            let main = find_ref(&refs, &main_ref(&run)).map(|main| main.id.clone()).unwrap_or_default();
            // Main may have moved on. Only a commit directly on top of our merge can be the one of
            // this step.
            let is_next = cx.ports.git.commit(&main).await?.is_some_and(|info| info.parents == [parent]);
            if !is_next {
                return Ok((None, edit.previous));
            }
            let (there, set) = edited(cx, &run, &main).await?;
            Ok((Some((main, false)).filter(|_| there == set.bytes), set.previous))
        };
        match asked.await {
            Ok((Some((commit, already)), previous)) => Observation::Done {
                evidence: vec![format!("At {} the file says {previous} already.", short_id(&commit))],
                facts: vec![Fact::VersionSet { commit, previous, already }],
            },
            Ok((None, previous)) => Observation::NotDone {
                evidence: format!(
                    "On GitHub the file says {previous}. On this computer the change can be made again and gives the \
                     same commit."
                ),
            },
            Err(failure) => Observation::Unknown { why: failure.to_string() },
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }
}

/// The only answer to the question about the old value.
const REPLACE: &str = "replace";

/// Why the old value is not simply replaced.
#[derive(Debug, PartialEq, Eq)]
enum OldValue {
    /// The profile's template does not give it. The build may take the version from elsewhere.
    Foreign,
    /// It is a newer version than the one of this release.
    Newer,
}

impl OldValue {
    /// Judges a value by the profile's template. `None` for an older version.
    fn of(value: &str, template: &str, version: &Version) -> Option<Self> {
        // By a template that cannot be read back, every value is foreign.
        Version::from_spelling(template, &version.spell(template))?;
        match Version::from_spelling(template, value.trim()) {
            None => Some(Self::Foreign),
            Some(old) if old.is_newer_than(version) => Some(Self::Newer),
            Some(_) => None,
        }
    }
}

/// The question about an old value that is no older version. A named person answers it.
fn question(cx: &StepContext, run: &RunView, previous: &str) -> Option<Question> {
    let (git, value) = (&run.profile.git, &run.names.version_value);
    let old = OldValue::of(previous, &git.version_value, &run.version)?;
    // The value has any length and any characters.
    let id = format!("oldVersion:{}", hex(&Sha256::digest(previous)).chars().take(12).collect::<String>());
    if run.answer(&id).is_some_and(|one| one.answer == REPLACE) {
        return None;
    }
    let shown: String = cx.ports.redactor().text(previous).into_string().chars().take(80).collect();
    let (problem, advice) = match old {
        OldValue::Foreign => (
            format!("is not a version in the form of {value}"),
            "If a program fills the value in at the build, the release would switch that off. Ask a developer first.",
        ),
        OldValue::Newer => (
            format!("is newer than {}", run.version),
            "The branch may hold a later release, or this release may have the wrong number. Ask a developer first.",
        ),
    };
    Some(Question {
        id,
        text: format!(
            "{} says \u{201c}{shown}\u{201d} for {}, which {problem}. Replace it with {value}?",
            git.version_file, git.version_key
        ),
        options: vec![Choice {
            id: REPLACE.into(),
            label: format!("Replace it with {value}"),
            detail: format!("{advice} Your name and your reason are kept with this answer."),
        }],
        needs_note: true,
    })
}

pub(super) fn merge_commit(run: &RunView) -> Result<String, Failure> {
    required_fact(run, FactKind::Merged, |fact| {
        if let Fact::Merged { commit, .. } = fact { Some(commit.clone()) } else { None }
    })
}

/// Whether the version file at a commit has the value of this release. A file that cannot be read
/// or changed does not have it.
pub(crate) async fn says_version(cx: &StepContext, run: &RunView, commit: &str) -> bool {
    edited(cx, run, commit).await.is_ok_and(|(before, edit)| before == edit.bytes)
}

/// Reads the version file at a commit and computes its edit.
async fn edited(cx: &StepContext, run: &RunView, commit: &str) -> Result<(Vec<u8>, properties::Edit), Failure> {
    let git = &run.profile.git;
    let before = cx.ports.git.read_file(commit, &git.version_file).await?.ok_or_else(|| {
        Failure::new(ErrorCode::GitMissing, format!("find {} at {}", git.version_file, short_id(commit)))
            .with("name", git.version_file.clone())
            .hint("Ask a developer where the version file is now.")
    })?;
    let edit = properties::set(&before, &git.version_key, &run.names.version_value).map_err(|problem| {
        Failure::new(ErrorCode::VersionFileUnclear, format!("change the version in {}", git.version_file))
            .with("file", git.version_file.clone())
            .because(problem)
            .hint("Ask a developer to look at the file.")
    })?;
    Ok((before, edit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_older_version_is_replaced_without_a_question() {
        let version = Version::parse("2.1.0").expect("a version");
        let template = "{version4}-RELEASE";
        for (value, judged) in [
            ("2.0.1.11-RELEASE", None),
            ("2.0.1.11-RELEASE  ", None),
            ("2.1.0.0-RELEASE", None),
            ("2.1.0.1-RELEASE", Some(OldValue::Newer)),
            ("10.0.0.0-RELEASE", Some(OldValue::Newer)),
            ("2.0.1.11-SNAPSHOT", Some(OldValue::Foreign)),
            ("${project.version}", Some(OldValue::Foreign)),
            ("@project.version@", Some(OldValue::Foreign)),
            ("\"2.0.1.11-RELEASE\"", Some(OldValue::Foreign)),
            ("2026.11", Some(OldValue::Foreign)),
            ("", Some(OldValue::Foreign)),
        ] {
            assert_eq!(OldValue::of(value, template, &version), judged, "{value:?}");
        }
        assert_eq!(OldValue::of("anything", "fixed", &version), None, "the template holds no version");
    }
}
