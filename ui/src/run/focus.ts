// The step in focus, and the words for a step's state. Pure functions.

import { isRollback, startName } from "./run-words";
import type {
  Fact,
  FactKind,
  RunView,
  StepId,
  StepOptions,
  StepState,
  StepView,
  Timestamp,
} from "../generated/bindings";

/** The name of a step's state. */
export type Status = StepState["status"];

/** A word for every state. `StatusMark` shows its icon. */
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
  // The checks of the site wait for answers, not for the app.
  (step) => step.status === "running" && step.definition.role === "changing" && step.definition.id !== "CheckSite",
  (step) => (step.status === "awaitingOperator" && !isOptional(step)) || isUnconfirmed(step),
  (step) => step.status === "running" && step.definition.role === "changing",
  (step) => step.status === "awaitingOperator",
  (step) => step.status === "running",
  (step) => step.status === "notStarted" && !isOptional(step),
];

/**
 * The most important step: one in doubt or failed, then one that changes production, then one that
 * waits for a person.
 */
export function current(view: RunView): StepId | null {
  for (const matters of ORDER) {
    const found = view.steps.find(matters);
    if (found !== undefined) return found.definition.id;
  }
  return view.steps.findLast((step) => !isOptional(step))?.definition.id ?? null;
}

/** Whether a person has to confirm a result that the app could not prove. */
function isUnconfirmed(step: StepView): boolean {
  return optionsOf(step).mayConfirm === true;
}

/** Whether a person chooses the step when it is needed. */
export function isOptional(step: StepView): boolean {
  return step.definition.isOptional === true;
}

/** Whether the step belongs in a list: an optional one only once it was chosen or is needed. */
export function isListed(step: StepView): boolean {
  return !isOptional(step) || step.status !== "notStarted";
}

/** The optional steps that a person may choose now. */
export function choicesOf(view: RunView): StepView[] {
  return view.steps.filter((step) => optionsOf(step).mayChoose === true);
}

/** The step that needs a person now, if any. */
export function needsPerson(view: RunView): StepView | undefined {
  return view.steps.find(
    (step) =>
      step.status === "inDoubt" ||
      step.status === "failed" ||
      step.status === "awaitingOperator" ||
      isUnconfirmed(step),
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

const NO_OPTIONS: StepOptions = {
  mayStart: false,
  mayTryAgain: false,
  mayRepeat: false,
  mayChoose: false,
  mayReport: false,
  maySkip: false,
  mayReportUndone: false,
  countsEarlierAttempt: false,
  waitsFor: [],
};

/**
 * The acts that the engine allows for a step now. The engine decides again when an act is
 * requested.
 */
export function optionsOf(step: StepView): StepOptions {
  return step.options ?? NO_OPTIONS;
}

/** Whether a step is done or was skipped. */
export function isDone(step: StepView): boolean {
  return step.status === "succeeded" || step.status === "warned" || step.status === "skipped";
}

const LEFT_OUT: Partial<Record<StepId, string>> = {
  RunMigration: "this release has no migration",
  BackUp: "this release makes no backup",
};

/** Who left a step out and why: "Ann: this release has no migration. Only texts changed." */
export function leftOutWords(step: Extract<StepView, { status: "skipped" }>): string {
  const what = LEFT_OUT[step.definition.id] ?? "left out";
  return `${step.person ?? ""}: ${what}. ${step.warning}`;
}

/** Whether no server waits for the migration: it ended, there is none, or the release has ended. */
export function isMigrationSettled(view: RunView): boolean {
  return (
    isRollback(view) ||
    newest(view, "migrationFinished") !== undefined ||
    stepOf(view, "RunMigration")?.status === "skipped"
  );
}

/** When the last attempt of a step ended. Null while it has no end. */
export function endOf(step: StepView): Timestamp | null {
  return "endedAt" in step ? step.endedAt : null;
}

/**
 * A missing fact, as the end of "It waits until" and of "It starts by itself once" on the screen.
 */
const FACT_WORDS: Record<FactKind, string> = {
  merged: "the branch is merged",
  versionSet: "the version number is set",
  tagMade: "the label is made on this computer",
  pullRequestOpened: "the pull request is open",
  pullRequestMerged: "the pull request is merged",
  mainPublished: "the main branch is on GitHub",
  tagPublished: "the label is on GitHub",
  revisionSaved: "the start-up settings are saved",
  revisionAccepted: "the settings of the build are accepted",
  backupFound: "the backup has left its file",
  backupProved: "the backup of this release is proved",
  buildStarted: "the build was started",
  buildRerun: "GitHub runs the build once more",
  buildCancelled: "GitHub has cancelled the build",
  packageReady: "the package is built",
  buildEnded: "the build has ended",
  deployPhaseBegan: "AWS starts putting the new version in place",
  migrationFinished: "the database is migrated",
  serverBecameNew: "a server runs the new version",
  rolledOut: "every server runs the new version",
  startFailed: "a server did not start",
  rolloutLost: "not every server runs this version any more",
  failureLimitRaised: "AWS waits longer",
  failureLimitRestored: "the limit of AWS is put back",
  rolloutStopped: "the rollout is stopped",
  rolledBack: "the version before serves again",
  siteAnswered: "the site shows the new version",
};
/** Joins words into "a, b and c". */
const LIST = new Intl.ListFormat("en-GB");

/** The facts that a step that has not started waits for, in words. */
export function waitWords(view: RunView, step: StepView): string {
  const missing = optionsOf(step).waitsFor.map((kind) => FACT_WORDS[kind]);
  const isWatching = step.definition.role === "watching";
  if (missing.length > 0) {
    return `${isWatching ? "It starts by itself once" : "It waits until"} ${LIST.format(missing)}.`;
  }
  const isPrepare = step.definition.phase === "prepare";
  if (isPrepare && view.prepareStartedAt === null) return "It can start as soon as Prepare is started.";
  if (!isPrepare && view.deployStartedAt === null) return `It waits until ${startName(view)} is started.`;
  return isWatching ? "It starts by itself in a moment." : "It waits until no other step is under way.";
}
