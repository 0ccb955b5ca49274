// Which step is in front of the operator, and what a step's state is called. Pure.

import type { Fact, RunView, Status, StepId, StepView } from "../generated/bindings";

/** A word for every state; its shape stands beside it in `StatusMark`. */
export const STATUS_WORDS: Record<Status, string> = {
  notStarted: "Not started",
  awaitingOperator: "Waits for you",
  running: "Under way",
  succeeded: "Done",
  warned: "Done, with something to know",
  skipped: "Left out",
  failed: "Stopped with an error",
  stopped: "Stopped",
  inDoubt: "We do not know yet",
};

const ORDER: readonly ((step: StepView) => boolean)[] = [
  (step) => step.status === "inDoubt",
  (step) => step.status === "failed",
  (step) => step.status === "running" && step.definition.role === "changing",
  (step) => step.status === "awaitingOperator",
  (step) => step.status === "running",
  (step) => step.status === "notStarted",
];

/** The step that matters now: what is in doubt or failed, then what changes production, then what waits for a person. */
export function current(view: RunView): StepId | null {
  for (const matters of ORDER) {
    const found = view.steps.find(matters);
    if (found !== undefined) return found.definition.id;
  }
  return view.steps.at(-1)?.definition.id ?? null;
}

/** The step that needs a person now, when there is one. */
export function needsPerson(view: RunView): StepView | undefined {
  return view.steps.find(
    (step) => step.status === "inDoubt" || step.status === "failed" || step.status === "awaitingOperator",
  );
}

/** One step of a run. */
export function stepOf(view: RunView, id: StepId): StepView | undefined {
  return view.steps.find((step) => step.definition.id === id);
}

/** The newest fact of a kind. */
export function newest<K extends Fact["kind"]>(view: RunView, kind: K): Extract<Fact, { kind: K }> | undefined {
  const found = view.facts.findLast((learned) => learned.fact.kind === kind);
  return found?.fact as Extract<Fact, { kind: K }> | undefined;
}

/** Whether a step may be tried once more by its button. The engine decides again when it is pressed. */
export function mayTryAgain(step: StepView): boolean {
  return step.status === "failed" && step.failure?.retry !== "no";
}

/** Whether a backup that is done may be taken again: until the migration starts. The engine decides again. */
export function mayRepeat(view: RunView, step: StepView): boolean {
  const migration = stepOf(view, "RunMigration");
  const isBefore =
    migration !== undefined &&
    (migration.status === "notStarted" || migration.status === "awaitingOperator" || mayTryAgain(migration));
  const isDone = step.status === "succeeded" || step.status === "warned";
  return step.definition.id === "BackUp" && isDone && isBefore && view.state === "deploying";
}

/** Whether the newest attempt of a backup that is done came to nothing: the one before it counts. */
export function cameToNothing(view: RunView, step: StepView): boolean {
  const proved = newest(view, "backupProved");
  return (
    step.definition.id === "BackUp" &&
    step.status === "warned" &&
    proved !== undefined &&
    proved.job !== step.plan?.inputs.job
  );
}

/** What a step waits for, in words, while it cannot start. */
export const WAITS_FOR: Record<StepId, string> = {
  MergeBranch: "It can start as soon as Prepare is started.",
  SetVersion: "It waits until the branch is merged.",
  CreateTag: "It waits until the version number is set.",
  PushBranch: "It waits until the label is made on this computer.",
  PushTag: "It waits until the main branch is on GitHub.",
  RegisterTaskDefinition: "It waits until the label is on GitHub.",
  BackUp: "It waits until Deploy is started.",
  DispatchBuild: "It waits until the backup of this release is proved.",
  FollowBuild: "It starts by itself once the build was started.",
  AwaitDeployPhase: "It starts by itself once the build was started.",
  RunMigration:
    "It waits until the package is built, the backup is proved and AWS starts putting the new version in place.",
  AwaitRollout: "It starts by itself once AWS starts putting the new version in place.",
  CheckSite: "It waits until every server runs the new version and the database is migrated.",
};
