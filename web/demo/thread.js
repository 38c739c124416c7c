import { client, go, nameOf, otherName } from "./app.js";
import { Composer } from "./composer.js";
import { ask, tell } from "./dialog.js";
import { View, fill, h, icon, onFrame, refill } from "./dom.js";
import { avatar } from "./list.js";
import { messageElement, messageVersion } from "./message.js";
import { day, lang, roleName, t } from "./strings.js";
import { sentence } from "./words.js";
import { ParleyError } from "../client/index.js";

/** One conversation: its head, its messages under marks of the day, and the composer. */

/** @typedef {import("../client/conversation.js").Message} Message */

/** Messages of one sender within this time stand together. */
const together = 3 * 60_000;
const nearBottom = 80;

export class Thread extends View {
  #head = h("header", { class: "thread-head" });
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
    this.composer = new Composer(conversation, () => this.#toBottom());
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
    new ResizeObserver(() => this.#stuck && this.#toBottom()).observe(this.#scroll);
    void this.#older();
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
    fill(this, this.#head, h("div", { class: "thread-body" }, this.#scroll, this.#jump), this.#spoken, this.composer);
  }

  update() {
    const c = this.conversation;
    const running = client().interviews.of(c.id);
    refill(this.#head, [c.members.map((m) => m.name), c.disclosed, running?.id, running?.seat, client().session.state], () => (this.compact ? compactHead() : this.#headParts()));
    refill(this.#top, [c.loading, c.complete, this.#troubleOlder, c.latest === undefined], () => this.#topParts());
    const before = this.#scroll.scrollHeight - this.#scroll.scrollTop;
    this.#draw(this.conversation.messages());
    if (this.#stuck) this.#toBottom();
    else this.#scroll.scrollTop = this.#scroll.scrollHeight - before;
  }

  #headParts() {
    const c = this.conversation;
    const other = c.others[0];
    return [
      h("button", { type: "button", class: "quiet back", "aria-label": t("app.back"), "data-testid": "back", onclick: () => go({ conversation: "" }) }, icon("back")),
      avatar(other),
      h("div", { class: "who" },
        h("h2", { "data-testid": "other-name" }, h("span", {}, otherName(c)), other?.masked && maskedHint()),
        h("p", { class: "muted cut" }, [roleName(other?.role ?? ""), other?.company, c.title].filter(Boolean).join(" · "))),
      h("div", { class: "head-actions" }, this.#discloseButton(), this.#interviewButton()),
    ];
  }

  #discloseButton() {
    const c = this.conversation;
    if (c.self?.role !== "candidate") return null;
    if (c.disclosed) return h("span", { class: "pill", "data-testid": "disclosed" }, icon("check"), h("span", {}, t("disclose.done")));
    return h("button", { type: "button", class: "plain", "data-testid": "disclose", onclick: () => void this.#disclose() }, icon("eye"), h("span", {}, t("disclose.action")));
  }

  async #disclose() {
    const c = this.conversation;
    const answer = await ask({
      title: t("disclose.title"), text: t("disclose.text", { name: otherName(c) }),
      actions: [{ id: "disclose", label: t("disclose.confirm"), kind: "primary" }],
    });
    if (answer === "disclose") await c.disclose().catch(troubled);
  }

  #interviewButton() {
    const c = this.conversation;
    const { interviews, role } = client();
    const running = interviews.of(c.id);
    if (running) {
      const word = running.seat === "out" ? t("interview.enter") : t("interview.return");
      return h("button", { type: "button", class: "primary", "data-testid": "head-interview", onclick: () => go({ view: "interview", interview: running.id }) }, icon("video"), h("span", {}, word));
    }
    if (role !== "recruiter" && role !== "headhunter") return null;
    return h("button", { type: "button", class: "plain", "data-testid": "start-interview", disabled: client().session.state !== "open", onclick: () => void this.#start() }, icon("video"), h("span", {}, t("interview.start")));
  }

  async #start() {
    try {
      const interview = await client().interviews.open(this.conversation.id);
      go({ view: "interview", interview: interview.id });
    } catch (error) {
      troubled(error);
    }
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
      nodes.push(this.#reuse(m.key, messageVersion(this.conversation, m, last), seen, () => messageElement(this.conversation, m, last)));
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
    this.#shown.set(key, { element, version });
    return element;
  }

  /** @param {import("../client/conversation.js").Entry} entry */
  #arrived(entry) {
    const m = this.conversation.messages().find((x) => x.seq === entry.seq);
    if (!m) return;
    const words = sentence(this.conversation, m);
    fill(this.#spoken, m.type === "text" ? t("chat.arrived", { name: nameOf(this.conversation, m.sender), text: words }) : words);
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

function compactHead() {
  return h("h2", {}, t("call.chat"));
}

/** A mark beside a masked name that says why. */
function maskedHint() {
  return [
    h("button", { type: "button", class: "masked", popovertarget: "masked-why", "aria-label": `${t("masked.badge")}：${t("masked.why")}`, "data-testid": "masked" }, h("span", {}, t("masked.badge")), icon("info")),
    h("div", { id: "masked-why", class: "hint", popover: "auto" }, h("strong", {}, t("masked.why")), h("p", {}, t("masked.text"))),
  ];
}

/** @param {Message} m @param {Message | undefined} next */
function continues(m, next) {
  if (!next || next.type !== "text" || m.type !== "text" || next.sender !== m.sender) return false;
  return next.time.getTime() - m.time.getTime() < together && next.state === m.state && day(next.time) === day(m.time);
}

/** Brings the children into the order of nodes, moving only what is elsewhere. @param {Element} parent @param {Element[]} nodes */
function place(parent, nodes) {
  nodes.forEach((node, i) => {
    if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
  });
  while (parent.children.length > nodes.length) parent.lastElementChild?.remove();
}

/** @param {unknown} error */
export function troubled(error) {
  tell(ParleyError.of(error).in(lang()), "alarm");
}

customElements.define("parley-thread", Thread);
