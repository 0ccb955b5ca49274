//! Whether the release has submodules, which the app does not touch.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Submodules;

#[async_trait]
impl Check for Submodules {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Submodules
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let Some(commit) = subject.reads.commit_to_release().await? else {
            return Ok(Finding::unknown("Submodules are not looked for", "The release branch is not on GitHub."));
        };
        Ok(judge(subject.reads.file(&commit, ".gitmodules").await?.as_deref()))
    }
}

/// Most names in the sentence.
const NAMED: usize = 3;

fn judge(file: Option<&[u8]>) -> Finding {
    let text = String::from_utf8_lossy(file.unwrap_or_default());
    let names: Vec<&str> = text.lines().filter_map(|line| name_of(line.trim())).collect();
    if names.is_empty() {
        return Finding::ready("The repository has no submodules");
    }
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    Finding::later(
        format!("The repository has {} submodules: {shown}", names.len()),
        "The app does not touch them: it merges the commit that each one names, and the build fetches them.",
    )
}

/// Name in a section `[submodule "name"]` (man page gitmodules).
fn name_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("[submodule")?.trim_start();
    rest.strip_prefix('"')?.strip_suffix("\"]")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn submodules_are_named_and_left_to_the_build() {
        for none in [None, Some(&b""[..]), Some(b"# nothing\n"), Some(b"[other \"x\"]\n"), Some(b"\xff\xfe")] {
            assert_eq!(judge(none).state, ReadinessState::Ready, "{none:?}");
        }
        let text = b"[submodule \"libs/a\"]\n\tpath = libs/a\n  [submodule \"b\"]\n";
        let found = judge(Some(text));
        assert_eq!(found.state, ReadinessState::Later);
        assert_eq!(found.sentence, "The repository has 2 submodules: libs/a, b");
    }
}
