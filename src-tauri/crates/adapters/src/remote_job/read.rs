//! Runs a command that only reads. The login shell of the user starts `sh`, and `sh` runs the
//! command. Two markers enclose the output, so text that the login shell prints is left out.

use greenlight_engine::ports::{PortResult, ReadOutput};
use greenlight_types::{ErrorCode, Failure};

/// Most bytes of standard output that a shell passes on.
pub const OUT_MAX: usize = 256 * 1024;

/// One call of a command that only reads.
pub(super) struct ReadCall {
    /// Command line for any login shell: one word in single quotes, without a line end, a backslash
    /// or an exclamation mark, which fish or tcsh would change.
    pub(super) command: String,
    /// Marks both outputs of this call.
    nonce: String,
}

impl ReadCall {
    /// The command line. It takes the command from its standard input.
    pub(super) fn new() -> Self {
        let nonce = format!("{:032x}", rand::random::<u128>());
        let (open, close) = (format!("<<<JOB:{nonce}"), format!("JOB:{nonce} $c>>>"));
        let command = format!(
            "sh -c 's=$(cat); echo; echo \"{open}\"; echo >&2; echo \"{open}\" >&2; \
             sh -c \"$s\" </dev/null; c=$?; echo; echo \"{close}\"; echo >&2; echo \"{close}\" >&2'"
        );
        Self { command, nonce }
    }

    /// The output and the exit code of the command alone. The exit code is `None` when the answer
    /// was cut off.
    ///
    /// # Errors
    /// `LoginShell` when a whole answer has no marker: the command did not run.
    pub(super) fn answer(&self, printed: &ReadOutput) -> PortResult<ReadOutput> {
        let (out, err) = (self.between(&printed.out), self.between(&printed.err));
        if out.is_none() && printed.exit.is_some() {
            return Err(login_shell(printed));
        }
        let (out, out_exit) = out.unwrap_or_default();
        let (err, err_exit) = err.unwrap_or_default();
        // A long output loses its end, and with it the marker. Then the other output has the code.
        let exit = out_exit.or(err_exit.filter(|_| printed.out.len() >= OUT_MAX));
        Ok(ReadOutput { exit, out: out.to_owned(), err: err.to_owned() })
    }

    /// The text after the first marker, and the exit code in the second one, if that is there.
    fn between<'a>(&self, printed: &'a str) -> Option<(&'a str, Option<i32>)> {
        let (_, rest) = printed.split_once(&format!("<<<JOB:{}\n", self.nonce))?;
        let end = rest.rsplit_once(&format!("\nJOB:{} ", self.nonce));
        let closed = end.and_then(|(text, close)| Some((text, close.split_once(">>>")?.0.parse().ok()?)));
        Some(closed.map_or((rest, None), |(text, code)| (text, Some(code))))
    }
}

/// The shell of the login user did not run the command, and answered something else.
pub(super) fn login_shell(printed: &ReadOutput) -> Failure {
    let said = [printed.err.trim(), printed.out.trim()].join("\n");
    let said: String = said.trim().chars().take(300).collect();
    let (problem, hint) = reason(&said, printed.exit);
    Failure::new(ErrorCode::LoginShell, format!("run a command on the staging machine: {problem}"))
        .with("problem", problem)
        .because(if said.is_empty() { "it printed nothing".to_owned() } else { said })
        .hint(hint)
        .hint("Check with: ssh USER@MACHINE 'sh -c \"echo works\"'. It must print \u{201c}works\u{201d}.")
}

/// The reason in words, and the next act. The texts are those of nologin(8), bash(1), and of
/// shells that do not find `sh`.
fn reason(said: &str, exit: Option<i32>) -> (&'static str, &'static str) {
    let has = |text: &str| said.contains(text);
    if has("account is currently not available") {
        (
            "the login user may not open a shell",
            "Ask who runs that machine to give the login user a shell, or name another user.",
        )
    } else if exit == Some(127) || has("ommand not found") {
        (
            "its login shell does not find the program sh",
            "Ask who runs that machine to put /bin on the PATH of the login user, or to replace a restricted shell (rbash).",
        )
    } else if said.is_empty() {
        (
            "the session ends before the command runs",
            "Ask who runs that machine whether a start-up file of the login shell, for example .bashrc, ends with \u{201c}exit\u{201d}.",
        )
    } else {
        (
            "something else answers in place of the command",
            "Ask who runs that machine about a forced command (\u{201c}command=\u{201d} in authorized_keys, or ForceCommand), and \
             about a start-up file of the login shell that starts another program.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(exit: Option<i32>, out: impl Into<String>, err: impl Into<String>) -> ReadOutput {
        ReadOutput { exit, out: out.into(), err: err.into() }
    }

    /// An answer of the machine, `<` and `>` being the markers of this call.
    fn answer(exit: Option<i32>, out: &str, err: &str) -> PortResult<ReadOutput> {
        let call = ReadCall::new();
        let marked = |text: &str| {
            text.replace('<', &format!("\n<<<JOB:{}\n", call.nonce))
                .replace('>', &format!("\nJOB:{} 3>>>\n", call.nonce))
        };
        call.answer(&printed(exit, marked(out), marked(err)))
    }

    #[test]
    fn ignores_text_of_start_up_files() {
        for (out, err) in [
            ("<ab\n>", "<e>"),
            ("Welcome to staging!\n<ab\n>", "stty: 'standard input': Inappropriate ioctl for device\n<e>"),
            ("\u{1b}]0;ec2-user@staging\u{7}<ab\n>logout\n", "<e>bye"),
        ] {
            let read = answer(Some(3), out, err).expect("an answer");
            assert_eq!((read.exit, read.out.as_str(), read.err.as_str()), (Some(3), "ab\n", "e"), "{out:?}");
        }
    }

    #[test]
    fn an_answer_that_was_cut_off_has_no_exit_code() {
        for (exit, out) in [(None, ""), (None, "Welcome"), (None, "<par"), (Some(0), "<par")] {
            assert_eq!(answer(exit, out, "").expect("an answer").exit, None, "{out:?}");
        }
        assert_eq!(answer(None, "<par", "<>").expect("an answer").exit, None, "only half of the output came");
        let long = format!("<{}", "x".repeat(OUT_MAX));
        assert_eq!(answer(Some(3), &long, "<>").expect("an answer").exit, Some(3));
    }

    #[test]
    fn a_shell_that_runs_no_command_is_named() {
        for (exit, out, err, problem) in [
            (1, "This account is currently not available.\n", "", "may not open a shell"),
            (1, "", "sh: Command not found.", "does not find the program sh"),
            (127, "", "bash: line 1: sh: command not found", "does not find the program sh"),
            (0, "", "", "ends before the command runs"),
            (0, "Backups of this week: 4\n", "", "something else answers"),
        ] {
            let failure = login_shell(&printed(Some(exit), out, err));
            assert!(failure.summary.contains(problem) && failure.hints.len() == 2, "{failure:?}");
            assert_eq!(answer(Some(exit), out, err).expect_err("no answer").code, ErrorCode::LoginShell);
        }
    }

    #[test]
    fn every_login_shell_reads_the_command_line_alike() {
        let command = ReadCall::new().command;
        assert_eq!(command.matches('\'').count(), 2, "{command}");
        assert!(!command.contains(['!', '\\', '\n']), "{command}");
    }
}
