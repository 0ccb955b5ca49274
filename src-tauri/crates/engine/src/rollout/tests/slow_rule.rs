//! The verdict once more, written as a list of plain statements about one look, and compared with
//! the real one on random looks.

use proptest::prelude::*;

use super::*;

/// The kind of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Waiting,
    Began,
    Done,
    OtherImage,
    WrongRevision,
    Superseded,
    Stopped,
    RolledBack,
    Failed,
}

fn kind(verdict: &Verdict) -> Kind {
    match verdict {
        Verdict::Waiting { .. } => Kind::Waiting,
        Verdict::Began { .. } => Kind::Began,
        Verdict::Done { .. } => Kind::Done,
        Verdict::OtherImage { .. } => Kind::OtherImage,
        Verdict::WrongRevision { .. } => Kind::WrongRevision,
        Verdict::Superseded { .. } => Kind::Superseded,
        Verdict::Stopped { .. } => Kind::Stopped,
        Verdict::RolledBack { .. } => Kind::RolledBack,
        Verdict::Failed { .. } => Kind::Failed,
    }
}

/// Every statement that makes a verdict, without order or early return. Exactly one may hold.
fn by_the_rule(look: &Look, goal: &RolloutGoal<'_>) -> Vec<Kind> {
    let primaries: Vec<&Deployment> =
        look.service.deployments.iter().filter(|one| one.status == DeploymentStatus::Primary).take(1).collect();
    let is_earlier = |id: &str| goal.deployment != Some(id) && goal.earlier.ids.iter().any(|one| one == id);
    let is_ours = primaries.iter().any(|one| one.task_definition == OURS && !is_earlier(&one.id));
    let has_primary = !primaries.is_empty();
    let records: Vec<&ServiceDeployment> = look.deployments.listed().iter().collect();
    // All deployments of these looks have ids that the records repeat.
    let of_primary: Vec<&&ServiceDeployment> = records
        .iter()
        .filter(|record| primaries.iter().any(|one| record.revision_arn.ends_with(&one.id.replace("ecs-svc", ""))))
        .collect();
    let says = |words: &[&str]| {
        of_primary.iter().any(|one| words.iter().any(|word| one.status == ServiceDeploymentStatus::parse(word)))
    };
    let is_failed = primaries.iter().any(|one| one.rollout_state == RolloutState::Failed)
        || says(&["ROLLBACK_FAILED"])
        || says(&["STOPPED"]) && of_primary.iter().any(|one| one.has_tripped());
    let is_replaced = of_primary.iter().any(|one| records.iter().any(|other| other.created_at > one.created_at));
    let is_stopped = says(&["STOPPED"]) && !is_failed && !is_replaced;
    let is_being_replaced = says(&["STOPPED"]) && is_replaced;
    let is_ending = says(&["STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL"]);
    let is_settled = settled(look, goal) && !is_ending && !is_failed && !is_stopped && !is_being_replaced;
    let has_other_image = look.tasks.iter().any(|task| {
        task.task_definition == OURS && task.last_status == TaskStatus::Running && task.image_digest == REBUILT
    });
    let is_earlier_record = |record: &ServiceDeployment| {
        let number = record.revision_arn.rsplit('/').next().unwrap_or_default();
        is_earlier(&format!("ecs-svc/{number}"))
    };
    let of_ours: Vec<&&ServiceDeployment> =
        records.iter().filter(|record| record.task_definition == OURS && !is_earlier_record(record)).collect();
    let deployments = look.service.deployments.iter();
    let listed: Vec<&Deployment> =
        deployments.filter(|one| one.task_definition == OURS && !is_earlier(&one.id)).collect();
    let has_begun = goal.deployment.is_some() || !of_ours.is_empty() || !listed.is_empty();
    let is_completed = |arn: &str| goal.completed == Some(arn);
    let is_previous = primaries
        .iter()
        .any(|one| one.task_definition == OLD || is_completed(&one.task_definition) || is_earlier(&one.id));
    let is_rolled_back = of_ours.iter().any(|one| one.status.is_rollback())
        || of_ours.is_empty() && listed.first().is_some_and(|newest| newest.rollout_state == RolloutState::Failed);
    let is_other = has_primary && !is_ours;
    let is_going = is_ours && !is_failed && !is_stopped && !is_settled;
    [
        (Kind::Waiting, !has_primary || is_other && !has_begun && is_previous),
        (Kind::WrongRevision, is_other && !has_begun && !is_previous),
        (Kind::RolledBack, is_other && has_begun && is_rolled_back),
        (Kind::Superseded, is_other && has_begun && !is_rolled_back),
        (Kind::Failed, is_ours && is_failed),
        (Kind::Stopped, is_ours && is_stopped),
        (Kind::Began, is_going),
        (Kind::OtherImage, is_ours && is_settled && has_other_image),
        (Kind::Done, is_ours && is_settled && !has_other_image),
    ]
    .into_iter()
    .filter_map(|(kind, holds)| holds.then_some(kind))
    .collect()
}

/// INV-E4 as one expression.
fn settled(look: &Look, goal: &RolloutGoal<'_>) -> bool {
    let service = &look.service;
    let alive: Vec<&TaskSnapshot> = look
        .tasks
        .iter()
        .filter(|task| [TaskStatus::Running, TaskStatus::Pending].contains(&task.last_status))
        .collect();
    let serves = |task: &&TaskSnapshot| {
        task.task_definition == OURS
            && task.last_status == TaskStatus::Running
            && task.health != TaskHealth::Unhealthy
            && (task.health == TaskHealth::Healthy || goal.migrated_at.is_some())
    };
    let primary = service.deployments.iter().position(|one| one.status == DeploymentStatus::Primary);
    let others_are_over = service.deployments.iter().enumerate().all(|(at, one)| {
        Some(at) == primary
            || one.running + one.pending == 0
                && (one.status == DeploymentStatus::Inactive
                    || one.desired == 0 && one.rollout_state == RolloutState::Failed)
    });
    service.desired > 0
        && service.running == service.desired
        && service.task_definition == OURS
        && alive.len() == service.desired as usize
        && alive.iter().all(serves)
        && others_are_over
        && primary.is_some_and(|at| {
            let one = &service.deployments[at];
            one.running == service.desired && one.rollout_state == RolloutState::Completed
        })
}

/// Mostly tasks of a finished rollout.
fn any_task() -> impl Strategy<Value = TaskSnapshot> {
    let arn = prop_oneof![9 => Just(OURS), 1 => Just(OLD)];
    let status =
        prop_oneof![9 => Just("RUNNING"), 1 => Just("PENDING"), 1 => Just("STOPPED"), 1 => Just("DEPROVISIONING")];
    let health = prop_oneof![9 => Just("HEALTHY"), 1 => Just("UNHEALTHY"), 2 => Just("UNKNOWN")];
    let digest = prop_oneof![9 => Just(BUILT), 1 => Just(REBUILT), 1 => Just("")];
    ("[a-z]{3}", arn, status, health, digest).prop_map(|(id, arn, status, health, digest)| {
        let mut task = task(&id, arn, status, health);
        digest.clone_into(&mut task.image_digest);
        task
    })
}

fn any_deployment() -> impl Strategy<Value = Deployment> {
    let arn = prop_oneof![5 => Just(OURS), 2 => Just(OLD), 1 => Just(OTHER)];
    let state = prop_oneof![6 => Just("COMPLETED"), 2 => Just("IN_PROGRESS"), 2 => Just("FAILED"), 1 => Just("")];
    let count = || prop_oneof![3 => Just(0_u32), 1 => Just(1)];
    (arn, state, prop_oneof![4 => Just(2_u32), 1 => Just(1)], count(), count()).prop_map(
        |(arn, state, running, desired, pending)| {
            let mut one = deployment("x", "ACTIVE", arn, state, running);
            (one.desired, one.pending) = (desired, pending);
            one
        },
    )
}

fn any_record() -> impl Strategy<Value = Option<(&'static str, bool)>> {
    let status = prop_oneof![
        Just("PENDING"),
        Just("IN_PROGRESS"),
        Just("SUCCESSFUL"),
        Just("STOPPED"),
        Just("STOP_REQUESTED"),
        Just("ROLLBACK_REQUESTED"),
        Just("ROLLBACK_IN_PROGRESS"),
        Just("ROLLBACK_SUCCESSFUL"),
        Just("ROLLBACK_FAILED"),
        Just("A_NEW_WORD"),
    ];
    prop_oneof![2 => Just(None), 1 => (status, any::<bool>()).prop_map(Some)]
}

/// One primary deployment, at most two others, and a record of the newest of ours.
fn any_look() -> impl Strategy<Value = Look> {
    let deployments = prop::collection::vec(any_deployment(), 0..4);
    let others = prop::collection::vec((prop_oneof![Just("ACTIVE"), Just("INACTIVE")], any::<bool>()), 3);
    let tasks = prop_oneof![4 => prop::collection::vec(any_task(), 2), 1 => prop::collection::vec(any_task(), 0..5)];
    (
        deployments,
        others,
        tasks,
        prop_oneof![8 => Just(2_u32), 1 => 0_u32..4],
        prop_oneof![9 => Just(2_u32), 1 => Just(0)],
        any_record(),
    )
        .prop_map(|(mut deployments, others, tasks, running, desired, record)| {
            for (at, one) in deployments.iter_mut().enumerate() {
                one.id = format!("ecs-svc/number-{at}");
                let (word, runs) = if at == 0 { ("PRIMARY", true) } else { others[at - 1] };
                one.status = DeploymentStatus::parse(word);
                one.running = if runs { one.running } else { 0 };
                // The first is the newest.
                one.created_at = stamp(1_000 - 100 * i64::try_from(at).unwrap_or_default());
            }
            let ours = deployments.iter().find(|one| one.task_definition == OURS);
            let record = ours.zip(record).map(|(ours, (status, has_tripped))| {
                let mut record = told(ours.id.trim_start_matches("ecs-svc/"), OURS, status, "why");
                record.created_at = ours.created_at;
                if has_tripped { tripped(record) } else { record }
            });
            let mut service = service(OURS, running, deployments);
            service.desired = desired;
            Look { service, tasks, deployments: ServiceDeployments::Listed(record.into_iter().collect()) }
        })
}

/// Number of random looks: that of `make test-rollout`, else a short form.
fn looks() -> u32 {
    std::env::var("GREENLIGHT_LOOKS").ok().and_then(|text| text.parse().ok()).unwrap_or(6_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(looks()))]

    #[test]
    fn the_verdict_is_the_one_of_the_slow_rule(
        look in any_look(),
        is_migrated: bool,
        has_begun: bool,
        earlier in prop_oneof![Just(Vec::new()), prop::collection::vec(0_usize..4, 1..3)],
        other_completed: bool,
    ) {
        let migrated_at = is_migrated.then(|| stamp(0));
        let deployment = has_begun.then_some("ecs-svc/number-0");
        let ids: Vec<String> = earlier.iter().map(|number| format!("ecs-svc/number-{number}")).collect();
        let earlier = EarlierDeployments { ids: &ids, until: None };
        let completed = other_completed.then_some(OTHER);
        let goal = RolloutGoal { migrated_at, deployment, earlier, completed, ..GOAL };
        let verdict = look.judge(&goal).verdict;
        prop_assert_eq!(vec![kind(&verdict)], by_the_rule(&look, &goal), "{:?}", verdict);
    }
}

/// The random looks reach every verdict; otherwise their agreement would prove little.
#[test]
fn random_looks_reach_every_verdict() {
    use proptest::{strategy::ValueTree as _, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let mut reached: Vec<Kind> = Vec::new();
    for number in 0..6_000 {
        let look = any_look().new_tree(&mut runner).expect("a look").current();
        let deployment = (number % 2 == 0).then_some("ecs-svc/number-0");
        let goal = RolloutGoal { migrated_at: Some(stamp(0)), deployment, ..GOAL };
        let kind = kind(&look.judge(&goal).verdict);
        if !reached.contains(&kind) {
            reached.push(kind);
        }
    }
    assert_eq!(reached.len(), 9, "{reached:?}");
}
