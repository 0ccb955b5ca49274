//! The login shell of the profile runs a command, and prints nothing else.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{PortResult, ReadOutput},
    shell,
};

pub struct LoginShell;

#[async_trait]
impl Check for LoginShell {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::LoginShell
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    fn command(&self, run: &RunView) -> Option<String> {
        Some(format!("{} {}", run.profile.host.login_shell, shell::quote(&format!("echo {WORD}"))))
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let login_shell = &subject.run.profile.host.login_shell;
        let answer = subject.machine_answer(self).await?;
        Ok(judge(login_shell, &answer))
    }
}

const WORD: &str = "greenlight-readiness";

fn judge(login_shell: &str, answer: &ReadOutput) -> Finding {
    let out = answer.out.trim();
    if answer.exit == Some(0) && out == WORD {
        return Finding::ready(format!("Scripts run in the login environment ({login_shell})"));
    }
    if answer.exit == Some(0) && out.ends_with(WORD) {
        return Finding::ready("Scripts run in the login environment; it prints a greeting of its own");
    }
    Finding::blocked(
        format!("The login shell ({login_shell}) does not run a command"),
        "Backup and migration run in it.",
    )
    .instruct("Ask a developer to look at the login files of this user on the staging machine.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_greeting_is_allowed_and_another_program_is_not() {
        let state =
            |exit, out: &str| judge("bash -lc", &ReadOutput { exit, out: out.into(), err: String::new() }).state;
        assert_eq!(state(Some(0), "greenlight-readiness\n"), ReadinessState::Ready);
        assert_eq!(state(Some(0), "Welcome\ngreenlight-readiness\n"), ReadinessState::Ready);
        for (exit, out) in [(Some(0), "Welcome\n"), (Some(127), ""), (None, "greenlight-readiness\n")] {
            assert_eq!(state(exit, out), ReadinessState::Blocked, "{exit:?} {out}");
        }
    }
}
