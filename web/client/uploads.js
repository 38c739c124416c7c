import { ParleyError } from "./errors.js";
export class Uploads {
  /** @param {string} server @param {() => Promise<string>} token */
  constructor(server, token) {
    this.server = server;
    this.token = token;
  }
  /** @param {Pick<import("./outbox.js").UploadTask, "conversation" | "kind" | "file" | "name"> & Partial<import("./outbox.js").UploadTask>} task @returns {Promise<string>} */
  async put(task) {
    throw new ParleyError("internal");
  }
}
