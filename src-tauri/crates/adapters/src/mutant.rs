//! Seeded defects of the adapters, with which the tests against real protocols are tried (`make test-adapter-mutants`).
//!
//! Never part of the app: the feature `mutants` is off by default, the shell refuses to compile with it, and without it
//! [`is`] is a constant `false`. In a test build the environment variable `GREENLIGHT_MUTANT` names the one that is on.

/// Declares the defects: the sentence says what each does wrong.
macro_rules! mutants {
    ($($(#[doc = $words:literal])+ $name:ident,)+) => {
        /// One defect. At most one is on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[doc = $words])+ $name,)+
        }

        impl Mutant {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name, as the environment variable has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

mutants! {
    /// Sends the dispatch of a build again when it was not answered.
    DispatchRepeated,
    /// Calls a dispatch that was not answered one that changed nothing.
    DispatchLostIsNothing,
    /// Takes builds of other commits for ours.
    AnyCommitCounts,
    /// Pushes over a ref that is not as it was planned.
    RefMoved,
    /// Believes a push that libgit2 returned `Ok` for, whatever the server said of the ref.
    PushBelieved,
    /// Drops a member of a task definition that the SDK does not know.
    FieldDropped,
    /// Registers a task definition again when it was not answered.
    RegisterRepeated,
    /// Calls a lost answer of AWS one after which nothing changed.
    LostIsNothing,
    /// Reads only the first page of the servers.
    ServersCut,
    /// Takes a page of the log for the last one.
    LogCut,
    /// Signs in to any machine, whatever its fingerprint.
    AnyMachine,
    /// Keeps its connections over a sleep of this computer.
    SleepIgnored,
    /// Reads every exit code of a script as 0.
    ExitIgnored,
    /// Takes a job that ended without a result for one that ended well.
    LostIsFinished,
}

/// Whether this build has the defects at all; the shell asserts that it has not.
pub const ARE_COMPILED_IN: bool = cfg!(feature = "mutants");

/// Whether a defect is on.
#[cfg(feature = "mutants")]
pub(crate) fn is(mutant: Mutant) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("GREENLIGHT_MUTANT").ok()).as_deref() == Some(mutant.name())
}

/// Whether a defect is on: never in the app.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}
