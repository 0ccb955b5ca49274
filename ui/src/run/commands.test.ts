import { expect, expectTypeOf, it } from "vitest";
import type { Observation, RunId, StepId, StepPlan } from "../generated/bindings";
import { fake, ok } from "../platform/fake";
import type { Commands } from "../platform/platform";
import type { Result } from "../platform/result";
import { moment } from "../platform/samples";
import { stepCommands, type CommandsOf } from "./commands";

it("calls the command of the act and step", async () => {
  const steps = moment("released").view.steps.map((step) => step.definition.id);
  const names = steps.flatMap((step) => [`plan${step}`, `start${step}`, `observe${step}`]);
  const platform = fake(Object.fromEntries(names.map((name) => [name, () => ok(null)])));
  for (const step of steps) {
    const { plan, start, observe } = stepCommands(platform.commands, step);
    await Promise.all([plan("a"), start("a", "hash", "token"), observe("a")]);
  }
  expect(steps).toHaveLength(13);
  expect(platform.calls.map((call) => call.name)).toEqual(names);
  expect(platform.argsOf("startBackUp")).toEqual([["a", "hash", "token"]]);
});

it("does not compile for a step without its commands", () => {
  expectTypeOf<Commands>().toExtend<CommandsOf<StepId>>();
  expectTypeOf<Commands>().not.toExtend<CommandsOf<StepId | "FlushCache">>();
  expectTypeOf<CommandsOf<"BackUp">>().toEqualTypeOf<{
    planBackUp: (run: RunId) => Promise<Result<StepPlan>>;
    startBackUp: (run: RunId, planHash: string, token: string | null) => Promise<Result<null>>;
    observeBackUp: (run: RunId) => Promise<Result<Observation>>;
  }>();
});
