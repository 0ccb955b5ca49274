// The newest lines of one source, as the screen shows them. The spool on disk has all of them.

import type { LineSource, LogLine, RunId } from "../generated/bindings";
import type { Commands } from "../platform/platform";

/** Lines kept on the screen per source. */
export const MOST_SHOWN = 2_000;

export class LineList {
  /** The newest lines, oldest first. */
  shown = $state.raw<LogLine[]>([]);
  /** How many lines there are in all. */
  count = $state(0);

  readonly #commands: Commands;
  readonly #run: RunId;
  readonly #source: LineSource;
  #isReading = false;

  constructor(commands: Commands, run: RunId, source: LineSource) {
    this.#commands = commands;
    this.#run = run;
    this.#source = source;
  }

  /** Takes lines that arrived. A gap is filled from the spool. */
  take(lines: readonly LogLine[]) {
    const last = this.shown.at(-1)?.number ?? -1;
    const fresh = lines.filter((line) => line.number > last);
    const first = fresh[0];
    if (first === undefined) return;
    if (first.number !== last + 1) {
      void this.read();
      return;
    }
    this.#show([...this.shown, ...fresh]);
  }

  /** Reads the newest lines from the spool. */
  async read() {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const count = await this.#commands.outputCount(this.#run, this.#source);
      if (count.status === "error") return;
      const from = Math.max(0, count.data - MOST_SHOWN);
      const lines = await this.#commands.outputLines(this.#run, this.#source, from, MOST_SHOWN);
      if (lines.status === "ok") this.#show(lines.data);
    } finally {
      this.#isReading = false;
    }
  }

  #show(lines: LogLine[]) {
    this.shown = lines.slice(-MOST_SHOWN);
    const last = this.shown.at(-1);
    this.count = last === undefined ? 0 : last.number + 1;
  }
}
