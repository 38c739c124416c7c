/**
 * Where the outbox keeps what was not acknowledged: IndexedDB, which also holds files, so that a picture chosen without a
 * connection survives a reload. Several tabs of one user share it; every message is a record of its own.
 */

/** @typedef {import("./outbox.js").Unsent} Unsent */

/**
 * @typedef {object} Keep all of it may reject: the outbox then goes on from memory, and only a reload loses
 * @property {(user: string) => Promise<Unsent[]>} load what is kept of a user, oldest first
 * @property {(user: string, message: Unsent) => Promise<void>} put durable when it resolves
 * @property {(user: string, cid: string) => Promise<void>} remove
 */

const store = "outbox";

/** @implements {Keep} */
export class IndexedKeep {
  /** @type {Promise<IDBDatabase> | null} */
  #opening = null;

  /** @param {IDBFactory} factory @param {string} [name] of the database */
  constructor(factory, name = "parley") {
    this.factory = factory;
    this.name = name;
  }

  /** @param {string} user */
  async load(user) {
    const all = await this.#run("readonly", (s) => s.getAll(IDBKeyRange.bound([user], [user, []])));
    return all.map((/** @type {{ message: Unsent }} */ kept) => kept.message);
  }

  /** @param {string} user @param {Unsent} message */
  async put(user, message) {
    await this.#run("readwrite", (s) => s.put({ user, cid: message.cid, message }));
  }

  /** @param {string} user @param {string} cid */
  async remove(user, cid) {
    await this.#run("readwrite", (s) => s.delete([user, cid]));
  }

  /**
   * One transaction with one request. It resolves once the transaction is complete, not when the request is.
   *
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} ask
   * @returns {Promise<any>}
   */
  async #run(mode, ask) {
    const db = await (this.#opening ??= this.#open().catch((error) => {
      this.#opening = null;
      throw error;
    }));
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(store, mode, { durability: "strict" });
      const request = ask(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    return new Promise((resolve, reject) => {
      const request = this.factory.open(this.name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(store, { keyPath: ["user", "cid"] });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const db = request.result;
        db.onclose = db.onversionchange = () => {
          db.close();
          this.#opening = null;
        };
        resolve(db);
      };
    });
  }
}

/** Where there is no IndexedDB, or a page may not use it: what waits lasts as long as the page. @implements {Keep} */
export class MemoryKeep {
  /** @type {Map<string, { user: string, message: Unsent }>} */
  #kept = new Map();

  /** @param {string} user */
  async load(user) {
    return [...this.#kept.values()].filter((k) => k.user === user).map((k) => k.message).sort((a, b) => (a.cid < b.cid ? -1 : 1));
  }

  /** @param {string} user @param {Unsent} message */
  async put(user, message) {
    this.#kept.set(`${user} ${message.cid}`, { user, message });
  }

  /** @param {string} user @param {string} cid */
  async remove(user, cid) {
    this.#kept.delete(`${user} ${cid}`);
  }
}

/** @returns {Keep} */
export function browserKeep() {
  return globalThis.indexedDB ? new IndexedKeep(indexedDB) : new MemoryKeep();
}
