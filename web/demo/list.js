import { client, go, otherName, route } from "./app.js";
import { View, fill, h, onFrame, refill } from "./dom.js";
import { lastLine } from "./words.js";
import { number, recently, roleName, t } from "./strings.js";

/** The user's conversations, the liveliest first, with the last line and how many entries are unread. */

/** @typedef {import("../client/index.js").Conversation} Conversation */

export class ConversationList extends View {
  #items = h("ul", { class: "conversations", "data-testid": "conversations" });
  #empty = h("div", { class: "empty" });
  #title = h("h2", { class: "list-title" });
  /** @type {Map<string, HTMLElement>} by conversation */
  #rows = new Map();

  enter() {
    const { chat } = client();
    const later = onFrame(() => this.update());
    chat.on("change", later, { signal: this.signal });
    addEventListener("hashchange", later, { signal: this.signal });
  }

  build() {
    this.setAttribute("role", "navigation");
    this.setAttribute("aria-label", t("chat.list"));
    fill(this.#title, t("chat.title"));
    fill(this, this.#title, this.#items, this.#empty);
  }

  update() {
    const { chat } = client();
    const list = chat.list;
    const open = route().conversation;
    const rows = list.map((c) => this.#row(c, c.id === open));
    if (rows.length !== this.#items.children.length || rows.some((row, i) => this.#items.children[i] !== row)) this.#order(rows);
    fill(this.#empty, list.length === 0 && (chat.ready ? emptyList() : loadingList()));
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
    refill(button, [c.others.map((m) => [m.name, m.role, m.company]), c.title, c.latest && [lastLine(c, c.latest), recently(c.latest.time)], c.unread], () => words(c));
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
      h("span", { class: "line muted" }, h("span", { class: "cut" }, [other?.company || roleName(other?.role ?? ""), c.title].filter(Boolean).join(" · "))),
      h("span", { class: "line" }, h("span", { class: "cut last", "data-testid": "last-line" }, latest ? lastLine(c, latest) : t("chat.empty")), c.unread > 0 && unread(c.unread))),
  ];
}

/** @param {number} n */
function unread(n) {
  return h("span", { class: "unread", "data-testid": "unread" }, h("span", { "aria-hidden": "true" }, n > 99 ? "99+" : number(n)), h("span", { class: "spoken" }, t("chat.unread", { n })));
}

/** A coloured first letter in place of a picture. @param {{ name: string, role: string } | undefined} member */
export function avatar(member) {
  return h("span", { class: `avatar ${member?.role ?? ""}`, "aria-hidden": "true" }, (member?.name ?? "?").slice(0, 1));
}

function emptyList() {
  return [h("p", {}, h("strong", {}, t("chat.list.empty"))), h("p", { class: "muted" }, t("chat.list.empty.hint"))];
}

function loadingList() {
  return h("div", { class: "bones", role: "status", "aria-label": t("app.loading") }, [1, 2, 3].map(() => h("div", { class: "bone" })));
}

customElements.define("parley-list", ConversationList);
