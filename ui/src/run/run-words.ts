// The words for a run: a release, or the rollback of one that ended.

import type { LockOwner, Phase, RunResult, RunState, RunSummary, RunView } from "../generated/bindings";

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
export function kindOf(view: RunView): "release" | "rollback" {
  return isRollback(view) ? "rollback" : "release";
}

/** The name of a part of a run. A rollback has one part. */
export function partName(view: RunView, phase: Phase): string {
  if (isRollback(view)) return "Rollback";
  return { prepare: "Prepare", deploy: "Deploy", verify: "Verify" }[phase];
}

/** What a person starts once a run is prepared, in a sentence: "Deploy" or "the rollback". */
export function startName(view: RunView): string {
  return isRollback(view) ? "the rollback" : "Deploy";
}

/** The word of a state before the end. A rollback needs no Prepare. */
export function stateWord(state: Exclude<RunState, "ended">, isRollback: boolean): string {
  const words: Record<typeof state, string> = {
    draft: "Not started",
    preparing: "Prepare goes on",
    prepared: isRollback ? "Not started" : "Prepared",
    deploying: `${isRollback ? "Rollback" : "Deploy"} goes on`,
    checking: "Being checked",
  };
  return words[state];
}

/** What the owner of the environment has it for: "2.1.0", or "the rollback of 2.1.0". */
export function purposeOf(owner: LockOwner): string {
  return owner.isRollback === true ? `the rollback of ${owner.version}` : owner.version;
}

/** The result with which a person ends the run now: given up, rolled back or stopped. */
export function endingOf(view: RunView): RunResult {
  if (view.state === "draft" || view.state === "preparing" || view.state === "prepared") return "abandoned";
  return view.mayEnd?.includes("rolledBack") === true ? "rolledBack" : "stopped";
}
