//! Points of a process at which it can be killed.

use std::time::Duration;

/// Moment of a point, relative to a request, local work or an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A request has not left the app.
    BeforeSend,
    /// A request arrived and had its effect. It gets no answer.
    AfterSend,
    /// The answer arrived at this computer and is not read.
    BeforeReceive,
    /// The answer is read, and the app has not acted on it.
    AfterReceive,
    /// Work on the app's copy of the repository has not begun.
    BeforeWork,
    /// Work on the app's copy of the repository is done, and the app has not acted on it.
    AfterWork,
    /// Events of the journal are not on disk.
    BeforeAppend,
    /// Events of the journal are on disk, and the app has not acted on them.
    AfterAppend,
}

impl Moment {
    pub const ALL: [Self; 8] = [
        Self::BeforeSend,
        Self::AfterSend,
        Self::BeforeReceive,
        Self::AfterReceive,
        Self::BeforeWork,
        Self::AfterWork,
        Self::BeforeAppend,
        Self::AfterAppend,
    ];

    /// Name of the moment in the table.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::BeforeSend => "network: before a send",
            Self::AfterSend => "network: after a send",
            Self::BeforeReceive => "network: before a receive",
            Self::AfterReceive => "network: after a receive",
            Self::BeforeWork => "own clone: before its work",
            Self::AfterWork => "own clone: after its work",
            Self::BeforeAppend => "journal: before an append",
            Self::AfterAppend => "journal: after an append",
        }
    }

    /// Returns the moment with this name.
    #[must_use]
    pub fn of(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.words() == words)
    }
}

/// One point in the life of a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub moment: Moment,
    /// How often the same moment came before, from 0.
    pub index: u32,
    /// Name of the call.
    pub name: String,
}

/// Planned end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    Never,
    /// At a point: moment and index.
    At(Moment, u32),
    /// Before its n-th call, from 1, on a file of its data folder.
    AtFileCall(u32),
    /// This long after its start.
    After(Duration),
}

/// Actual kill of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Killed {
    At(Point),
    /// Before its n-th file call, with the name of the call.
    AtFileCall(u32, String),
    /// At a random moment.
    Anywhere,
}

/// Whether a method of the repository's port stays on this computer.
#[must_use]
pub fn is_own_work(name: &str) -> bool {
    matches!(
        name,
        "git.commit"
            | "git.tag"
            | "git.commits_between"
            | "git.is_ancestor"
            | "git.changed_paths"
            | "git.merge"
            | "git.merge_conflicts"
            | "git.read_file"
            | "git.commit_file"
            | "git.commit_message"
            | "git.make_tag"
    )
}
