import { h, icon } from "./dom.js";
import { number, t } from "./strings.js";

/** What a recruiter may know of a candidate's last day, as long as the candidate lets it be seen (T11). */

/** @param {import("../client/index.js").Conversation} c @param {import("../client/wire.js").Insight} insight */
export function insightButton(c, insight) {
  const id = `insight-${c.id}`;
  return [
    h("button", { type: "button", class: "round quiet", popovertarget: id, "aria-label": t("insight.title"), title: t("insight.title"), "data-testid": "insight" }, icon("chart")),
    h("div", { id, class: "hint insight", popover: "auto" },
      h("strong", {}, t("insight.title")), h("p", {}, t("insight.day")),
      h("dl", { class: "counts" }, count("insight.started", insight.started), count("insight.received", insight.received), count("insight.replies", insight.replies)),
      h("p", {}, t("insight.hours")), hours(new Set(insight.active_hours ?? []))),
  ];
}

/** @param {import("./strings.js").Key} key @param {number} n */
function count(key, n) {
  return h("div", {}, h("dt", {}, t(key)), h("dd", {}, number(n)));
}

/** A strip of the day. @param {Set<number>} active */
function hours(active) {
  const list = [...active].sort((a, b) => a - b).map((n) => `${n}:00`).join(" ");
  return h("div", { class: "hours", role: "img", "aria-label": active.size ? list : t("insight.hours.none") },
    Array.from({ length: 24 }, (_, n) => h("span", { class: active.has(n) ? "on" : "", title: `${n}:00` }, n % 6 === 0 && h("i", {}, n))));
}
