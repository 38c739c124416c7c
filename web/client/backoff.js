/**
 * Delays between tries: exponential with full jitter, so that a crowd which lost its server at one moment doesn't come
 * back at one moment. A delay the server gave wins, for the server has jittered it already.
 */
export class Backoff {
  #tries = 0;

  /** @param {{ first?: number, most?: number }} [bounds] in milliseconds */
  constructor({ first = 400, most = 20_000 } = {}) {
    this.first = first;
    this.most = most;
  }

  /**
   * @param {number} [given] the server's own delay in milliseconds, 0 when it gave none
   * @returns {number} milliseconds to wait before the next try
   */
  next(given = 0) {
    const ceiling = Math.min(this.most, this.first * 2 ** this.#tries++);
    return given > 0 ? given : this.first / 2 + Math.random() * ceiling;
  }

  /** Something worked: the next failure starts small again. */
  reset() {
    this.#tries = 0;
  }
}
