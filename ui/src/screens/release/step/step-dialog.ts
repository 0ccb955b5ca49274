// The questions that the step panel asks in a dialog, except the confirmation of a plan.

import type { UndoKind } from "../../../generated/bindings";

/**
 * Each variant keeps the values of the moment at which the dialog opened, because the run may move
 * on while it is open.
 */
export type StepDialog =
  | { kind: "byHand" }
  | { kind: "confirmBackup"; seen: string[] }
  | { kind: "personFinished" }
  | { kind: "stop" }
  | { kind: "startOver" }
  | { kind: "machineMoved" }
  | { kind: "machineGone" }
  | { kind: "skip" }
  | { kind: "stopScript"; attempt: number; isForced: boolean }
  | { kind: "undone"; attempt: number; how: UndoKind }
  | { kind: "settleDoubt"; attempt: number; happened: boolean };
