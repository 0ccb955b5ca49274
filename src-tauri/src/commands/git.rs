//! The steps in the repository.

use super::step_commands;

step_commands!(MergeBranch: plan_merge_branch, run_merge_branch, observe_merge_branch);
step_commands!(SetVersion: plan_set_version, run_set_version, observe_set_version);
step_commands!(CreateTag: plan_create_tag, run_create_tag, observe_create_tag);
step_commands!(PushBranch: plan_push_branch, run_push_branch, observe_push_branch);
step_commands!(PushTag: plan_push_tag, run_push_tag, observe_push_tag);
