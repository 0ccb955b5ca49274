//! The release branch changes no file of Git LFS, which the app cannot push.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct LargeFiles;

#[async_trait]
impl Check for LargeFiles {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::LargeFiles
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let main = subject.reads.branch(&subject.run.profile.git.main).await?;
        let branch = subject.reads.branch(&subject.run.names.branch).await?;
        let (Some(main), Some(branch)) = (main, branch) else {
            return Ok(Finding::unknown("Large files are not compared", "A branch is not on GitHub."));
        };
        Ok(judge(&subject.reads.large_files(&main, &branch).await?))
    }
}

/// Most names of files in the sentence.
const NAMED: usize = 3;

fn judge(paths: &[String]) -> Finding {
    if paths.is_empty() {
        return Finding::ready("No large file (Git LFS) changes");
    }
    let named: Vec<&str> = paths.iter().take(NAMED).map(String::as_str).collect();
    Finding::blocked(
        format!("{} large files (Git LFS) change: {}", paths.len(), named.join(", ")),
        "The app cannot push them.",
    )
    .instruct("Ask a developer to merge and push the release branch.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_large_file_blocks_and_is_named() {
        assert_eq!(judge(&[]).state, ReadinessState::Ready);
        let found = judge(&["a.bin", "b.bin", "c.bin", "d.bin"].map(str::to_owned));
        assert_eq!(found.state, ReadinessState::Blocked);
        assert!(
            found.sentence.starts_with("4 ") && found.sentence.ends_with("a.bin, b.bin, c.bin"),
            "{}",
            found.sentence
        );
    }
}
