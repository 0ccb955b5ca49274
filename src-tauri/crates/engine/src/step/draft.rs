//! Builds the plan of a step.

use greenlight_types::{ByHand, PlanInputs, RunView, StepPlan};
use sha2::{Digest, Sha256};

use super::Step;

/// Builds a plan. `finish` computes its hash.
pub struct PlanDraft {
    plan: StepPlan,
}

impl PlanDraft {
    /// A plan without changes, preconditions or question.
    #[must_use]
    pub fn new(step: &dyn Step, run: &RunView, inputs: PlanInputs, button: &str, lede: impl Into<String>) -> Self {
        Self {
            plan: StepPlan {
                lede: lede.into(),
                button: button.to_owned(),
                ..StepPlan::new(step.id(), step.way_back(run), inputs)
            },
        }
    }

    /// Adds an exact change.
    #[must_use]
    pub fn change(mut self, change: greenlight_types::Change) -> Self {
        self.plan.changes.push(change);
        self
    }

    /// Shows the commands that only read on a machine.
    #[must_use]
    pub fn reads(self, machine: &str, commands: Vec<String>) -> Self {
        if commands.is_empty() {
            return self;
        }
        let title = format!("Only read on {machine}, before and after");
        self.change(greenlight_types::Change::Command { title, command: commands.join("\n") })
    }

    /// Adds one sentence with a value.
    #[must_use]
    pub fn line(self, text: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(greenlight_types::Change::Line { text: text.into(), value: value.into() })
    }

    /// Adds a precondition.
    #[must_use]
    pub fn precondition(mut self, id: &str, passed: bool, text: impl Into<String>, detail: impl Into<String>) -> Self {
        self.plan.preconditions.push(greenlight_types::Precondition {
            id: id.to_owned(),
            passed,
            text: text.into(),
            detail: detail.into(),
        });
        self
    }

    /// Adds several preconditions.
    #[must_use]
    pub fn preconditions(mut self, preconditions: Vec<greenlight_types::Precondition>) -> Self {
        self.plan.preconditions.extend(preconditions);
        self
    }

    /// Adds a notice for the operator.
    #[must_use]
    pub fn notice(mut self, text: impl Into<String>) -> Self {
        self.plan.notices.push(text.into());
        self
    }

    /// Sets the question to the operator.
    #[must_use]
    pub fn question(mut self, question: greenlight_types::Question) -> Self {
        self.plan.question = Some(question);
        self
    }

    /// Marks the effect as already there.
    #[must_use]
    pub fn already(mut self, evidence: impl Into<String>) -> Self {
        self.plan.already = Some(evidence.into());
        "Record it as done".clone_into(&mut self.plan.button);
        self
    }

    /// Marks the effect as begun before. The button follows it to its end.
    #[must_use]
    pub fn follows(mut self, evidence: impl Into<String>, button: &str) -> Self {
        self.plan.already = Some(evidence.into());
        self.plan.follows = true;
        button.clone_into(&mut self.plan.button);
        self
    }

    /// Marks the step as impossible to take back.
    #[must_use]
    pub fn irreversible(mut self) -> Self {
        self.plan.irreversible = true;
        self
    }

    /// Sets the lines for doing the step by hand.
    #[must_use]
    pub fn by_hand(mut self, lines: Vec<String>, page: Option<String>) -> Self {
        self.plan.by_hand = ByHand { lines, page };
        self
    }

    /// Computes the hash and returns the plan.
    #[must_use]
    pub fn finish(mut self) -> StepPlan {
        self.plan.hash = hash(&self.plan);
        self.plan
    }
}

/// SHA-256 of everything that the plan would do, in hex.
fn hash(plan: &StepPlan) -> String {
    let parts = serde_json::json!({
        "step": plan.step, "changes": plan.changes, "inputs": plan.inputs,
        "irreversible": plan.irreversible, "already": plan.already.is_some(),
    });
    hex(&Sha256::digest(parts.to_string().as_bytes()))
}

/// Lower-case hex of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
