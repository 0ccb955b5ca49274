// State of the whole page: the app's information, the list of runs, and the open run.

import { untrack } from "svelte";
import { OpenRun } from "./run.svelte";
import type { AppInfo, Failure, Realm, RunId, RunSummary } from "../generated/bindings";
import type { Platform } from "../platform/platform";
import { firstUnfinished } from "../screens/home/next-act";

export type Screen = "home" | "release" | "history" | "setup" | "access";

export class App {
  info = $state.raw<AppInfo | null>(null);
  failure = $state.raw<Failure | null>(null);
  runs = $state.raw<RunSummary[]>([]);
  run = $state.raw<OpenRun | null>(null);
  screen = $state<Screen>("home");
  /** The places that this window can show. Empty until they are known. */
  places = $state.raw<Realm[]>([]);
  /** The place that the app is about to show. */
  opening = $state<Realm | null>(null);
  /** Why the other place was not shown. */
  placeFailure = $state.raw<Failure | null>(null);
  isReady = $state(false);
  /** The current time of the app's clock, in ms. Updated every second. */
  now = $state(Date.now());

  readonly platform: Platform;
  #loadedAt = 0;
  #virtualAt = 0;

  constructor(platform: Platform, screen: Screen = "home") {
    this.platform = platform;
    this.screen = screen;
  }

  /** Loads the app's information and the list of runs, and opens a run that has not ended. */
  async load() {
    const places = await this.platform.commands.listPlaces();
    if (places.status === "ok") this.places = places.data.all;
    await this.reload();
    if (this.info === null) return;
    await this.list();
    const first = firstUnfinished(this.runs);
    if (first !== undefined) await this.open(first.id);
    this.isReady = true;
    await this.platform.onRunMoved((moved) => {
      if (moved.run !== this.run?.id) void this.list();
    });
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

  /** Shows the other place. The app loads the page anew, so no press reaches the wrong place. */
  async showPlace(realm: Realm) {
    if (this.opening !== null || realm === this.info?.realm) return;
    this.opening = realm;
    this.placeFailure = null;
    const shown = await this.platform.commands.showPlace(realm);
    if (shown.status === "error") {
      this.opening = null;
      this.placeFailure = shown.error;
    }
  }

  /** Opens a run on the screen and follows it. */
  async open(id: RunId) {
    this.leave();
    const run = new OpenRun(this.platform, id, () => untrack(() => this.now));
    this.run = run;
    await run.open();
  }

  /** Drafts the rollback of an ended release, and opens it. Returns why it was not drafted. */
  async rollBack(of: RunId): Promise<Failure | null> {
    const drafted = await this.platform.commands.draftRollback(of);
    if (drafted.status === "error") return drafted.error;
    this.screen = "release";
    await this.list();
    await this.open(drafted.data);
    return null;
  }

  /** Returns to the start of a new release. The run that was open does not change. */
  leave() {
    this.run?.close();
    this.run = null;
  }

  tick() {
    const speed = this.info?.speed ?? 1;
    this.now = this.#virtualAt + (Date.now() - this.#loadedAt) * speed;
  }
}
