// The interface between the page and the app. `tauri.ts` is the real one, `fake.ts` the scripted
// one of the page's tests.

import type { commands, Lines, Live, RunId, RunMoved } from "../generated/bindings";

/** Every command of the app, typed by the generated bindings. */
export type Commands = typeof commands;

/** Ends a subscription. */
export type Stop = () => void;

export interface Platform {
  readonly commands: Commands;
  /** Calls back when a run has new events. A call is a hint and may be lost. */
  onRunMoved(seen: (moved: RunMoved) => void): Promise<Stop>;
  /** Calls back with live state of a run. */
  onLive(seen: (live: Live) => void): Promise<Stop>;
  /**
   * Calls back with lines of a run as they arrive. Lines may be missing; their numbers show the
   * gaps.
   */
  followLines(run: RunId, arrived: (lines: Lines) => void): Promise<void>;
}
