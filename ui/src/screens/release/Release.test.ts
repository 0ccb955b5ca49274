import { cleanup, render, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { moment, updateOf } from "../../platform/samples";
import { App } from "../../run/app.svelte";
import ResultPanel from "./ResultPanel.svelte";
import { open, planned, planOf } from "./test-page";

describe("the production panel", () => {
  const seen = (run: string) => ({
    run,
    at: "2026-11-23T13:00:00.000Z",
    seen: {
      kind: "servers" as const,
      desired: 2,
      newCount: 0,
      servers: [{ task: "a", isNew: false, version: "rally-prod:142", state: "serving" }],
      failedStarts: 1,
      failedStartsAllowed: 3,
      lastReason: "Essential container in task exited",
      startFailure: "expected" as const,
    },
  });

  it("expects failing starts only before the migration", async () => {
    const before = open(moment("migration-offered"), planned(planOf("RunMigration")));
    await screen.findByTestId("run");
    before.platform.emitLive(seen(before.view.id));
    expect(await screen.findByText(/that is expected/)).toBeVisible();
    expect(screen.getByText("1 of 3")).toBeVisible();
    cleanup();

    const after = open(moment("migrated"));
    await screen.findByTestId("run");
    after.platform.emitLive(seen(after.view.id));
    expect(await screen.findByText(/Last failed start: Essential container/)).toBeVisible();
    expect(screen.queryByText(/that is expected/)).toBeNull();
  });

  it("shows unknown servers until the first answer", async () => {
    open(moment("deploy-started"));
    expect(await screen.findByText(/are watched from the start of the build on/)).toBeVisible();
    cleanup();

    const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
    expect(await screen.findByText(/Nothing was heard of the servers since/)).toBeVisible();
    expect(screen.queryByText(/from the start of the build on/)).toBeNull();
    platform.emitLive(seen(view.id));
    expect(await screen.findByText("1 of 3")).toBeVisible();
    expect(screen.queryByText(/Nothing was heard/)).toBeNull();
  });
});

describe("the result", () => {
  it("names the person who said that there is no migration", () => {
    const { view } = moment("released");
    const leftOut = moment("migration-left-out").view.steps.find((step) => step.definition.id === "RunMigration");
    const steps = view.steps.map((step) => (step.definition.id === "RunMigration" && leftOut ? leftOut : step));
    const facts = view.facts.filter(({ fact }) => fact.kind !== "migrationFinished");
    const app = new App(fake({}));
    render(ResultPanel, { app, view: { ...view, realm: "production", steps, facts } });
    const words = /^.+: this release has no migration\. only texts changed$/;
    expect(screen.getByTestId("result-migration")).toHaveTextContent(words);
  });
});

describe("the record", () => {
  it("is pulled when a hint says that the run moved", async () => {
    const { moveOn } = open(moment("merge-offered"), planned(planOf("MergeBranch")));
    expect(await screen.findByTestId("step-MergeBranch")).toHaveAttribute("data-status", "awaitingOperator");
    moveOn(moment("merge-started"));
    await waitFor(() => expect(screen.getByTestId("step-MergeBranch")).toHaveAttribute("data-status", "running"));
  });

  const broken: Failure = {
    code: "journalFailed",
    params: {},
    summary: "read the record of this run",
    causes: ["entry 3 cannot follow entry 1"],
    hints: [],
    changed: "nothing",
    retry: "no",
  };

  it("that cannot be folded is not shown", async () => {
    open(moment("merge-offered"), { runUpdate: () => Promise.resolve({ status: "error", error: broken }) });
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "journalFailed");
    expect(screen.queryByTestId("run")).toBeNull();
  });

  it("is hidden while it cannot be read", async () => {
    const start = moment("merge-offered");
    let isBroken = false;
    const { platform, view } = open(start, {
      ...planned(planOf("MergeBranch")),
      runUpdate: (_run, seq) =>
        isBroken ? Promise.resolve({ status: "error", error: broken }) : ok(updateOf(start, seq)),
    });
    await screen.findByTestId("run");
    const stories = screen.getAllByText(/Opened the release of Rally 2\.1\.0/);
    isBroken = true;
    platform.emitMoved({ run: view.id, seq: view.seq + 1 });
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "journalFailed");
    expect(screen.queryByTestId("run")).toBeNull();
    isBroken = false;
    platform.emitMoved({ run: view.id, seq: view.seq + 1 });
    expect(await screen.findByTestId("run")).toBeVisible();
    expect(screen.queryByTestId("page-failure")).toBeNull();
    expect(screen.getAllByText(/Opened the release of Rally 2\.1\.0/)).toHaveLength(stories.length);
  });

  it("stays on the screen after another failure", async () => {
    const start = moment("merge-offered");
    let isSlow = false;
    const { platform, view } = open(start, {
      ...planned(planOf("MergeBranch")),
      runUpdate: (_run, seq) =>
        isSlow
          ? Promise.resolve({ status: "error", error: { ...broken, code: "internal" } })
          : ok(updateOf(start, seq)),
    });
    await screen.findByTestId("run");
    isSlow = true;
    platform.emitMoved({ run: view.id, seq: view.seq + 1 });
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "internal");
    expect(screen.getByTestId("run")).toBeVisible();
  });
});

describe("no accessibility findings", () => {
  it.each([
    ["before Prepare", "drafted", {}],
    ["at an offered step", "merge-offered", planned(planOf("MergeBranch"))],
    ["when prepared", "prepared", {}],
    ["after a failed migration", "migration-failed", {}],
  ] as [string, string, Partial<Commands>][])("%s", async (_name, at, scripted) => {
    open(moment(at), scripted);
    await screen.findByTestId("run");
    expect(await accessibilityFindings(document.body)).toEqual([]);
  });
});
