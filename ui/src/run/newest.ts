// A request that may be repeated before its answer arrives. Only the newest answer counts.

export class Newest {
  #number = 0;
  #underWay = 0;

  /** Whether an answer is still pending, including one that no longer counts. */
  get isAsking(): boolean {
    return this.#underWay > 0;
  }

  /** Makes every pending answer not count. */
  forget() {
    this.#number += 1;
  }

  /** The answer, or `null` when a newer request or `forget` came meanwhile. */
  async ask<T>(question: () => Promise<T>): Promise<T | null> {
    this.forget();
    const number = this.#number;
    this.#underWay += 1;
    try {
      const answer = await question();
      return number === this.#number ? answer : null;
    } finally {
      this.#underWay -= 1;
    }
  }
}
