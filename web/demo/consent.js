import { go } from "./app.js";
import { fill, h, icon } from "./dom.js";
import { lang, t, tOr } from "./strings.js";
import { troubled } from "./trouble.js";

/** The notice of the recording as a sheet: what it says, its version, for how long and for whose eyes, and the answer. */

/** @typedef {import("../client/index.js").Interview} Interview */
/** @typedef {import("../client/wire.js").Text} Text */

/** @param {Interview} interview @returns {HTMLElement} */
export function consentSheet(interview) {
  const sheet = h("div", { class: "consent-view" });
  void show(sheet, interview);
  return sheet;
}

/** @param {HTMLElement} sheet @param {Interview} interview */
async function show(sheet, interview) {
  fill(sheet, h("div", { class: "sheet wide bones", role: "status", "aria-label": t("app.loading") }, [1, 2, 3, 4].map(() => h("div", { class: "bone" }))));
  try {
    const text = await interview.notice();
    fill(sheet, parts(interview, text));
  } catch {
    fill(sheet, h("div", { class: "sheet wide" }, h("p", { class: "note alarm", role: "alert" }, t("consent.failed")),
      h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => void show(sheet, interview) }, t("app.retry")))));
  }
}

/** @param {Interview} interview @param {Text} text */
function parts(interview, text) {
  const body = text.body[lang()] ?? text.body.zh ?? "";
  return h("section", { class: "sheet wide", "aria-labelledby": "consent-title", "data-testid": "consent" },
    h("p", { class: "step" }, t("consent.step")),
    h("h1", { id: "consent-title" }, icon("shield"), text.title[lang()] ?? text.title.zh ?? ""),
    h("div", { class: "notice-text", tabindex: 0, role: "region", "aria-label": t("consent.text"), "data-testid": "consent-text" }, body.split(/\n+/).filter(Boolean).map((p) => h("p", {}, p))),
    h("dl", { class: "facts" },
      fact(t("consent.purpose"), tOr(`consent.purpose.${text.purpose}`, "consent.purpose.interview-recording")),
      fact(t("consent.retention"), t("consent.retention.value", { n: text.retention_months })),
      fact(t("consent.viewers"), t("consent.viewers.value")),
      fact(t("consent.withdraw"), t("consent.withdraw.value")),
      fact(t("consent.version"), text.version)),
    h("div", { class: "actions stacked" },
      h("button", { type: "button", class: "primary", "data-testid": "consent-agree", onclick: () => void answer(interview, { audioOnly: false }) }, t("consent.agree")),
      h("button", { type: "button", class: "plain", "data-testid": "consent-audio", onclick: () => void answer(interview, { audioOnly: true }) }, t("consent.audio")),
      h("button", { type: "button", class: "plain", "data-testid": "consent-decline", onclick: () => void decline(interview) }, t("consent.decline"))),
    h("p", { class: "muted small" }, t("consent.decline.hint")));
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/** @param {Interview} interview @param {{ audioOnly: boolean }} how */
async function answer(interview, how) {
  await interview.agree(how).catch(troubled);
}

/** @param {Interview} interview */
async function decline(interview) {
  try {
    await interview.decline();
    go({ view: "chat", conversation: interview.info.conversation, interview: "" });
  } catch (error) {
    troubled(error);
  }
}
