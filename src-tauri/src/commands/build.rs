//! Starting the build and following it.

use super::step_commands;

step_commands!(DispatchBuild: plan_dispatch_build, start_dispatch_build, observe_dispatch_build);
step_commands!(FollowBuild: plan_follow_build, start_follow_build, observe_follow_build);
step_commands!(CancelBuild: plan_cancel_build, start_cancel_build, observe_cancel_build);
step_commands!(
    FollowOtherBuild: plan_follow_other_build,
    start_follow_other_build,
    observe_follow_other_build
);
step_commands!(RerunBuild: plan_rerun_build, start_rerun_build, observe_rerun_build);
