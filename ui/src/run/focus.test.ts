import { expect, it } from "vitest";
import type { RunView, StepId, StepView } from "../generated/bindings";
import { moment } from "../platform/samples";
import { current, optionsOf, stepOf, waitWords } from "./focus";

/** The words of a step at a moment. */
function waits(at: string, id: StepId): string {
  const { view } = moment(at);
  const step = stepOf(view, id);
  if (step === undefined) throw new Error(`the run has no ${id}`);
  return waitWords(view, step);
}

it.each([
  ["drafted", "MergeBranch", "It can start as soon as Prepare is started."],
  ["merge-started", "SetVersion", "It waits until the branch is merged."],
  ["push-in-doubt", "PushTag", "It waits until the main branch is on GitHub."],
  ["merge-started", "BackUp", "It waits until the start-up settings are saved."],
  ["prepared", "BackUp", "It waits until Deploy is started."],
  ["deploy-started", "BackUp", "It waits until no other step is under way."],
  ["backup-offered", "DispatchBuild", "It waits until the backup of this release is proved."],
  ["build-offered", "FollowBuild", "It starts by itself once the build was started."],
  ["build-offered", "AwaitRollout", "It starts by itself once AWS starts putting the new version in place."],
  [
    "build-offered",
    "RunMigration",
    "It waits until the package is built and AWS starts putting the new version in place.",
  ],
  [
    "backup-offered",
    "RunMigration",
    "It waits until the backup of this release is proved, the package is built and AWS starts putting the new version in place.",
  ],
  ["migration-started", "CheckSite", "It waits until every server runs the new version and the database is migrated."],
] as [string, StepId, string][])("at %s, %s says what it waits for", (at, id, words) => {
  expect(waits(at, id)).toBe(words);
});

it("a view without options allows nothing", () => {
  const { view } = moment("merge-offered");
  const step = stepOf(view, "MergeBranch");
  if (step === undefined) throw new Error("the run has no merge");
  expect(optionsOf(step).mayStart).toBe(true);
  const bare = { ...step };
  delete bare.options;
  expect(Object.values(optionsOf(bare)).filter((value) => value === true)).toEqual([]);
});

/** The released run with other states of some steps. */
function withStates(states: Partial<Record<StepId, StepView["status"]>>): RunView {
  const { view } = moment("released");
  const steps = view.steps.map((step) => ({ ...step, status: states[step.definition.id] ?? step.status }) as StepView);
  return { ...view, steps };
}

it("a migration that waits for a person comes before checks that wait for answers", () => {
  expect(current(withStates({ RunMigration: "awaitingOperator", CheckSite: "running" }))).toBe("RunMigration");
});

it("checks that wait for answers come before an optional step", () => {
  expect(current(withStates({ RestoreFailureLimit: "awaitingOperator", CheckSite: "running" }))).toBe("CheckSite");
});
