// Helpers of the tests of this screen: the page opened on a run at a moment.

import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect } from "vitest";
import App from "../../App.svelte";
import type { StepPlan } from "../../generated/bindings";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo, moment, readiness, summaryOf, updateOf, type Moment } from "../../platform/samples";

export const released = moment("released");
export const stopped = moment("stopped-after-a-failed-migration");

/** The plan that a step was started with. */
export function planOf(step: string, run: Moment = released): StepPlan {
  for (const { body } of run.events) if (body.kind === "stepStarted" && body.step === step) return body.plan;
  throw new Error(`the record starts no ${step}`);
}

/** An app that makes these plans. Its answer for any other step fails the test. */
export function planned(...plans: StepPlan[]) {
  const planStep: Commands["planStep"] = (_run, step) => {
    const plan = plans.find((one) => one.step === step);
    return plan ? ok(plan) : Promise.reject(new Error(`the page planned ${step}, which this test did not script`));
  };
  return { planStep };
}

/** Opens the page on a run at a moment. Commands return scripted answers. */
export function open(start: Moment, scripted: Partial<Commands> = {}) {
  let now = start;
  const { view } = start;
  const platform = fake({
    listPlaces: () => ok({ shown: view.realm, all: [view.realm] }),
    appInfo: () => ok(appInfo({ realm: view.realm })),
    listRuns: () => ok([summaryOf(start)]),
    runUpdate: (_run, seq) => ok(updateOf(now, seq)),
    outputCount: () => ok(0),
    outputLines: () => ok([]),
    deployDifferences: () => ok([]),
    readiness: () => ok(readiness({})),
    begunElsewhere: () => ok(null),
    debrief: () => ok({ lines: [], costSeconds: 0, wholeSeconds: 3_600 }),
    ...scripted,
  });
  const user = userEvent.setup();
  render(App, { platform, start: "release" });
  /** Moves the run to another moment and hints that to the page. */
  const moveOn = (next: Moment) => {
    now = next;
    platform.emitMoved({ run: next.view.id, seq: next.view.seq });
  };
  return { platform, user, view, moveOn };
}

/** The button of the step, once it is open. */
export async function openButton(testid = "step-button") {
  const button = await screen.findByTestId(testid);
  await waitFor(() => expect(button).toHaveAttribute("aria-disabled", "false"));
  return button;
}
