// Helpers of the tests of this screen: golden records cut at an event, and the page opened on one
// of them.

import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect } from "vitest";
import App from "../../App.svelte";
import type { Event, EventBody, StepPlan } from "../../generated/bindings";
import { fake, ok } from "../../platform/fake";
import type { Commands } from "../../platform/platform";
import { appInfo, golden, summaryOf } from "../../platform/samples";
import { fold } from "../../run/fold";

export const released = golden("released");
export const stopped = golden("stopped-after-a-failed-migration");

/** The record up to the first event that fits, that one included. */
export function upTo(events: Event[], fits: (body: EventBody) => boolean): Event[] {
  return events.slice(0, events.findIndex((event) => fits(event.body)) + 1);
}

export const offered = (step: string) =>
  upTo(released.events, (body) => body.kind === "stepOffered" && body.step === step);

/** The plan that a step was started with. */
export function planOf(step: string): StepPlan {
  for (const { body } of released.events) if (body.kind === "stepStarted" && body.step === step) return body.plan;
  throw new Error(`the record starts no ${step}`);
}

/** One more event at the end of a record. */
export function followedBy(events: Event[], body: EventBody): Event[] {
  const last = events.at(-1);
  if (last === undefined) throw new Error("an empty record");
  return [...events, { ...last, seq: last.seq + 1, body }];
}

/** Opens the page on a run with these events; commands are answered as scripted. */
export function open(events: Event[], scripted: Partial<Commands> = {}) {
  const record = [...events];
  const view = fold(record);
  const platform = fake({
    appInfo: () => ok(appInfo({ realm: view.realm })),
    listRuns: () => ok([summaryOf({ events: record, view })]),
    eventsSince: (_run, seq) => ok(record.filter((event) => event.seq > seq)),
    outputCount: () => ok(0),
    outputLines: () => ok([]),
    deployDifferences: () => ok([]),
    begunElsewhere: () => ok(null),
    debrief: () => ok({ lines: [], costSeconds: 0, wholeSeconds: 3_600 }),
    ...scripted,
  });
  const user = userEvent.setup();
  render(App, { platform });
  return { platform, user, record, view };
}

/** The one button of the step, once it is open. */
export async function openButton(testid = "step-button") {
  const button = await screen.findByTestId(testid);
  await waitFor(() => expect(button).toHaveAttribute("aria-disabled", "false"));
  return button;
}
