import { seats } from "./app.js";
import { View, fill, h, icon } from "./dom.js";
import { brand, languageSwitch, skipLink } from "./header.js";
import { clock, number, t } from "./strings.js";

/** The first page of `parley dev`: what this is, the seats to take, and the machine at work. */

/** @typedef {{ connections: number, messages_per_s: number, rooms: number, recordings: number, last_head?: { hash: string, time: string } }} Status */

const statusEvery = 2000;
const demoSeats = /** @type {const} */ (["recruiter", "candidate", "headhunter"]);

class HomePage extends View {
  /** @type {Status | null} */
  #status = null;
  #failed = false;
  #figures = h("dl", { class: "figures", "data-testid": "status" });
  #trouble = h("p", { class: "note", role: "status" });
  #seatTrouble = h("p", { class: "note alarm", role: "status", "data-testid": "seats-failed" });
  /** @type {import("./app.js").Seats | null} */
  #seats = null;

  enter() {
    const timer = setInterval(() => document.visibilityState === "visible" && void this.#poll(), statusEvery);
    this.signal.addEventListener("abort", () => clearInterval(timer));
    void this.#poll();
    seats().then((all) => (this.#seats = all)).catch(() => (this.#failed = true)).finally(() => this.update());
  }

  async #poll() {
    try {
      const response = await fetch("/v1/status", { cache: "no-store" });
      this.#status = response.ok ? await response.json() : null;
    } catch {
      this.#status = null;
    }
    this.update();
  }

  build() {
    document.title = t("home.title");
    fill(this,
      skipLink("main"),
      h("header", { class: "bar" }, brand(), h("span", { class: "spring" }), languageSwitch()),
      h("main", { id: "main", tabindex: -1, class: "home-main" },
        h("section", { class: "hero" }, h("h1", {}, h("span", {}, t("home.sentence.meet")), " ", h("span", {}, t("home.sentence.keep")))),
        h("section", { class: "seats-section" },
          h("h2", {}, t("home.try")), h("p", { class: "muted" }, t("home.try.hint")), this.#seatTrouble,
          h("ul", { class: "seats" }, demoSeats.map((seat) => this.#seat(seat)))),
        h("section", {}, h("h2", {}, t("home.steps")),
          h("ol", { class: "steps" }, h("li", {}, t("home.step.1")), h("li", {}, t("home.step.agree")), h("li", {}, t("home.step.2")), h("li", {}, t("home.step.3")))),
        h("section", { class: "machine" }, h("h2", {}, t("home.status")), this.#figures, this.#trouble)));
  }

  /** @param {typeof demoSeats[number]} seat */
  #seat(seat) {
    return h("li", { class: `seat seat-${seat}` },
      h("a", { href: `/chat.html#seat=${seat}`, target: `parley-${seat}`, "data-testid": `seat-${seat}` },
        h("span", { class: "avatar large", "aria-hidden": "true" }, t(`role.${seat}`).slice(0, 1)),
        h("span", { class: "seat-words" },
          h("strong", {}, t(`home.seat.${seat}`)),
          h("span", { class: "muted" }, t(`home.seat.${seat}.about`)),
          h("span", { class: "seat-open" }, t("home.seat.open"), icon("open")))));
  }

  update() {
    const s = this.#status;
    const show = (/** @type {number | undefined} */ n) => (n === undefined ? "–" : number(n));
    fill(this.#figures,
      figure(t("home.status.connections"), show(s?.connections)),
      figure(t("home.status.messages"), show(s?.messages_per_s)),
      figure(t("home.status.rooms"), show(s?.rooms)),
      figure(t("home.status.recordings"), show(s?.recordings), (s?.recordings ?? 0) > 0 ? "recording" : ""),
      figure(t("home.status.head"), headWords(s?.last_head), "head"));
    fill(this.#trouble, s ? "" : t("home.status.away"));
    fill(this.#seatTrouble, this.#failed && !this.#seats ? t("home.seats.failed") : "");
  }
}

/** @param {string} name @param {string} value @param {string} [kind] */
function figure(name, value, kind = "") {
  return h("div", { class: `figure ${kind}` }, h("dt", {}, name), h("dd", {}, value));
}

/** @param {Status["last_head"]} last */
function headWords(last) {
  return last ? `${last.hash.slice(0, 12)}… · ${clock(new Date(last.time))}` : t("home.status.head.none");
}

customElements.define("parley-home", HomePage);
document.body.prepend(new HomePage());
