//! The steps in the repository.

use super::step_commands;

step_commands!(MergeBranch: plan_merge_branch, start_merge_branch, observe_merge_branch);
step_commands!(SetVersion: plan_set_version, start_set_version, observe_set_version);
step_commands!(CreateTag: plan_create_tag, start_create_tag, observe_create_tag);
step_commands!(PushBranch: plan_push_branch, start_push_branch, observe_push_branch);
step_commands!(PushTag: plan_push_tag, start_push_tag, observe_push_tag);
