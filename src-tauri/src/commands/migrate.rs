//! Migrating the production database.

use super::step_commands;

step_commands!(RunMigration: plan_run_migration, run_run_migration, observe_run_migration);
