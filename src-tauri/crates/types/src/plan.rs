//! The plan of a step: the exact changes, shown before its button is enabled.

mod inputs;

pub use inputs::*;
use serde::{Deserialize, Deserializer, Serialize, de};
use specta::Type;

use crate::StepId;

/// The plan of one step: exact changes, preconditions, question, way back. Journaled when the step
/// starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepPlan {
    pub step: StepId,
    /// Hex SHA-256 over step, changes, inputs, `irreversible` and the presence of `already`.
    /// Preconditions, question and words do not count: they may change while the effect stays the
    /// same.
    pub hash: String,
    /// Description of the step for the operator, two or three sentences.
    pub lede: String,
    /// The verb on the button: "Run the migration".
    pub button: String,
    pub changes: Vec<Change>,
    /// Preconditions. The button is closed while one does not hold, unless `already` is set.
    pub preconditions: Vec<Precondition>,
    /// A decision for a person. The button is closed until it is answered.
    pub question: Option<Question>,
    /// Notes for the operator that do not close the button.
    pub notices: Vec<String>,
    /// Evidence that the effect is there already, or that its work was begun before. The attempt
    /// then changes nothing. It records "already done", or follows the work to its end.
    pub already: Option<String>,
    /// Whether the work was begun before, usually by another computer, and its end is still open.
    /// The run then changes nothing and follows the work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[specta(optional)]
    pub follows: bool,
    /// Whether the effect cannot be taken back. The start then needs a confirmation.
    pub irreversible: bool,
    /// How to undo it, or why not.
    pub way_back: WayBack,
    /// Lines of the runbook with the values of this run.
    pub by_hand: ByHand,
    /// The values that `run` acts on: commit ids, times, ARNs. Part of the hash.
    #[specta(type = InputMap)]
    pub inputs: PlanInputs,
}

/// A stored plan before its inputs are read: the step decides which values the map must hold.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPlan {
    step: StepId,
    hash: String,
    lede: String,
    button: String,
    changes: Vec<Change>,
    // Earlier versions wrote `gates`.
    #[serde(alias = "gates")]
    preconditions: Vec<Precondition>,
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
            preconditions: stored.preconditions,
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
            preconditions: Vec::new(),
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
        self.question.is_none() && self.preconditions.iter().all(|precondition| precondition.passed)
    }

    /// The texts of the failed preconditions.
    pub fn failed_preconditions(&self) -> Vec<&str> {
        let failed = self.preconditions.iter().filter(|precondition| !precondition.passed);
        failed.map(|precondition| precondition.text.as_str()).collect()
    }
}

/// One exact change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// One sentence and a technical value.
    Line {
        text: String,
        /// The technical value.
        value: String,
    },
    /// Commits that take part.
    Commits {
        title: String,
        /// Newest first, at most 50.
        commits: Vec<CommitLine>,
        /// Number of all commits, also those not listed.
        total: u32,
    },
    /// A difference of two texts, in unified form.
    Diff {
        /// File or document.
        title: String,
        diff: String,
    },
    /// The exact command on a machine.
    Command {
        /// User and machine of the command.
        title: String,
        command: String,
    },
    /// The exact request to a service.
    Request {
        /// Request and receiver, in one line.
        title: String,
        body: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CommitLine {
    pub id: String,
    /// First line of the message.
    pub summary: String,
    pub author: String,
    /// When it was written.
    pub at: crate::Timestamp,
}

/// A condition before an act, with the observation behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Precondition {
    /// Stable name: `backupProved`.
    pub id: String,
    /// Whether it holds.
    pub passed: bool,
    /// The condition in plain words.
    pub text: String,
    /// The observation in plain words.
    pub detail: String,
}

/// A decision for a person. It has no default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// Stable name, unique within the step: `base:rally-prod:142:143`. A changed situation gets
    /// another id.
    pub id: String,
    pub text: String,
    pub options: Vec<Choice>,
    /// Whether a note is required with the answer.
    pub needs_note: bool,
}

/// One possible answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    pub id: String,
    /// Text on the button of the choice.
    pub label: String,
    /// Consequence of the choice.
    pub detail: String,
}

/// How to undo a step. `Irreversible` is an answer, shown before the step runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WayBack {
    /// Nothing outside changes.
    NothingToUndo,
    /// It can stay as it is; nothing uses it.
    Harmless { why: String },
    /// It cannot be undone by the app.
    Irreversible {
        /// Description of the way back.
        way_back: String,
        /// Estimated minutes, if known.
        minutes: Option<u32>,
        /// Person or team who does it.
        who: String,
    },
}

/// How a person does the step without the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ByHand {
    /// Lines of the runbook with the values of this run.
    pub lines: Vec<String>,
    /// The page where a person does it.
    pub page: Option<String>,
}
