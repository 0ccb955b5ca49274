// The three commands of each step. A step without its commands does not compile.

import type { Observation, RunId, StepId, StepPlan } from "../generated/bindings";
import type { Commands } from "../platform/platform";
import type { Result } from "../platform/result";

/** What can be asked of one step. */
export interface StepCommands {
  plan(run: RunId): Promise<Result<StepPlan>>;
  run(run: RunId, planHash: string, token: string | null): Promise<Result<null>>;
  observe(run: RunId): Promise<Result<Observation>>;
}

/** The commands of a step. */
export function stepCommands(commands: Commands, step: StepId): StepCommands {
  const all: Record<StepId, StepCommands> = {
    MergeBranch: {
      plan: commands.planMergeBranch,
      run: commands.runMergeBranch,
      observe: commands.observeMergeBranch,
    },
    SetVersion: { plan: commands.planSetVersion, run: commands.runSetVersion, observe: commands.observeSetVersion },
    CreateTag: { plan: commands.planCreateTag, run: commands.runCreateTag, observe: commands.observeCreateTag },
    PushBranch: { plan: commands.planPushBranch, run: commands.runPushBranch, observe: commands.observePushBranch },
    PushTag: { plan: commands.planPushTag, run: commands.runPushTag, observe: commands.observePushTag },
    RegisterTaskDefinition: {
      plan: commands.planRegisterTaskDefinition,
      run: commands.runRegisterTaskDefinition,
      observe: commands.observeRegisterTaskDefinition,
    },
    BackUp: { plan: commands.planBackUp, run: commands.runBackUp, observe: commands.observeBackUp },
    DispatchBuild: {
      plan: commands.planDispatchBuild,
      run: commands.runDispatchBuild,
      observe: commands.observeDispatchBuild,
    },
    FollowBuild: { plan: commands.planFollowBuild, run: commands.runFollowBuild, observe: commands.observeFollowBuild },
    AwaitDeployPhase: {
      plan: commands.planAwaitDeployPhase,
      run: commands.runAwaitDeployPhase,
      observe: commands.observeAwaitDeployPhase,
    },
    RunMigration: {
      plan: commands.planRunMigration,
      run: commands.runRunMigration,
      observe: commands.observeRunMigration,
    },
    AwaitRollout: {
      plan: commands.planAwaitRollout,
      run: commands.runAwaitRollout,
      observe: commands.observeAwaitRollout,
    },
    CheckSite: { plan: commands.planCheckSite, run: commands.runCheckSite, observe: commands.observeCheckSite },
  };
  return all[step];
}
