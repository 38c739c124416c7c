import { client, go, nameOf, otherName } from "./app.js";
import { avatar } from "./avatar.js";
import { View, fill, h, icon } from "./dom.js";
import { date, recently, t } from "./strings.js";
import { snippet } from "./words.js";
import { shownEntry } from "../client/message.js";
import { ParleyError } from "../client/index.js";
import { lang } from "./strings.js";

/** Looks for words in one's own conversations, and shows where they stand. */

/** @typedef {import("../client/wire.js").Entry} Entry */

const pause = 300;
const around = 24;

export class SearchBox extends View {
  #query = "";
  #timer = 0;
  #asked = 0;
  #input = h("input", {});
  #results = h("div", { class: "results", role: "region" });
  #said = h("p", { class: "spoken", role: "status" });

  /** @param {(on: boolean) => void} showing whether the results stand in for the list */
  constructor(showing) {
    super();
    this.showing = showing;
  }

  build() {
    this.#input = h("input", {
      type: "search", class: "search-input", placeholder: t("search.placeholder"), "aria-label": t("search.placeholder"), autocomplete: "off", "data-testid": "search", ".value": this.#query,
      oninput: () => this.#typed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.#clear(),
    });
    this.#results.setAttribute("aria-label", t("search.results"));
    fill(this, h("div", { class: "search-box" }, icon("search"), this.#input), this.#said, this.#results);
    if (this.#query) void this.#ask();
  }

  #clear() {
    this.#input.value = "";
    this.#typed();
  }

  #typed() {
    this.#query = this.#input.value.trim();
    clearTimeout(this.#timer);
    this.showing(this.#query !== "");
    if (!this.#query) return fill(this.#results);
    this.#timer = setTimeout(() => void this.#ask(), pause);
  }

  /** @param {string} [before] where the page before ended */
  async #ask(before) {
    const mine = ++this.#asked;
    const query = this.#query;
    if (!before) fill(this.#results, h("p", { class: "muted list-note" }, t("search.looking")));
    try {
      const found = await client().chat.search(query, { before });
      if (mine === this.#asked && query === this.#query) this.#show(found, query, Boolean(before));
    } catch (error) {
      if (mine === this.#asked) fill(this.#results, h("p", { class: "note list-note", role: "alert" }, ParleyError.of(error).in(lang())));
    }
  }

  /** @param {{ entries: Entry[], searched: string, more: boolean }} found @param {string} query @param {boolean} further */
  #show({ entries, searched, more }, query, further) {
    const list = further ? /** @type {HTMLElement} */ (this.#results.querySelector("ul")) : h("ul", { class: "conversations" });
    list.append(...entries.map((e) => result(e, query)));
    const n = list.children.length;
    fill(this.#said, t("search.found", { n }));
    fill(this.#results, list,
      n === 0 && !more && h("p", { class: "muted list-note", "data-testid": "search-none" }, t("search.none")),
      h("p", { class: "muted small list-note" }, t("search.until", { date: date(new Date(searched)) })),
      more && h("button", { type: "button", class: "plain small list-note", "data-testid": "search-more", onclick: () => void this.#ask(searched) }, t("search.more")));
  }
}

/** @param {Entry} entry @param {string} query */
function result(entry, query) {
  const { chat, user } = client();
  const c = chat.get(entry.conversation);
  const m = c && shownEntry(c, entry, user);
  const line = m ? snippet(c, m) : "";
  return h("li", {}, h("button", { type: "button", class: "conversation", "data-testid": "result", onclick: () => go({ view: "chat", conversation: entry.conversation, interview: "", at: entry.seq }) },
    avatar(c?.others[0]),
    h("span", { class: "conversation-words" },
      h("span", { class: "line" }, h("strong", {}, c ? otherName(c) : ""), h("time", { class: "muted", datetime: entry.time }, recently(new Date(entry.time)))),
      h("span", { class: "line" }, h("span", { class: "cut last" }, m && `${m.mine ? t("interview.you") : nameOf(c, m.sender)}${t("search.says")}`, marked(line, query))))));
}

/** @param {string} line @param {string} query @returns {import("./dom.js").Child} */
function marked(line, query) {
  const at = line.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return line;
  const from = Math.max(0, at - around);
  return [from > 0 && "…", line.slice(from, at), h("mark", {}, line.slice(at, at + query.length)), line.slice(at + query.length)];
}

customElements.define("parley-search", SearchBox);
