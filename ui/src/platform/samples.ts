// Samples for the screen tests: runs at named moments as the engine computes them, and a computer
// that is set up.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type {
  AppInfo,
  Event,
  Readiness,
  ReadinessRow,
  ReleasePlan,
  RunSummary,
  RunUpdate,
  RunView,
  StepView,
} from "../generated/bindings";

const AT = "2026-11-23T13:00:00.000Z";

const GOLDEN = join(import.meta.dirname, "../../../tests/golden/fold");

/** The journal of a run up to a moment, and the view that the engine computes of it. */
export interface Moment {
  events: Event[];
  view: RunView;
}

/**
 * A file of `moments/`. `tests/tests/page/moments.rs` writes it and compares it with the engine.
 */
interface Fixture {
  /** Name of the golden journal. */
  golden: string;
  /** Number of the last event of that journal. */
  seq: number;
  /** Events after that one. */
  extra: Event[];
  /** The view without the fields that equal those of the golden file's view. */
  view: Omit<Partial<RunView>, "steps"> & { steps: Partial<StepView>[] };
}

function read<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(...path), "utf8"), withCurrentNames) as T;
}

/** Renames what earlier versions wrote, as the engine does: a plan, and the draft of a rollback. */
function withCurrentNames(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("rollsBack" in value && "kind" in value) return { ...value, kind: "rollbackDrafted" };
  if (!("gates" in value)) return value;
  const { gates, ...rest } = value;
  return { ...rest, preconditions: gates };
}

/** A run at a moment that `moments.json` lists. */
export function moment(name: string): Moment {
  const { golden, seq, extra, view } = read<Fixture>(import.meta.dirname, "moments", `${name}.json`);
  const whole = read<Moment>(GOLDEN, `${golden}.json`);
  const steps = view.steps.map((step, index) => {
    const { definition, plan } = whole.view.steps[index] ?? {};
    return { definition, plan, ...step } as StepView;
  });
  return {
    events: [...whole.events.filter((event) => event.seq <= seq), ...extra],
    view: { ...whole.view, ...view, steps },
  };
}

/** Every golden journal at its end, by name. */
export function goldenRuns(): [string, Moment][] {
  const names = readdirSync(GOLDEN).map((file) => file.replace(/\.json$/, ""));
  return names.map((name) => [name, moment(name)]);
}

/**
 * The plan of a whole release: of a `version` that is not drafted, of a `prepared` run, of a
 * `rollback`. The engine writes these files.
 */
export function releasePlan(name: "version" | "prepared" | "rollback"): ReleasePlan {
  return read(import.meta.dirname, "plans", `${name}.json`);
}

/** The answer of `runUpdate` to a page that knows the events up to `seq`. */
export function updateOf({ events, view }: Moment, seq: number): RunUpdate | null {
  return view.seq <= seq ? null : { view, events: events.filter((event) => event.seq > seq) };
}

/** The line of the history list for a run. */
export function summaryOf({ view }: Moment): RunSummary {
  const stopped = view.steps.find((step) => step.status === "failed" || step.status === "inDoubt");
  return {
    id: view.id,
    product: view.profile.product.name,
    version: view.version,
    realm: view.realm,
    isRollback: (view.rollsBack ?? null) !== null,
    rolledBack: view.rolledBack ?? null,
    state: view.state,
    result: view.result,
    stoppedAt: view.result === "stopped" ? (stopped?.definition.shortTitle ?? null) : null,
    person: view.people[0] ?? "",
    draftedAt: view.draftedAt,
    endedAt: view.endedAt,
    readOnly: null,
  };
}

/** The answer of the readiness checks, with these rows. */
export function readiness(...rows: Partial<ReadinessRow>[]): Readiness {
  const plain: ReadinessRow = {
    check: "servers",
    group: "production",
    state: "ready",
    sentence: "2 of 2 servers serve on 2.0.1.11",
    meaning: "",
    repair: null,
    failure: null,
    tookMs: 12,
  };
  return { rows: rows.map((row) => ({ ...plain, ...row })), at: AT, tookMs: 2_100, machineCommands: ["date +%s"] };
}

/** A computer on which everything is set up. */
export function appInfo(changed: Partial<AppInfo> = {}): AppInfo {
  return {
    version: "0.1.0",
    realm: "production",
    profile: moment("released").view.profile,
    profileOrigin: { kind: "builtIn" },
    person: "Anna",
    firstRun: null,
    computer: "anna-laptop",
    band: "Rally · AWS account 6769 1700 1797 · us-east-1",
    customEndpoints: false,
    unconfirmed: [],
    speed: 1,
    now: AT,
    proposedKeyFile: "~/.ssh/rallyE1.pem",
    keyFileFound: true,
    ...changed,
  };
}
