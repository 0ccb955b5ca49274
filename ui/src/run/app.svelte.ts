// What the app works on, and which run is open.

import { untrack } from "svelte";
import { OpenRun } from "./run.svelte";
import type { AppInfo, Failure, RunId, RunSummary } from "../generated/bindings";
import type { Platform } from "../platform/platform";

export type Screen = "release" | "history" | "access";

export class App {
  info = $state.raw<AppInfo | null>(null);
  failure = $state.raw<Failure | null>(null);
  runs = $state.raw<RunSummary[]>([]);
  run = $state.raw<OpenRun | null>(null);
  screen = $state<Screen>("release");
  isReady = $state(false);
  /** This moment by the clock of the composition, in ms; moves on each second. */
  now = $state(Date.now());

  readonly platform: Platform;
  #loadedAt = 0;
  #virtualAt = 0;

  constructor(platform: Platform) {
    this.platform = platform;
  }

  /** Asks what there is, and opens the run that goes on. */
  async load() {
    await this.reload();
    if (this.info === null) return;
    await this.list();
    const open = this.runs.filter((run) => run.state !== "ended" && run.readOnly === null);
    const first = open.find((run) => run.state === "deploying" || run.state === "checking") ?? open[0];
    if (first !== undefined) await this.open(first.id);
    this.isReady = true;
  }

  async reload() {
    const info = await this.platform.commands.appInfo();
    if (info.status === "error") {
      this.failure = info.error;
      return;
    }
    this.failure = null;
    this.info = info.data;
    this.#loadedAt = Date.now();
    this.#virtualAt = Date.parse(info.data.now);
    this.tick();
  }

  async list() {
    const runs = await this.platform.commands.listRuns();
    if (runs.status === "ok") this.runs = runs.data;
    else this.failure = runs.error;
  }

  /** Shows a run. */
  async open(id: RunId) {
    this.leave();
    const run = new OpenRun(this.platform, id, () => untrack(() => this.now));
    this.run = run;
    await run.open();
  }

  /** Back to the start of a new release; the run that was open stays as it is. */
  leave() {
    this.run?.close();
    this.run = null;
  }

  tick() {
    const speed = this.info?.speed ?? 1;
    this.now = this.#virtualAt + (Date.now() - this.#loadedAt) * speed;
  }
}
