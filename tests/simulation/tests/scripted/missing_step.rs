//! A run that was drafted by an earlier version of the app, which had fewer steps.

use greenlight_engine::{
    journal::{Journal as _, MemoryJournal},
    ports::Ids,
    release::{Parts, Release},
};
use greenlight_rehearsal::ports::InProcess;
use greenlight_simulation::{
    clock::TestClock,
    scripted::{Dark, Hand},
};
use greenlight_types::{EventBody, RunEvent};

use super::*;

struct NoIds;

impl Ids for NoIds {
    fn fresh(&self) -> String {
        "01900000-0000-7000-8000-000000000001".to_owned()
    }
}

/// Opens Ann's draft again, as if its app had not had this step.
async fn opened_without(ann: &Scripted, world: &Arc<Mutex<World>>, missing: StepId) -> Release {
    let run = ann.view().id;
    let mut bodies: Vec<EventBody> = ann.journal.all(&run).into_iter().map(|event| event.body).collect();
    let Some(EventBody::Run(RunEvent::Drafted { steps, .. })) = bodies.first_mut() else { panic!("a draft") };
    steps.retain(|step| step.id != missing);
    let journal = Arc::new(MemoryJournal::default());
    journal.append(&run, 0, &ann.view().drafted_at, &ann.by, bodies).await.expect("the journal");
    let clock = TestClock::at(world.lock().now_ms(), 1);
    let (at, wire) = (Arc::new(clock.clone()), Arc::new(Hand::new(clock)));
    let redactor: Arc<Redactor> = Arc::default();
    let ports = InProcess::new(world.clone(), Arc::default(), at.clone(), wire, 1).ports().cleaned(&redactor);
    let (screen, spool, ids) = (Arc::new(Dark), ann.spool.clone(), Arc::new(NoIds));
    let parts = Parts { journal, screen, spool, clock: at, ids, redactor };
    Release::open(parts, ports, &run, ann.by.clone()).await.expect("it opens").without_readiness()
}

#[test]
fn a_run_refuses_each_act_on_a_step_that_it_does_not_have() {
    on_virtual_time(async {
        let world = world(Rules::default());
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
        let step = StepId::FollowOtherBuild;
        let old = opened_without(&ann, &world, step).await;
        let (plan_hash, token) = ("h1".to_owned(), None);
        let confirm = Act::ConfirmPlan { step, plan_hash: plan_hash.clone() };
        let refused = [
            ("plan", old.plan(step).await.map(drop)),
            ("confirm", old.act(ann.by.clone(), confirm).await.map(drop)),
            ("run", old.act(ann.by.clone(), Act::StartStep { step, plan_hash, token }).await.map(drop)),
            ("observe", old.observe(ann.by.clone(), step).await.map(drop)),
        ];
        for (verb, answer) in refused {
            let failure = answer.expect_err(verb);
            assert_eq!(failure.code, ErrorCode::NotAllowedNow, "{failure}");
            assert_eq!(failure.summary, format!("{verb} this step: the run does not have it"));
        }
        assert_eq!(old.view().seq, ann.view().seq, "no act wrote anything");
    });
}
