//! Backing up the production database.

use super::step_commands;

step_commands!(BackUp: plan_back_up, start_back_up, observe_back_up);
