import { client, nameOf, otherName, route } from "./app.js";
import { copy } from "./agree.js";
import { Composer } from "./composer.js";
import { View, fill, h, icon, onFrame, refill } from "./dom.js";
import { ThreadHead } from "./head.js";
import { openMenu } from "./menu.js";
import { messageElement, messageVersion } from "./message.js";
import { report } from "./safety.js";
import { day, lang, t } from "./strings.js";
import { sentence } from "./words.js";

/** One conversation: its head, its messages under marks of the day, and the composer. */

/** @typedef {import("../client/conversation.js").Message} Message */

/** Messages of one sender within this time stand together. */
const together = 3 * 60_000;
const nearBottom = 80;
const emoji = ["👍", "❤️", "😄", "🎉", "🙏", "👀"];
/** The keys that act on the message that has the keyboard. @type {Record<string, "reply" | "edit" | "recall">} */
const keys = { r: "reply", e: "edit", Delete: "recall" };

export class Thread extends View {
  #scroll = h("div", { class: "thread-scroll" });
  #items = h("ol", { class: "messages", "data-testid": "messages" });
  #top = h("div", { class: "thread-top" });
  #spoken = h("p", { class: "spoken", "aria-live": "polite", "data-testid": "announcer" });
  #jump = h("button", { type: "button", class: "jump", hidden: true });
  /** @type {Map<string, { element: HTMLElement, version: string }>} */
  #shown = new Map();
  #stuck = true;
  #troubleOlder = false;

  /** @param {import("../client/index.js").Conversation} conversation @param {{ compact?: boolean }} [how] compact: beside a call */
  constructor(conversation, { compact = false } = {}) {
    super();
    this.conversation = conversation;
    this.compact = compact;
    this.composer = new Composer(conversation, () => this.#toBottom(), { compact });
  }

  enter() {
    const later = onFrame(() => this.update());
    const { signal, conversation } = this;
    const { interviews, session } = client();
    conversation.on("change", later, { signal });
    conversation.on("arrived", (entry) => this.#arrived(entry), { signal });
    interviews.on("change", later, { signal });
    interviews.on("receipt", later, { signal });
    session.on("state", later, { signal });
    signal.addEventListener("abort", conversation.attend());
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.#scroll.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#scroll.addEventListener("contextmenu", (event) => this.#pressed(event), { signal });
    this.addEventListener("dragover", (event) => event.dataTransfer?.types.includes("Files") && event.preventDefault(), { signal });
    this.addEventListener("drop", (event) => this.#dropped(event), { signal });
    addEventListener("hashchange", () => this.#wanted(), { signal });
    new ResizeObserver(() => this.#stuck && this.#toBottom()).observe(this.#scroll);
    void this.#older().then(() => this.#wanted());
  }

  build() {
    this.#shown.clear();
    this.#items.replaceChildren();
    this.#scroll.tabIndex = 0;
    this.#scroll.setAttribute("role", "log");
    this.#scroll.setAttribute("aria-live", "off");
    this.#scroll.setAttribute("aria-label", t("chat.messages", { name: otherName(this.conversation) }));
    this.#jump = h("button", { type: "button", class: "jump", hidden: true, onclick: () => this.#toBottom() }, icon("down"), t("chat.new"));
    fill(this.#scroll, this.#top, this.#items);
    const head = this.compact ? h("header", { class: "thread-head" }, h("h2", {}, t("call.chat"))) : h("header", {}, new ThreadHead(this.conversation));
    fill(this, head, h("div", { class: "thread-body" }, this.#scroll, this.#jump), this.#spoken, this.composer);
  }

  update() {
    const c = this.conversation;
    refill(this.#top, [c.loading, c.complete, this.#troubleOlder, c.latest === undefined], () => this.#topParts());
    const before = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    this.#draw(c.messages());
    if (this.#stuck) this.#toBottom();
    else this.#scroll.scrollTop = this.#scroll.scrollHeight - before;
  }

  #topParts() {
    const c = this.conversation;
    if (c.loading) return h("p", { class: "muted", role: "status" }, t("chat.older.loading"));
    if (this.#troubleOlder) return h("p", { class: "note" }, t("chat.older.failed"), " ", h("button", { type: "button", class: "link", onclick: () => void this.#older() }, t("app.retry")));
    if (!c.complete) return h("button", { type: "button", class: "plain small", onclick: () => void this.#older() }, t("chat.older"));
    if (!c.latest) return h("p", { class: "empty muted" }, t("chat.empty"));
    return h("p", { class: "muted small" }, t("chat.beginning"));
  }

  async #older() {
    try {
      await this.conversation.older();
      this.#troubleOlder = false;
    } catch {
      this.#troubleOlder = true;
    }
    this.update();
  }

  /** Reuses the elements whose message did not change. @param {Message[]} messages */
  #draw(messages) {
    const nodes = [];
    const seen = new Set();
    let today = "";
    for (const [i, m] of messages.entries()) {
      const mark = day(m.time);
      if (mark !== today) nodes.push(this.#reuse(`day-${mark}`, lang(), seen, () => h("li", { class: "day" }, h("span", {}, mark))));
      today = mark;
      const last = !continues(m, messages[i + 1]);
      nodes.push(this.#reuse(m.key, messageVersion(this.conversation, m, last), seen, () => messageElement(this.conversation, m, last, this.#acts)));
    }
    for (const key of this.#shown.keys()) if (!seen.has(key)) this.#shown.delete(key);
    place(this.#items, nodes);
  }

  /** @param {string} key @param {string} version @param {Set<string>} seen @param {() => HTMLElement} make */
  #reuse(key, version, seen, make) {
    seen.add(key);
    const shown = this.#shown.get(key);
    if (shown?.version === version) return shown.element;
    const element = make();
    if (shown?.element === document.activeElement) queueMicrotask(() => element.focus({ preventScroll: true }));
    this.#shown.set(key, { element, version });
    return element;
  }

  /** @type {import("./message.js").Acts} */
  #acts = {
    menu: (m, anchor) => this.#menu(m, anchor),
    jump: (seq) => void this.show(seq),
    rewrite: (m) => this.composer.write(this.conversation.recalled(m.seq)),
  };

  /** @param {Message} m @param {HTMLElement} anchor */
  #menu(m, anchor) {
    const c = this.conversation;
    const may = c.may(m);
    openMenu(anchor, t("message.menu"), [
      may.reply && { id: "reply", label: t("message.reply"), icon: "reply", act: () => this.composer.reply(m) },
      may.edit && { id: "edit", label: t("message.edit"), icon: "edit", act: () => this.composer.edit(m) },
      m.type === "text" && may.reply && { id: "copy", label: t("app.copy"), icon: "copy", act: () => void copy(m.content.text) },
      may.recall && { id: "recall", label: t("message.recall"), icon: "undo", act: () => void c.recall(m.seq) },
      may.report && { id: "report", label: t("report.action"), icon: "flag", danger: true, act: () => void report(c, m) },
    ], { top: may.react ? (close) => this.#reactionRow(m, close) : undefined, empty: t("message.nothing") });
  }

  /** @param {Message} m @param {() => void} close */
  #reactionRow(m, close) {
    const me = client().user;
    return h("div", { class: "menu-reactions", role: "group", "aria-label": t("reaction.label") }, emoji.map((e) => {
      const on = m.reactions.get(e)?.includes(me) ?? false;
      return h("button", { type: "button", role: "menuitemcheckbox", "aria-checked": String(on), "aria-label": e, class: "reaction-choice", "data-testid": `react-${e}`, onclick: () => {
        close();
        this.conversation.react(m.seq, e, !on);
      } }, e);
    }));
  }

  /** @param {Element | null} at in a message @returns {{ m: Message, element: HTMLElement } | undefined} */
  #at(at) {
    const element = /** @type {HTMLElement | null | undefined} */ (at?.closest("li[data-key]"));
    const m = element && this.conversation.messages().find((x) => x.key === element.dataset.key);
    return m && element ? { m, element } : undefined;
  }

  /** Arrows go from message to message; Enter opens the menu of one. @param {KeyboardEvent} event */
  #key(event) {
    if (event.target !== this.#scroll && event.target !== document.activeElement?.closest("li[data-key]")) return;
    const all = [.../** @type {NodeListOf<HTMLElement>} */ (this.#items.querySelectorAll("li[data-key]"))];
    const i = all.indexOf(/** @type {HTMLElement} */ (event.target));
    const next = { ArrowUp: i < 0 ? all.length - 1 : i - 1, ArrowDown: i < 0 ? all.length : i + 1 }[event.key];
    if (next !== undefined && all[next]) {
      event.preventDefault();
      return all[next].focus();
    }
    const here = this.#at(all[i] ?? null);
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = event.key === "Enter" ? "menu" : keys[event.key];
    if (!act || (act !== "menu" && !this.conversation.may(here.m)[act])) return;
    event.preventDefault();
    if (act === "menu") this.#menu(here.m, here.element);
    else if (act === "recall") this.conversation.recall(here.m.seq);
    else this.composer[act](here.m);
  }

  /** A long press, or the other button of a mouse. @param {MouseEvent} event */
  #pressed(event) {
    const bubble = event.target instanceof Element ? event.target.closest(".bubble") : null;
    const here = this.#at(bubble);
    if (!here?.m.seq || !(bubble instanceof HTMLElement)) return;
    event.preventDefault();
    this.#menu(here.m, here.element);
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.composer.attach(files);
  }

  /** The address may name an entry to show. */
  #wanted() {
    const { at, conversation } = route();
    if (at && conversation === this.conversation.id) void this.show(at);
  }

  /** Brings an entry into sight. @param {number} seq */
  async show(seq) {
    await this.conversation.reach(seq).catch(() => undefined);
    this.#stuck = false;
    this.update();
    const element = /** @type {HTMLElement | null} */ (this.#items.querySelector(`li[data-seq="${seq}"]`));
    if (!element) return;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.add("found");
    setTimeout(() => element.classList.remove("found"), 2500);
  }

  /** @param {import("../client/conversation.js").Entry} entry */
  #arrived(entry) {
    if (entry.type === "recall" || entry.type === "edit") fill(this.#spoken); // what was read out may be what is gone
    const m = this.conversation.messages().find((x) => x.seq === entry.seq);
    if (!m) return;
    const words = sentence(this.conversation, m);
    fill(this.#spoken, m.sender && !m.content?.recalled ? t("chat.arrived", { name: nameOf(this.conversation, m.sender), text: words }) : words);
    this.#jump.hidden = this.#stuck;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    this.#stuck = scrollHeight - scrollTop - clientHeight < nearBottom;
    if (this.#stuck) this.#jump.hidden = true;
    if (scrollTop < 40 && !this.conversation.complete && !this.#troubleOlder) void this.#older();
  }

  #toBottom() {
    this.#stuck = true;
    this.#jump.hidden = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}

/** @param {Message} m @param {Message | undefined} next */
function continues(m, next) {
  if (!next || next.type !== "text" || m.type !== "text" || next.sender !== m.sender) return false;
  if (m.reactions.size || m.content?.recalled || next.content?.recalled) return false;
  return next.time.getTime() - m.time.getTime() < together && next.state === m.state && day(next.time) === day(m.time);
}

/** Brings the children into the order of nodes, moving only what is elsewhere. @param {Element} parent @param {Element[]} nodes */
function place(parent, nodes) {
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild?.remove();
}

customElements.define("parley-thread", Thread);
