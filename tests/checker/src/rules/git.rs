//! INV-G1 to INV-G4: merge, version commit, tag and pushes of the repository.

use crate::{
    Found,
    known::{Attempt, Known, PULL_REQUESTS},
    records::{Actor, Body, Entry, Event, Fact, Op, Status, Step, WorldGit},
};

/// The steps that publish.
const PUSHES: [Step; 2] = [Step::PushBranch, Step::PushTag];

/// Largest number of commits in one walk back from a branch.
const WALK_MAX: usize = 10_000;

/// INV-G1: the tag points to the version commit. INV-G3: main is published before the tag, and
/// nothing that was published is started over.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    if let Body::StartedOver { base, main, note } = &event.body {
        start_over(known, base, main, note, found);
    }
    let Body::FactLearned { fact } = &event.body else { return };
    if let Fact::TagMade { commit, .. } = fact
        && known.release_commit() != Some(commit)
    {
        found.add("INV-G1", format!("the tag is made at {commit}, which is not the commit of the release"));
    } else if let Fact::TagPublished { object, .. } = fact
        && known.facts.main.is_none()
    {
        found.add("INV-G3", format!("the tag {object} is called published, and main is not"));
    }
}

/// A start over, judged by the journal alone.
fn start_over(known: &Known, base: &str, main: &str, note: &str, found: &mut Found) {
    let is_open_or_done = |step| {
        let status = known.step(step).status;
        !matches!(status, Status::NotStarted | Status::AwaitingOperator | Status::Failed | Status::Stopped)
    };
    let facts = &known.facts;
    let has_pull_request = facts.pull_request.is_some() && facts.pull_request.as_ref() == known.version_commit();
    if has_pull_request
        || facts.main.is_some()
        || facts.tag_published.is_some()
        || PUSHES.into_iter().any(is_open_or_done)
    {
        found.add("INV-G3", "a release was started over, and a part of it may be published");
    }
    let merged = facts.merged.as_ref().map(|merged| merged.base.as_str());
    if merged != Some(base) || main == base {
        found.add("INV-G2", format!("a merge on {merged:?} was started over from {base} to {main}"));
    }
    if note.trim().is_empty() {
        found.add("INV-G2", "a release was started over without a note");
    }
}

/// The world at a start over. INV-G2: the newest listing shows the new commit of main. INV-G3: the
/// app has pushed nothing.
fn start_over_in_world(known: &Known, main: &str, found: &mut Found) {
    let there = known.world.listing.get(&known.main()).map(|one| one.id.as_str());
    if there != Some(main) {
        found.add("INV-G2", format!("a release was started over on {main}, and the listing shows {there:?}"));
    }
    let has_pushed =
        |((step, _), attempt): (&(Step, u32), &Attempt)| PUSHES.contains(step) && !attempt.applied.is_empty();
    if known.attempts.iter().any(has_pushed) {
        found.add("INV-G3", "a release was started over, and a push of it had its effect");
    }
}

/// INV-G4: a listing after the push shows each published ref.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    if let Body::StartedOver { main, .. } = &event.body {
        start_over_in_world(known, main, found);
    }
    let Body::FactLearned { fact } = &event.body else { return };
    pull_request(known, fact, found);
    if let Fact::MainPublished { commit } = fact {
        let there = known.world.listing.get(&known.main()).map(|one| one.id.as_str()).unwrap_or_default();
        let base = known.facts.merged.as_ref().map(|merged| merged.base.as_str()).unwrap_or_default();
        // Another commit may be on top of it. The graph shows at the end whether main contains it.
        if there != commit && (there.is_empty() || there == base) {
            found.add("INV-G4", format!("main is called published at {commit}, and the listing shows {there:?}"));
            found.add("INV-J2", format!("main is called published at {commit} without proof"));
        }
    } else if let Fact::TagPublished { object, commit } = fact {
        let there = known.world.listing.get(&known.tag());
        if !there.is_some_and(|one| one.id == *object || one.peeled.as_deref() == Some(commit)) {
            found.add("INV-G4", format!("the tag is called published at {commit}, and the listing shows {there:?}"));
            found.add("INV-J2", format!("the tag is called published at {commit} without proof"));
        }
    }
}

/// INV-J2: a pull request is called opened or merged only after GitHub did it. INV-G1: it is of the
/// version commit.
fn pull_request(known: &Known, fact: &Fact, found: &mut Found) {
    if let Fact::PullRequestOpened { commit } = fact {
        if known.version_commit() != Some(commit) {
            found.add("INV-G1", format!("a pull request was opened with {commit}, which does not set the version"));
        }
        if !known.world.pull_requests.contains(commit) {
            found.add("INV-J2", format!("a pull request with {commit} is called opened, and GitHub has none"));
        }
    } else if let Fact::PullRequestMerged { .. } = fact
        && known.world.merged.is_empty()
    {
        found.add("INV-J2", "a pull request is called merged, and nobody merged it");
    }
}

/// INV-G3: no forced push, no deleted ref, no moved tag, main before the tag. INV-G2: the push
/// starts from the merge's base.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if entry.actor != Actor::App {
        return;
    }
    if let Op::DeleteRef { name } = &entry.op {
        found.add("INV-G3", format!("{name} was to be deleted"));
    }
    let Op::PushRef { name, expected, old, new, forced, .. } = &entry.op else { return };
    if *forced {
        found.add("INV-G3", format!("{name} was to be forced"));
    }
    if *name == known.lock() {
        // `rules/lock.rs` judges it.
    } else if *name == known.main() {
        push_of_main(known, old.as_deref(), new, found);
    } else if name.starts_with(PULL_REQUESTS) {
        if expected.is_some() || known.version_commit() != Some(new) {
            found.add("INV-G3", format!("{name} was to be moved from {expected:?} to {new}"));
        }
    } else if *name != known.tag() {
        found.add("INV-G3", format!("{name} is none of the refs of a release"));
    } else if expected.is_some() {
        found.add("INV-G3", format!("{name} was to be moved"));
    } else if known.facts.main.is_none() {
        found.add("INV-G3", format!("{name} was to be pushed before main was confirmed"));
    }
}

fn push_of_main(known: &Known, old: Option<&str>, new: &str, found: &mut Found) {
    let base = known.facts.merged.as_ref().map(|merged| merged.base.as_str());
    if old != base {
        found.add("INV-G2", format!("main was pushed from {old:?}, and the merge was made on {base:?}"));
    }
    let version = known.facts.version.as_ref().map(|(commit, _)| commit.as_str());
    if Some(new) != version {
        found.add("INV-G2", format!("main was pushed to {new}, and the version was set in {version:?}"));
    }
}

/// INV-G1, INV-G2 and INV-G4 in the final repository.
pub fn end(known: &Known, git: &WorldGit, found: &mut Found) {
    let main = git.refs.get(&known.main()).cloned().unwrap_or_default();
    for (commit, there) in &known.facts.contained {
        if !contains(git, there, commit) {
            found.add("INV-G4", format!("{commit} was called published while main was {there}, which has it not"));
        }
    }
    let Some((version, version_was_set)) = &known.facts.version else { return };
    if let Some(released) = &known.facts.merged_as
        && !known.world.merged.iter().any(|merged| contains(git, released, merged))
    {
        found.add("INV-J2", format!("the release is {released}, which contains no pull request that was merged"));
    }
    let released = known.facts.merged_as.as_ref().unwrap_or(version);
    if let Some((_, commit)) = &known.facts.tag_published {
        let target = git.refs.get(&known.tag()).and_then(|object| git.tags.get(object)).map(|tag| tag.target.as_str());
        if target != Some(released) || commit != released {
            found.add("INV-G1", format!("the tag stands at {target:?}, and the release is {released}"));
        }
        if !contains(git, &main, released) {
            found.add("INV-G1", format!("the tagged commit {released} is not on main"));
        }
        let value = git.commits.get(released).map(|commit| commit.version_value.as_str());
        if value != Some(&known.names.version_value) {
            found.add("INV-G1", format!("the tagged commit says {value:?}"));
        }
    }
    if known.facts.main.is_none() || !git.commits.contains_key(version) {
        return;
    }
    let Some(merged) = &known.facts.merged else { return };
    let parents = |id: &str| git.commits.get(id).map(|commit| commit.parents.clone()).unwrap_or_default();
    if merged.already {
        if merged.commit != merged.base {
            found.add("INV-G2", "a branch that was merged before was merged again");
        }
    } else if parents(&merged.commit) != [merged.base.clone(), merged.head.clone()] {
        found.add("INV-G2", format!("the merge {} has the parents {:?}", merged.commit, parents(&merged.commit)));
    }
    if *version_was_set {
        if *version != merged.commit {
            found.add("INV-G2", "the version was set before, and not in the merge");
        }
        return;
    }
    if parents(version) != [merged.commit.clone()] {
        found.add("INV-G2", format!("the version commit {version} has the parents {:?}", parents(version)));
    }
    let change = git.commits.get(version).map(|commit| (commit.changed_files.as_slice(), commit.changed_lines));
    if change != Some((std::slice::from_ref(&known.profile.git.version_file), 1)) {
        found.add("INV-G2", format!("the version commit {version} changes {change:?}"));
    }
}

/// Whether a commit is reachable from another.
fn contains(git: &WorldGit, from: &str, commit: &str) -> bool {
    let mut open = vec![from];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = open.pop() {
        if id == commit {
            return true;
        }
        if seen.len() < WALK_MAX
            && seen.insert(id)
            && let Some(known) = git.commits.get(id)
        {
            open.extend(known.parents.iter().map(String::as_str));
        }
    }
    false
}
