//! Tests the folders and scripts of backup and migration on the staging machine.

use greenlight_types::Profile;

use super::tested::{COMMAND_MAX, Tested, no_answer, not_checked, right, unknown, wrong};
use crate::{
    ports::{HostAddress, Ports, ReadOutput},
    shell,
};

pub(super) const KEYS: [&str; 6] = [
    "backup.directory",
    "backup.command",
    "backup.artifact_directory",
    "backup.artifact_pattern",
    "migration.directory",
    "migration.command",
];

pub(super) async fn test(ports: &Ports, profile: &Profile, machine: Option<&HostAddress>) -> Vec<Tested> {
    let Some(machine) = machine else {
        return not_checked(&KEYS, "Tested once the fingerprint of the machine is known");
    };
    let ask = async |command: String| ports.host.read(machine, &command, COMMAND_MAX).await;
    let (backup, migration) = (&profile.backup, &profile.migration);
    let mut tested = Vec::new();
    for (names, folder, command, runs_as_root) in [
        (["backup.directory", "backup.command"], &backup.directory, &backup.command, !backup.become_root.is_empty()),
        (["migration.directory", "migration.command"], &migration.directory, &migration.command, false),
    ] {
        match ask(script_question(folder, command)).await {
            Ok(answer) => tested.extend(of_script(names, &answer, runs_as_root)),
            Err(failure) => tested.extend(no_answer(&names, "The machine", &failure)),
        }
    }
    if !backup.artifact_directory.is_empty() {
        let names = ["backup.artifact_directory", "backup.artifact_pattern"];
        match ask(files_question(&backup.artifact_directory, &backup.artifact_pattern)).await {
            Ok(answer) => tested.extend(of_files(names, &backup.artifact_pattern, &answer)),
            Err(failure) => tested.extend(no_answer(&names, "The machine", &failure)),
        }
    }
    tested
}

/// Prints `folder` if the folder can be entered, and then `script` if the first word of the command
/// is a program there.
fn script_question(folder: &str, command: &str) -> String {
    // Assignments come before the program: FOO=1 ./run.sh.
    let is_assignment = |word: &&str| word.split_once('=').is_some_and(|(name, _)| !name.contains('/'));
    let program = command.split_whitespace().find(|word| !is_assignment(word)).unwrap_or_default();
    let look_up = if program.contains('/') { "test -x" } else { "command -v" };
    let (folder, program) = (shell::quote(folder), shell::quote(program));
    format!("cd {folder} 2>/dev/null && echo folder && {look_up} {program} >/dev/null && echo script; true")
}

fn of_script(names: [&'static str; 2], answer: &ReadOutput, runs_as_root: bool) -> Vec<Tested> {
    let printed = |word: &str| answer.out.lines().any(|line| line == word);
    if answer.exit != Some(0) {
        return not_checked(&names, "The machine gave no clear answer");
    }
    if printed("script") {
        return vec![right(names[0], "Found"), right(names[1], "Found, never started")];
    }
    if runs_as_root {
        // The user of the sign-in may not look into a folder of root.
        return not_checked(&names, "The sign-in may not look there; sudo runs the script");
    }
    if printed("folder") {
        return vec![right(names[0], "Found"), wrong(names[1], "The folder has no such program")];
    }
    vec![wrong(names[0], "The machine has no such folder"), unknown(names[1], "The folder is not found")]
}

/// Prints `folder` if the folder can be listed, and then the files in it. The dot follows a folder
/// that is a link.
fn files_question(folder: &str, pattern: &str) -> String {
    let quoted = shell::quote(folder);
    let named = if pattern.is_empty() { String::new() } else { format!(" -name {}", shell::quote(pattern)) };
    format!(
        "test -r {quoted} && test -x {quoted} && echo folder && find {quoted}/. -maxdepth 1 -type f{named} | head -n 1000; true"
    )
}

fn of_files(names: [&'static str; 2], pattern: &str, answer: &ReadOutput) -> Vec<Tested> {
    if answer.exit != Some(0) {
        return not_checked(&names, "The machine gave no clear answer");
    }
    let mut lines = answer.out.lines();
    if lines.next() != Some("folder") {
        return vec![
            wrong(names[0], "The sign-in cannot list this folder"),
            unknown(names[1], "The folder cannot be listed"),
        ];
    }
    let mut tested = vec![right(names[0], "Can be listed")];
    if !pattern.is_empty() {
        tested.push(match lines.count() {
            0 => unknown(names[1], "No file follows it yet"),
            1 => right(names[1], "1 file follows it"),
            1_000.. => right(names[1], "1,000 files or more follow it"),
            count => right(names[1], format!("{count} files follow it")),
        });
    }
    tested
}

#[cfg(test)]
mod tests {
    use greenlight_types::TestVerdict::{self, NotChecked, Right, Wrong};

    use super::*;

    fn answer(out: &str) -> ReadOutput {
        ReadOutput { exit: Some(0), out: out.into(), err: String::new() }
    }

    fn verdicts(tested: Vec<Tested>) -> Vec<TestVerdict> {
        tested.into_iter().map(|one| one.verdict).collect()
    }

    #[test]
    fn a_script_is_looked_for_and_never_started() {
        let names = ["backup.directory", "backup.command"];
        let of = |out: &str, as_root| verdicts(of_script(names, &answer(out), as_root));
        assert_eq!(of("folder\nscript\n", false), [Right, Right]);
        assert_eq!(of("folder\n", false), [Right, Wrong]);
        assert_eq!(of("", false), [Wrong, NotChecked]);
        assert_eq!(of("", true), [NotChecked, NotChecked]);
        let lost = ReadOutput { exit: None, out: "folder\nscript\n".into(), err: String::new() };
        assert_eq!(verdicts(of_script(names, &lost, false)), [NotChecked; 2]);
    }

    #[test]
    fn commands_quote_every_word_of_the_profile() {
        let question = script_question("/opt/it's", "$(x) --all");
        assert!(question.contains(r"cd '/opt/it'\''s' ") && question.contains("command -v '$(x)' "), "{question}");
        assert!(script_question("/opt", "A=1 ./run.sh").contains("test -x ./run.sh "));
        let question = files_question("/opt/$(x)", "r*; rm");
        assert!(question.contains("find '/opt/$(x)'/. -maxdepth 1 -type f -name 'r*; rm' |"), "{question}");
    }

    #[test]
    fn backup_files_are_counted() {
        let names = ["backup.artifact_directory", "backup.artifact_pattern"];
        let of = |pattern: &str, out: &str| of_files(names, pattern, &answer(out));
        assert_eq!(verdicts(of("*.dump", "folder\n/b/1.dump\n")), [Right, Right]);
        assert_eq!(of("*.dump", "folder\n/b/1.dump\n/b/2.dump\n")[1].sentence, "2 files follow it");
        assert_eq!(verdicts(of("*.dump", "folder\n")), [Right, NotChecked]);
        assert_eq!(verdicts(of("", "folder\n")), [Right]);
        assert_eq!(verdicts(of("*.dump", "")), [Wrong, NotChecked]);
    }
}
