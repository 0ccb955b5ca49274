//! The code and its build on GitHub.

use greenlight_types::SetupGroup;

use super::{
    super::value::version_parts,
    field::{Field, Form, Need, Set},
    forms::{line, pairs, pairs_text, template, word},
};

pub(in super::super) const FIELDS: [Field; 11] = [
    Field {
        key: "git.url",
        group: SetupGroup::Code,
        label: "Address of the code",
        why: "The code and the label of a release are read from there, and pushed to it.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.url.clone(),
        set: Set::FileOnly,
    },
    Field {
        key: "github.repository",
        group: SetupGroup::Code,
        label: "Repository on GitHub",
        why: "The build runs there.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.github.repository.clone(),
        set: Set::FileOnly,
    },
    Field {
        key: "git.main",
        group: SetupGroup::Code,
        label: "Main branch",
        why: "A release is merged into this branch and built from it.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.main.clone(),
        set: Set::By(|profile, value| word(value).map(|value| profile.git.main = value)),
    },
    Field {
        key: "git.branch",
        group: SetupGroup::Code,
        label: "Release branch",
        why: "The app finds the branch of a release by this name. {version} is the version, such as 2.1.0.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.branch.clone(),
        set: Set::By(|profile, value| template(value).map(|value| profile.git.branch = value)),
    },
    Field {
        key: "git.tag",
        group: SetupGroup::Code,
        label: "Label of a release",
        why: "The released commit gets this label. {version} is the version, such as 2.1.0.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.tag.clone(),
        set: Set::By(|profile, value| template(value).map(|value| profile.git.tag = value)),
    },
    Field {
        key: "git.version_file",
        group: SetupGroup::Code,
        label: "File that holds the version",
        why: "Prepare writes the new version into this file.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.version_file.clone(),
        set: Set::By(|profile, value| {
            let value = line(value)?;
            if value.split('/').any(|part| part.is_empty() || part == "..") {
                return Err("a path inside the repository, without leading slash");
            }
            profile.git.version_file = value;
            Ok(())
        }),
    },
    Field {
        key: "git.version_key",
        group: SetupGroup::Code,
        label: "Name of the version in that file",
        why: "The file has one line NAME=version.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.version_key.clone(),
        set: Set::By(|profile, value| word(value).map(|value| profile.git.version_key = value)),
    },
    Field {
        key: "git.version_value",
        group: SetupGroup::Code,
        label: "Spelling of the version in that file",
        why: "{version} is 2.1.0 as typed, {version4} is 2.1.0.0, {version4_} is 2_1_0_0.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.git.version_value.clone(),
        set: Set::By(|profile, value| template(value).map(|value| profile.git.version_value = value)),
    },
    Field {
        key: "github.workflow",
        group: SetupGroup::Code,
        label: "File name of the build workflow",
        why: "The runbook names only the Actions page.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.github.workflow.clone(),
        set: Set::By(|profile, value| word(value).map(|value| profile.github.workflow = value)),
    },
    Field {
        key: "github.build_job",
        group: SetupGroup::Code,
        label: "Name of the job that builds and pushes the package",
        why: "The runbook does not name the jobs of the workflow.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.github.build_job.clone(),
        set: Set::By(|profile, value| line(value).map(|value| profile.github.build_job = value)),
    },
    Field {
        key: "github.inputs",
        group: SetupGroup::Code,
        label: "Answers that the build asks for",
        why: "GitHub refuses a build with an input that its workflow does not have. The runbook mentions none.",
        form: Form::Lines,
        need: Need::Optional,
        get: |profile| pairs_text(&profile.github.inputs),
        set: Set::By(|profile, value| {
            let inputs = pairs(value)?;
            if inputs.values().any(|value| version_parts(value).is_none()) {
                return Err("values without braces other than {version}, {version4} and {version4_}");
            }
            profile.github.inputs = inputs;
            Ok(())
        }),
    },
];
