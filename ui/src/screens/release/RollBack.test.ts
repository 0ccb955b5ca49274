import { render, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { LaterRollback, ServersView } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok, refused } from "../../platform/fake";
import { moment, summaryOf, updateOf, type Moment } from "../../platform/samples";
import { App } from "../../run/app.svelte";
import ResultPanel from "./ResultPanel.svelte";
import { open, openButton, planOf, planned, released, stopped } from "./test-page";

const drafted = moment("rollback-drafted");
const rolledBack = moment("rolled-back");
const plan = planned(planOf("RollBack", rolledBack));

const later: LaterRollback = { run: rolledBack.view.id, person: "Bob", at: "2026-11-24T08:30:00.000Z" };

/** The released run, after a later run rolled it back. */
const undone: Moment = { ...released, view: { ...released.view, mayRollBack: false, rolledBack: later } };

/** An app with these runs in its history. The newest comes first. */
function withRuns(...runs: Moment[]) {
  return {
    listRuns: () => ok(runs.map(summaryOf)),
    runUpdate: (run: string, seq: number) => {
      const found = runs.find(({ view }) => view.id === run);
      return ok(found === undefined ? null : updateOf(found, seq));
    },
  };
}

/** The result page of a run. The app knows these others, too. */
function result(shown: Moment, ...others: Moment[]) {
  const platform = fake({
    debrief: () => ok({ lines: [], costSeconds: 0, wholeSeconds: 1 }),
    outputCount: () => ok(0),
    outputLines: () => ok([]),
    ...withRuns(shown, ...others),
  });
  const app = new App(platform);
  return { app, user: userEvent.setup(), ...render(ResultPanel, { app, view: shown.view }) };
}

it("a release that ended is rolled back from History", async () => {
  const { view } = drafted;
  const { platform, user } = open(released, {
    draftRollback: () => ok(view.id),
    runUpdate: (run, seq) => ok(updateOf(run === view.id ? drafted : released, seq)),
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

describe("a rollback", () => {
  const moments = ["drafted", "offered", "started", "done", "lost", "in-doubt", "failed"].map(
    (name) => `rollback-${name}`,
  );

  it.each(moments)("is not called Deploy or a release at the moment %s", async (name) => {
    open(moment(name), plan);
    const run = await screen.findByTestId("run");
    await waitFor(() => expect(run).toHaveTextContent("Rollback of Rally 2.1.0"));
    expect(run).not.toHaveTextContent(/\bDeploy\b|Prepare\b|[Tt]his release\b/);
    expect(await accessibilityFindings(run)).toEqual([]);
  });

  it.each([...moments, "rolled-back", "rollback-of-an-earlier-version"])(
    "is not called Deploy or a release in the history at the moment %s",
    async (name) => {
      const { user } = open(moment(name), plan);
      await user.click(await screen.findByTestId("nav-history"));
      const detail = await screen.findByTestId("history-detail");
      expect(detail).toHaveTextContent("Opened the rollback of Rally 2.1.0.");
      expect(detail).not.toHaveTextContent(/\bDeploy\b|Prepare\b|[Tt]his release\b|[Ff]ingerprint/);
      expect(within(detail).getByTestId("record-path")).toHaveValue(
        `~/Rally-2.1.0-rollback-${drafted.view.draftedAt.slice(0, 10)}.md`,
      );
    },
  );

  it("shows the servers without the failed starts of its release", async () => {
    const failing: ServersView = {
      desired: 2,
      newCount: 0,
      servers: [{ task: "a", isNew: false, version: "rally-prod:142", state: "serving" }],
      failedStarts: 1,
      failedStartsAllowed: 3,
      lastReason: "Essential container in task exited",
      startFailure: "neverExpected",
    };
    const { platform, view } = open(moment("rollback-started"), plan);
    expect(
      await screen.findByText(/Nothing was heard of the servers since this rollback was opened here/),
    ).toBeVisible();
    platform.emitLive({ run: view.id, at: view.draftedAt, seen: { kind: "servers", ...failing } });
    expect(await screen.findByText("Servers on 2.1.0")).toBeVisible();
    expect(screen.getByText("server 1 · serving")).toBeVisible();
    expect(screen.getByTestId("run")).not.toHaveTextContent(/[Ff]ailed start|fails to start|does not start|exited/);
  });

  it("that is selected before its start leads back to the start of the rollback", async () => {
    const { user } = open(drafted, plan);
    await user.click(await screen.findByTestId("step-RollBack"));
    expect(await screen.findByTestId("back")).toHaveTextContent("Back to the start of the rollback");
    expect(screen.getByTestId("focus")).toHaveTextContent("It waits until the rollback is started.");
  });

  it("that failed is tried again, as its words say", async () => {
    open(moment("rollback-failed"), plan);
    const failure = await screen.findByTestId("failure");
    expect(failure).toHaveTextContent("AWS could not put rally-prod:143 back.");
    expect(failure).toHaveTextContent("Press “Try again”");
    expect(screen.getByTestId("try-again")).toHaveTextContent("Try again");
  });

  it("that was lost may be repeated, and is no backup", async () => {
    const { user } = open(moment("rollback-lost"), plan);
    const repeat = await screen.findByTestId("repeat");
    expect(repeat).toHaveTextContent("Roll back again…");
    await user.click(repeat);
    expect(await screen.findByTestId("repeat-not")).toHaveTextContent("Go back");
    expect(screen.getByTestId("focus")).not.toHaveTextContent(/[Bb]ackup/);
  });

  it("is confirmed in its own words", async () => {
    const { user } = open(moment("rollback-offered"), plan);
    await user.click(await openButton());
    expect(await screen.findByTestId("confirm-dialog")).toHaveTextContent("Roll Rally 2.1.0 back?");
  });

  it("with a wrong value does not speak of a release", async () => {
    const value = { key: "aws.cluster", label: "ECS cluster", value: "rally" };
    const { user } = open(moment("rollback-offered"), { ...plan, runValues: () => ok([value]) });
    await user.click(await screen.findByTestId("correct"));
    const dialog = await screen.findByTestId("correct-dialog");
    expect(dialog).toHaveTextContent("Correct a value of this rollback");
    expect(dialog).toHaveTextContent("from the start of the rollback on");
  });

  it("that ended has no part of the name Deploy", async () => {
    const { container } = result(rolledBack);
    expect(screen.getByTestId("run-title")).toHaveTextContent("Rally 2.1.0 was rolled back");
    expect(await screen.findByText("Rollback")).toBeVisible();
    expect(container).not.toHaveTextContent(/\bDeploy\b|[Tt]his release\b/);
    expect(screen.queryByTestId("roll-back-card")).toBeNull();
  });

  it("that is not finished says so in the list", async () => {
    const { user } = open(drafted, plan);
    await user.click(await screen.findByTestId("leave-run"));
    const entry = await screen.findByTestId(`open-${drafted.view.id}`);
    expect(entry).toHaveTextContent("Go on with the rollback of 2.1.0");
    expect(entry.closest("li")).toHaveTextContent("Rollback of Rally 2.1.0 · not started");
  });
});

describe("a release that was rolled back later", () => {
  it("says so in the history, and offers no second rollback", async () => {
    const { user } = open(undone, withRuns(rolledBack, undone));
    await user.click(await screen.findByTestId("nav-history"));
    const row = await screen.findByTestId(`history-row-${undone.view.id}`);
    expect(row).toHaveTextContent("Rolled back later");
    await user.click(row);
    const note = await screen.findByTestId("rolled-back-later");
    expect(note).toHaveTextContent(/Bob put the version before 2\.1\.0 back/);
    expect(screen.queryByTestId("roll-back-card")).toBeNull();
    await user.click(within(note).getByTestId("show-rollback"));
    await waitFor(() => expect(screen.getByTestId("history-detail")).toHaveAttribute("data-run", rolledBack.view.id));
    expect(screen.queryByTestId("rolled-back-later")).toBeNull();
  });

  it("says so on its result page, and leads to the rollback", async () => {
    const { app, user } = result(undone, rolledBack);
    expect(screen.getByTestId("rolled-back-later")).toHaveTextContent(/Bob put the version before 2\.1\.0 back/);
    expect(screen.getByText("Every server ran 2.1.0, and every check of the site passed.")).toBeVisible();
    expect(screen.queryByTestId("roll-back-card")).toBeNull();
    await user.click(screen.getByTestId("show-rollback"));
    await waitFor(() => expect(app.run?.view?.id).toBe(rolledBack.view.id));
    app.leave();
  });

  it("is offered again after its rollback was stopped", async () => {
    const { user } = open(released);
    await user.click(await screen.findByTestId("nav-history"));
    expect(await screen.findByTestId(`history-row-${released.view.id}`)).not.toHaveTextContent("Rolled back");
    expect(await screen.findByTestId("roll-back-release")).toBeVisible();
  });
});
