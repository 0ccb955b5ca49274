//! Saving the start-up settings of the new version.

use super::step_commands;

step_commands!(RegisterTaskDefinition: plan_register_task_definition, start_register_task_definition, observe_register_task_definition);
