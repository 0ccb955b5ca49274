//! The facts of a run about its rollout: the raised limit, and the version that AWS puts in place.

use greenlight_types::{Fact, FactKind, FailureLimit, RunView};

/// The limit of failed starts before this release raised it; `None` while it is as it was.
pub(crate) fn limit_before(run: &RunView) -> Option<&FailureLimit> {
    run.facts.iter().fold(None, |known, learned| match (&learned.fact, known) {
        (Fact::FailureLimitRaised { before, .. }, None) => Some(before),
        (Fact::FailureLimitRestored { .. }, _) => None,
        (_, known) => known,
    })
}

/// Whether the version before ours serves again.
pub(crate) fn has_rolled_back(run: &RunView) -> bool {
    newest_turn(run) == Some(FactKind::RolledBack)
}

/// Whether our deployment began and is neither complete nor taken back.
pub(crate) fn is_rolling_out(run: &RunView) -> bool {
    newest_turn(run) == Some(FactKind::DeployPhaseBegan)
}

/// Whether every server runs our revision.
pub(crate) fn is_rolled_out(run: &RunView) -> bool {
    newest_turn(run) == Some(FactKind::RolledOut)
}

/// Whether another revision took over after every server ran ours.
pub(crate) fn is_lost(run: &RunView) -> bool {
    newest_turn(run) == Some(FactKind::RolloutLost)
}

/// The facts that tell which version AWS puts in place.
const TURNS: [FactKind; 4] =
    [FactKind::DeployPhaseBegan, FactKind::RolledOut, FactKind::RolloutLost, FactKind::RolledBack];

fn newest_turn(run: &RunView) -> Option<FactKind> {
    run.facts.iter().rev().map(|learned| learned.fact.kind()).find(|kind| TURNS.contains(kind))
}

/// Number of the facts that tell which version AWS puts in place.
pub(crate) fn count_turns(run: &RunView) -> usize {
    run.facts.iter().filter(|learned| TURNS.contains(&learned.fact.kind())).count()
}
