import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { ok } from "../../platform/fake";
import { moment } from "../../platform/samples";
import { open, openButton, planned, planOf } from "./test-page";

describe("an environment that another release holds", () => {
  const refusal = (params: Failure["params"]): Failure => ({
    code: "environmentHeld",
    params,
    summary: "go on",
    causes: [],
    hints: [],
    changed: "nothing",
    retry: "safe",
  });
  const maria = {
    run: "run-9",
    person: "Maria",
    computer: "desk-3",
    version: "2.0.1.12",
    since: "2026-11-23T08:12:00.000Z",
    seen: "2026-11-23T09:00:00.000Z",
    reason: "",
  };
  const waiting = moment("backup-offered");
  const started = planned(planOf("BackUp"));
  const rollBackPlan = { ...planned(planOf("RollBack", moment("rolled-back"))), confirmStep: () => ok("token") };

  it("shows its owner and needs a reason", async () => {
    const { platform, user, view } = open(waiting, {
      ...started,
      startStep: () => Promise.resolve({ status: "error", error: refusal(maria) }),
      takeEnvironment: () => ok(null),
    });
    await user.click(await openButton());
    const held = await screen.findByTestId("held");
    expect(held).toHaveTextContent("Maria is releasing 2.0.1.12 right now");
    expect(held).toHaveTextContent("Maria on desk-3");
    expect(held).not.toHaveTextContent("Took it because");
    expect(await accessibilityFindings(held)).toEqual([]);
    await user.click(screen.getByTestId("take-environment"));
    expect(platform.argsOf("takeEnvironment")).toEqual([]);
    await user.type(screen.getByTestId("take-reason"), "Maria is ill");
    await user.click(screen.getByTestId("take-environment"));
    expect(platform.argsOf("takeEnvironment")).toEqual([[view.id, { from: "run-9", reason: "Maria is ill" }]]);
    await waitFor(() => expect(screen.queryByTestId("held")).toBeNull());
  });

  it("that rolls back is named as a rollback", async () => {
    const { user } = open(waiting, {
      ...started,
      startStep: () => Promise.resolve({ status: "error", error: refusal({ ...maria, owner_kind: "rollback" }) }),
    });
    await user.click(await openButton());
    const held = await screen.findByTestId("held");
    expect(held).toHaveTextContent("Maria is rolling back 2.0.1.12 right now");
    expect(held).toHaveTextContent(/Rolls back\s*2\.0\.1\.12/);
    expect(held).not.toHaveTextContent(/releasing|Releases|staging machine/);
  });

  it("that another one took from a rollback calls it a rollback", async () => {
    const { user } = open(moment("rollback-offered"), {
      ...rollBackPlan,
      startStep: () => Promise.resolve({ status: "error", error: refusal({ kind: "rollback" }) }),
    });
    await user.click(await openButton());
    await user.click(await screen.findByTestId("confirm-yes"));
    expect(await screen.findByTestId("held")).toHaveTextContent("This rollback does not hold Practice any more");
  });

  it("whose lock GitHub refuses is told before anything is published", async () => {
    const merging = moment("merge-offered");
    const lockRefusal = { reason: "GH013: rule violations", from: null, isAccepted: false };
    open({ ...merging, view: { ...merging.view, lockRefusal } }, planned(planOf("MergeBranch")));
    const note = await screen.findByTestId("lock-refused");
    expect(note).toHaveTextContent("Only the lock on the staging machine guards it");
    expect(note).toHaveTextContent("GH013: rule violations");
    expect(await accessibilityFindings(note)).toEqual([]);
  });

  it("that is free needs no reason", async () => {
    const { platform, user, view } = open(waiting, {
      ...started,
      startStep: () => Promise.resolve({ status: "error", error: refusal({}) }),
      takeEnvironment: () => ok(null),
    });
    await user.click(await openButton());
    expect(await screen.findByTestId("held")).toHaveTextContent("does not hold");
    await user.click(screen.getByTestId("take-environment"));
    expect(platform.argsOf("takeEnvironment")).toEqual([[view.id, null]]);
  });
});
