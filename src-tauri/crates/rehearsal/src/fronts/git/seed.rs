//! The initial repository of the simulator: master at 2.0.1.11, the branch of 2.1.0, and real
//! hooks. All times are fixed, so commit ids are the same on every computer.

use std::{
    io,
    path::{Path, PathBuf},
};

use git2::{Commit, Oid, Repository, Signature, Time};

use crate::{files, world::git::WORKFLOW_TEXT};

/// Path of the version file.
pub const VERSION_FILE: &str = "src/main/resources/version.properties";

/// Full name of the main branch.
pub const MAIN: &str = "refs/heads/master";

/// The bare repository on disk.
#[derive(Clone, Debug)]
pub struct Repo {
    path: PathBuf,
}

impl Repo {
    /// Opens `projects/repository.git`, or makes it with its history and hooks.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn open_or_seed(projects: &Path, repository: &str) -> io::Result<Self> {
        let path = projects.join(format!("{repository}.git"));
        let is_new = !path.join("HEAD").exists();
        if is_new {
            // Seeded in a temporary folder and then moved, so that a killed process leaves no half
            // repository.
            let parent = path.parent().unwrap_or(projects);
            fs_err::create_dir_all(parent)?;
            let draft = tempfile::Builder::new().prefix(".seed-").tempdir_in(parent)?;
            seed(draft.path()).map_err(|error| io::Error::other(format!("failed to seed the repository: {error}")))?;
            fs_err::rename(draft.path(), &path)?;
        }
        files::write_program(&path.join("hooks/pre-receive"), PRE_RECEIVE)?;
        Ok(Self { path })
    }

    /// Path of the bare repository.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commit of the main branch; `None` when it cannot be read.
    #[must_use]
    pub fn main(&self) -> Option<String> {
        self.commit_of(MAIN)
    }

    /// Commit to which a full ref name points.
    #[must_use]
    pub fn commit_of(&self, name: &str) -> Option<String> {
        let repository = Repository::open_bare(&self.path).ok()?;
        let commit = repository.find_reference(name).ok()?.peel_to_commit().ok()?;
        Some(commit.id().to_string())
    }

    /// Whether the repository has a commit of this id.
    #[must_use]
    pub fn has_commit(&self, id: &str) -> bool {
        let Ok(repository) = Repository::open_bare(&self.path) else { return false };
        Oid::from_str(id).is_ok_and(|id| repository.find_commit(id).is_ok())
    }

    /// The value of `version` in the version file of a commit: `2.1.0.0-RELEASE`.
    #[must_use]
    pub fn version_value(&self, commit: &str) -> Option<String> {
        let repository = Repository::open_bare(&self.path).ok()?;
        let tree = repository.find_commit(Oid::from_str(commit).ok()?).ok()?.tree().ok()?;
        let blob = tree.get_path(Path::new(VERSION_FILE)).ok()?.to_object(&repository).ok()?.into_blob().ok()?;
        String::from_utf8_lossy(blob.content())
            .lines()
            .find_map(|line| line.strip_prefix("version=").map(|value| value.trim().to_owned()))
    }
}

/// A commit of the seed: author, time (seconds since 1970, at +02:00), message and written files.
struct Written {
    author: (&'static str, &'static str),
    at: i64,
    message: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const SUSAN: (&str, &str) = ("Susan Fields", "sfields@rally.example");
pub(super) const DAVID: (&str, &str) = ("David Okafor", "dokafor@rally.example");
pub(super) const LIN: (&str, &str) = ("Lin Kosei", "lkosei@rally.example");
pub(super) const MARTA: (&str, &str) = ("Marta Ruiz", "mruiz@rally.example");

const MASTER: [Written; 4] = [
    Written {
        author: SUSAN,
        at: 1_736_503_260,
        message: "Rally 2.0.1.9\n\nState of the old Subversion repository.\n",
        files: &[
            ("README.md", "# Rally\n\nConnects people with research studies.\n"),
            ("pom.xml", POM),
            (VERSION_FILE, VERSION_OLD),
            ("src/main/java/org/rally/RallyApplication.java", APPLICATION),
            ("src/main/resources/db/changelog-master.xml", CHANGELOG),
            (".github/workflows/build-deploy.yml", WORKFLOW_TEXT),
        ],
    },
    Written {
        author: DAVID,
        at: 1_738_672_080,
        message: "Show the study site's own time zone in reminders\n",
        files: &[("src/main/java/org/rally/message/Reminder.java", REMINDER)],
    },
    Written {
        author: MARTA,
        at: 1_740_486_420,
        message: "Fix: a withdrawn participant still got the weekly digest (RALLY-1187)\n",
        files: &[("src/main/java/org/rally/message/Digest.java", DIGEST)],
    },
    Written {
        author: SUSAN,
        at: 1_741_864_500,
        message: "Set version 2.0.1.11\n",
        files: &[(VERSION_FILE, VERSION_NOW)],
    },
];

const BRANCH: [Written; 6] = [
    Written {
        author: LIN,
        at: 1_743_497_340,
        message: "Add a recruitment goal to studies (RALLY-1201)\n\nThe column is filled by the migration; the form follows.\n",
        files: &[
            ("src/main/resources/db/changelog-2.1.0.xml", CHANGELOG_NEW),
            ("src/main/java/org/rally/study/RecruitmentGoal.java", GOAL),
        ],
    },
    Written {
        author: DAVID,
        at: 1_744_203_900,
        message: "Study page: show how many people are still needed (RALLY-1201)\n",
        files: &[("src/main/resources/templates/study/goal.html", GOAL_PAGE)],
    },
    Written {
        author: LIN,
        at: 1_745_241_240,
        message: "Split a participant's name into given and family name (RALLY-1164)\n\nThe old column stays until 2.2.0, so that 2.0.1.11 can still read it.\n",
        files: &[("src/main/java/org/rally/participant/Name.java", NAME)],
    },
    Written {
        author: MARTA,
        at: 1_746_019_080,
        message: "Messages: index sent_at, the inbox took 9 s for large studies (RALLY-1220)\n",
        files: &[("src/main/java/org/rally/message/Inbox.java", INBOX)],
    },
    Written {
        author: SUSAN,
        at: 1_747_129_620,
        message: "Update Spring Boot to 3.4.5\n",
        files: &[("pom.xml", POM_NEW)],
    },
    Written {
        author: DAVID,
        at: 1_747_728_900,
        message: "Refuse to start on a database of an older schema\n\nA clear line in the log instead of errors on half of the pages.\n",
        files: &[("src/main/java/org/rally/RallyApplication.java", APPLICATION_NEW)],
    },
];

fn seed(path: &Path) -> Result<(), git2::Error> {
    let repository = Repository::init_bare(path)?;
    let mut config = repository.config()?;
    config.set_bool("http.receivepack", true)?;
    config.set_bool("receive.denyDeletes", true)?;
    config.set_bool("receive.fsckObjects", true)?;
    config.set_bool("core.logAllRefUpdates", true)?;
    let mut head: Option<Oid> = None;
    for written in &MASTER {
        head = Some(commit(&repository, head, written)?);
    }
    let Some(master) = head else { return Err(git2::Error::from_str("no commit on master")) };
    repository.reference(MAIN, master, false, "seed")?;
    repository.reference("refs/tags/v2.0.1.11", master, false, "seed")?;
    for written in &BRANCH {
        head = Some(commit(&repository, head, written)?);
    }
    if let Some(branch) = head {
        repository.reference("refs/heads/v2.1.0", branch, false, "seed")?;
    }
    repository.set_head(MAIN)
}

fn commit(repository: &Repository, parent: Option<Oid>, written: &Written) -> Result<Oid, git2::Error> {
    let parent: Option<Commit<'_>> = parent.map(|id| repository.find_commit(id)).transpose()?;
    let mut index = git2::Index::new()?;
    if let Some(parent) = &parent {
        index.read_tree(&parent.tree()?)?;
    }
    for (path, text) in written.files {
        let id = repository.blob(text.as_bytes())?;
        index.add(&entry(path, id, text.len()))?;
    }
    let tree = repository.find_tree(index.write_tree_to(repository)?)?;
    let (name, email) = written.author;
    let by = Signature::new(name, email, &Time::new(written.at, 120))?;
    let parents: Vec<&Commit<'_>> = parent.iter().collect();
    repository.commit(None, &by, &by, written.message, &tree, &parents)
}

pub(super) fn entry(path: &str, id: Oid, length: usize) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: u32::try_from(length).unwrap_or(u32::MAX),
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// Hook that protects tags from moves and master from going backward. With the file of
/// [`Repo::set_protected`] it refuses every push to master. Its messages are GitHub's. Git runs it
/// in the folder of the repository.
const PRE_RECEIVE: &str = r#"#!/bin/sh
code=0
while read -r old new name; do
  case $old in *[!0]*) is_new=no ;; *) is_new=yes ;; esac
  case $new in *[!0]*) is_gone=no ;; *) is_gone=yes ;; esac
  case $name in
    refs/tags/*)
      if [ "$is_new" = no ]; then
        echo "error: GH013: Repository rule violations found for $name. Cannot update this protected ref." >&2
        code=1
      fi ;;
    refs/heads/master)
      if [ "$is_gone" = yes ]; then
        echo "error: GH006: Protected branch update failed for $name. Cannot delete a protected branch." >&2
        code=1
      elif [ -e takes-pull-requests ]; then
        echo "error: GH013: Repository rule violations found for $name." >&2
        echo "- Changes must be made through a pull request." >&2
        code=1
      elif [ "$is_new" = no ] && ! git merge-base --is-ancestor "$old" "$new"; then
        echo "error: GH006: Protected branch update failed for $name. Cannot force-push to a protected branch." >&2
        code=1
      fi ;;
  esac
done
exit $code
"#;

const VERSION_OLD: &str = "\
# Version of the web application. Shown in the footer and under /about.
# The release changes 'version' only.
application.name=Rally
version=2.0.1.9-RELEASE
! build.number is set by the build
build.number=@BUILD_NUMBER@
copyright.year = 2025
";

const VERSION_NOW: &str = "\
# Version of the web application. Shown in the footer and under /about.
# The release changes 'version' only.
application.name=Rally
version=2.0.1.11-RELEASE
! build.number is set by the build
build.number=@BUILD_NUMBER@
copyright.year = 2025
";

const POM: &str = "<project>\n  <artifactId>rally</artifactId>\n  <properties>\n    <spring-boot.version>3.3.9</spring-boot.version>\n  </properties>\n</project>\n";
const POM_NEW: &str = "<project>\n  <artifactId>rally</artifactId>\n  <properties>\n    <spring-boot.version>3.4.5</spring-boot.version>\n  </properties>\n</project>\n";
/// The file after a colleague's change on the main branch: the same line as in [`POM_NEW`].
pub(super) const POM_FIX: &str = "<project>\n  <artifactId>rally</artifactId>\n  <properties>\n    <spring-boot.version>3.3.11</spring-boot.version>\n  </properties>\n</project>\n";
const APPLICATION: &str = "package org.rally;\n\npublic class RallyApplication {\n    public static void main(String[] args) {\n        Server.start(args);\n    }\n}\n";
const APPLICATION_NEW: &str = "package org.rally;\n\npublic class RallyApplication {\n    public static void main(String[] args) {\n        Schema.requireAtLeast(\"2.1.0\");\n        Server.start(args);\n    }\n}\n";
const CHANGELOG: &str = "<databaseChangeLog>\n  <includeAll path=\"db/\"/>\n</databaseChangeLog>\n";
const CHANGELOG_NEW: &str = "<databaseChangeLog>\n  <changeSet id=\"2.1.0-1\" author=\"lkosei\">\n    <addColumn tableName=\"study\"><column name=\"recruitment_goal\" type=\"int\"/></addColumn>\n  </changeSet>\n</databaseChangeLog>\n";
const REMINDER: &str = "package org.rally.message;\n\nclass Reminder {\n    ZoneId zone(Site site) {\n        return site.zone();\n    }\n}\n";
const DIGEST: &str = "package org.rally.message;\n\nclass Digest {\n    boolean wants(Participant participant) {\n        return !participant.isWithdrawn();\n    }\n}\n";
const GOAL: &str = "package org.rally.study;\n\nrecord RecruitmentGoal(int people) {}\n";
const GOAL_PAGE: &str = "<p th:if=\"${goal}\">Still needed: <b th:text=\"${goal.left}\">0</b></p>\n";
const NAME: &str = "package org.rally.participant;\n\nrecord Name(String given, String family) {}\n";
const INBOX: &str =
    "package org.rally.message;\n\nclass Inbox {\n    static final String ORDER = \"sent_at DESC\";\n}\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_is_reproducible_and_complete_for_a_release() {
        let one = tempfile::tempdir().unwrap();
        let two = tempfile::tempdir().unwrap();
        let first = Repo::open_or_seed(one.path(), "rallyforresearch/rally").unwrap();
        let second = Repo::open_or_seed(two.path(), "rallyforresearch/rally").unwrap();
        let main = first.main().unwrap();
        assert_eq!(Some(&main), second.main().as_ref());
        assert_eq!(first.version_value(&main).unwrap(), "2.0.1.11-RELEASE");
        assert_eq!(first.commit_of("refs/tags/v2.0.1.11").unwrap(), main);
        let branch = first.commit_of("refs/heads/v2.1.0").unwrap();
        let repository = Repository::open_bare(first.path()).unwrap();
        let (ahead, behind) =
            repository.graph_ahead_behind(Oid::from_str(&branch).unwrap(), Oid::from_str(&main).unwrap()).unwrap();
        assert_eq!((ahead, behind), (BRANCH.len(), 0));
    }

    #[test]
    fn second_start_keeps_pushed_commits() {
        let folder = tempfile::tempdir().unwrap();
        let first = Repo::open_or_seed(folder.path(), "a/b").unwrap();
        let branch = first.commit_of("refs/heads/v2.1.0").unwrap();
        let repository = Repository::open_bare(first.path()).unwrap();
        repository.reference(MAIN, Oid::from_str(&branch).unwrap(), true, "test").unwrap();
        let again = Repo::open_or_seed(folder.path(), "a/b").unwrap();
        assert_eq!(again.main(), Some(branch));
    }
}
