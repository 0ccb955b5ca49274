import { cleanup, screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Event } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { offered, open, planOf, released, stopped, upTo } from "./test-page";

describe("what production does now", () => {
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
      isExpected: true,
    },
  });

  it("calls a failing start expected before the database is migrated, and not after", async () => {
    const before = open(offered("RunMigration"), { planRunMigration: () => ok(planOf("RunMigration")) });
    await screen.findByTestId("run");
    before.platform.emitLive(seen(before.view.id));
    expect(await screen.findByText(/that is expected/)).toBeVisible();
    expect(screen.getByText("1 of 3")).toBeVisible();
    cleanup();

    const migrated = upTo(released.events, (body) => body.kind === "stepSucceeded" && body.step === "RunMigration");
    const after = open(migrated);
    await screen.findByTestId("run");
    after.platform.emitLive(seen(after.view.id));
    expect(await screen.findByText(/Last failed start: Essential container/)).toBeVisible();
    expect(screen.queryByText(/that is expected/)).toBeNull();
  });

  it("says that it does not know of the servers while nothing was heard of them since it was opened", async () => {
    open(upTo(released.events, (body) => body.kind === "deployStarted"));
    expect(await screen.findByText(/are watched from the start of the build on/)).toBeVisible();
    cleanup();

    const { platform, view } = open(offered("RunMigration"), { planRunMigration: () => ok(planOf("RunMigration")) });
    expect(await screen.findByText(/Nothing was heard of the servers since/)).toBeVisible();
    expect(screen.queryByText(/from the start of the build on/)).toBeNull();
    platform.emitLive(seen(view.id));
    expect(await screen.findByText("1 of 3")).toBeVisible();
    expect(screen.queryByText(/Nothing was heard/)).toBeNull();
  });
});

describe("the record", () => {
  it("is pulled when a hint says that the run moved", async () => {
    const { platform, record } = open(offered("MergeBranch"), { planMergeBranch: () => ok(planOf("MergeBranch")) });
    expect(await screen.findByTestId("step-MergeBranch")).toHaveAttribute("data-status", "awaitingOperator");
    const next = released.events[record.length];
    if (next !== undefined) record.push(next);
    platform.emitMoved({ run: record[0]?.run ?? "", seq: record.length });
    await waitFor(() => expect(screen.getByTestId("step-MergeBranch")).toHaveAttribute("data-status", "running"));
  });

  it("that cannot be folded is not shown at all", async () => {
    const events = offered("MergeBranch");
    open(events, { eventsSince: () => ok(events.toSpliced(1, 1)) });
    expect(await screen.findByTestId("page-failure")).toHaveAttribute("data-code", "journalFailed");
    expect(screen.queryByTestId("run")).toBeNull();
  });
});

describe("no accessibility findings", () => {
  it.each([
    ["before Prepare", released.events.slice(0, 1), {}],
    ["at an offered step", offered("MergeBranch"), { planMergeBranch: () => ok(planOf("MergeBranch")) }],
    ["when prepared", upTo(released.events, (body) => body.kind === "runPrepared"), {}],
    ["after a failed migration", upTo(stopped.events, (body) => body.kind === "stepFailed"), {}],
  ] as [string, Event[], Partial<Commands>][])("%s", async (_name, events, scripted) => {
    open(events, scripted);
    await screen.findByTestId("run");
    expect(await accessibilityFindings(document.body)).toEqual([]);
  });
});
