import { ParleyError } from "./errors.js";

/** How long to wait for a lost connection before giving up. */
const patience = 30_000;

/**
 * Asks the server, and asks again when the connection broke before the answer came. Only for requests that do no more the
 * second time: by a client id in them, or by what they ask for.
 *
 * @template {keyof import("./wire.js").Requests} K
 * @param {import("./session.js").Session} session
 * @param {K} kind
 * @param {import("./wire.js").Requests[K][0]} body
 * @returns {Promise<import("./wire.js").Requests[K][1]>}
 */
export async function insist(session, kind, body) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await session.request(kind, body);
    } catch (error) {
      const { id } = ParleyError.of(error);
      if ((id !== "away" && id !== "timeout") || Date.now() > end || !(await opened(session, end - Date.now()))) throw error;
    }
  }
}

/** @param {import("./session.js").Session} session @param {number} within milliseconds @returns {Promise<boolean>} whether it is open */
function opened(session, within) {
  if (session.state === "open") return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (/** @type {boolean} */ open) => {
      clearTimeout(timer);
      off();
      resolve(open);
    };
    const timer = setTimeout(() => done(false), within);
    const off = session.on("state", (state) => (state === "open" || state === "closed") && done(state === "open"));
  });
}
