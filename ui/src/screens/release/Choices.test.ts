import { screen, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import type { StartFailure, StepId, StepPlan, StepView } from "../../generated/bindings";
import { accessibilityFindings } from "../../platform/axe";
import { ok } from "../../platform/fake";
import { moment, type Moment } from "../../platform/samples";
import { open, openButton, planned, planOf } from "./test-page";

/** The moment with an optional step that a person may choose. */
function withChoice(at: Moment, id: StepId, shortTitle: string): Moment {
  const like = at.view.steps.find((step) => step.definition.id === "DispatchBuild");
  if (like === undefined) throw new Error("the run has no build");
  const { waitsFor } = like.options ?? { waitsFor: [] };
  const choice: StepView = {
    definition: { ...like.definition, id, title: shortTitle, shortTitle, isOptional: true },
    attempt: 0,
    offeredAt: null,
    startedAt: null,
    startedBy: null,
    plan: null,
    options: {
      mayStart: true,
      mayTryAgain: false,
      mayRepeat: false,
      mayChoose: true,
      mayReport: false,
      maySkip: false,
      mayReportUndone: false,
      countsEarlierAttempt: false,
      waitsFor: waitsFor.slice(0, 0),
    },
    status: "notStarted",
  };
  return { ...at, view: { ...at.view, steps: [...at.view.steps, choice] } };
}

const plan = (step: StepId, button: string): StepPlan => ({
  ...planOf("DispatchBuild"),
  step,
  button,
  lede: "AWS gives up after 3 failed starts.",
  irreversible: false,
  preconditions: [],
  question: null,
  already: null,
});

describe("optional steps", () => {
  it("are listed only where a person may choose one, and open their plan", async () => {
    const start = withChoice(moment("build-offered"), "RaiseFailureLimit", "Let AWS wait longer");
    const { platform, user, view } = open(start, {
      ...planned(planOf("DispatchBuild"), plan("RaiseFailureLimit", "Let AWS wait longer")),
      startStep: () => ok(null),
    });
    await screen.findByTestId("run");
    expect(screen.queryByTestId("step-RaiseFailureLimit")).toBeNull();
    await user.click(screen.getByText("If something goes wrong"));
    await user.click(screen.getByTestId("choose-RaiseFailureLimit"));
    expect(await screen.findByText("AWS gives up after 3 failed starts.")).toBeVisible();
    expect(screen.getByText(/when it is needed/)).toBeVisible();
    expect(await accessibilityFindings(document.body)).toEqual([]);
    await user.click(await openButton());
    expect(platform.argsOf("startStep")).toEqual([[view.id, "RaiseFailureLimit", planOf("DispatchBuild").hash, null]]);
  });

  it("stand beside the condition that they fulfil", async () => {
    const start = withChoice(moment("build-offered"), "RaiseFailureLimit", "Let AWS wait longer");
    const closed: StepPlan = {
      ...plan("DispatchBuild", "Start the build"),
      preconditions: [{ id: "awsWaits", passed: false, text: "AWS waits", detail: "0 of 3 used" }],
    };
    const { user } = open(start, planned(closed, plan("RaiseFailureLimit", "Let AWS wait longer")));
    await user.click(await screen.findByTestId("go-to-RaiseFailureLimit"));
    expect(await screen.findByText("AWS gives up after 3 failed starts.")).toBeVisible();
    await user.click(screen.getByTestId("choose-not"));
    expect(within(screen.getByTestId("focus")).getByText("AWS waits")).toBeVisible();
  });

  it("come before the answers of the question that they make unnecessary", async () => {
    const start = withChoice(moment("build-offered"), "RaiseFailureLimit", "Let AWS wait longer");
    const asking: StepPlan = {
      ...plan("DispatchBuild", "Start the build"),
      preconditions: [{ id: "awsWaits", passed: false, text: "AWS waits", detail: "0 of 3 used" }],
      question: {
        id: "awsGivesUp:DispatchBuild",
        text: "AWS may give it up. Go on?",
        options: [{ id: "goOn", label: "Go on without it", detail: "" }],
        needsNote: false,
      },
    };
    open(start, planned(asking));
    const ways = await screen.findAllByTestId(/^(go-to-RaiseFailureLimit|choice-goOn)$/);
    expect(ways.map((way) => way.dataset["testid"])).toEqual(["go-to-RaiseFailureLimit", "choice-goOn"]);
  });

  it("stand beside a failed migration, the stop first", async () => {
    const start = withChoice(moment("migration-failed"), "StopRollout", "Stop the rollout");
    open(start, planned(plan("StopRollout", "Stop the rollout")));
    const ways = await screen.findAllByTestId(/^(go-to-StopRollout|stop-here)$/);
    expect(ways.map((button) => button.dataset["testid"])).toEqual(["go-to-StopRollout", "stop-here"]);
  });
});

describe("the servers", () => {
  const live = (run: string, state: string, startFailure: StartFailure) => ({
    run,
    at: "2026-11-23T13:00:00.000Z",
    seen: {
      kind: "servers" as const,
      desired: 2,
      newCount: 0,
      servers: [{ task: "a", isNew: false, version: "rally-prod:142", state }],
      failedStarts: 1,
      failedStartsAllowed: 3,
      lastReason: "CannotPullContainerError",
      startFailure,
    },
  });

  it("say that the site is down when none serves, and never that it is expected", async () => {
    const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
    await screen.findByTestId("run");
    platform.emitLive(live(view.id, "running, not healthy", "expected"));
    expect(await screen.findByTestId("no-server-serves")).toBeVisible();
    expect(screen.queryByText(/is expected/)).toBeNull();
  });

  it("say that a migration does not cure a package that cannot be pulled", async () => {
    const { platform, view } = open(moment("migration-offered"), planned(planOf("RunMigration")));
    await screen.findByTestId("run");
    platform.emitLive(live(view.id, "serving", "neverExpected"));
    expect(await screen.findByText(/A migration does not cure this/)).toBeVisible();
    expect(screen.queryByTestId("no-server-serves")).toBeNull();
  });

  it("tell who decided about a failure that is not recognised", async () => {
    const at = moment("migration-offered");
    const answer = {
      question: "failedStart:ecs-svc/1:0123456789ab",
      text: "2.1.0 does not start: CannotPullContainerError. What is it?",
      answer: "oldDatabase",
      label: "This is the old database",
      note: "the log says it",
      person: "Lena",
      at: "2026-11-23T12:50:00.000Z",
    };
    const decided = { ...at, view: { ...at.view, answers: [...at.view.answers, answer] } };
    const { platform, view } = open(decided, planned(planOf("RunMigration")));
    await screen.findByTestId("run");
    platform.emitLive(live(view.id, "serving", "notRecognised"));
    const told = await screen.findByTestId("start-failure");
    expect(told).toHaveTextContent("Lena: “This is the old database”");
    expect(told).toHaveClass("expected");
  });

  it("raise an alarm with its ways out when they fail on the migrated database", async () => {
    const start = withChoice(moment("migrated"), "RollBack", "Roll back");
    const { platform, view, user } = open(start, {});
    await user.click(await screen.findByTestId("step-AwaitRollout"));
    expect(screen.queryByTestId("rollout-alarm")).toBeNull();
    platform.emitLive(live(view.id, "serving", "neverExpected"));
    const alarm = await screen.findByTestId("rollout-alarm");
    expect(within(alarm).getByTestId("go-to-RollBack")).toBeVisible();
    expect(await accessibilityFindings(alarm)).toEqual([]);
  });
});
