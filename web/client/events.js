/**
 * A small typed event source. `Events` maps the name of an event to what its listeners get.
 *
 * @template {Record<string, any>} Events
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(detail: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {(detail: Events[K]) => void} listener called in order of registration; what it throws reaches the console, not the emitter
   * @param {{ signal?: AbortSignal }} [options] aborting the signal ends listening
   * @returns {() => void} ends listening
   */
  on(name, listener, { signal } = {}) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    const off = () => void set.delete(listener);
    signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  /**
   * @template {keyof Events} K
   * @param {K} name
   * @param {Events[K]} detail
   */
  emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        reportError(error);
      }
    }
  }
}
