//! Watching AWS put the new version in place.

use super::step_commands;

step_commands!(AwaitDeployPhase: plan_await_deploy_phase, start_await_deploy_phase, observe_await_deploy_phase);
step_commands!(AwaitRollout: plan_await_rollout, start_await_rollout, observe_await_rollout);
step_commands!(RaiseFailureLimit: plan_raise_failure_limit, start_raise_failure_limit, observe_raise_failure_limit);
step_commands!(RestoreFailureLimit: plan_restore_failure_limit, start_restore_failure_limit, observe_restore_failure_limit);
step_commands!(StopRollout: plan_stop_rollout, start_stop_rollout, observe_stop_rollout);
step_commands!(DeployAgain: plan_deploy_again, start_deploy_again, observe_deploy_again);
step_commands!(RollBack: plan_roll_back, start_roll_back, observe_roll_back);
