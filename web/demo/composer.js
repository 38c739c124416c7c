import { client, nameOf } from "./app.js";
import { View, fill, h, icon } from "./dom.js";
import { Greetings, toolbar } from "./toolbar.js";
import { t } from "./strings.js";
import { troubled } from "./trouble.js";
import { VoiceBar } from "./voicebar.js";
import { snippet } from "./words.js";

/** Where a message is written. Enter sends and Shift+Enter breaks the line, but never while an input method composes. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

const mostBytes = 8 << 10;

/** What was begun in each conversation, so that it is still there after another one was read. @type {Map<string, string>} */
const drafts = new Map();

export class Composer extends View {
  /** @type {{ what: "reply" | "edit", m: Message } | null} the message that is answered or changed */
  #about = null;
  #voice = false;
  #input = h("textarea", {});
  #send = h("button", {});
  #mic = h("button", {});
  #note = h("p", { class: "composer-note", role: "status" });
  #aboutBar = h("div", { class: "about-bar", hidden: true });
  #row = h("div", { class: "composer-row" });

  /** @param {Conversation} conversation @param {() => void} sent @param {{ compact?: boolean }} [how] compact: without the tools */
  constructor(conversation, sent, { compact = false } = {}) {
    super();
    this.conversation = conversation;
    this.sent = sent;
    this.compact = compact;
  }

  get #draft() {
    return drafts.get(this.conversation.id) ?? "";
  }

  set #draft(text) {
    if (text) drafts.set(this.conversation.id, text);
    else drafts.delete(this.conversation.id);
  }

  enter() {
    client().session.on("state", () => this.update(), { signal: this.signal });
  }

  build() {
    const c = this.conversation;
    this.#input = h("textarea", {
      rows: 1, "aria-label": t("chat.composer"), placeholder: t("chat.composer.hint"), enterkeyhint: "send", "data-testid": "composer", ".value": this.#draft,
      oninput: () => this.#typed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
      onpaste: (/** @type {ClipboardEvent} */ event) => this.#pasted(event),
    });
    this.#send = h("button", { type: "button", class: "primary round", "aria-label": t("chat.send"), title: t("chat.send"), "data-testid": "send", onclick: () => this.#submit() }, icon("send"));
    this.#mic = h("button", { type: "button", class: "plain round", "aria-label": t("voice.record"), title: t("voice.record"), "data-testid": "voice-record", onclick: () => this.#speak(true) }, icon("mic"));
    fill(this, !this.compact && new Greetings(c, (text) => this.write(text)), this.#aboutBar, this.#note,
      !this.compact && toolbar(c, { write: (text) => this.write(text), attach: (files) => this.attach(files) }), this.#row);
    this.#fillRow();
    this.#showAbout();
    this.#grow();
  }

  #fillRow() {
    if (this.#voice) return fill(this.#row, new VoiceBar((voice) => this.#spoken(voice)));
    fill(this.#row, this.#input, this.#mic, this.#send);
  }

  update() {
    const over = new TextEncoder().encode(this.#draft).length - mostBytes;
    const away = client().session.state !== "open";
    const empty = this.#draft.trim() === "";
    this.#send.disabled = over > 0 || empty;
    this.#send.hidden = empty && !this.#about;
    this.#mic.hidden = !this.#send.hidden;
    fill(this.#note, over > 0 ? t("chat.too_long", { n: over }) : away ? t("chat.offline.note") : "");
    this.#note.classList.toggle("alarm", over > 0);
  }

  /** Puts the keyboard here. */
  take() {
    this.#input.focus();
  }

  /** Puts words where they can be changed before they are sent. @param {string} text */
  write(text) {
    this.#input.value = text;
    this.#changed();
    this.take();
    this.#input.setSelectionRange(text.length, text.length);
  }

  /** @param {Message} m */
  reply(m) {
    this.#about = { what: "reply", m };
    this.#showAbout();
    this.take();
  }

  /** @param {Message} m an own text */
  edit(m) {
    this.#about = { what: "edit", m };
    this.#showAbout();
    this.write(m.content.text);
  }

  /** @param {File[]} files */
  attach(files) {
    const reply = this.#about?.what === "reply" ? this.#about.m.seq : undefined;
    try {
      for (const file of files) this.conversation.sendFile(file, { reply });
    } catch (error) {
      return troubled(error);
    }
    this.#leave();
    this.sent();
  }

  #showAbout() {
    this.#aboutBar.hidden = !this.#about;
    if (!this.#about) return this.update();
    const { what, m } = this.#about;
    const name = m.mine ? t("interview.you") : nameOf(this.conversation, m.sender);
    fill(this.#aboutBar, icon(what === "reply" ? "reply" : "edit"),
      h("span", { class: "about-words" }, h("strong", {}, t(what === "reply" ? "reply.to" : "edit.of", { name })), h("span", { class: "cut muted" }, snippet(this.conversation, m))),
      h("button", { type: "button", class: "round quiet", "aria-label": t("app.cancel"), title: t("app.cancel"), "data-testid": "about-cancel", onclick: () => this.#giveUp() }, icon("close")));
    this.update();
  }

  #giveUp() {
    if (this.#about?.what === "edit") this.write("");
    this.#leave();
    this.take();
  }

  /** The next message is about no other one. */
  #leave() {
    this.#about = null;
    this.#showAbout();
  }

  #typed() {
    if (this.#input.value) this.conversation.company.type();
    this.#changed();
  }

  #changed() {
    this.#draft = this.#input.value;
    this.#grow();
    this.update();
  }

  #grow() {
    this.#input.style.height = "auto";
    this.#input.style.height = `${Math.min(this.#input.scrollHeight, 160)}px`;
  }

  /** Safari ends a composition before the keydown of its Enter; 229 is how it still tells. @param {KeyboardEvent} event */
  #key(event) {
    const composing = event.isComposing || event.keyCode === 229;
    if (composing) return;
    if (event.key === "Escape" && this.#about) {
      event.stopPropagation();
      return this.#giveUp();
    }
    if (event.key === "ArrowUp" && !this.#input.value && !this.#about) return this.#editLast(event);
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.#submit();
  }

  /** @param {KeyboardEvent} event */
  #editLast(event) {
    const c = this.conversation;
    const last = c.messages().findLast((m) => c.may(m).edit);
    if (!last) return;
    event.preventDefault();
    this.edit(last);
  }

  /** @param {ClipboardEvent} event */
  #pasted(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    this.attach(files);
  }

  /** @param {boolean} on */
  #speak(on) {
    this.#voice = on;
    this.#fillRow();
    if (!on) this.#mic.focus();
  }

  /** @param {Blob | null} voice */
  #spoken(voice) {
    this.#speak(false);
    if (!voice) return;
    this.attach([new File([voice], `voice.${voice.type.split("/")[1] ?? "webm"}`, { type: voice.type })]);
  }

  #submit() {
    const text = this.#draft.trim();
    if (this.#send.disabled || !text) return;
    try {
      this.#put(text);
    } catch (error) {
      return troubled(error);
    }
    this.#draft = this.#input.value = "";
    this.#leave();
    this.#changed();
    this.sent();
    this.take();
  }

  /** @param {string} text */
  #put(text) {
    const c = this.conversation;
    if (!this.#about) return void c.send(text);
    const { what, m } = this.#about;
    if (what === "reply") c.send(text, { reply: m.seq });
    else if (text !== m.content.text) c.edit(m.seq, text);
  }
}

customElements.define("parley-composer", Composer);
