import { Parley, ParleyError } from "../client/index.js";

/** The signed-in user of this tab, and which view is open. The address after # says both; a token never stands there. */

/**
 * @typedef {object} Route
 * @property {string} seat the demo seat: "recruiter", "candidate"
 * @property {"chat" | "interview" | "play" | "settings"} view
 * @property {string} conversation "" for none
 * @property {string} interview "" for none
 * @property {number} at the seq of an entry to show, 0 for none
 */

/** @typedef {{ id: string, name: string, token: string }} SeatUser */
/** @typedef {{ users: Record<string, SeatUser>, conversation: string }} Seats */

/** @returns {Promise<Seats>} who may be played in the demo, with fresh tokens */
export async function seats() {
  const response = await fetch("/demo/seats.json", { cache: "no-store" }).catch((cause) => {
    throw new ParleyError("away", { cause });
  });
  if (!response.ok) throw new ParleyError("away");
  return response.json();
}

/** @returns {Route} */
export function route() {
  const at = new URLSearchParams(location.hash.slice(1));
  const view = at.get("view");
  return {
    seat: at.get("seat") ?? "",
    view: view === "interview" || view === "play" || view === "settings" ? view : "chat",
    conversation: at.get("conversation") ?? "",
    interview: at.get("interview") ?? "",
    at: Number(at.get("at")) || 0,
  };
}

/**
 * Opens another view; the browser's back button returns.
 *
 * @param {Partial<Route>} to
 * @param {{ replace?: boolean }} [how] replace leaves no way back
 */
export function go(to, { replace = false } = {}) {
  const next = { ...route(), at: 0, ...to };
  const named = Object.entries(next).filter(([name, value]) => value && !(name === "view" && value === "chat"));
  const at = new URLSearchParams(named.map(([name, value]) => [name, String(value)]));
  if (location.hash.slice(1) === at.toString()) return;
  if (!replace) return void (location.hash = at.toString());
  history.replaceState(null, "", `#${at}`);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** @param {import("./strings.js").Lang} lang */
function connect(lang) {
  const { seat } = route();
  const token = async () => {
    const user = (await seats()).users[seat];
    if (!user) throw new ParleyError("unauthenticated");
    return user.token;
  };
  return new Parley({ server: location.origin, token, lang });
}

/** @type {Parley | undefined} */
let parley;

/** The one client of this tab. @param {import("./strings.js").Lang} [lang] */
export function client(lang = "zh") {
  return (parley ??= connect(lang));
}

/**
 * @param {import("../client/index.js").Conversation | undefined} conversation
 * @param {string} user
 * @returns {string} the name as the server shows it to this user
 */
export function nameOf(conversation, user) {
  return conversation?.member(user)?.name ?? "";
}

/** @param {import("../client/index.js").Conversation} conversation */
export function otherName(conversation) {
  return conversation.others.map((m) => m.name).join("、");
}
