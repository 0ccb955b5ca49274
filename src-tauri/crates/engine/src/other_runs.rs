//! The other runs in the journal of this computer, and what two runs share.
//!
//! Ids say which product and environment a run changes. Every other value of the profile may be
//! corrected, and then still names the same environment.

use greenlight_types::{Failure, Profile, Realm, RunView};

use crate::{fold, journal::Journal};

/// Most runs that are read, newest first.
pub(crate) const MOST_RUNS: usize = 200;
/// Most runs that are read to find those under way.
const MOST_RUNS_BEFORE_A_START: usize = 2_000;

/// The environment that a run changes. Two runs with the same one share database, servers and
/// environment lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Id of the product.
    product: String,
    /// Id of the environment.
    name: String,
    realm: Realm,
}

impl Environment {
    pub fn of(run: &RunView) -> Self {
        Self::new(&run.profile, run.realm)
    }

    pub fn new(profile: &Profile, realm: Realm) -> Self {
        Self { product: profile.product.id.clone(), name: profile.product.environment.clone(), realm }
    }

    /// Whether runs of both use one clone of the repository, and one main branch. The environments
    /// of a product do.
    pub fn shares_repository(&self, other: &Self) -> bool {
        self.is_in_realm_of(other) && self.product == other.product
    }

    /// Whether both are practice, or both production.
    pub fn is_in_realm_of(&self, other: &Self) -> bool {
        self.realm == other.realm
    }
}

/// The other runs of the same environment, newest first. A run that this app cannot read is left
/// out.
///
/// # Errors
/// `JournalFailed`.
pub(crate) async fn read(journal: &dyn Journal, run: &RunView) -> Result<Vec<RunView>, Failure> {
    let mut others = in_environment(journal, &Environment::of(run)).await?;
    others.retain(|other| other.id != run.id);
    Ok(others)
}

/// The runs of an environment, newest first. A run that this app cannot read is left out.
///
/// # Errors
/// `JournalFailed`.
pub(crate) async fn in_environment(journal: &dyn Journal, environment: &Environment) -> Result<Vec<RunView>, Failure> {
    readable(journal, MOST_RUNS, |run| Environment::of(run) == *environment).await
}

/// The other runs that have not ended, of every environment, newest first. A run that this app
/// cannot read is left out.
///
/// # Errors
/// `JournalFailed`.
pub(crate) async fn not_ended(journal: &dyn Journal, run: &RunView) -> Result<Vec<RunView>, Failure> {
    readable(journal, MOST_RUNS_BEFORE_A_START, |other| other.id != run.id && other.result.is_none()).await
}

async fn readable(
    journal: &dyn Journal,
    most: usize,
    is_wanted: impl Fn(&RunView) -> bool,
) -> Result<Vec<RunView>, Failure> {
    let mut found = Vec::new();
    for id in journal.runs().await?.into_iter().take(most) {
        let Ok(run) = journal.events(&id, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        if is_wanted(&run) {
            found.push(run);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::draft;

    #[test]
    fn ids_and_realm_say_what_two_runs_share() {
        let run = draft();
        let changed = |change: fn(&mut RunView)| {
            let mut other = draft();
            change(&mut other);
            let (one, other) = (Environment::of(&run), Environment::of(&other));
            (one == other, one.shares_repository(&other))
        };
        assert_eq!(changed(|_| {}), (true, true));
        assert_eq!(changed(|other| other.profile.product.name.push('x')), (true, true), "a corrected name");
        assert_eq!(changed(|other| other.profile.product.environment_name.push('x')), (true, true));
        assert_eq!(changed(|other| other.profile.product.environment.push('x')), (false, true));
        assert_eq!(changed(|other| other.profile.product.id.push('x')), (false, false));
        assert_eq!(changed(|other| other.realm = Realm::Production), (run.realm == Realm::Production, false));
    }
}
