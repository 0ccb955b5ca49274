//! The rows of the table: for each check, a world of each state that the check can reach.

mod code;
mod computer;
mod machine;
mod production;

use greenlight_types::{ReadinessCheck, ReadinessState};

use super::answers::Answers;

/// A check, the state that it has to find, a part of its sentence, and the difference of the world
/// from [`Answers::good`].
pub struct Row(pub ReadinessCheck, pub ReadinessState, pub &'static str, pub fn(&mut Answers));

/// Sentence of a check whose system did not answer.
pub const NO_ANSWER: &str = "This check has no answer";

pub fn all() -> Vec<Row> {
    [code::rows(), production::rows(), machine::rows(), computer::rows()].into_iter().flatten().collect()
}
