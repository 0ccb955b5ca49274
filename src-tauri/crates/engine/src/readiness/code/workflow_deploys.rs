//! The workflow puts the start-up settings of this release in place, not others (TRAP-T9).

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    workflow_text::WorkflowText,
};
use crate::ports::PortResult;

pub struct WorkflowDeploys;

#[async_trait]
impl Check for WorkflowDeploys {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::WorkflowDeploys
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(subject.reads.workflow_file().await?.judged(judge))
    }
}

/// Actions that register a task definition from a file of the repository.
const OWN_SETTINGS: [&str; 2] =
    ["aws-actions/amazon-ecs-render-task-definition", "aws-actions/amazon-ecs-deploy-task-definition"];

/// How a step changes the service.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deployed {
    /// It registers a revision. The name of the action or command.
    ItsOwn(String),
    /// It sets the service to the newest revision of a family.
    Newest,
    /// It sets the service to this revision.
    Fixed(String),
    /// It starts the tasks of the service again, with the revision that it has.
    Running,
}

fn judge(found: &WorkflowText) -> Finding {
    let steps: Vec<Deployed> = found
        .jobs
        .iter()
        .flat_map(|job| &job.steps)
        .filter_map(|step| {
            let action = OWN_SETTINGS.iter().find(|action| step.uses.starts_with(**action));
            action.map(|action| Deployed::ItsOwn((*action).to_owned())).or_else(|| of_script(&step.run))
        })
        .collect();
    let first = |wanted: fn(&Deployed) -> bool| steps.iter().find(|step| wanted(step));
    if let Some(Deployed::ItsOwn(name)) = first(|step| matches!(step, Deployed::ItsOwn(_))) {
        return other_settings(format!("The workflow saves start-up settings of its own ({name})"));
    }
    match steps.first() {
        Some(Deployed::Fixed(name)) => other_settings(format!("The workflow names fixed start-up settings ({name})")),
        Some(Deployed::Running) => {
            other_settings("The workflow starts the servers again with the settings that run".into())
        }
        Some(Deployed::Newest | Deployed::ItsOwn(_)) => {
            Finding::ready("The workflow puts the newest start-up settings in place (aws ecs update-service)")
        }
        None => unseen(found),
    }
}

fn other_settings(sentence: String) -> Finding {
    Finding::choose(
        sentence,
        "The settings that Prepare saves may not be the ones that AWS starts. Deploy then asks which of the two count.",
    )
    .instruct("Ask a developer which start-up settings the build puts in place.")
}

fn unseen(found: &WorkflowText) -> Finding {
    let called: Vec<&str> = found.jobs.iter().filter_map(|job| job.calls.as_deref()).collect();
    let elsewhere = if called.is_empty() {
        "a script or another action".to_owned()
    } else {
        format!("it calls {}", called.join(", "))
    };
    Finding::unknown(
        format!("The workflow file does not show how the new version is put in place ({elsewhere})"),
        "The release waits until AWS shows the start-up settings that Prepare saves.",
    )
}

fn of_script(script: &str) -> Option<Deployed> {
    // A backslash continues a line of a shell.
    let script = script.replace("\\\n", " ");
    script.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let has = |command: [&str; 3]| words.windows(3).any(|three| three == command);
        if has(["aws", "ecs", "register-task-definition"]) {
            return Some(Deployed::ItsOwn("aws ecs register-task-definition".to_owned()));
        }
        has(["aws", "ecs", "update-service"]).then(|| of_update(&words))
    })
}

fn of_update(words: &[&str]) -> Deployed {
    let option = "--task-definition";
    let joined = words.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    let after = || words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1)).copied();
    let Some(name) = joined.or_else(after) else { return Deployed::Running };
    let name = name.trim_matches(['"', '\'']);
    let revision = name.rsplit_once(':').map_or("", |(_, revision)| revision);
    let is_fixed = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
    if is_fixed { Deployed::Fixed(name.to_owned()) } else { Deployed::Newest }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::readiness::workflow_text::{Job, JobStep};

    fn with(uses: &str, run: &str) -> WorkflowText {
        let steps = vec![JobStep::default(), JobStep { uses: uses.into(), run: run.into() }];
        WorkflowText { jobs: vec![Job { steps, ..Job::default() }], ..WorkflowText::default() }
    }

    #[test]
    fn settings_other_than_the_newest_are_a_choice() {
        let update = "aws ecs update-service --cluster c --service s";
        for (uses, run, state, part) in [
            ("", format!("{update} --task-definition rally-prod"), ReadinessState::Ready, "newest"),
            ("", format!("{update} \\\n  --task-definition=\"$FAMILY\""), ReadinessState::Ready, "newest"),
            ("", format!("{update} --task-definition rally-prod:142"), ReadinessState::Choose, "rally-prod:142"),
            ("", format!("{update} --force-new-deployment"), ReadinessState::Choose, "settings that run"),
            ("", "aws ecs register-task-definition --family x".into(), ReadinessState::Choose, "of its own"),
            ("aws-actions/amazon-ecs-render-task-definition@v1", String::new(), ReadinessState::Choose, "render"),
            ("aws-actions/amazon-ecs-deploy-task-definition@v2", String::new(), ReadinessState::Choose, "deploy-task"),
            ("actions/checkout@v4", "./deploy.sh".into(), ReadinessState::Unknown, "a script"),
        ] {
            let found = judge(&with(uses, &run));
            assert_eq!(found.state, state, "{uses} {run}");
            assert!(found.sentence.contains(part), "{}", found.sentence);
        }
        let called = Job { calls: Some("./.github/workflows/deploy.yml".into()), ..Job::default() };
        let found = judge(&WorkflowText { jobs: vec![called], ..WorkflowText::default() });
        assert_eq!(found.state, ReadinessState::Unknown);
        assert!(found.sentence.contains("deploy.yml"), "{}", found.sentence);
    }
}
