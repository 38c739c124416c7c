import { client, go } from "./app.js";
import { View, fill, h, icon } from "./dom.js";
import { saveReceipt } from "./receipt.js";
import { date, duration, t } from "./strings.js";
import { reasonWords } from "./words.js";

/** After an interview: how long it was, what was recorded and until when it is kept, the receipt, and the play-back. */

export class Summary extends View {
  #months = 0;

  /** @param {import("../client/index.js").Interview} interview */
  constructor(interview) {
    super();
    this.interview = interview;
  }

  enter() {
    this.interview.on("change", () => this.#rebuildNow(), { signal: this.signal });
    client().interviews.on("receipt", () => this.#rebuildNow(), { signal: this.signal });
    this.interview.notice().then((text) => (this.#months = text.retention_months)).then(() => this.#rebuildNow()).catch(() => {});
  }

  #rebuildNow() {
    this.build();
  }

  build() {
    const { info } = this.interview;
    const { receipt } = this.interview;
    const seconds = info.live && info.ended ? (Date.parse(info.ended) - Date.parse(info.live)) / 1000 : 0;
    const recorded = Boolean(receipt || info.recorded_since);
    fill(this, h("section", { class: "sheet wide summary", "data-testid": "summary", "aria-labelledby": "summary-title" },
      h("h1", { id: "summary-title" }, t("summary.title")),
      h("p", { class: "muted" }, reasonWords(info.reason)),
      h("dl", { class: "facts" },
        fact(t("summary.duration"), info.live ? duration(seconds) : t("interview.never")),
        fact(t("summary.recorded"), recorded ? t("summary.recorded.value") : t("summary.recorded.none")),
        recorded && this.#months > 0 && info.ended && fact(t("summary.until"), date(later(new Date(info.ended), this.#months))),
        recorded && fact(t("summary.receipt"), receipt ? t("summary.receipt.value", { n: receipt.heads.length }) : t("summary.receipt.none"))),
      h("div", { class: "actions" },
        recorded && h("button", { type: "button", class: "primary", "data-testid": "summary-play", onclick: () => go({ view: "play", conversation: info.conversation }) }, icon("play"), t("interview.play")),
        receipt && h("button", { type: "button", class: "plain", "data-testid": "summary-receipt", onclick: () => void saveReceipt(info.id) }, icon("save"), t("interview.receipt")),
        h("button", { type: "button", class: recorded ? "plain" : "primary", "data-testid": "summary-chat", onclick: () => go({ view: "chat", conversation: info.conversation, interview: "" }) }, t("summary.chat")))));
  }
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/** @param {Date} from @param {number} months */
function later(from, months) {
  const until = new Date(from);
  until.setMonth(until.getMonth() + months);
  return until;
}

customElements.define("parley-summary", Summary);
