//! The values of a plan in the flat map of the journal, field by field.

use super::{
    BuildInputs, CommitInputs, DeploymentInputs, ExistingBuild, ExistingPackage, InputError, InputMap, JobInputs,
    LimitInputs, PullRequestInputs, RevisionInputs, TagAction, TagInputs,
};
use crate::{FailureLimit, StepId, Timestamp};

/// The map of one plan, read field by field.
pub(super) struct Fields<'a> {
    pub step: StepId,
    pub map: &'a InputMap,
}

impl Fields<'_> {
    /// A value that must be there; it may be empty.
    pub fn text(&self, name: &'static str) -> Result<String, InputError> {
        let missing = || InputError { step: self.step, name, found: None };
        self.map.get(name).cloned().ok_or_else(missing)
    }

    /// A value that may be absent; an empty one counts as absent.
    pub fn filled(&self, name: &str) -> Option<String> {
        self.map.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub fn parsed<T: std::str::FromStr>(&self, name: &'static str, text: &str) -> Result<T, InputError> {
        text.parse().map_err(|_| InputError { step: self.step, name, found: Some(text.to_owned()) })
    }

    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, InputError> {
        self.filled(name).map(|text| self.parsed(name, &text)).transpose()
    }

    pub fn commit(&self) -> Result<Option<CommitInputs>, InputError> {
        let Some(message) = self.filled("message") else { return Ok(None) };
        let (author, email) = (self.text("author")?, self.text("email")?);
        let time = self.parsed("time", &self.text("time")?)?;
        Ok(Some(CommitInputs { message, author, email, time }))
    }

    pub fn tag(&self) -> Result<TagInputs, InputError> {
        let action = match (self.filled("object"), self.commit()?) {
            (Some(object), _) => TagAction::Exists { object },
            (None, Some(object)) => TagAction::Create(object),
            (None, None) => TagAction::Taken,
        };
        Ok(TagInputs { commit: self.text("commit")?, action })
    }

    pub fn revision(&self) -> Result<RevisionInputs, InputError> {
        if let Some(arn) = self.filled("arn") {
            let revision = self.parsed("revision", &self.text("revision")?)?;
            return Ok(RevisionInputs::Exists { arn, revision, base: self.text("base")? });
        }
        if !self.map.contains_key("body") {
            return Ok(RevisionInputs::Undecided);
        }
        Ok(RevisionInputs::Register {
            base: self.text("base")?,
            newest: self.filled("newest"),
            running: self.filled("running"),
            image: self.text("image")?,
            body: self.text("body")?,
        })
    }

    pub fn job(&self) -> Result<JobInputs, InputError> {
        let job = self.text("job")?;
        Ok(match self.map.get("script") {
            Some(script) => JobInputs::Start { job, late: self.filled("late"), script: script.clone() },
            None => {
                JobInputs::Follow { job, started_at: self.time("started_at")?, finished_at: self.time("finished_at")? }
            }
        })
    }

    pub fn limit(&self) -> Result<LimitInputs, InputError> {
        let limit = |kind: &'static str, value: &'static str| {
            let (kind, text) = (self.text(kind)?, self.text(value)?);
            Ok(FailureLimit { kind, value: self.parsed(value, &text)? })
        };
        Ok(LimitInputs { before: limit("kind_before", "value_before")?, after: limit("kind", "value")? })
    }

    pub fn deployment(&self) -> Result<DeploymentInputs, InputError> {
        let (revision, deployment_before) = (self.text("revision")?, self.text("deployment_before")?);
        Ok(DeploymentInputs { revision, deployment_before })
    }

    pub fn pull_request(&self) -> Result<PullRequestInputs, InputError> {
        Ok(PullRequestInputs {
            branch: self.text("branch")?,
            commit: self.text("commit")?,
            title: self.text("title")?,
            body: self.text("body")?,
            newest: self.parsed("newest_number", &self.text("newest_number")?)?,
        })
    }

    pub fn existing_build(&self) -> Result<Option<ExistingBuild>, InputError> {
        let Some(build) = self.filled("build") else { return Ok(None) };
        let sent_at = self.parsed("sent_at", &self.text("sent_at")?)?;
        Ok(Some(ExistingBuild { build, url: self.text("url")?, sent_at }))
    }

    pub fn build(&self) -> Result<BuildInputs, InputError> {
        let existing = self.existing_build()?;
        let package = match self.filled("package") {
            Some(digest) => {
                let pushed_at = self.parsed("package_pushed_at", &self.text("package_pushed_at")?)?;
                Some(ExistingPackage { digest, pushed_at })
            }
            None => None,
        };
        Ok(BuildInputs {
            commit: self.text("commit")?,
            deployments_before: self.text("deployment_before")?.split_whitespace().map(str::to_owned).collect(),
            serving_before: self.text("serving_before")?,
            completed_before: self.filled("completed_before"),
            existing,
            package,
        })
    }
}

pub(super) fn put_commit(map: &mut InputMap, commit: Option<&CommitInputs>) {
    let Some(CommitInputs { message, author, email, time }) = commit else { return };
    let values = [("message", message), ("author", author), ("email", email), ("time", &time.to_string())];
    map.extend(values.map(|(name, value)| (name.to_owned(), value.clone())));
}

pub(super) fn put_revision(map: &mut InputMap, revision: &RevisionInputs) {
    let mut put = |name: &str, value: &str| map.insert(name.to_owned(), value.to_owned());
    match revision {
        RevisionInputs::Register { base, newest, running, image, body } => {
            put("base", base);
            put("image", image);
            put("body", body);
            for (name, value) in [("newest", newest), ("running", running)] {
                if let Some(value) = value {
                    put(name, value);
                }
            }
        }
        RevisionInputs::Exists { arn, revision, base } => {
            put("arn", arn);
            put("revision", &revision.to_string());
            put("base", base);
        }
        RevisionInputs::Undecided => {}
    }
}

pub(super) fn put_job(map: &mut InputMap, job: &JobInputs) {
    let mut put = |name: &str, value: &str| map.insert(name.to_owned(), value.to_owned());
    match job {
        JobInputs::Start { job, late, script } => {
            put("job", job);
            put("late", late.as_deref().unwrap_or_default());
            put("script", script);
        }
        JobInputs::Follow { job, started_at, finished_at } => {
            put("job", job);
            for (name, at) in [("started_at", started_at), ("finished_at", finished_at)] {
                if let Some(at) = at {
                    put(name, &at.to_string());
                }
            }
        }
    }
}

pub(super) fn put_existing_build(map: &mut InputMap, build: Option<&ExistingBuild>) {
    let Some(ExistingBuild { build, url, sent_at }) = build else { return };
    let values = [("build", build), ("url", url), ("sent_at", &sent_at.to_string())];
    map.extend(values.map(|(name, value)| (name.to_owned(), value.clone())));
}

pub(super) fn put_pull_request(map: &mut InputMap, new: &PullRequestInputs) {
    let PullRequestInputs { branch, commit, title, body, newest } = new;
    let newest = newest.to_string();
    let values = [("branch", branch), ("commit", commit), ("title", title), ("body", body), ("newest_number", &newest)];
    map.extend(values.map(|(name, value)| (name.to_owned(), value.clone())));
}

pub(super) fn put_build(map: &mut InputMap, build: &BuildInputs) {
    let mut put = |name: &str, value: &str| map.insert(name.to_owned(), value.to_owned());
    put("commit", &build.commit);
    put("deployment_before", &build.deployments_before.join(" "));
    put("serving_before", &build.serving_before);
    if let Some(completed) = &build.completed_before {
        put("completed_before", completed);
    }
    if let Some(ExistingPackage { digest, pushed_at }) = &build.package {
        put("package", digest);
        put("package_pushed_at", &pushed_at.to_string());
    }
    put_existing_build(map, build.existing.as_ref());
}
