// The questions that the step panel asks in a dialog.

import type { StepPlan } from "../../../generated/bindings";

/**
 * Each variant keeps what the person saw when the dialog opened; the run may move on while it is
 * open.
 */
export type StepDialog =
  | { kind: "confirm"; plan: StepPlan }
  | { kind: "byHand" }
  | { kind: "personFinished" }
  | { kind: "stop" }
  | { kind: "settleDoubt"; attempt: number; happened: boolean };
