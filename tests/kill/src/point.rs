//! The points at which the app is killed.

use std::time::Duration;

/// What is about to happen, or has just happened, when the app is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// A request has not left the app.
    BeforeSend,
    /// A request has arrived and has had its effect; it is never answered.
    AfterSend,
    /// The answer has come to this computer; nobody has read it.
    BeforeReceive,
    /// The answer has been read; nobody has acted upon it.
    AfterReceive,
    /// Work on the app's own copy of the repository has not begun.
    BeforeWork,
    /// Work on the app's own copy of the repository is done; nobody has acted upon it.
    AfterWork,
    /// An entry of the journal is not on disk.
    BeforeAppend,
    /// An entry of the journal is on disk; nobody was told.
    AfterAppend,
}

impl Moment {
    /// Every moment.
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

    /// In words.
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

    /// The moment of a name that [`Self::words`] gave.
    #[must_use]
    pub fn of(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|moment| moment.words() == words)
    }
}

/// One point in the life of a process: the so manieth time, from 0, that this moment comes, and at what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// What is about to happen, or has just happened.
    pub moment: Moment,
    /// How often it came before.
    pub index: u32,
    /// Name of the call.
    pub name: String,
}

/// How a process of the app is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// By itself.
    Never,
    /// At a point.
    At(Moment, u32),
    /// Before its n-th call, from 1, on a file of its data folder.
    AtFileCall(u32),
    /// That long after it was started.
    After(Duration),
}

/// How a process was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Killed {
    /// At a point.
    At(Point),
    /// Before its n-th call on a file.
    AtFileCall(u32, String),
    /// At a random moment.
    Anywhere,
}

/// Methods of the repository's port that never leave this computer.
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
            | "git.read_file"
            | "git.commit_file"
            | "git.make_tag"
    )
}
