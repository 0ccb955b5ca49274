// The step in focus, seen from the screen: which plan it shows, which buttons it offers, and why
// they are closed.

import type {
  ErrorCode,
  Question,
  StepId,
  StepOptions,
  StepPlan,
  StepView,
  RunView,
} from "../../../generated/bindings";
import { DOUBT_ADVICE } from "../../../run/doubt";
import { isDone, isOptional, optionsOf } from "../../../run/focus";
import type { OpenRun } from "../../../run/run.svelte";

/** Preconditions of a plan that a new backup fulfils. */
const BACKUP_PRECONDITIONS: readonly string[] = ["backupProved", "databaseSaidAtBackup"];

/** Preconditions that hold no more for this version, this merge or this rollback. */
const LOST_PRECONDITIONS: readonly string[] = [
  "mainUnmoved",
  "mainPublished",
  "tagFree",
  "releaseServes",
  "mainSaysVersion",
];

/** Failures of a machine that is gone or has another address. */
const MACHINE_FAILURES: readonly ErrorCode[] = ["unreachable", "timedOut", "hostChanged", "hostReplaced"];

/**
 * Derives all values from the run when they are read. Stores nothing, so it can be made again for
 * each view.
 */
export class FocusedStep {
  readonly run: OpenRun;
  readonly view: RunView;
  readonly step: StepView;

  constructor(run: OpenRun, view: RunView, step: StepView) {
    this.run = run;
    this.view = view;
    this.step = step;
  }

  get id(): StepId {
    return this.step.definition.id;
  }

  get options(): StepOptions {
    return optionsOf(this.step);
  }

  /** The plan that the button runs. Null while the app makes it, or where the step cannot start. */
  get currentPlan(): StepPlan | null {
    return this.run.plan?.step === this.id ? this.run.plan : null;
  }

  /** The plan on the screen: the current one, or else the plan of the last attempt. */
  get shownPlan(): StepPlan | null {
    return this.step.status === "inDoubt" ? this.step.plan : (this.currentPlan ?? this.step.plan);
  }

  /** The question whose answer may end the doubt about the step. */
  get doubtQuestion(): Question | null {
    return this.options.mayAnswer === true ? (this.currentPlan?.question ?? null) : null;
  }

  get isWatching(): boolean {
    return this.step.definition.role === "watching";
  }

  get isRunEnded(): boolean {
    return this.view.state === "ended";
  }

  get isDone(): boolean {
    return isDone(this.step);
  }

  /** Whether the person asked to run a step again that is done. */
  get isRepeating(): boolean {
    return this.run.repeating === this.id && this.options.mayRepeat;
  }

  /** Whether a plan and its button belong on the screen now. */
  get offersPlan(): boolean {
    return this.options.mayStart || this.isRepeating;
  }

  /**
   * Whether the work is a job on the staging machine. Such a job runs on, and ends, without the
   * app.
   */
  get isRemoteJob(): boolean {
    return DOUBT_ADVICE[this.id].isRemoteJob === true;
  }

  /** Whether a person said that the staging machine is gone. */
  get isMachineGone(): boolean {
    return (this.view.machineGivenUp ?? null) !== null;
  }

  /** Whether the plan of a job could not be made because its machine did not answer as expected. */
  get isMachineSilent(): boolean {
    const code = this.run.planFailure?.code;
    return this.isRemoteJob && code !== undefined && MACHINE_FAILURES.includes(code);
  }

  /** Whether a person's word about a job is compared with the staging machine first. */
  get asksMachine(): boolean {
    return this.isRemoteJob && !this.isMachineGone;
  }

  /** Whether a precondition of the plan does not hold. */
  misses(id: string): boolean {
    return this.currentPlan?.preconditions.some((one) => !one.passed && one.id === id) ?? false;
  }

  /** Whether a new backup fulfils a precondition that does not hold. */
  get needsBackup(): boolean {
    return BACKUP_PRECONDITIONS.some((id) => this.misses(id));
  }

  /** Whether a precondition does not hold that waiting does not open again. */
  get isLost(): boolean {
    return LOST_PRECONDITIONS.some((id) => this.misses(id));
  }

  /** Whether the push failed because main has moved. */
  get hasFailedAsMoved(): boolean {
    return this.id === "PushBranch" && this.step.status === "failed" && this.step.failure.code === "refMoved";
  }

  /** Whether main has moved since the merge, and the run may start over on it. */
  get mayStartOver(): boolean {
    return this.view.mayStartOver === true && (this.misses("mainUnmoved") || this.hasFailedAsMoved);
  }

  /** Whether a person chooses the step when it is needed. */
  get isOptional(): boolean {
    return isOptional(this.step);
  }

  /** Whether the screen already shows this reason as the failure of the step. */
  get isPlanFailureShown(): boolean {
    return this.step.status === "failed" && this.step.failure.code === this.run.planFailure?.code;
  }

  /** Why the button is closed. Undefined when it is open. */
  get closedReason(): string | undefined {
    const plan = this.currentPlan;
    if (this.run.isActing) return "One moment.";
    if (this.run.planState === "loading") return "The app is asking what it would do.";
    if (this.run.planState === "failed") return "The plan could not be made; the app asks again by itself.";
    if (plan === null) return "There is no plan yet.";
    if (plan.already !== null) return undefined;
    if (plan.question !== null) return "Answer the question first.";
    const missing = plan.preconditions.find((precondition) => !precondition.passed);
    return missing === undefined ? undefined : `Not yet. This does not hold: ${missing.text}.`;
  }
}
