import { client, go, otherName, route } from "./app.js";
import { avatar } from "./avatar.js";
import { View, fill, h, icon, onFrame, refill } from "./dom.js";
import { SearchBox } from "./search.js";
import { lastLine } from "./words.js";
import { moment, number, recently, roleName, t } from "./strings.js";

/** The user's conversations under tabs, the liveliest first, with the last line and how many entries are unread; or what a search found. */

/** @typedef {import("../client/index.js").Conversation} Conversation */

/** Which conversations stand under a tab. @type {[name: "all" | "unread" | "progress" | "exchanged" | "interview", holds: (c: Conversation) => boolean][]} */
const tabs = [
  ["all", () => true],
  ["unread", (c) => c.unread > 0],
  ["progress", (c) => c.members.length > 1 && c.members.every((m) => m.spoke)],
  ["exchanged", (c) => c.exchanged],
  ["interview", (c) => c.appointed !== "" || client().interviews.of(c.id) !== undefined],
];

/** The tab that was chosen, while the page lasts. @type {typeof tabs[number][0]} */
let chosen = "all";

export class ConversationList extends View {
  #items = h("ul", { class: "conversations", "data-testid": "conversations" });
  #empty = h("div", { class: "empty" });
  #head = h("div", { class: "list-head" });
  #tabs = h("div", { class: "tabs", role: "tablist" });
  #quota = h("div", {});
  #panel = h("div", { class: "list-panel", role: "tabpanel", id: "list-panel" });
  #search = new SearchBox((on) => (this.#panel.hidden = this.#tabs.hidden = this.#quota.hidden = on));
  /** @type {Map<string, HTMLElement>} by conversation */
  #rows = new Map();

  enter() {
    const { chat, people } = client();
    const later = onFrame(() => this.update());
    chat.on("change", later, { signal: this.signal });
    people.on("change", later, { signal: this.signal });
    addEventListener("hashchange", later, { signal: this.signal });
  }

  build() {
    this.setAttribute("role", "navigation");
    this.setAttribute("aria-label", t("chat.list"));
    fill(this.#head, h("h2", { class: "list-title" }, t("chat.title")),
      h("button", { type: "button", class: "round quiet", "aria-label": t("settings.title"), title: t("settings.title"), "data-testid": "settings", onclick: () => go({ view: "settings" }) }, icon("gear")));
    this.#tabs.setAttribute("aria-label", t("tab.label"));
    fill(this.#panel, this.#items, this.#empty);
    fill(this, this.#head, this.#search, this.#tabs, this.#quota, this.#panel);
  }

  update() {
    const { chat, people } = client();
    const open = route().conversation;
    const holds = tabs.find(([name]) => name === chosen)?.[1] ?? (() => true);
    const list = chat.list.filter((c) => holds(c) || (chosen === "unread" && c.id === open));
    refill(this.#tabs, [chosen, chat.list.filter((c) => c.unread > 0).length], () => tabs.map(([name]) => this.#tab(name)));
    this.#panel.setAttribute("aria-labelledby", `tab-${chosen}`);
    refill(this.#quota, [people.quota], () => people.quota?.warn && quotaNote(people.quota));
    const rows = list.map((c) => this.#row(c, c.id === open));
    if (rows.length !== this.#items.children.length || rows.some((row, i) => this.#items.children[i] !== row)) this.#order(rows);
    refill(this.#empty, [list.length, chat.ready, chosen], () => list.length === 0 && (chat.ready ? emptyList() : loadingList()));
  }

  /** @param {typeof chosen} name */
  #tab(name) {
    const unread = name === "unread" ? client().chat.list.filter((c) => c.unread > 0).length : 0;
    const on = name === chosen;
    return h("button", {
      type: "button", role: "tab", id: `tab-${name}`, class: "tab", "aria-selected": String(on), "aria-controls": "list-panel", tabindex: on ? 0 : -1, "data-testid": `tab-${name}`,
      onclick: () => this.#choose(name),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#tabKey(event, name),
    }, t(`tab.${name}`), unread > 0 && h("span", { class: "tab-count" }, number(unread)));
  }

  /** @param {typeof chosen} name */
  #choose(name) {
    chosen = name;
    this.update();
    const tab = /** @type {HTMLElement | null} */ (this.#tabs.querySelector("[aria-selected=true]"));
    tab?.focus();
    tab?.scrollIntoView({ inline: "nearest", block: "nearest" });
  }

  /** @param {KeyboardEvent} event @param {typeof chosen} name */
  #tabKey(event, name) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const i = tabs.findIndex(([n]) => n === name);
    this.#choose(tabs[(i + step + tabs.length) % tabs.length][0]);
  }

  /**
   * The row of a conversation. It stays the same element, so that a press that is under way when news comes still counts.
   *
   * @param {Conversation} c
   * @param {boolean} open
   */
  #row(c, open) {
    const row = this.#rows.get(c.id) ?? newRow(c.id);
    this.#rows.set(c.id, row);
    const button = /** @type {HTMLElement} */ (row.firstElementChild);
    if (open) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    refill(button, [c.others.map((m) => [m.name, m.role, m.company]), c.title, c.latest && [lastLine(c, c.latest), recently(c.latest.time)], c.unread, c.exchanged, c.appointed], () => words(c));
    return row;
  }

  /** Puts the rows in order without taking the keyboard away from one. @param {HTMLElement[]} rows */
  #order(rows) {
    const focused = this.#items.contains(document.activeElement) ? document.activeElement : null;
    this.#items.replaceChildren(...rows);
    if (focused instanceof HTMLElement) focused.focus();
  }
}

/** @param {string} id */
function newRow(id) {
  return h("li", {}, h("button", {
    type: "button", class: "conversation", "data-conversation": id, "data-testid": "conversation",
    onclick: () => go({ view: "chat", conversation: id, interview: "" }),
  }));
}

/** @param {Conversation} c */
function words(c) {
  const other = c.others[0];
  const latest = c.latest;
  return [
    avatar(other),
    h("span", { class: "conversation-words" },
      h("span", { class: "line" }, h("strong", {}, otherName(c)), h("time", { class: "muted", datetime: latest?.time.toISOString() }, latest ? recently(latest.time) : "")),
      h("span", { class: "line muted" }, h("span", { class: "cut" }, [other?.company || roleName(other?.role ?? ""), c.title].filter(Boolean).join(" · ")), marks(c)),
      h("span", { class: "line" }, h("span", { class: "cut last", "data-testid": "last-line" }, latest ? lastLine(c, latest) : t("chat.empty")), c.unread > 0 && unread(c.unread))),
  ];
}

/** @param {number} n */
function unread(n) {
  return h("span", { class: "unread", "data-testid": "unread" }, h("span", { "aria-hidden": "true" }, n > 99 ? "99+" : number(n)), h("span", { class: "spoken" }, t("chat.unread", { n })));
}

/** What came of a conversation. @param {Conversation} c */
function marks(c) {
  if (c.appointed === "accepted") return h("span", { class: "row-mark" }, icon("calendar"), t("appointment.step.accepted"));
  return c.exchanged && h("span", { class: "row-mark" }, icon("swap"), t("tab.exchanged"));
}

/** @param {import("../client/wire.js").Quota} quota */
function quotaNote({ left, resets }) {
  return h("p", { class: "note list-note", role: "status", "data-testid": "quota" }, t(left > 0 ? "quota.warn" : "quota.over", { n: left, when: moment(new Date(resets)) }));
}

function emptyList() {
  if (chosen !== "all") return h("p", { class: "muted" }, t(`tab.${chosen}.empty`));
  return [h("p", {}, h("strong", {}, t("chat.list.empty"))), h("p", { class: "muted" }, t("chat.list.empty.hint"))];
}

function loadingList() {
  return h("div", { class: "bones", role: "status", "aria-label": t("app.loading") }, [1, 2, 3].map(() => h("div", { class: "bone" })));
}

customElements.define("parley-list", ConversationList);
