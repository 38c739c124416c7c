import { ParleyError } from "./errors.js";

/**
 * Files on their way to the server by HTTP. A small one goes in one request; a larger one in pieces, each of which is kept
 * when it has come, so that a broken upload goes on where it was. What was uploaded is then named by a message.
 */

/** @typedef {Pick<import("./outbox.js").UploadTask, "conversation" | "kind" | "file" | "name"> & Partial<import("./outbox.js").UploadTask>} Task */
/** @typedef {{ id: string, offset: number, size: number, attachment?: import("./wire.js").MediaContent }} Answer how far it has come */
/** @typedef {{ method?: "GET" | "POST" | "PATCH", headers?: Record<string, string>, body?: Blob, done?: (bytes: number) => void }} Asked */

/** The largest file that goes in one request, as the server says. */
const small = 8 << 20;
const piece = 4 << 20;

export class Uploads {
  /**
   * @param {string} server its origin
   * @param {() => Promise<string>} token
   */
  constructor(server, token) {
    this.server = server;
    this.token = token;
  }

  /**
   * @param {Task} task with `upload`, one that has begun goes on
   * @returns {Promise<string>} the attachment's id
   */
  async put(task) {
    if (task.file.size === 0) throw new ParleyError("empty_file");
    if (task.file.size <= small) return this.#whole(task);
    const at = (await this.#known(task)) ?? (await this.#begin(task));
    return this.#pieces(task, at);
  }

  /** @param {Task} task */
  async #whole(task) {
    const { file, progress } = task;
    const { id } = await this.#ask(task, "", { method: "POST", headers: named(task), body: file, done: (bytes) => progress?.(bytes / file.size) });
    return id;
  }

  /** How far an upload is that had begun; nothing when the server has forgotten it. @param {Task} task */
  async #known(task) {
    if (!task.upload) return null;
    return this.#ask(task, task.upload, {}).catch((error) => {
      if (error.retry) throw error;
      return null;
    });
  }

  /** @param {Task} task */
  async #begin(task) {
    const at = await this.#ask(task, "", { method: "POST", headers: { ...named(task), "Upload-Length": String(task.file.size) } });
    task.begun?.(at.id);
    return at;
  }

  /** @param {Task} task @param {Answer} at */
  async #pieces(task, at) {
    const { file, progress } = task;
    while (!at.attachment) {
      progress?.(at.offset / file.size);
      at = await this.#piece(task, at);
    }
    return at.id;
  }

  /** @param {Task} task @param {Answer} at @returns {Promise<Answer>} */
  #piece(task, { id, offset }) {
    const { file, progress } = task;
    const part = { headers: { "Upload-Offset": String(offset) }, body: file.slice(offset, offset + piece), done: (/** @type {number} */ bytes) => progress?.((offset + bytes) / file.size) };
    return this.#ask(task, id, { method: "PATCH", ...part }).catch((error) => {
      if (error.id !== "conflict") throw error;
      return this.#ask(task, id, {}); // another tab of the user sends the same
    });
  }

  /** @param {Task} task @param {string} upload @param {Asked} asked @returns {Promise<Answer>} */
  async #ask({ conversation, kind, signal }, upload, asked) {
    const path = `/v1/conversations/${encodeURIComponent(conversation)}/attachments`;
    const url = new URL(upload ? `${path}/${encodeURIComponent(upload)}` : `${path}?kind=${kind}`, this.server);
    return exchange(url, await this.token(), asked, signal);
  }
}

/** @param {Task} task */
function named({ name }) {
  return { "Parley-Name": encodeURIComponent(name) };
}

/**
 * One request. fetch can't tell how much of a body has gone, so this is the older way.
 *
 * @param {URL} url
 * @param {string} token
 * @param {Asked} asked
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
function exchange(url, token, { method = "GET", headers = {}, body, done }, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "json";
    for (const [name, value] of Object.entries({ ...headers, Authorization: `Bearer ${token}` })) request.setRequestHeader(name, value);
    if (body) request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded }) => done?.(loaded);
    request.onload = () => (request.status < 300 && request.response ? resolve(request.response) : reject(ParleyError.ofAnswer(request.status, request.response, Number(request.getResponseHeader("Retry-After")))));
    request.onerror = request.ontimeout = request.onabort = () => reject(new ParleyError("away"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body ?? null);
  });
}
