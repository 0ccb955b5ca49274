//! Acts of colleagues on the simulated repository during practice. An act that is already in the
//! repository is not repeated.

use git2::{Commit, ErrorCode, Oid, Repository, Signature, Time};

use super::seed::{DAVID, LIN, MAIN, MARTA, POM_FIX, Repo, entry};

/// Branch of the practised release.
const BRANCH: &str = "refs/heads/v2.1.0";
/// Most commits searched for an earlier act.
const LOOK_MAX: usize = 50;

const FIX: &str = "Update Spring Boot to 3.3.11 (security)\n";
const RESOLVE: &str = "Merge branch 'master' into v2.1.0\n\nBoth updated Spring Boot; 3.4.5 holds the fix too.\n";
const TYPO: &str = "Fix a typing error in the reminder\n";
const REMINDER: &str = "package org.rally.message;\n\nclass Reminder {\n    // The site's own time zone.\n    ZoneId zone(Site site) {\n        return site.zone();\n    }\n}\n";

impl Repo {
    /// Whether the release branch is part of the main branch.
    ///
    /// # Errors
    /// The error of git.
    pub fn is_merged(&self) -> Result<bool, git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let (main, branch) = (head(&repository, MAIN)?, head(&repository, BRANCH)?);
        Ok(main == branch || repository.graph_descendant_of(main, branch)?)
    }

    /// Pushes a commit to the main branch that changes the same line as the release branch. Returns
    /// whether the main branch has it now. Does nothing when the release branch is already part of
    /// the main branch.
    ///
    /// # Errors
    /// The error of git.
    pub fn conflict(&self, at_ms: i64) -> Result<bool, git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let main = head(&repository, MAIN)?;
        if has(&repository, main, FIX)? {
            return Ok(true);
        }
        if self.is_merged()? {
            return Ok(false);
        }
        let main = repository.find_commit(main)?;
        let files = [("pom.xml", POM_FIX)];
        write(&repository, MAIN, &main.tree()?, &[&main], Said { by: MARTA, at_ms, message: FIX, files: &files })?;
        Ok(true)
    }

    /// Merges the main branch into the release branch and combines the lines of both sides.
    ///
    /// # Errors
    /// The error of git.
    pub fn resolve(&self, at_ms: i64) -> Result<(), git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let (main, branch) = (head(&repository, MAIN)?, head(&repository, BRANCH)?);
        if repository.graph_descendant_of(branch, main)? {
            return Ok(());
        }
        let (main, branch) = (repository.find_commit(main)?, repository.find_commit(branch)?);
        let said = Said { by: LIN, at_ms, message: RESOLVE, files: &[] };
        write(&repository, BRANCH, &branch.tree()?, &[&branch, &main], said)
    }

    /// Pushes a commit on top of the tagged main branch. Returns whether the main branch has it
    /// now. Does nothing before the main branch is tagged.
    ///
    /// # Errors
    /// The error of git.
    pub fn move_on(&self, at_ms: i64) -> Result<bool, git2::Error> {
        let repository = Repository::open_bare(self.path())?;
        let main = head(&repository, MAIN)?;
        if has(&repository, main, TYPO)? {
            return Ok(true);
        }
        let tag = match repository.find_reference("refs/tags/v2.1.0") {
            Ok(tag) => tag.peel_to_commit()?.id(),
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if tag != main {
            return Ok(false);
        }
        let main = repository.find_commit(main)?;
        let files = [("src/main/java/org/rally/message/Reminder.java", REMINDER)];
        write(&repository, MAIN, &main.tree()?, &[&main], Said { by: DAVID, at_ms, message: TYPO, files: &files })?;
        Ok(true)
    }
}

fn head(repository: &Repository, name: &str) -> Result<Oid, git2::Error> {
    Ok(repository.find_reference(name)?.peel_to_commit()?.id())
}

/// Whether one of the newest commits of a history has this message.
fn has(repository: &Repository, from: Oid, message: &str) -> Result<bool, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.push(from)?;
    for id in walk.take(LOOK_MAX) {
        if repository.find_commit(id?)?.message() == Ok(message) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A commit of a colleague.
struct Said<'a> {
    by: (&'static str, &'static str),
    at_ms: i64,
    message: &'a str,
    files: &'a [(&'a str, &'a str)],
}

fn write(
    repository: &Repository,
    name: &str,
    tree: &git2::Tree<'_>,
    parents: &[&Commit<'_>],
    said: Said<'_>,
) -> Result<(), git2::Error> {
    let mut index = git2::Index::new()?;
    index.read_tree(tree)?;
    for (path, text) in said.files {
        let id = repository.blob(text.as_bytes())?;
        index.add(&entry(path, id, text.len()))?;
    }
    let tree = repository.find_tree(index.write_tree_to(repository)?)?;
    let by = Signature::new(said.by.0, said.by.1, &Time::new(said.at_ms.div_euclid(1_000), 120))?;
    repository.commit(Some(name), &by, &by, said.message, &tree, parents)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> (tempfile::TempDir, Repo) {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::open_or_seed(folder.path(), "rallyforresearch/rally").unwrap();
        (folder, repo)
    }

    fn conflicts(repo: &Repo) -> bool {
        let repository = Repository::open_bare(repo.path()).unwrap();
        let commit = |name| repository.find_commit(head(&repository, name).unwrap()).unwrap();
        repository.merge_commits(&commit(MAIN), &commit(BRANCH), None).unwrap().has_conflicts()
    }

    #[test]
    fn git_cannot_merge_the_conflict_and_a_developer_can() {
        let (_folder, repo) = seeded();
        assert!(!conflicts(&repo));
        assert!(repo.conflict(1_795_424_531_000).unwrap());
        let main = repo.main().unwrap();
        assert!(repo.conflict(1_795_424_532_000).unwrap());
        assert_eq!(repo.main().unwrap(), main, "a deed is done once");
        assert!(conflicts(&repo));
        repo.resolve(1_795_424_533_000).unwrap();
        assert!(!conflicts(&repo));
        let branch = repo.commit_of(BRANCH);
        repo.resolve(1_795_424_534_000).unwrap();
        assert_eq!(repo.commit_of(BRANCH), branch, "a deed is done once");
    }

    #[test]
    fn main_does_not_move_before_it_is_tagged() {
        let (_folder, repo) = seeded();
        assert!(!repo.move_on(1_795_424_531_000).unwrap());
        let repository = Repository::open_bare(repo.path()).unwrap();
        let main = repository.find_object(Oid::from_str(&repo.main().unwrap()).unwrap(), None).unwrap();
        repository.tag_lightweight("v2.1.0", &main, false).unwrap();
        assert!(repo.move_on(1_795_424_531_000).unwrap());
        assert_ne!(repo.main().unwrap(), main.id().to_string());
    }
}
