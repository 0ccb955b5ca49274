// One run on the screen: its view, events, live state and lines, and the plan of the step in focus.
// The engine computes the view and decides every act.

import { current, optionsOf, stepOf } from "./focus";
import { LineList } from "./lines.svelte";
import { LiveState } from "./live.svelte";
import { Newest } from "./newest";
import type {
  DeployRequest,
  Event,
  Failure,
  LineSource,
  RunId,
  RunUpdate,
  RunView,
  StepId,
  StepPlan,
  TakeOver,
} from "../generated/bindings";
import type { Platform, Stop } from "../platform/platform";
import type { Result } from "../platform/result";

/** Interval in ms of reading the journal, because a hint about new events may be lost. */
const PULL_EVERY = 3_000;
/**
 * Interval in ms of renewing a plan with a precondition that does not hold, or of a failed step.
 */
const PLAN_RENEWAL_MS = 4_000;
/** Maximum age of a plan in ms of the app's clock. An older plan is renewed. */
const PLAN_MAX_AGE_MS = 60_000;

export class OpenRun {
  view = $state.raw<RunView | null>(null);
  events = $state.raw<Event[]>([]);
  /** Why the journal cannot be shown, or why an act was refused. */
  failure = $state.raw<Failure | null>(null);
  /** The step that the person selected. Null follows the run. */
  chosen = $state<StepId | null>(null);
  /** The finished step that a person is about to repeat. */
  repeating = $state<StepId | null>(null);
  plan = $state.raw<StepPlan | null>(null);
  planState = $state<"none" | "loading" | "ready" | "failed">("none");
  planFailure = $state.raw<Failure | null>(null);
  /** Whether an act is pending. */
  isActing = $state(false);

  readonly id: RunId;
  readonly live: LiveState;
  readonly lines: Record<LineSource, LineList>;
  readonly focus: StepId | null = $derived.by(() => this.chosen ?? (this.view ? current(this.view) : null));

  readonly #platform: Platform;
  /** The app's clock, in ms. */
  readonly #now: () => number;
  #stops: Stop[] = [];
  #isPulling = false;
  #pullAgain = false;
  #planned = "";
  readonly #plans = new Newest();
  /** When the plan on the screen was requested. */
  #plannedAt = 0;
  #isClosed = false;
  /** The last request to start Deploy. */
  #deploy: DeployRequest | null = null;

  constructor(platform: Platform, id: RunId, now: () => number) {
    this.#platform = platform;
    this.#now = now;
    this.id = id;
    this.live = new LiveState(id);
    const list = (source: LineSource) => new LineList(platform.commands, id, source);
    this.lines = {
      backup: list("backup"),
      migration: list("migration"),
      production: list("production"),
      serviceEvents: list("serviceEvents"),
    };
  }

  /** Reads the journal and follows the run until `close`. */
  async open() {
    const moved = await this.#platform.onRunMoved((moved) => {
      if (moved.run === this.id) void this.pull();
    });
    this.#keep(moved);
    this.#keep(await this.#platform.onLive((live) => this.live.take(live)));
    const pulls = setInterval(() => void this.pull(), PULL_EVERY);
    this.#keep(() => clearInterval(pulls));
    const looks = setInterval(() => this.#lookAgain(), PLAN_RENEWAL_MS);
    this.#keep(() => clearInterval(looks));
    await this.pull();
    await this.#platform.followLines(this.id, (lines) => {
      if (lines.run === this.id) this.lines[lines.source].take(lines.lines);
    });
    await Promise.all(Object.values(this.lines).map((list) => list.read()));
  }

  close() {
    this.#isClosed = true;
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  #keep(stop: Stop) {
    if (this.#isClosed) stop();
    else this.#stops.push(stop);
  }

  /** Starts Deploy. Keeps the request for a person who first has to take the lock over. */
  async startDeploy(request: DeployRequest): Promise<boolean> {
    this.#deploy = request;
    return this.act(() => this.#platform.commands.startDeploy(this.id, request), request.takeOver !== null);
  }

  /**
   * Takes the environment lock over from its owner. Then starts Deploy if the lock prevented that.
   */
  async takeEnvironment(over: TakeOver | null): Promise<boolean> {
    const { commands } = this.#platform;
    if (this.view?.state === "prepared" && this.#deploy !== null) {
      return this.startDeploy({ ...this.#deploy, takeOver: over });
    }
    // The owner stays on the screen until the lock is taken over.
    return this.act(() => commands.takeEnvironment(this.id, over), true);
  }

  /** Requests the newest view, and the events that the page does not have. */
  async pull() {
    if (this.#isPulling) {
      this.#pullAgain = true;
      return;
    }
    this.#isPulling = true;
    try {
      do {
        this.#pullAgain = false;
        const update = await this.#platform.commands.runUpdate(this.id, this.view?.seq ?? 0);
        if (update.status === "error") this.#fail(update.error);
        else if (update.data !== null) this.#take(update.data);
      } while (this.#pullAgain && !this.#isClosed);
    } finally {
      this.#isPulling = false;
    }
  }

  #take({ view, events }: RunUpdate) {
    if (this.view === null) {
      // The journal is readable again, so its failure is over and all events were sent again.
      this.failure = null;
      this.events = events;
    } else {
      this.events = [...this.events, ...events];
    }
    this.view = view;
  }

  /** Shows a failure. Hides the view of an unreadable journal, because it may be out of date. */
  #fail(failure: Failure) {
    this.failure = failure;
    if (failure.code === "journalFailed") this.view = null;
  }

  /** Requests a new plan of a step. The old plan stays on the screen meanwhile. */
  async makePlan(step: StepId) {
    const before = this.plan?.step === step ? this.plan : null;
    this.plan = before;
    if (before === null) this.planState = "loading";
    const askedAt = this.#now();
    const made = await this.#plans.ask(() => this.#platform.commands.planStep(this.id, step));
    if (made === null || this.#isClosed) return;
    if (made.status === "ok") {
      this.plan = made.data;
      this.#plannedAt = askedAt;
      this.planState = "ready";
      this.planFailure = null;
    } else {
      this.plan = null;
      this.planState = "failed";
      this.planFailure = made.error;
    }
  }

  /** Called when the step in focus changes, or when an input of its plan changes. */
  follow(step: StepId | null) {
    const view = this.view;
    const one = view && step ? stepOf(view, step) : undefined;
    const options = one === undefined ? null : optionsOf(one);
    const isRepeated = this.repeating === step && options?.mayRepeat === true;
    if (!isRepeated) this.repeating = null;
    if (
      one === undefined ||
      step === null ||
      !(isRepeated || options?.mayStart === true || options?.mayAnswer === true)
    ) {
      this.#planned = "";
      this.#plans.forget();
      this.plan = null;
      this.planFailure = null;
      this.planState = "none";
      return;
    }
    const key = `${step} ${one.status} ${one.attempt} ${view?.facts.length ?? 0} ${view?.answers.length ?? 0}`;
    if (key === this.#planned) return;
    this.#planned = key;
    void this.makePlan(step);
  }

  /** Shows the plan for repeating a step. */
  repeat(step: StepId) {
    this.chosen = step;
    this.repeating = step;
  }

  #lookAgain() {
    // A plan may take longer than the interval between two polls. A new request would then always
    // drop it.
    if (this.focus === null || this.view === null || this.isActing || this.#plans.isAsking) return;
    // The plan of a step in doubt starts nothing.
    const isDoubted = stepOf(this.view, this.focus)?.status === "inDoubt";
    const isNotReady = !isDoubted && (this.plan?.preconditions.some((precondition) => !precondition.passed) ?? false);
    // The cause of a failure may be repaired meanwhile. "Try again" needs a plan for the current
    // state.
    const hasFailed = this.plan !== null && stepOf(this.view, this.focus)?.status === "failed";
    const isOld = this.plan !== null && this.#now() - this.#plannedAt >= PLAN_MAX_AGE_MS;
    if (isNotReady || hasFailed || isOld || this.planState === "failed") void this.makePlan(this.focus);
  }

  /** Performs an act of the person and shows its refusal. Returns whether the app accepted it. */
  async act<T>(what: () => Promise<Result<T>>, keepsFailure = false): Promise<boolean> {
    if (this.isActing) return false;
    this.isActing = true;
    if (!keepsFailure) this.failure = null;
    try {
      const done = await what();
      this.failure = null;
      if (done.status === "error") {
        this.failure = done.error;
        if (done.error.code === "planChanged" && this.focus !== null && this.plan !== null)
          await this.makePlan(this.focus);
        return false;
      }
      await this.pull();
      return true;
    } finally {
      this.isActing = false;
    }
  }

  /**
   * Starts the step whose plan is on the screen. An irreversible plan needs a confirmation token
   * first.
   */
  async start(plan: StepPlan) {
    const { commands } = this.#platform;
    const { chosen } = this;
    const asks = plan.irreversible && plan.already === null;
    const started = await this.act(async () => {
      if (!asks) return commands.startStep(this.id, plan.step, plan.hash, null);
      const token = await commands.confirmStep(this.id, plan.step, plan.hash);
      if (token.status === "error") return token;
      return commands.startStep(this.id, plan.step, plan.hash, token.data);
    });
    // The person may have selected another step meanwhile.
    if (!started || this.chosen !== chosen) return;
    this.chosen = null;
    this.repeating = null;
  }
}
