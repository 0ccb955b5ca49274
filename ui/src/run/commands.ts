// The three commands of each step, found by the name of the step. A step without its commands does
// not compile.

import type { Observation, RunId, StepId, StepPlan } from "../generated/bindings";
import type { Commands } from "../platform/platform";
import type { Result } from "../platform/result";

/** The commands of one step. */
export interface StepCommands {
  plan: (run: RunId) => Promise<Result<StepPlan>>;
  start: (run: RunId, planHash: string, token: string | null) => Promise<Result<null>>;
  observe: (run: RunId) => Promise<Result<Observation>>;
}

/**
 * The commands of these steps by the names that the app gives them: `planBackUp`, `startBackUp`,
 * `observeBackUp`.
 */
export type CommandsOf<Step extends string> = {
  [Act in keyof StepCommands as `${Act}${Step}`]: StepCommands[Act];
};

/** The commands of a step. */
export function stepCommands(commands: Commands, step: StepId): StepCommands {
  const ofSteps: CommandsOf<StepId> = commands;
  return {
    plan: ofSteps[`plan${step}`],
    start: ofSteps[`start${step}`],
    observe: ofSteps[`observe${step}`],
  };
}
