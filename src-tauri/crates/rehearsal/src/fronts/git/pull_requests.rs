//! Pull requests in the served repository: the reads and merges behind them, and the rule that the
//! main branch takes no pushes, which the hook enforces.

use std::io;

use git2::{Commit, Oid, Repository, Signature, Time};

use super::seed::Repo;
use crate::{
    files,
    world::pull_requests::{Branches, MergeKind, MergeOrder, REVIEWER},
};

/// File in the repository's folder that makes the hook refuse pushes to the main branch.
const PROTECTED: &str = "takes-pull-requests";

impl Repo {
    /// Makes the hook refuse pushes to the main branch, or accept them again.
    ///
    /// # Errors
    /// When the file for the hook cannot be written or removed.
    pub fn set_protected(&self, is_protected: bool) -> io::Result<()> {
        let file = self.path().join(PROTECTED);
        match (file.exists(), is_protected) {
            (false, true) => files::write(&file, b""),
            (true, false) => fs_err::remove_file(&file),
            (false, false) | (true, true) => Ok(()),
        }
    }

    fn merged(&self, order: &MergeOrder) -> Result<Oid, git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let name = full_name(&order.base);
        let base = repository.find_reference(&name)?.peel_to_commit()?;
        let head = repository.find_commit(Oid::from_str(&order.head)?)?;
        let mut index = repository.merge_commits(&base, &head, None)?;
        if index.has_conflicts() {
            return Err(git2::Error::from_str("Merge conflict"));
        }
        let tree = repository.find_tree(index.write_tree_to(&repository)?)?;
        let by = Signature::new(REVIEWER, "reviewer@rally.example", &Time::new(order.at_ms.div_euclid(1_000), 120))?;
        let parents: &[&Commit<'_>] = match order.kind {
            MergeKind::Merge => &[&base, &head],
            MergeKind::Squash => &[&base],
        };
        repository.commit(Some(&name), &by, &by, &order.message, &tree, parents)
    }
}

impl Branches for Repo {
    fn tip(&self, branch: &str) -> Option<String> {
        self.commit_of(&full_name(branch))
    }

    fn contains(&self, from: &str, commit: &str) -> bool {
        let contains = || {
            let repository = Repository::open_bare(self.path())?;
            let (from, commit) = (Oid::from_str(from)?, Oid::from_str(commit)?);
            Ok::<_, git2::Error>(from == commit || repository.graph_descendant_of(from, commit)?)
        };
        contains().unwrap_or(false)
    }

    fn merge(&mut self, order: &MergeOrder) -> Result<String, String> {
        let made = self.merged(order).map_err(|error| error.message().to_owned())?;
        Ok(made.to_string())
    }
}

fn full_name(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::git::seed::MAIN;

    const BRANCH: &str = "refs/heads/v2.1.0";
    const NOW: i64 = 1_795_424_531_000;

    fn seeded() -> (tempfile::TempDir, Repo) {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::open_or_seed(folder.path(), "rallyforresearch/rally").unwrap();
        (folder, repo)
    }

    fn order(repo: &Repo, kind: MergeKind) -> MergeOrder {
        let head = repo.commit_of(BRANCH).unwrap();
        MergeOrder { base: "master".to_owned(), head, kind, message: "Release (#1)\n".to_owned(), at_ms: NOW }
    }

    fn parents(repo: &Repo, commit: &str) -> Vec<String> {
        let repository = Repository::open_bare(repo.path()).unwrap();
        let commit = repository.find_commit(Oid::from_str(commit).unwrap()).unwrap();
        commit.parent_ids().map(|id| id.to_string()).collect()
    }

    #[test]
    fn a_merge_and_a_squash_move_main_to_one_new_commit() {
        for kind in [MergeKind::Merge, MergeKind::Squash] {
            let (_folder, mut repo) = seeded();
            let (before, order) = (repo.main().unwrap(), order(&repo, kind));
            let made = repo.merge(&order).unwrap();
            assert_eq!(repo.main(), Some(made.clone()));
            let wanted = if kind == MergeKind::Merge { vec![before, order.head.clone()] } else { vec![before] };
            assert_eq!(parents(&repo, &made), wanted);
            assert_eq!(repo.contains(&made, &order.head), kind == MergeKind::Merge);
            let repository = Repository::open_bare(repo.path()).unwrap();
            let tree = |id: &str| repository.find_commit(Oid::from_str(id).unwrap()).unwrap().tree_id();
            assert_eq!(tree(&made), tree(&order.head), "it has the files of the branch");
        }
    }

    #[test]
    fn a_conflict_moves_nothing() {
        let (_folder, mut repo) = seeded();
        assert!(repo.conflict(NOW).unwrap());
        let before = repo.main();
        let order = order(&repo, MergeKind::Merge);
        assert_eq!(repo.merge(&order), Err("Merge conflict".to_owned()));
        assert_eq!(repo.commit_of(MAIN), before);
    }

    #[test]
    fn a_missing_branch_has_no_tip() {
        let (_folder, repo) = seeded();
        assert_eq!((repo.tip("v2.1.0"), repo.tip("elsewhere")), (repo.commit_of(BRANCH), None));
        assert!(!repo.contains("no commit", &repo.main().unwrap()));
    }
}
