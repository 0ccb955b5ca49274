//! The release branch has the version file, with the key once.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;
use crate::properties;

pub struct VersionFile;

#[async_trait]
impl Check for VersionFile {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::VersionFile
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let git = &subject.run.profile.git;
        let Some(head) = subject.reads.branch(&subject.run.names.branch).await? else {
            return Ok(Finding::unknown("The version file is not read", "The release branch is not on GitHub."));
        };
        let file = subject.reads.file(&head, &git.version_file).await?;
        Ok(judge(&git.version_file, &git.version_key, file.as_deref()))
    }
}

fn judge(path: &str, key: &str, file: Option<&[u8]>) -> Finding {
    let Some(bytes) = file else {
        return Finding::blocked(
            format!("The file {path} is not on the release branch"),
            "Prepare writes the version into it.",
        )
        .instruct("Ask a developer where the version is kept.");
    };
    match properties::get(bytes, key) {
        Ok(value) => Finding::ready(format!("{path} says {value}")),
        Err(problem) => Finding::blocked(
            format!("{path} cannot be changed safely: {problem}"),
            "Prepare writes the version into it.",
        )
        .instruct("Ask a developer to correct the file on the release branch."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn the_key_has_to_be_there_once() {
        let state = |file: Option<&[u8]>| judge("version.properties", "version", file).state;
        assert_eq!(state(Some(b"version=2.0.1.11-RELEASE\n")), ReadinessState::Ready);
        assert_eq!(state(Some(b"other=1\n")), ReadinessState::Blocked);
        assert_eq!(state(Some(b"version=1\nversion=2\n")), ReadinessState::Blocked);
        assert_eq!(state(None), ReadinessState::Blocked);
    }
}
