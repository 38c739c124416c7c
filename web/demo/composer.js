import { client } from "./app.js";
import { View, fill, h, icon } from "./dom.js";
import { t } from "./strings.js";

/** Where a message is written. Enter sends and Shift+Enter breaks the line, but never while an input method composes. */

const mostBytes = 8 << 10;

export class Composer extends View {
  #draft = "";
  #input = h("textarea", {});
  #send = h("button", {});
  #note = h("p", { class: "composer-note", role: "status" });

  /** @param {import("../client/index.js").Conversation} conversation @param {() => void} sent */
  constructor(conversation, sent) {
    super();
    this.conversation = conversation;
    this.sent = sent;
  }

  enter() {
    client().session.on("state", () => this.update(), { signal: this.signal });
  }

  build() {
    this.#input = h("textarea", {
      rows: 1, "aria-label": t("chat.composer"), placeholder: t("chat.composer.hint"), enterkeyhint: "send", "data-testid": "composer", ".value": this.#draft,
      oninput: () => this.#changed(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
    });
    this.#send = h("button", { type: "button", class: "primary round", "aria-label": t("chat.send"), title: t("chat.send"), "data-testid": "send", onclick: () => this.#submit() }, icon("send"));
    fill(this, this.#note, h("div", { class: "composer-row" }, this.#input, this.#send));
    this.#grow();
  }

  update() {
    const over = new TextEncoder().encode(this.#draft).length - mostBytes;
    const away = client().session.state !== "open";
    this.#send.disabled = over > 0 || this.#draft.trim() === "";
    fill(this.#note, over > 0 ? t("chat.too_long", { n: over }) : away ? t("chat.offline.note") : "");
    this.#note.classList.toggle("alarm", over > 0);
  }

  /** Puts the keyboard here. */
  take() {
    this.#input.focus();
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
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.#draft.trim();
    if (this.#send.disabled || !text) return;
    this.conversation.send(text);
    this.#draft = this.#input.value = "";
    this.#changed();
    this.sent();
    this.take();
  }
}

customElements.define("parley-composer", Composer);
