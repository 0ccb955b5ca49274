//! Values for the open names of a profile, as the World answers to them. The server of the World
//! adds addresses and paths.

use greenlight_types::{Profile, SiteCheck, StepId};

use crate::world::{ACCOUNT, BUILD_JOB, CLUSTER, CONTAINER, FAMILY, IMAGES, LOG_GROUP, REGION, SERVICE, WORKFLOW};

/// A profile with a value for every open name. Existing values stay. A value that no person has to
/// enter stays as empty as in the real profile, so practice asks the same questions.
#[must_use]
pub fn filled(rally: &Profile) -> Profile {
    let mut profile = rally.clone();
    fill(&mut profile.github.workflow, WORKFLOW);
    fill(&mut profile.github.build_job, BUILD_JOB);
    let aws = &mut profile.aws;
    fill(&mut aws.account, ACCOUNT);
    fill(&mut aws.region, REGION);
    fill(&mut aws.cluster, CLUSTER);
    fill(&mut aws.service, SERVICE);
    fill(&mut aws.family, FAMILY);
    fill(&mut aws.container, CONTAINER);
    fill(&mut aws.image_repository, IMAGES);
    fill(&mut aws.log_group, LOG_GROUP);
    profile.site.checks = site_checks();
    fill(&mut profile.restore.procedure, "Practice: start the practice again from the beginning.");
    fill(&mut profile.restore.who, "your trainer");
    profile.restore.minutes = profile.restore.minutes.or(Some(45));
    profile
}

/// Adds the values that a profile may leave empty: the commands that prove a backup and ask the
/// database, the failures of the old database, and the people to call.
#[must_use]
pub fn with_optional_values(mut profile: Profile) -> Profile {
    for step in [StepId::BackUp, StepId::DispatchBuild, StepId::RunMigration, StepId::CheckSite] {
        let person = profile.who_to_call.entry(step).or_default();
        fill(person, "your trainer (practice: nobody is called)");
    }
    fill(&mut profile.backup.artifact_probe, "gzip -t < {file}");
    fill(&mut profile.migration.probe, "rally-schema");
    if profile.logs.expected_failures.is_empty() {
        profile.logs.expected_failures = vec![
            "requires schema [0-9.]+, the database has".to_owned(),
            "Essential container in task exited".to_owned(),
        ];
    }
    profile
}

/// Fills an empty value.
pub(crate) fn fill(value: &mut String, with: &str) {
    if value.trim().is_empty() {
        with.clone_into(value);
    }
}

fn site_checks() -> Vec<SiteCheck> {
    [
        ("sign-in", "Open the site and sign in. You see the list of studies."),
        ("study", "Open any study. Its page is complete and shows no error."),
        ("footer", "Look at the version at the foot of the page. It is the one of this release."),
    ]
    .into_iter()
    .map(|(id, text)| SiteCheck { id: id.to_owned(), text: text.to_owned() })
    .collect()
}
