// The words for a run: a release, or the rollback of one that ended.

import type { RunResult, RunSummary, RunView } from "../generated/bindings";

/** Name of a row of a list: product and version, and whether the run is a rollback. */
export function rowName(run: RunSummary): string {
  const name = `${run.product} ${run.version}`;
  return run.isRollback ? `Rollback of ${name}` : name;
}

/** The result of a run in one sentence without a full stop. */
export function resultSentence(view: RunView): string {
  const name = `${view.profile.product.name} ${view.version}`;
  const run = `The ${isRollback(view) ? "rollback" : "release"} of ${name}`;
  const sentences: Record<RunResult, string> = {
    released: `${name} was released`,
    releasedWithFailedCheck: `${name} was released with a failed check`,
    rolledBack: `${name} was rolled back`,
    stopped: `${run} was stopped`,
    abandoned: `${run} was given up`,
  };
  return view.result === null ? `${run} is not finished` : sentences[view.result];
}

/** Whether a run rolls an ended release back. */
export function isRollback(view: RunView): boolean {
  return (view.rollsBack ?? null) !== null;
}

/** "rollback" or "release". */
export function kindOf(view: RunView): string {
  return isRollback(view) ? "rollback" : "release";
}

/** The result with which a person ends the run now: given up, rolled back or stopped. */
export function endingOf(view: RunView): RunResult {
  if (view.state === "draft" || view.state === "preparing" || view.state === "prepared") return "abandoned";
  return view.mayEnd?.includes("rolledBack") === true ? "rolledBack" : "stopped";
}
