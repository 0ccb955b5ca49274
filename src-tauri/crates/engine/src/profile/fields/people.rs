//! People to call, usual durations, and how long log lines are kept.

use greenlight_types::{Profile, SetupGroup, StepId};

use super::{
    field::{Field, Form, Need, Set},
    forms::{line_or_none, number},
};

/// Longest duration of a step, in minutes.
const MINUTES_MAX: u32 = 10_000;
/// Longest time that log lines are kept, in days: ten years.
const DAYS_MAX: u32 = 3_650;

pub(in super::super) const FIELDS: [Field; 7] = [
    Field {
        key: "who_to_call.developer",
        group: SetupGroup::People,
        label: "Developer to call",
        why: "Called when the merge, the label or the build fails. Keeping a name sets it for all of these steps.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| called(profile, &DEVELOPER),
        set: Set::By(|profile, value| call(profile, &DEVELOPER, value)),
    },
    Field {
        key: "who_to_call.aws",
        group: SetupGroup::People,
        label: "Person to call for AWS",
        why: "Called when the servers do not start or are not replaced. Keeping a name sets it for all of these steps.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| called(profile, &AWS),
        set: Set::By(|profile, value| call(profile, &AWS, value)),
    },
    Field {
        key: "who_to_call.database",
        group: SetupGroup::People,
        label: "Person to call for the database",
        why: "Called when the backup or the migration fails. Keeping a name sets it for all of these steps.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| called(profile, &DATABASE),
        set: Set::By(|profile, value| call(profile, &DATABASE, value)),
    },
    Field {
        key: "durations.backup",
        group: SetupGroup::People,
        label: "Usual minutes of the backup",
        why: "The release shows when you are needed. Lowest and highest, such as 7-9.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| minutes(profile, StepId::BackUp),
        set: Set::By(|profile, value| set_minutes(profile, StepId::BackUp, value)),
    },
    Field {
        key: "durations.build",
        group: SetupGroup::People,
        label: "Usual minutes of the build",
        why: "The release shows when you are needed. Lowest and highest, such as 7-9.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| minutes(profile, StepId::FollowBuild),
        set: Set::By(|profile, value| set_minutes(profile, StepId::FollowBuild, value)),
    },
    Field {
        key: "durations.migration",
        group: SetupGroup::People,
        label: "Usual minutes of the migration",
        why: "The release shows when you are needed. Lowest and highest, such as 7-9.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| minutes(profile, StepId::RunMigration),
        set: Set::By(|profile, value| set_minutes(profile, StepId::RunMigration, value)),
    },
    Field {
        key: "logs.keep_days",
        group: SetupGroup::People,
        label: "Days that production log lines are kept",
        why: "They may hold personal data. 0 keeps them only until the release ends.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.logs.keep_days.to_string(),
        set: Set::By(|profile, value| days(value).map(|days| profile.logs.keep_days = days)),
    },
];

/// The steps whose failure a developer settles.
const DEVELOPER: [StepId; 12] = [
    StepId::MergeBranch,
    StepId::SetVersion,
    StepId::CreateTag,
    StepId::PushBranch,
    StepId::PushTag,
    StepId::OpenPullRequest,
    StepId::DispatchBuild,
    StepId::FollowBuild,
    StepId::RerunBuild,
    StepId::CancelBuild,
    StepId::FollowOtherBuild,
    StepId::CheckSite,
];
const AWS: [StepId; 8] = [
    StepId::RegisterTaskDefinition,
    StepId::AwaitDeployPhase,
    StepId::AwaitRollout,
    StepId::RaiseFailureLimit,
    StepId::RestoreFailureLimit,
    StepId::StopRollout,
    StepId::DeployAgain,
    StepId::RollBack,
];
const DATABASE: [StepId; 2] = [StepId::BackUp, StepId::RunMigration];

/// The person of these steps. A profile file may name several.
fn called(profile: &Profile, steps: &[StepId]) -> String {
    let mut people: Vec<&str> = Vec::new();
    for step in steps {
        let person = profile.who_to_call.get(step).map(String::as_str).unwrap_or_default();
        if !person.is_empty() && !people.contains(&person) {
            people.push(person);
        }
    }
    people.join("; ")
}

fn call(profile: &mut Profile, steps: &[StepId], value: &str) -> Result<(), &'static str> {
    let person = line_or_none(value)?;
    for step in steps {
        if person.is_empty() {
            profile.who_to_call.remove(step);
        } else {
            profile.who_to_call.insert(*step, person.clone());
        }
    }
    Ok(())
}

fn minutes(profile: &Profile, step: StepId) -> String {
    profile.durations.get(&step).map(|(low, high)| format!("{low}-{high}")).unwrap_or_default()
}

fn set_minutes(profile: &mut Profile, step: StepId, value: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "lowest and highest minutes such as 7-9, or nothing";
    if value.trim().is_empty() {
        profile.durations.remove(&step);
        return Ok(());
    }
    let (low, high) = value.split_once(['-', '\u{2013}']).unwrap_or((value, value));
    let (low, high) = (number(low, MINUTES_MAX), number(high, MINUTES_MAX));
    let (Ok(low), Ok(high)) = (low, high) else { return Err(EXPECTED) };
    if low > high {
        return Err(EXPECTED);
    }
    profile.durations.insert(step, (low, high));
    Ok(())
}

fn days(value: &str) -> Result<u32, &'static str> {
    let days = value.trim().parse().ok().filter(|days| *days <= DAYS_MAX);
    days.ok_or("a number of days from 0 to 3650")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{BUILT_IN, BUILT_IN_NAME, parse};

    #[test]
    fn a_person_is_called_for_every_step_of_the_group() {
        let mut profile = parse(BUILT_IN_NAME, BUILT_IN).expect("the built-in profile");
        call(&mut profile, &DATABASE, " Ada Example, 4411 ").expect("a person");
        assert_eq!(profile.who_to_call[&StepId::RunMigration], "Ada Example, 4411");
        assert_eq!(called(&profile, &DATABASE), "Ada Example, 4411");
        assert_eq!(called(&profile, &AWS), "");
        profile.who_to_call.insert(StepId::BackUp, "Bo".into());
        assert_eq!(called(&profile, &DATABASE), "Bo; Ada Example, 4411");
        call(&mut profile, &DATABASE, "").expect("no person");
        assert!(profile.who_to_call.is_empty());
    }

    #[test]
    fn every_step_belongs_to_one_group() {
        for step in StepId::ALL.into_iter().chain(StepId::OPTIONAL) {
            let groups = [&DEVELOPER[..], &AWS, &DATABASE].iter().filter(|group| group.contains(&step)).count();
            assert_eq!(groups, 1, "{step:?}");
        }
    }

    #[test]
    fn minutes_are_a_range_or_absent() {
        let mut profile = parse(BUILT_IN_NAME, BUILT_IN).expect("the built-in profile");
        for (typed, kept) in [("7-9", "7-9"), ("7 \u{2013} 9", "7-9"), ("8", "8-8"), ("", "")] {
            set_minutes(&mut profile, StepId::BackUp, typed).expect(typed);
            assert_eq!(minutes(&profile, StepId::BackUp), kept);
        }
        for bad in ["9-7", "0-2", "soon", "7-", "-9"] {
            assert!(set_minutes(&mut profile, StepId::BackUp, bad).is_err(), "{bad}");
        }
    }
}
