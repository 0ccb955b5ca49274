// Live state of a run. It may miss updates by design. The screen shows its age, and nothing is
// decided from it.

import type {
  BuildView,
  Live,
  Observation,
  RunId,
  ServersView,
  SiteView,
  Timestamp,
  StepId,
  Watcher,
  WatcherTrouble,
} from "../generated/bindings";

/** A value with the time at which it was seen. */
export interface SeenAt<T> {
  what: T;
  at: Timestamp;
}

/** Most answers of the site in the small chart. */
const SITE_ANSWERS_MAX = 40;

export class LiveState {
  servers = $state.raw<SeenAt<ServersView> | null>(null);
  build = $state.raw<SeenAt<BuildView> | null>(null);
  site = $state.raw<SeenAt<SiteView> | null>(null);
  siteAnswers = $state.raw<SiteView[]>([]);
  activity = $state.raw<Partial<Record<StepId, string>>>({});
  /** The last answer about each step in doubt, requested by the app or by a person. */
  heard = $state.raw<Partial<Record<StepId, SeenAt<Observation>>>>({});
  lost = $state.raw<Partial<Record<StepId, string | undefined>>>({});
  /** The watchers that fail now. */
  troubles = $state.raw<Partial<Record<Watcher, WatcherTrouble | undefined>>>({});

  readonly #run: RunId;

  constructor(run: RunId) {
    this.#run = run;
  }

  take(live: Live) {
    if (live.run !== this.#run) return;
    const { seen, at } = live;
    switch (seen.kind) {
      case "servers":
        this.servers = { what: seen, at };
        break;
      case "build":
        this.build = { what: seen, at };
        break;
      case "site":
        this.site = { what: seen, at };
        this.siteAnswers = [...this.siteAnswers, seen].slice(-SITE_ANSWERS_MAX);
        break;
      case "activity":
        this.activity = { ...this.activity, [seen.step]: seen.text };
        break;
      case "heard":
        this.heard = { ...this.heard, [seen.step]: { what: seen.what, at } };
        break;
      case "connection": {
        this.lost = { ...this.lost, [seen.step]: seen.lost ? seen.text : undefined };
        break;
      }
      case "watcher":
        this.troubles = { ...this.troubles, [seen.watcher]: seen.trouble ?? undefined };
        break;
    }
  }
}
