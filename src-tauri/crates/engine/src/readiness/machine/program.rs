//! Looks for the program of a script on the staging machine.

use super::super::check::Finding;
use crate::{ports::ReadOutput, shell};

/// A command that prints `yes` when the first word of `command` is a program that can be run in
/// `directory`, and otherwise `no`.
pub(super) fn is_program(directory: &str, command: &str) -> String {
    let program = command.split_whitespace().next().unwrap_or_default();
    let look_up = if program.contains('/') { "test -x" } else { "command -v" };
    let (directory, program) = (shell::quote(directory), shell::quote(program));
    format!("if cd {directory} && {look_up} {program} >/dev/null; then echo yes; else echo no; fi")
}

pub(super) fn of_program(name: &str, directory: &str, answer: &ReadOutput) -> Finding {
    match answer.out.trim() {
        "yes" => Finding::ready(format!("{name} is on the staging machine")),
        "no" => Finding::blocked(
            format!("{name} is not in {directory} on the staging machine, or cannot be run"),
            "Its step could not start.",
        )
        .instruct("Ask a developer where the script is."),
        _ => Finding::unknown(
            format!("The app may not look for {name}", name = name.to_lowercase()),
            "Its step shows whether it can start.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_script_is_looked_up_in_its_folder_by_its_quoted_name() {
        for (directory, command, looked_up) in [
            ("/opt/backup/bin", "./backup.sh --all", "cd /opt/backup/bin && test -x ./backup.sh >"),
            ("/opt/it's", "$(x)", r"cd '/opt/it'\''s' && command -v '$(x)' >"),
        ] {
            let made = is_program(directory, command);
            assert!(made.contains(looked_up), "{made}");
        }
    }

    #[test]
    fn only_a_plain_no_blocks() {
        for (out, state) in [
            ("yes\n", ReadinessState::Ready),
            ("no\n", ReadinessState::Blocked),
            ("", ReadinessState::Unknown),
            ("Welcome\nno\n", ReadinessState::Unknown),
        ] {
            let answer = ReadOutput { exit: Some(1), out: out.into(), err: String::new() };
            assert_eq!(of_program("The backup script", "/opt", &answer).state, state, "{out}");
        }
    }
}
