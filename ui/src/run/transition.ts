// The state machine of a step, as in `src-tauri/crates/engine/src/transition.rs`. Both follow `tests/golden/fold`.

import type { EventBody, Status } from "../generated/bindings";

/** An event that changes the state of its step. */
export type StepEvent = Extract<
  EventBody,
  {
    kind:
      | "stepOffered"
      | "stepStarted"
      | "stepSucceeded"
      | "stepWarned"
      | "stepSkipped"
      | "stepFailed"
      | "stepInDoubt"
      | "stepResumed"
      | "stepReset"
      | "stepStopped";
  }
>;

type Rule = { from: readonly Status[]; to: Status };

const RULES: Record<StepEvent["kind"], Rule> = {
  stepOffered: { from: ["notStarted"], to: "awaitingOperator" },
  stepStarted: { from: ["notStarted", "awaitingOperator", "failed", "stopped"], to: "running" },
  stepSucceeded: { from: ["running", "inDoubt"], to: "succeeded" },
  stepWarned: { from: ["running", "inDoubt"], to: "warned" },
  stepFailed: { from: ["running", "inDoubt"], to: "failed" },
  stepInDoubt: { from: ["running"], to: "inDoubt" },
  stepResumed: { from: ["inDoubt"], to: "running" },
  stepReset: { from: ["inDoubt"], to: "notStarted" },
  stepSkipped: { from: ["notStarted", "awaitingOperator", "failed", "stopped"], to: "skipped" },
  stepStopped: { from: ["running", "inDoubt", "awaitingOperator", "failed"], to: "stopped" },
};

/** What a person may say about a step that the app did not do. */
const BY_PERSON: readonly Status[] = ["notStarted", "awaitingOperator", "failed", "stopped"];

/** State of a step after an event of that step; throws when the event cannot follow that state. */
export function next(from: Status, event: StepEvent): Status {
  const { from: allowed, to } = RULES[event.kind];
  if (allowed.includes(from)) return to;
  // A backup may be taken again while the build runs (RELEASE.md 6).
  if (event.kind === "stepStarted" && event.step === "BackUp" && (from === "succeeded" || from === "warned")) return to;
  if (event.kind === "stepSucceeded") {
    const { kind } = event.how;
    if ((kind === "byHand" || kind === "saidBy") && BY_PERSON.includes(from)) return to;
    if (kind === "saidBy" && from === "warned") return to;
  }
  throw new Error(`a step that is ${from} cannot take ${event.kind}`);
}
