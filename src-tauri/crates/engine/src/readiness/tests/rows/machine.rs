//! Rows of the staging machine.

use greenlight_types::{
    ReadinessCheck::{
        BackupScript, BackupSpace, LoginShell, MachineAnswers, MachineClock, MachineJobs, MachineSignIn,
        MigrationScript, Sudo,
    },
    ReadinessState::{Blocked, Choose, Later, Ready, Unknown},
};

use super::{
    super::answers::{Answers, lost, printed, signed_out},
    NO_ANSWER, Row,
};
use crate::ports::{JobState, JobStatus, ReadOutput};

/// Parts of the commands of the checks.
const DATE: &str = "date +%s";
const SHELL: &str = "greenlight-readiness";
const SPACE: &str = "df -Pk";
const PROGRAM: &str = "echo yes";

/// The login user runs the backup script.
fn without_sudo(world: &mut Answers) {
    world.run.profile.backup.become_root.clear();
}

pub fn rows() -> Vec<Row> {
    vec![
        Row(MachineAnswers, Ready, "is the machine that was confirmed", |_| {}),
        Row(MachineAnswers, Blocked, "Another machine answers", |world| {
            world.fingerprints = Ok(vec!["SHA256:b".into()]);
        }),
        Row(MachineAnswers, Unknown, NO_ANSWER, |world| world.fingerprints = lost()),
        Row(MachineSignIn, Ready, "Signed in to Rally 2.1.0", |_| {}),
        Row(MachineSignIn, Blocked, "No sign-in for the staging machine", |world| world.machine = signed_out()),
        Row(MachineSignIn, Unknown, NO_ANSWER, |world| world.machine = lost()),
        Row(MachineJobs, Ready, "No script of this product runs", |_| {}),
        Row(MachineJobs, Later, "A script runs", |world| {
            let id = "rally.practice.backup.2.1.0.a1".into();
            let job = JobStatus { id, state: JobState::Running, started_at: None, output_bytes: 0 };
            world.machine_jobs = Ok(vec![job]);
        }),
        Row(MachineJobs, Unknown, NO_ANSWER, |world| world.machine_jobs = lost()),
        Row(MachineClock, Ready, "agree", |_| {}),
        Row(MachineClock, Choose, "min apart", |world| world.command(DATE, printed(0, "0"))),
        Row(MachineClock, Unknown, "tells no time", |world| world.command(DATE, printed(127, ""))),
        Row(MachineClock, Unknown, NO_ANSWER, |world| world.command(DATE, lost())),
        Row(LoginShell, Ready, "Scripts run in the login environment", |_| {}),
        Row(LoginShell, Blocked, "does not run a command", |world| world.command(SHELL, printed(127, ""))),
        Row(LoginShell, Unknown, NO_ANSWER, |world| world.command(SHELL, lost())),
        Row(Sudo, Ready, "The app may run the backup script", |_| {}),
        Row(Sudo, Blocked, "The app may not run the backup script", |world| world.command("sudo", printed(1, ""))),
        Row(Sudo, Unknown, "sudo gave no answer", |world| {
            let answer = ReadOutput { exit: None, out: String::new(), err: String::new() };
            world.command("sudo", Ok(answer));
        }),
        Row(Sudo, Unknown, NO_ANSWER, |world| world.command("sudo", lost())),
        Row(BackupScript, Ready, "The backup script is on the staging machine", without_sudo),
        Row(BackupScript, Blocked, "The backup script is not in", |world| {
            without_sudo(world);
            world.command(PROGRAM, printed(0, "no\n"));
        }),
        Row(BackupScript, Unknown, "may not look for the backup script", |world| {
            without_sudo(world);
            world.command(PROGRAM, printed(1, ""));
        }),
        Row(BackupScript, Unknown, NO_ANSWER, |world| {
            without_sudo(world);
            world.command(PROGRAM, lost());
        }),
        Row(BackupSpace, Ready, "are free for the backup", |_| {}),
        Row(BackupSpace, Blocked, "Only 0.0 GiB", |world| {
            world.command(SPACE, printed(0, "Filesystem 1024-blocks Used Available\n/dev/vda 9 9 9\n"));
        }),
        Row(BackupSpace, Unknown, "is not known", |world| world.command(SPACE, printed(1, ""))),
        Row(BackupSpace, Unknown, NO_ANSWER, |world| world.command(SPACE, lost())),
        Row(MigrationScript, Ready, "The migration script is on the staging machine", |_| {}),
        Row(MigrationScript, Blocked, "The migration script is not in", |world| {
            world.command(PROGRAM, printed(0, "no\n"));
        }),
        Row(MigrationScript, Unknown, "may not look for the migration script", |world| {
            world.command(PROGRAM, printed(1, ""));
        }),
        Row(MigrationScript, Unknown, NO_ANSWER, |world| world.command(PROGRAM, lost())),
    ]
}
