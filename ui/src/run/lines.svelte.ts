// The lines of one source. The app keeps all of them on disk; this list holds those around the
// lines in view.

import type { LineSource, LogLine, RunId } from "../generated/bindings";
import type { Commands } from "../platform/platform";

/** Lines of a page, which one command reads. The app returns at most 2,000 at a time. */
const PAGE_SIZE = 500;
/** Pages held per source. A line has up to 16 KiB. */
const MAX_PAGES = 8;

interface Page {
  index: number;
  /** Lines by their place in the page. A place is empty until its line was read. */
  lines: (LogLine | undefined)[];
  /** End of the page when it was read last. A page is read again once it has more lines. */
  readUpTo: number;
}

export class LineList {
  /** How many lines there are in all. */
  count = $state(0);

  readonly #commands: Commands;
  readonly #run: RunId;
  readonly #source: LineSource;
  #pages: Page[] = [];
  /**
   * Grows with every change of a page, so that readers of `at` see it. The pages are plain data.
   */
  #version = $state(0);
  /** Numbers of the first and the last line in view. */
  #inView: { first: number; last: number } | null = null;
  #isReading = false;

  constructor(commands: Commands, run: RunId, source: LineSource) {
    this.#commands = commands;
    this.#run = run;
    this.#source = source;
  }

  /** The line with this number. Undefined until it was read. */
  at(number: number): LogLine | undefined {
    void this.#version;
    return this.#find(number);
  }

  /** Takes lines that arrived, in the order of their numbers. Lines between them may be missing. */
  take(lines: readonly LogLine[]) {
    const newest = lines.at(-1);
    if (newest === undefined) return;
    this.count = Math.max(this.count, newest.number + 1);
    this.#hold(lines);
    void this.#readMissing();
  }

  /** Reads how many lines there are. */
  async read() {
    const count = await this.#commands.outputCount(this.#run, this.#source);
    if (count.status === "error") return;
    this.count = Math.max(this.count, count.data);
    await this.#readMissing();
  }

  /** Names the lines in view, and reads those that are not held. */
  show(first: number, last: number) {
    this.#inView = { first, last };
    void this.#readMissing();
  }

  async #readMissing() {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let page = this.#missingPage(); page !== undefined; page = this.#missingPage()) {
        page.readUpTo = this.#endOf(page);
        const from = page.index * PAGE_SIZE;
        const lines = await this.#commands.outputLines(this.#run, this.#source, from, PAGE_SIZE);
        if (lines.status === "error") {
          page.readUpTo = 0;
          return;
        }
        this.#hold(lines.data);
      }
    } finally {
      this.#isReading = false;
    }
  }

  /**
   * The first page in view with a line that is not held, unless the app had no more lines of that
   * page.
   */
  #missingPage(): Page | undefined {
    if (this.#inView === null) return undefined;
    const last = Math.min(this.#inView.last, this.count - 1);
    for (let number = this.#inView.first; number <= last; number += 1) {
      if (this.#find(number) !== undefined) continue;
      const page = this.#pageOf(number);
      if (page.readUpTo !== this.#endOf(page)) return page;
    }
    return undefined;
  }

  #find(number: number): LogLine | undefined {
    const index = Math.floor(number / PAGE_SIZE);
    return this.#pages.find((page) => page.index === index)?.lines[number % PAGE_SIZE];
  }

  #pageOf(number: number): Page {
    const index = Math.floor(number / PAGE_SIZE);
    const held = this.#pages.find((page) => page.index === index);
    if (held !== undefined) return held;
    const page = { index, lines: [], readUpTo: 0 };
    this.#pages.push(page);
    return page;
  }

  /** The number after the last line of a page, as far as there are lines. */
  #endOf(page: Page): number {
    return Math.min(this.count, (page.index + 1) * PAGE_SIZE);
  }

  #hold(lines: readonly LogLine[]) {
    for (const line of lines) this.#pageOf(line.number).lines[line.number % PAGE_SIZE] = line;
    this.#dropFarPages();
    this.#version += 1;
  }

  /** Without a view, the newest lines count as the nearest. */
  #dropFarPages() {
    const middle = this.#inView === null ? this.count : (this.#inView.first + this.#inView.last) / 2;
    const distance = (page: Page) => Math.abs((page.index + 0.5) * PAGE_SIZE - middle);
    this.#pages.sort((one, other) => distance(one) - distance(other)).splice(MAX_PAGES);
  }
}
