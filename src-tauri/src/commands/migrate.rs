//! Migrating the production database.

use super::step_commands;

step_commands!(RunMigration: plan_run_migration, start_run_migration, observe_run_migration);
