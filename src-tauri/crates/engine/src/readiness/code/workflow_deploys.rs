//! The workflow puts the start-up settings of this release in place, not others (TRAP-T9).

use async_trait::async_trait;
use greenlight_types::{AwsProfile, ReadinessCheck, ReadinessGroup};

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
        let aws = &subject.run.profile.aws;
        Ok(subject.reads.workflow_file().await?.judged(|found| judge(aws, found)))
    }
}

/// Actions that register a task definition from a file of the repository.
const OWN_SETTINGS: [&str; 2] =
    ["aws-actions/amazon-ecs-render-task-definition", "aws-actions/amazon-ecs-deploy-task-definition"];

/// How a command changes the service.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deployed {
    /// It registers a revision. The name of the action or command.
    ItsOwn(String),
    /// It sets the service of the profile to the newest revision of the family of the profile.
    Newest,
    /// It sets the service to this revision.
    Fixed(String),
    /// It starts the tasks of the service again, with the revision that it has.
    Running,
    /// The file does not show the service or the revision.
    Unclear,
}

fn judge(aws: &AwsProfile, found: &WorkflowText) -> Finding {
    let steps: Vec<Deployed> = found
        .jobs
        .iter()
        .flat_map(|job| &job.steps)
        .flat_map(|step| match OWN_SETTINGS.iter().find(|action| step.uses.starts_with(**action)) {
            Some(action) => vec![Deployed::ItsOwn((*action).to_owned())],
            None => of_script(aws, &step.run),
        })
        .collect();
    let own = steps.iter().find_map(|step| if let Deployed::ItsOwn(name) = step { Some(name) } else { None });
    if let Some(name) = own {
        return other_settings(format!("The workflow saves start-up settings of its own ({name})"));
    }
    let fixed = steps.iter().find_map(|step| if let Deployed::Fixed(name) = step { Some(name) } else { None });
    if let Some(name) = fixed {
        return other_settings(format!("The workflow names fixed start-up settings ({name})"));
    }
    if steps.contains(&Deployed::Running) {
        return other_settings("The workflow starts the servers again with the settings that run".into());
    }
    if steps.contains(&Deployed::Newest) && !steps.contains(&Deployed::Unclear) {
        return Finding::ready("The workflow puts the newest start-up settings in place (aws ecs update-service)");
    }
    unseen(found)
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

/// The changes of a script, line by line. A comment changes nothing.
fn of_script(aws: &AwsProfile, script: &str) -> Vec<Deployed> {
    // A backslash continues a line of a shell.
    let script = script.replace("\\\n", " ");
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if line.contains("aws ecs register-task-definition") {
                return Some(Deployed::ItsOwn("aws ecs register-task-definition".to_owned()));
            }
            line.contains("aws ecs update-service").then(|| of_update(aws, &line.split(' ').collect::<Vec<_>>()))
        })
        .collect()
}

/// The value of an option, as one word or behind `=`.
fn option_of<'a>(words: &[&'a str], option: &str) -> Option<&'a str> {
    let joined = words.iter().find_map(|word| word.strip_prefix(option)?.strip_prefix('='));
    let after = || words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1)).copied();
    Some(joined.or_else(after)?.trim_matches(['"', '\'']))
}

fn of_update(aws: &AwsProfile, words: &[&str]) -> Deployed {
    let Some(name) = option_of(words, "--task-definition") else { return Deployed::Running };
    let revision = name.rsplit_once(':').map_or("", |(_, revision)| revision);
    if !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit()) {
        return Deployed::Fixed(name.to_owned());
    }
    let is_ours = name == aws.family && option_of(words, "--service") == Some(aws.service.as_str());
    if is_ours { Deployed::Newest } else { Deployed::Unclear }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::{
        act::test_support::draft,
        readiness::workflow_text::{Job, JobStep},
    };

    fn with(uses: &str, run: &str) -> WorkflowText {
        let steps = vec![JobStep::default(), JobStep { uses: uses.into(), run: run.into() }];
        WorkflowText { jobs: vec![Job { steps, ..Job::default() }], ..WorkflowText::default() }
    }

    fn aws() -> AwsProfile {
        let aws = draft().profile.aws;
        AwsProfile { family: "rally-prod".into(), service: "web".into(), ..aws }
    }

    #[test]
    fn only_the_family_and_the_service_of_the_profile_are_proved() {
        use ReadinessState::{Choose, Ready, Unknown};
        let update = "aws ecs update-service --cluster c --service web";
        for (uses, run, state, part) in [
            ("", format!("{update} --task-definition rally-prod"), Ready, "newest"),
            ("", format!("{update} \\\n  --task-definition=\"rally-prod\""), Ready, "newest"),
            ("", format!("{update} --task-definition \"$FAMILY\""), Unknown, "a script"),
            ("", "aws ecs update-service --service stage --task-definition rally-prod".into(), Unknown, "a script"),
            ("", format!("# {update} --task-definition rally-prod\n./deploy.sh"), Unknown, "a script"),
            ("", format!("{update} --task-definition rally-prod:142"), Choose, "rally-prod:142"),
            ("", format!("{update} --force-new-deployment"), Choose, "settings that run"),
            ("", "aws ecs register-task-definition --family x".into(), Choose, "of its own"),
            (
                "",
                format!("ARN=$(aws ecs  register-task-definition --cli x)\n{update} --task-definition $ARN"),
                Choose,
                "own",
            ),
            ("aws-actions/amazon-ecs-render-task-definition@v1", String::new(), Choose, "render"),
            ("aws-actions/amazon-ecs-deploy-task-definition@v2", String::new(), Choose, "deploy-task"),
            ("actions/checkout@v4", "./deploy.sh".into(), Unknown, "a script"),
        ] {
            let found = judge(&aws(), &with(uses, &run));
            assert_eq!(found.state, state, "{uses} {run}");
            assert!(found.sentence.contains(part), "{}", found.sentence);
        }
        let called = Job { calls: Some("./.github/workflows/deploy.yml".into()), ..Job::default() };
        let found = judge(&aws(), &WorkflowText { jobs: vec![called], ..WorkflowText::default() });
        assert_eq!(found.state, ReadinessState::Unknown);
        assert!(found.sentence.contains("deploy.yml"), "{}", found.sentence);
    }
}
