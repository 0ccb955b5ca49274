import { screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import type { RunView } from "../../generated/bindings";
import { ok, refused } from "../../platform/fake";
import { updateOf, type Moment } from "../../platform/samples";
import { open, released, stopped } from "./test-page";

/** The rollback of the released run, before Deploy. */
function rollback(): Moment {
  const { view } = released;
  const { staging } = view;
  if (staging === null) throw new Error("the release has a staging machine");
  const steps = view.steps
    .filter(({ definition }) => definition.id === "RollBack")
    .map((step) => ({ ...step, definition: { ...step.definition, isOptional: false } }));
  const drafted: RunView = {
    ...view,
    id: "rollback-1",
    rollsBack: { run: view.id, isMigrated: true, staging, facts: [] },
    state: "prepared",
    result: null,
    endedAt: null,
    prepareStartedAt: null,
    preparedAt: null,
    deployStartedAt: null,
    leftBehind: [],
    mayRollBack: false,
    mayEnd: ["stopped", "abandoned"],
    steps,
  };
  return { view: drafted, events: [] };
}

it("a release that ended is rolled back from History", async () => {
  const { view } = rollback();
  const { platform, user } = open(released, {
    draftRollback: () => ok(view.id),
    runUpdate: (run, seq) => ok(updateOf(run === view.id ? rollback() : released, seq)),
  });
  await user.click(await screen.findByTestId("nav-history"));
  await user.click(await screen.findByTestId("roll-back-release"));
  expect(await screen.findByTestId("deploy-panel")).toHaveTextContent(`Roll Rally ${view.version} back?`);
  expect(platform.argsOf("draftRollback")).toEqual([[released.view.id]]);
  expect(screen.getByTestId("deploy-panel")).toHaveTextContent(/The database stays as it is/);
  expect(screen.getByRole("heading", { level: 1 })).toHaveTextContent(`Rollback of Rally ${view.version}`);
  expect(screen.queryByText("Prepare")).toBeNull();
  expect(screen.getByTestId("stop-run")).toHaveTextContent("Give up this rollback…");
});

it("a rollback that cannot be drafted says why", async () => {
  const { user } = open(released, { draftRollback: () => refused("journalFailed", "write the journal") });
  await user.click(await screen.findByTestId("nav-history"));
  await user.click(await screen.findByTestId("roll-back-release"));
  expect(await screen.findByTestId("roll-back-failure")).toHaveTextContent(/record could not be read or written/);
});

it("a release that was stopped offers no rollback", async () => {
  const { user } = open(stopped);
  await user.click(await screen.findByTestId("nav-history"));
  await screen.findByTestId("history-detail");
  expect(screen.queryByTestId("roll-back-card")).toBeNull();
});
