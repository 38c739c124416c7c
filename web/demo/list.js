import { client, go, otherName, route } from "./app.js";
import { View, fill, h, onFrame } from "./dom.js";
import { lastLine } from "./words.js";
import { number, recently, roleName, t } from "./strings.js";

/** The user's conversations, the liveliest first, with the last line and how many entries are unread. */

/** @typedef {import("../client/index.js").Conversation} Conversation */

export class ConversationList extends View {
  #items = h("ul", { class: "conversations", "data-testid": "conversations" });
  #empty = h("div", { class: "empty" });
  #title = h("h2", { class: "list-title" });

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
    this.#keepFocus(() => fill(this.#items, list.map((c) => item(c, c.id === open))));
    fill(this.#empty, list.length === 0 && (chat.ready ? emptyList() : loadingList()));
  }

  /** Redraws without taking the keyboard away from an item. @param {() => void} draw */
  #keepFocus(draw) {
    const focused = this.contains(document.activeElement) && document.activeElement?.getAttribute("data-conversation");
    draw();
    if (!focused) return;
    const again = this.querySelector(`[data-conversation="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus();
  }
}

/** @param {Conversation} c @param {boolean} open */
function item(c, open) {
  const other = c.others[0];
  const latest = c.latest;
  return h("li", {}, h("button", {
    type: "button", class: "conversation", "aria-current": open ? "true" : false, "data-conversation": c.id, "data-testid": "conversation",
    onclick: () => go({ view: "chat", conversation: c.id, interview: "" }),
  },
    avatar(other),
    h("span", { class: "conversation-words" },
      h("span", { class: "line" }, h("strong", {}, otherName(c)), h("time", { class: "muted", datetime: latest?.time.toISOString() }, latest ? recently(latest.time) : "")),
      h("span", { class: "line muted" }, h("span", { class: "cut" }, [other?.company || roleName(other?.role ?? ""), c.title].filter(Boolean).join(" · "))),
      h("span", { class: "line" }, h("span", { class: "cut last", "data-testid": "last-line" }, latest ? lastLine(c, latest) : t("chat.empty")), c.unread > 0 && unread(c.unread)))));
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
