// A question that may be asked again before its answer is there: only the newest answer counts.

export class Newest {
  #number = 0;
  #underWay = 0;

  /** Whether an answer is still on its way, also one that does not count any more. */
  get isAsking(): boolean {
    return this.#underWay > 0;
  }

  /** The answers that are on their way do not count any more. */
  forget() {
    this.#number += 1;
  }

  /** The answer, or `null` when it was asked again, or forgotten, meanwhile. */
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
