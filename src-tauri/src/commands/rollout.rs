//! Watching AWS put the new version in place.

use super::step_commands;

step_commands!(AwaitDeployPhase: plan_await_deploy_phase, start_await_deploy_phase, observe_await_deploy_phase);
step_commands!(AwaitRollout: plan_await_rollout, start_await_rollout, observe_await_rollout);
