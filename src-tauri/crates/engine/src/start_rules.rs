//! Which run may start beside which other run of this computer (docs/releases.md#run-states).
//! Prepare, Deploy and the rollback of an ended release ask it.

use greenlight_types::{ErrorCode, FactKind, Failure, RunState, RunView};

use crate::{
    fold,
    journal::Journal,
    other_runs::{self, Environment},
};

/// The start of a part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Prepare,
    /// Deploy of a release.
    Deploy,
    /// Deploy of a run that rolls an ended release back.
    Rollback,
}

impl Start {
    /// Start of Deploy of a run.
    pub fn of_deploy(run: &RunView) -> Self {
        if run.is_rollback() { Self::Rollback } else { Self::Deploy }
    }
}

/// The present work of another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// None: it has not started, it is prepared, or it has ended.
    Idle,
    Preparing,
    /// In Deploy, without a build.
    AwaitingBuild,
    /// In Deploy with a build, or checking the site.
    Deploying,
    RollingBack,
}

impl Work {
    fn of(run: &RunView) -> Self {
        let has_build = fold::is_known(run, FactKind::BuildStarted) || fold::is_known(run, FactKind::PackageReady);
        match run.state {
            RunState::Draft | RunState::Prepared | RunState::Ended => Self::Idle,
            RunState::Preparing => Self::Preparing,
            RunState::Deploying | RunState::Checking if run.is_rollback() => Self::RollingBack,
            RunState::Deploying if !has_build => Self::AwaitingBuild,
            RunState::Deploying | RunState::Checking => Self::Deploying,
        }
    }
}

/// Why a start waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Both use one clone of the repository.
    OneClone,
    /// The push of Prepare would keep the build of the other run from starting.
    ItsBuild,
    /// The push of the other run would keep the build of this one from starting.
    OurBuild,
    /// One run of a computer is in Deploy.
    OneDeploy,
}

/// The table. A rollback has no build, and needs no repository.
fn obstacle(start: Start, other: Work) -> Option<Obstacle> {
    match (start, other) {
        (_, Work::Idle) => None,
        (Start::Prepare, Work::Preparing) => Some(Obstacle::OneClone),
        (Start::Prepare, Work::AwaitingBuild) => Some(Obstacle::ItsBuild),
        (Start::Prepare, Work::Deploying | Work::RollingBack) => None,
        (Start::Deploy, Work::Preparing) => Some(Obstacle::OurBuild),
        (Start::Rollback, Work::Preparing) => None,
        (Start::Deploy | Start::Rollback, Work::AwaitingBuild | Work::Deploying | Work::RollingBack) => {
            Some(Obstacle::OneDeploy)
        }
    }
}

/// Refuses a start that the table does not allow beside the other runs of this computer.
///
/// # Errors
/// `NotAllowedNow` with the other run; `JournalFailed`.
pub(crate) async fn check(journal: &dyn Journal, run: &RunView, start: Start) -> Result<(), Failure> {
    may_start(start, run, &other_runs::not_ended(journal, run).await?)
}

fn may_start(start: Start, run: &RunView, others: &[RunView]) -> Result<(), Failure> {
    let environment = Environment::of(run);
    for other in others {
        let theirs = Environment::of(other);
        let counts = |obstacle: &Obstacle| match obstacle {
            Obstacle::OneClone | Obstacle::ItsBuild | Obstacle::OurBuild => environment.shares_repository(&theirs),
            Obstacle::OneDeploy => environment.is_in_realm_of(&theirs),
        };
        if let Some(obstacle) = obstacle(start, Work::of(other)).filter(counts) {
            return Err(refused(start, obstacle, other));
        }
    }
    Ok(())
}

fn refused(start: Start, obstacle: Obstacle, other: &RunView) -> Failure {
    let act = match start {
        Start::Prepare => "start Prepare",
        Start::Deploy => "start Deploy",
        Start::Rollback => "start the rollback",
    };
    let name = format!("{} {}", other.profile.product.name, other.version);
    let failure = |why: String| Failure::new(ErrorCode::NotAllowedNow, format!("{act}: {why}"));
    match obstacle {
        Obstacle::OneClone => failure(format!("{name} is being prepared on this computer"))
            .hint(format!("Finish Prepare of {name}, or give it up first.")),
        Obstacle::ItsBuild => failure(format!("the build of {name} has not started yet"))
            .hint("Prepare publishes another commit, and then GitHub cannot build that release any more.")
            .hint(format!("Wait for the start of the build of {name}, or stop that release first.")),
        Obstacle::OurBuild => failure(format!("{name} is being prepared on this computer"))
            .hint("Its push would keep the build of this release closed.")
            .hint(format!("Finish Prepare of {name} first, or give it up.")),
        Obstacle::OneDeploy if other.is_rollback() => failure(format!("{name} is being rolled back"))
            .hint(format!("Finish or stop the rollback of {name} first.")),
        Obstacle::OneDeploy => {
            failure(format!("{name} is being deployed")).hint(format!("Finish or stop the release of {name} first."))
        }
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::Realm;

    use super::*;
    use crate::act::test_support::{checking, deploying, draft, ended, prepared, rollback};

    const STARTS: [Start; 3] = [Start::Prepare, Start::Deploy, Start::Rollback];

    fn in_state(state: RunState, run: RunView) -> RunView {
        RunView { state, ..run }
    }

    /// A rollback whose release used a package that no build of this app made.
    fn rollback_without_build() -> RunView {
        let mut run = in_state(RunState::Deploying, rollback());
        run.facts.retain(|learned| !matches!(learned.fact.kind(), FactKind::BuildStarted | FactKind::PackageReady));
        run
    }

    #[test]
    fn each_start_waits_for_the_work_of_another_run() {
        use Obstacle::{ItsBuild, OneClone, OneDeploy, OurBuild};
        assert!(!fold::is_known(&deploying(), FactKind::BuildStarted), "its build has not started");
        let table = [
            (draft(), [None, None, None]),
            (prepared(), [None, None, None]),
            (ended(), [None, None, None]),
            (rollback(), [None, None, None]),
            (in_state(RunState::Preparing, prepared()), [Some(OneClone), Some(OurBuild), None]),
            (deploying(), [Some(ItsBuild), Some(OneDeploy), Some(OneDeploy)]),
            (in_state(RunState::Deploying, checking()), [None, Some(OneDeploy), Some(OneDeploy)]),
            (checking(), [None, Some(OneDeploy), Some(OneDeploy)]),
            (in_state(RunState::Deploying, rollback()), [None, Some(OneDeploy), Some(OneDeploy)]),
            (rollback_without_build(), [None, Some(OneDeploy), Some(OneDeploy)]),
        ];
        for (other, expected) in table {
            let found = STARTS.map(|start| obstacle(start, Work::of(&other)));
            assert_eq!(found, expected, "{:?}, {}", other.state, other.kind());
            let allowed = STARTS.map(|start| may_start(start, &draft(), &[ended(), other.clone()]).is_ok());
            assert_eq!(allowed, expected.map(|one| one.is_none()), "{:?}, {}", other.state, other.kind());
        }
    }

    #[test]
    fn a_run_of_another_repository_stands_only_in_the_way_of_deploy() {
        let elsewhere = |mut run: RunView| {
            run.profile.product.id.push('x');
            run
        };
        let of_practice = |run: RunView| RunView { realm: Realm::Practice, ..run };
        let of_production = |run: RunView| RunView { realm: Realm::Production, ..run };
        let preparing = || in_state(RunState::Preparing, prepared());
        let allowed = |run: &RunView, other: RunView| {
            STARTS.map(|start| may_start(start, run, std::slice::from_ref(&other)).is_ok())
        };
        assert_eq!(allowed(&draft(), elsewhere(preparing())), [true, true, true]);
        assert_eq!(allowed(&draft(), elsewhere(deploying())), [true, false, false]);
        let mut renamed = deploying();
        renamed.profile.product.name.push('x');
        assert_eq!(allowed(&draft(), renamed), [false, false, false], "a corrected name is the same product");
        assert_eq!(allowed(&of_practice(draft()), of_production(deploying())), [true, true, true]);
    }

    #[test]
    fn a_refusal_names_the_other_run_and_its_kind() {
        let words = |start, other: RunView| {
            let refused = may_start(start, &draft(), &[other]).expect_err("refused");
            assert_eq!(refused.code, ErrorCode::NotAllowedNow);
            refused.summary
        };
        let rolling_back = in_state(RunState::Deploying, rollback());
        assert_eq!(words(Start::Deploy, rolling_back.clone()), "start Deploy: Rally 2.1.0 is being rolled back");
        assert_eq!(words(Start::Rollback, rolling_back), "start the rollback: Rally 2.1.0 is being rolled back");
        assert_eq!(words(Start::Rollback, checking()), "start the rollback: Rally 2.1.0 is being deployed");
        assert_eq!(words(Start::Prepare, deploying()), "start Prepare: the build of Rally 2.1.0 has not started yet");
    }
}
