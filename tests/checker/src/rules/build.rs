//! INV-B1: a release starts at most one workflow run. A second dispatch needs a listing without a
//! run. INV-B2: a package that was there is of the version commit.

use crate::{
    Found,
    known::{Known, RunSeen},
    records::{Actor, Body, Entry, Event, Fact, Op, Status, Step},
};

/// Largest delay of GitHub's clock.
const SKEW_MS: i64 = 120_000;

/// INV-B1: the followed run builds the version commit.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    if let Body::FactLearned { fact: Fact::PackageReady { digest, .. } } = &event.body {
        package(known, digest, found);
    }
    let Body::FactLearned { fact: Fact::BuildStarted { build, commit } } = &event.body else { return };
    let version = known.release_commit().map(String::as_str);
    if Some(commit.as_str()) != version {
        found.add("INV-B1", format!("run {build} is said to build {commit}, and the version was set in {version:?}"));
    }
}

/// INV-B1: GitHub shows a found or chosen run with the version commit.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    let Body::FactLearned { fact: Fact::BuildStarted { build, .. } } = &event.body else { return };
    let is_chosen = known.step(Step::FollowOtherBuild).status == Status::Running;
    let is_found = known.step(Step::DispatchBuild).status == Status::InDoubt;
    let version = known.release_commit().map(String::as_str);
    let shown = known.world.runs.get(build).map(|one| one.head_sha.as_str());
    if (is_chosen || is_found) && shown != version {
        found.add("INV-B1", format!("run {build} was found or chosen, and GitHub shows it with {shown:?}"));
    }
}

/// INV-B2: a package that is used in place of a build is the planned one. A run of the version
/// commit built it, or a person said so.
fn package(known: &Known, digest: &str, found: &mut Found) {
    if known.packages_denied.contains(digest) {
        found.add("INV-B2", format!("the package {digest} is used, and a person said that the build did not make it"));
    }
    let planned = known.attempt(Step::DispatchBuild).map(|attempt| attempt.plan.input("package")).unwrap_or_default();
    if planned.is_empty() {
        return;
    }
    if planned != digest {
        found.add("INV-B2", format!("the package {digest} is used, and {planned} was chosen"));
    }
    let version = known.release_commit();
    let built_from = known.world.built_from.get(digest);
    if (built_from.is_none() || built_from != version) && known.package_by_word.as_deref() != Some(digest) {
        found.add("INV-B2", format!("the package {digest} is used, and it was built from {built_from:?}"));
    }
}

/// INV-B1: the followed run is run again. GitHub showed it as ended without success, and it builds
/// the version commit.
fn rerun(known: &Known, entry: &Entry, run: &str, found: &mut Found) {
    if entry.actor != Actor::App || !entry.applied || entry.late {
        return;
    }
    if known.facts.build.as_deref() != Some(run) {
        found.add("INV-B1", format!("run {run} was run again, and this release follows {:?}", known.facts.build));
    }
    let version = known.release_commit();
    let seen = known.world.runs.get(run);
    let is_red = seen.is_some_and(|one| one.conclusion.as_ref().is_some_and(|end| end != "success"));
    if !is_red || seen.map(|one| &one.head_sha) != version {
        found.add("INV-B1", format!("run {run} was run again, and GitHub had shown {seen:?}"));
    }
}

/// INV-B1: the followed run, or one of another commit, is cancelled while no deployment of this
/// release began.
fn cancel(known: &Known, entry: &Entry, run: &str, found: &mut Found) {
    if entry.actor != Actor::App || !entry.applied || entry.late {
        return;
    }
    let version = known.release_commit();
    let is_foreign = known.world.runs.get(run).is_some_and(|one| Some(&one.head_sha) != version);
    if known.facts.build.as_deref() != Some(run) && !is_foreign {
        found.add("INV-B1", format!("run {run} was cancelled, and this release follows {:?}", known.facts.build));
    }
    if known.facts.deploys {
        found.add("INV-B1", format!("run {run} was cancelled after AWS began to put the version in place"));
    }
}

/// INV-B1: no dispatch while a run of this commit is known that no person left aside. The
/// dispatched commit is the tagged one.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if let Op::RerunBuild { run } = &entry.op {
        rerun(known, entry, run, found);
    }
    if let Op::CancelBuild { run } = &entry.op {
        cancel(known, entry, run, found);
    }
    let Op::Dispatch { git_ref, head_sha, .. } = &entry.op else { return };
    if entry.actor != Actor::App || !entry.applied {
        return;
    }
    if *git_ref != known.main() {
        found.add("INV-B1", format!("the build was started on {git_ref}"));
    }
    let counts = |(id, run): &(&String, &RunSeen)| {
        run.head_sha == *head_sha && !is_of_earlier(known, run) && !known.runs_left.contains(*id)
    };
    if let Some((run, _)) = known.world.runs.iter().find(counts) {
        found.add("INV-B1", format!("a build of {head_sha} was started, and run {run} of it was known"));
    }
    if let Some(build) = &known.facts.build {
        found.add("INV-B1", format!("a build was started, and this release follows run {build} already"));
    }
    // Main may move between the last read and the dispatch. The read must show the tagged commit.
    let version = known.release_commit().map(String::as_str).unwrap_or_default();
    let seen = known.world.listing.get(&known.main()).map(|one| one.id.as_str()).unwrap_or_default();
    if seen != version {
        found.add("INV-B1", format!("a build was started while main was seen at {seen} instead of {version}"));
    }
}

/// Whether a run was complete before Deploy started. Such a run belongs to an earlier release.
fn is_of_earlier(known: &Known, run: &RunSeen) -> bool {
    let is_older = run.created.zip(known.deploy_at).is_some_and(|(created, deploy)| created + SKEW_MS < deploy);
    is_older && run.conclusion.is_some()
}
