// The state of the practice panel: the troubles, and the speed of the practice clock. Decides
// nothing.

import type { Failure, PracticeView, Trouble } from "../generated/bindings";
import type { Platform } from "../platform/platform";
import type { Result } from "../platform/result";

/** Interval of the panel's polls while it is open, in ms. */
const LOOK_EVERY = 1_000;

export class Practice {
  view = $state.raw<PracticeView | null>(null);
  failure = $state.raw<Failure | null>(null);

  readonly #platform: Platform;
  #number = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Polls until the returned function is called. */
  watch(): () => void {
    void this.look();
    const looks = setInterval(() => void this.look(), LOOK_EVERY);
    return () => clearInterval(looks);
  }

  async look() {
    const number = ++this.#number;
    const answer = await this.#platform.commands.practiceView();
    // An older poll never replaces the newer answer of a switch.
    if (number === this.#number) this.#take(answer);
  }

  async flip(trouble: Trouble, on: boolean) {
    this.#number += 1;
    this.#take(await this.#platform.commands.switchTrouble(trouble, on));
  }

  async setSpeed(speed: number) {
    const set = await this.#platform.commands.setSpeed(speed);
    if (set.status === "error") this.failure = set.error;
    else await this.look();
  }

  #take(answer: Result<PracticeView>) {
    this.failure = answer.status === "error" ? answer.error : null;
    if (answer.status === "ok") this.view = answer.data;
  }
}
