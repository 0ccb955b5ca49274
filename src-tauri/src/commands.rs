//! The commands of the page, one file per noun or step. They forward and decide nothing.

pub mod access;
pub mod backup;
pub mod build;
pub mod git;
pub mod history;
pub mod logs;
pub mod migrate;
pub mod practice;
pub mod rollout;
pub mod run;
pub mod setup;
pub mod site;
pub mod task_definition;

/// Declares the three commands of a step: plan it, start it, observe it.
macro_rules! step_commands {
    ($step:ident: $plan:ident, $start:ident, $observe:ident) => {
        /// The changes that the step would make now.
        #[tauri::command]
        #[specta::specta]
        pub async fn $plan(
            app: tauri::State<'_, $crate::startup::Startup>,
            run: greenlight_types::RunId,
        ) -> $crate::command_error::CommandResult<greenlight_types::StepPlan> {
            Ok(app.ready().await?.runs.plan(&run, greenlight_types::StepId::$step).await?)
        }

        /// Starts the plan that was shown. Returns once the start is in the journal. The outcome
        /// comes as events.
        #[tauri::command]
        #[specta::specta]
        pub async fn $start(
            app: tauri::State<'_, $crate::startup::Startup>,
            run: greenlight_types::RunId,
            plan_hash: String,
            token: Option<String>,
        ) -> $crate::command_error::CommandResult<()> {
            let step = greenlight_types::StepId::$step;
            app.ready()
                .await?
                .runs
                .act(&run, greenlight_engine::release::Act::StartStep { step, plan_hash, token })
                .await?;
            Ok(())
        }

        /// Asks the outside systems whether the step happened.
        #[tauri::command]
        #[specta::specta]
        pub async fn $observe(
            app: tauri::State<'_, $crate::startup::Startup>,
            run: greenlight_types::RunId,
        ) -> $crate::command_error::CommandResult<greenlight_types::Observation> {
            Ok(app.ready().await?.runs.observe(&run, greenlight_types::StepId::$step).await?)
        }
    };
}
pub(crate) use step_commands;
