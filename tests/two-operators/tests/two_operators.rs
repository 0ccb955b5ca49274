//! The short form of `make test-two-operators`.

use futures::{StreamExt as _, stream};
use greenlight_two_operators::{
    apart::play_apart,
    race::{Kind, asked_machine, play},
    scene::Scene,
};

#[test]
fn two_computers_migrate_once_and_the_loser_learns_the_owner() {
    let scene = Scene::play().expect("a release up to its migration");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let asked = runtime.block_on(asked_machine(&scene)).expect("a machine with the verbs");
    let broken: Vec<String> = runtime.block_on(
        stream::iter(0..18)
            .map(|seed: u64| {
                let (scene, asked) = (&scene, &asked);
                let kind = Kind::ALL[usize::try_from(seed % 3).unwrap_or(0)];
                async move { play(scene, asked, kind, seed).await.err().map(|error| format!("{error:#}")) }
            })
            .buffer_unordered(6)
            .filter_map(std::future::ready)
            .collect(),
    );
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn two_staging_machines_share_the_lock_on_the_git_server() {
    let scene = Scene::play().expect("a release up to its migration");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let asked = runtime.block_on(asked_machine(&scene)).expect("a machine with the verbs");
    for lead_ms in [0, 10, 200] {
        runtime.block_on(play_apart(&scene, &asked, lead_ms)).expect("one owner, and a migration of one run");
    }
}
