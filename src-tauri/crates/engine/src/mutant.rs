//! Seeded defects of the engine, with which the checker of the simulation is tried (TEST-T22). The feature `mutants` makes them switches of one test build.
//!
//! Never part of the app: the feature is off by default, the shell refuses to compile with it ([`ARE_COMPILED_IN`]), and
//! without it [`is`] is a constant `false`, so the compiler removes every point. Nothing here repairs or decides anything.

mod points;

pub(crate) use points::{
    before_push, believes_push, believes_ref, forgets_write, gives_up, ignored_runs, judge, last_attempt,
    migrate_unasked, misread, overlooks, skip_backup, spoil, starts_late, unseen_file, unseen_image,
};

/// Declares the defects: the sentence says what each does wrong, the list which rules of RELIABILITY.md section 2 it
/// should break.
macro_rules! mutants {
    ($($(#[doc = $words:literal])+ $name:ident => $($rule:literal),+;)+) => {
        /// One defect. At most one is on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Mutant {
            $($(#[doc = $words])+ $name,)+
        }

        impl Mutant {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as a person types it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// What it does wrong, in one sentence.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($words),+).trim_ascii(),)+
                }
            }

            /// The rules that it should break: at least one of them, in some release.
            #[must_use]
            pub const fn breaks(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($rule),+],)+
                }
            }
        }
    };
}

mutants! {
    // The journal and the runner.
    /// Keeps StepStarted of a changing step in memory only.
    SkipStartedWrite => "INV-J1", "INV-J4";
    /// Writes StepStarted of a changing step after it has run.
    StartedAfterEffect => "INV-J1";
    /// Shows events first and writes them three seconds later.
    ShowBeforeDurable => "INV-J4";
    /// Gives another attempt the number of the one before.
    AttemptNotCounted => "INV-J5";
    /// Takes every step that was under way when the app ended for one that never happened.
    ResetOnReopen => "INV-U1", "INV-B1", "INV-J3";
    /// Goes on with an attempt by starting it once more.
    RunAgainOnReopen => "INV-B1", "INV-J5", "INV-J2";
    /// Takes a job for not started while the order to start it may still be on its way.
    DoubtUnfenced => "INV-J3", "INV-U1";
    /// Takes a step for not done when the world has not answered for three minutes.
    DoubtEndsByTimer => "INV-J2", "INV-U1", "INV-J3", "INV-B1";
    /// Starts a migration that waits for its button when the app is opened.
    MigrateOnOpen => "INV-J1", "INV-D2";
    /// Records a backup as there without taking one.
    BackupSkipped => "INV-D1", "INV-J2";
    /// Counts an answered check of the site as a passed one.
    TickedBoxPasses => "INV-E4";
    /// Calls the version released before the site was checked.
    EndBeforeSiteCheck => "INV-E4";
    /// Calls the version released whenever a person says so.
    ReleasedOnWord => "INV-E4";

    // Answers.
    /// Calls a step failed when the answer of its request was lost.
    LostReplyIsFailure => "INV-J2";
    /// Calls a push done when its answer was lost.
    LostReplyIsDone => "INV-J2", "INV-G4";

    // The repository.
    /// Records a ref as published before it is pushed.
    LearnBeforePush => "INV-J2", "INV-G4";
    /// Believes an accepted push without looking at the remote.
    PushBelieved => "INV-J2", "INV-G4";
    /// Takes the end of a push for its success, as libgit2 does, also when the server refused it.
    RefusedPushBelieved => "INV-J2", "INV-G4";
    /// Reads a ref that is as it was before as published.
    UnchangedIsPublished => "INV-J2", "INV-G4", "INV-G1";
    /// Reads a main branch that somebody else has moved as published.
    MovedMainIsOurs => "INV-J2", "INV-G4";
    /// Compares a push with what is there, not with what was planned, so that a colleague's commits are dropped.
    PushOverMovedMain => "INV-G2";
    /// Moves a label that stands at another commit.
    TagMoved => "INV-G3";
    /// Offers the label for pushing before the branch is published.
    TagBeforeBranch => "INV-G3", "INV-G1";
    /// Merges the main branch into the release branch.
    MergeParentsSwapped => "INV-G2";
    /// Puts the version commit on top of the old main branch, without the merge.
    VersionOnWrongParent => "INV-G2", "INV-G1";
    /// Adds a line at the end of the version file.
    VersionFileTouched => "INV-G2";
    /// Writes a version commit although the file says the version already.
    EmptyVersionCommit => "INV-G2";
    /// Publishes and labels the merge, and leaves the version commit behind.
    TagsTheMerge => "INV-G1", "INV-G2", "INV-J1";

    // The task definition.
    /// Sends the registration again when it was not answered.
    RegisterAgain => "INV-J5";
    /// Replaces the image of every container.
    OtherImageChanged => "INV-E2";
    /// Drops the tags.
    TagsDropped => "INV-E2";
    /// Drops a field that it does not know.
    FieldDropped => "INV-E2";
    /// Records a revision without reading it back.
    RevisionNotReadBack => "INV-J2";

    // Who may act.
    /// Starts a build without asking whether another release holds the environment by now.
    HolderIgnored => "INV-O1";
    /// Does not compare the machine with the one that Deploy started on.
    MachineIgnored => "INV-S2";

    // Backup and migration.
    /// Takes a backup script that ended with 0 for a backup.
    BackupUnproved => "INV-D1";
    /// Takes a backup script that ended at all for a backup.
    BackupExitIgnored => "INV-D1", "INV-J2";
    /// Takes the newest backup file for the backup of this run, whoever wrote it.
    YesterdaysBackupCounts => "INV-D1", "INV-J2";
    /// Migrates however old the backup is.
    BackupAgeIgnored => "INV-D1";
    /// Takes a backup that was to be taken again, and was not, for a fresh one.
    BackupAgeOfLastAttempt => "INV-D1";
    /// Does not look whether the file of the backup is still the one that was proved.
    BackupFileForgotten => "INV-D1";
    /// Migrates a database of which nobody knows that it is the one that was backed up.
    DatabaseUnsaidAtBackup => "INV-D1";
    /// Treats the migration like a backup: what ran before gets the next number.
    MigrationRepeats => "INV-D2", "INV-U1";
    /// Takes a person's word for the migration and leaves its gate on the machine open.
    GateLeftOpen => "INV-D2";
    /// Closes a gate on the machine that the record does not name.
    GateClosedUnsaid => "INV-J1";
    /// Calls the migration done by its exit code alone, without asking the database.
    DatabaseNotAsked => "INV-D7";
    /// Reads every exit code of a job as 0.
    NonZeroIsSuccess => "INV-J2";
    /// Takes a job that was lost in a restart of the machine for one that ended well.
    LostIsFinished => "INV-J2";
    /// Takes a job that runs for one that has ended well.
    RunningIsFinished => "INV-J2";
    /// Takes a job that runs for one that never started.
    RunningIsNotStarted => "INV-U1", "INV-J2", "INV-J3";
    /// Calls a job failed when the machine does not answer.
    SilenceIsFailure => "INV-J2", "INV-U1";
    /// Calls a job not started when the answer of its launch was lost.
    LaunchLostIsFailure => "INV-J2", "INV-U1";

    // The build.
    /// Sends the dispatch again when it was not answered.
    DispatchAgain => "INV-B1", "INV-J5", "INV-J2";
    /// Starts the build although the main branch is not the labelled commit any more.
    DispatchMovedMain => "INV-J1", "INV-B1", "INV-B2";
    /// Records a build that GitHub accepted without naming it, and does not look for it.
    BuildNotSearched => "INV-J2";
    /// Takes a build that is not listed for one that was never started, at once.
    AbsentBuildIsNotStarted => "INV-B1";
    /// Records the package when the build job has ended, without asking the registry.
    PackageUnseen => "INV-J2";

    // The rollout and the site.
    /// Trusts "stable": one deployment, and as many servers as are wanted.
    TrustStable => "INV-E4", "INV-J2";
    /// Takes the end of any deployment for the end of ours.
    AnyCompletedIsOurs => "INV-E4", "INV-J2";
    /// Takes the deployment that brings the old revision back for ours.
    RollbackAccepted => "INV-E4", "INV-J2";
    /// Calls our deployment complete while servers of the old version still run.
    OldServersIgnored => "INV-E4", "INV-J2";
    /// Counts a server as new as soon as it is listed, even one that has ended.
    ServerCountedUnseen => "INV-J2";
    /// Records the version of the site without asking the site.
    SiteNotAsked => "INV-J2", "INV-E4";
}

/// Whether this build has the defects at all; the shell asserts that it has not.
pub const ARE_COMPILED_IN: bool = cfg!(feature = "mutants");

#[cfg(feature = "mutants")]
thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Switches a defect on, or all off, for what runs on this thread.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    ON.set(mutant);
}

/// Whether a defect is on.
#[cfg(feature = "mutants")]
pub(crate) fn is(mutant: Mutant) -> bool {
    ON.get() == Some(mutant)
}

/// Whether a defect is on: never in the app.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}

#[cfg(test)]
mod tests;
