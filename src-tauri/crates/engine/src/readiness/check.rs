//! The trait of a readiness check, its input and its result.

use async_trait::async_trait;
use greenlight_types::{
    CredentialKind, ErrorCode, Failure, ReadinessCheck, ReadinessGroup, ReadinessState, Repair, RunState, RunView,
};

use super::{
    computer_state::ComputerState,
    reads::Reads,
    workflow_text::{WorkflowFile, WorkflowText},
};
use crate::ports::{PortResult, ReadOutput};

/// The input of a check.
pub(super) struct Subject<'a> {
    pub run: &'a RunView,
    pub reads: &'a Reads<'a>,
    pub computer: &'a ComputerState,
}

impl Subject<'_> {
    /// The answer of the staging machine to the command of a check.
    pub async fn machine_answer(&self, check: &dyn Check) -> PortResult<ReadOutput> {
        self.reads.answer_to(&check.command(self.run).unwrap_or_default()).await
    }

    /// Whether Prepare is still to come.
    pub fn is_before_prepare(&self) -> bool {
        self.run.state == RunState::Draft
    }
}

/// The result of a check. An `Err` of a check is a system that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub state: ReadinessState,
    pub sentence: String,
    pub meaning: String,
    pub repair: Option<Repair>,
}

impl Finding {
    pub fn ready(sentence: impl Into<String>) -> Self {
        Self::new(ReadinessState::Ready, sentence, "")
    }

    pub fn later(sentence: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(ReadinessState::Later, sentence, meaning)
    }

    pub fn choose(sentence: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(ReadinessState::Choose, sentence, meaning)
    }

    pub fn unknown(sentence: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(ReadinessState::Unknown, sentence, meaning)
    }

    pub fn blocked(sentence: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self::new(ReadinessState::Blocked, sentence, meaning)
    }

    fn new(state: ReadinessState, sentence: impl Into<String>, meaning: impl Into<String>) -> Self {
        Self { state, sentence: sentence.into(), meaning: meaning.into(), repair: None }
    }

    pub fn repair(self, repair: Repair) -> Self {
        Self { repair: Some(repair), ..self }
    }

    pub fn instruct(self, text: impl Into<String>) -> Self {
        self.repair(Repair::Instruction { text: text.into() })
    }

    /// The value of the profile to confirm or correct.
    pub fn value(self, key: &str) -> Self {
        self.repair(Repair::Value { key: key.to_owned() })
    }

    pub fn access(self, credential: CredentialKind) -> Self {
        self.repair(Repair::Access { credential })
    }

    /// A system that did not answer. The failure stands beside the row, in its own words.
    pub fn of_failure(failure: &Failure) -> Self {
        let hint = failure.hints.first().cloned();
        let found = Self::unknown("This check has no answer", "The app does not know whether the release can start.");
        match hint {
            Some(hint) => found.instruct(hint),
            None => found,
        }
    }
}

/// A sign-in that is missing or refused blocks the release. Any other failure is no answer.
pub(super) fn of_sign_in(failure: Failure, name: &str, credential: CredentialKind) -> PortResult<Finding> {
    let sentence = if failure.code == ErrorCode::CredentialMissing {
        format!("No sign-in for {name} is saved")
    } else if [ErrorCode::CredentialRefused, ErrorCode::HostRefused].contains(&failure.code) {
        format!("{name} refuses the sign-in that is saved")
    } else if failure.code == ErrorCode::KeyFileUnreadable {
        format!("The key for {name} cannot be read")
    } else {
        return Err(failure);
    };
    Ok(Finding::blocked(sentence, "The release needs it.").access(credential))
}

impl WorkflowFile {
    /// The finding of a check that judges the file, or that the file is not read.
    pub fn judged(self, judge: impl FnOnce(&WorkflowText) -> Finding) -> Finding {
        match self {
            Self::Read(file) => judge(&file),
            Self::NoBranch | Self::Missing | Self::Unreadable(_) => self.not_read(),
        }
    }

    /// The finding of a check that cannot judge the file.
    pub fn not_read(&self) -> Finding {
        let sentence = "The workflow file is not read";
        match self {
            Self::NoBranch => Finding::unknown(sentence, "The release branch is not on GitHub."),
            Self::Missing => Finding::unknown(sentence, "This state of the code does not have it."),
            Self::Unreadable(why) => Finding::unknown(sentence, format!("The app cannot read it: {why}."))
                .instruct("Ask a developer to look at the workflow file."),
            Self::Read(_) => Finding::unknown(sentence, ""),
        }
    }
}

#[async_trait]
pub(super) trait Check: Sync {
    fn id(&self) -> ReadinessCheck;
    fn group(&self) -> ReadinessGroup;
    /// Whether the check has a meaning for this run now.
    fn is_for(&self, _subject: &Subject<'_>) -> bool {
        true
    }
    /// The command that the check runs on the staging machine. It only reads.
    fn command(&self, _run: &RunView) -> Option<String> {
        None
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_or_refused_sign_in_blocks() {
        let found = |code| of_sign_in(Failure::new(code, "ask"), "GitHub", CredentialKind::Github);
        for code in [
            ErrorCode::CredentialMissing,
            ErrorCode::CredentialRefused,
            ErrorCode::HostRefused,
            ErrorCode::KeyFileUnreadable,
        ] {
            let finding = found(code).expect("a finding");
            assert_eq!(finding.state, ReadinessState::Blocked, "{code:?}");
            assert_eq!(finding.repair, Some(Repair::Access { credential: CredentialKind::Github }));
        }
        for code in [ErrorCode::Unreachable, ErrorCode::TimedOut, ErrorCode::PermissionMissing] {
            assert_eq!(found(code).expect_err("no answer").code, code);
        }
    }

    #[test]
    fn a_system_without_an_answer_shows_its_hint() {
        let failure = Failure::new(ErrorCode::Unreachable, "ask AWS").hint("Check the network.");
        let finding = Finding::of_failure(&failure);
        assert_eq!(finding.state, ReadinessState::Unknown);
        assert_eq!(finding.repair, Some(Repair::Instruction { text: "Check the network.".into() }));
    }
}
