//! What seeded defects of the runner do (see [`crate::mutant`]). Nothing here runs in the app.

use std::time::Duration;

use futures::FutureExt;
use greenlight_types::{Actor, EventBody, Failure, RunView, Status, StepEvent, StepId, StepPlan};

use super::{Done, Runner};
use crate::{
    fold,
    mutant::{self, Mutant},
    step::{Entry, StepContext},
    steps,
};

impl Runner {
    /// Settles a step in doubt without asking; whether it did.
    pub(super) async fn reopen_blindly(&mut self, step: StepId, attempt: u32) -> Result<bool, Failure> {
        let evidence = "The app was closed.".to_owned();
        if mutant::is(Mutant::ResetOnReopen) {
            self.append(vec![EventBody::Step(StepEvent::Reset { step, attempt, evidence, reported_by: None })]).await?;
            return Ok(true);
        }
        if !mutant::is(Mutant::RunAgainOnReopen) {
            return Ok(false);
        }
        self.append(vec![EventBody::Step(StepEvent::Resumed { step, attempt, evidence })]).await?;
        let plan = fold::step(&self.view.borrow(), step).and_then(|step| step.plan.clone());
        if let Some(plan) = plan {
            self.push(step, attempt, plan, Entry::Start);
        }
        Ok(true)
    }

    /// Migrates when that waits for its button.
    pub(super) fn migrate_on_open(&self) {
        if !mutant::is(Mutant::MigrateOnOpen) || self.status(StepId::RunMigration).0 != Status::AwaitingOperator {
            return;
        }
        let context = self.context.clone();
        self.work.push(
            async move {
                mutant::migrate_unasked(&context).await;
                Done::Background
            }
            .boxed(),
        );
    }

    /// Runs a plan, and writes down afterwards that it was started.
    pub(super) async fn start_late(&mut self, by: &Actor, attempt: u32, plan: StepPlan) -> Result<(), Failure> {
        let step = plan.step;
        let context = StepContext { by: by.clone(), ..self.context.clone() };
        let outcome = steps::get(step).run(&context, &plan, Entry::Start).await;
        self.append_by(by, vec![EventBody::Step(StepEvent::Started { step, attempt, plan: Box::new(plan) })]).await?;
        self.ended(step, attempt, outcome).await
    }

    /// Shows what is not written yet, on a slow disk.
    pub(super) async fn show_first(&mut self, view: &RunView) {
        if mutant::is(Mutant::ShowBeforeDurable) {
            self.view.send_replace(std::sync::Arc::new(view.clone()));
            self.context.wait(Duration::from_secs(3)).await;
        }
    }
}
