//! What exactly a step would change, shown before its button is enabled.

mod inputs;

pub use inputs::*;
use serde::{Deserialize, Deserializer, Serialize, de};
use specta::Type;

use crate::StepId;

/// The plan of one step: exact changes, gates, question, way back. Written to the journal when the step starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepPlan {
    /// Which step.
    pub step: StepId,
    /// Hex SHA-256 over step, changes, inputs and `irreversible`; gates and words do not count, since they change
    /// while nothing else does.
    pub hash: String,
    /// What it will do, in plain words: two or three sentences.
    pub lede: String,
    /// The verb on the button: "Run the migration".
    pub button: String,
    /// Exactly what changes.
    pub changes: Vec<Change>,
    /// What must be true before; the button stays closed while one is not.
    pub gates: Vec<Gate>,
    /// Something only a person can decide; closed until answered.
    pub question: Option<Question>,
    /// Something worth knowing that closes nothing.
    pub notices: Vec<String>,
    /// Set when it is already true: the evidence. Running then changes nothing and records "Already done".
    pub already: Option<String>,
    /// Whether it was begun before, as a rule on another computer, and its end is still to be seen: running then changes
    /// nothing and follows it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[specta(optional)]
    pub follows: bool,
    /// Whether it cannot be taken back, and so asks for a confirmation.
    pub irreversible: bool,
    /// How to undo it, or why not.
    pub way_back: WayBack,
    /// The runbook's lines with this run's values.
    pub by_hand: ByHand,
    /// The values that `run` acts on: commit ids, times, ARNs. Part of the hash.
    #[specta(type = InputMap)]
    pub inputs: PlanInputs,
}

/// A plan as it is read: which inputs its map must hold depends on the step beside it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPlan {
    step: StepId,
    hash: String,
    lede: String,
    button: String,
    changes: Vec<Change>,
    gates: Vec<Gate>,
    question: Option<Question>,
    notices: Vec<String>,
    already: Option<String>,
    #[serde(default)]
    follows: bool,
    irreversible: bool,
    way_back: WayBack,
    by_hand: ByHand,
    inputs: InputMap,
}

impl TryFrom<StoredPlan> for StepPlan {
    type Error = InputError;

    fn try_from(stored: StoredPlan) -> Result<Self, InputError> {
        let inputs = PlanInputs::read(stored.step, &stored.inputs)?;
        Ok(Self {
            hash: stored.hash,
            lede: stored.lede,
            button: stored.button,
            changes: stored.changes,
            gates: stored.gates,
            question: stored.question,
            notices: stored.notices,
            already: stored.already,
            follows: stored.follows,
            irreversible: stored.irreversible,
            by_hand: stored.by_hand,
            ..Self::new(stored.step, stored.way_back, inputs)
        })
    }
}

impl<'de> Deserialize<'de> for StepPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(StoredPlan::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl StepPlan {
    /// A plan that changes nothing yet: no words, no precondition, no question. Its hash is empty.
    #[must_use]
    pub fn new(step: StepId, way_back: WayBack, inputs: PlanInputs) -> Self {
        Self {
            step,
            hash: String::new(),
            lede: String::new(),
            button: String::new(),
            changes: Vec::new(),
            gates: Vec::new(),
            question: None,
            notices: Vec::new(),
            already: None,
            follows: false,
            irreversible: false,
            way_back,
            by_hand: ByHand { lines: Vec::new(), page: None },
            inputs,
        }
    }

    /// Whether the button may be enabled.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.question.is_none() && self.gates.iter().all(|gate| gate.passed)
    }
}

/// One exact change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// One sentence with a value beside it.
    Line {
        /// In plain words.
        text: String,
        /// The technical value.
        value: String,
    },
    /// Commits that take part.
    Commits {
        /// What they are.
        title: String,
        /// Newest first, at most 50.
        commits: Vec<CommitLine>,
        /// How many there are in all.
        total: u32,
    },
    /// A difference of two texts, in unified form.
    Diff {
        /// File or document.
        title: String,
        /// Unified diff.
        diff: String,
    },
    /// The exact command on a machine.
    Command {
        /// As whom and where.
        title: String,
        /// The command.
        command: String,
    },
    /// The exact request to a service.
    Request {
        /// What is sent, to whom.
        title: String,
        /// The body.
        body: String,
    },
}

/// A commit in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CommitLine {
    /// Full id.
    pub id: String,
    /// First line of the message.
    pub summary: String,
    /// Author's name.
    pub author: String,
    /// When it was written.
    pub at: crate::Timestamp,
}

/// A condition before an act, with what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Stable name: `backupProved`.
    pub id: String,
    /// Whether it holds.
    pub passed: bool,
    /// In plain words.
    pub text: String,
    /// What was seen.
    pub detail: String,
}

/// A decision that belongs to a person. There is no default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Stable name, unique within the step: `base:rally-prod:142:143`. A changed situation gets another id.
    pub id: String,
    /// The question.
    pub text: String,
    /// What can be answered.
    pub options: Vec<Choice>,
    /// Whether a note is required with the answer.
    pub needs_note: bool,
}

/// One possible answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Stable name.
    pub id: String,
    /// What it says.
    pub label: String,
    /// What follows from it.
    pub detail: String,
}

/// How to undo a step. `Irreversible` is an answer, shown before the step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WayBack {
    /// Nothing outside changes.
    NothingToUndo,
    /// It can be left as it is; nothing uses it.
    Harmless {
        /// Why.
        why: String,
    },
    /// It cannot be undone by the app.
    Irreversible {
        /// What the way back is.
        way_back: String,
        /// About how long, when known.
        minutes: Option<u32>,
        /// Who does it.
        who: String,
    },
}

/// How a person does the step without the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ByHand {
    /// The runbook's lines with this run's values.
    pub lines: Vec<String>,
    /// The page where a person does it.
    pub page: Option<String>,
}
