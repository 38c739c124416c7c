import { View, fill, h, icon } from "./dom.js";
import { t, timer } from "./strings.js";
import { troubled } from "./trouble.js";
import { LevelMeter, VoiceRecorder } from "../client/index.js";

/** Stands in for the composer while a voice message is recorded. */

export class VoiceBar extends View {
  #recorder = new VoiceRecorder();
  #time = h("span", { class: "clock" });
  #level = h("span", { class: "level-track", "aria-hidden": "true" }, h("span", { class: "level-bar" }));
  #send = h("button", {});
  /** @type {LevelMeter | null} */
  #meter = null;

  /** @param {(voice: Blob | null) => void} done null when it was thrown away */
  constructor(done) {
    super();
    this.done = done;
  }

  enter() {
    this.#recorder.on("full", () => void this.#finish());
    const tick = setInterval(() => this.update(), 200);
    this.signal.addEventListener("abort", () => {
      clearInterval(tick);
      this.#meter?.close();
      this.#recorder.cancel();
    });
    void this.#begin();
  }

  async #begin() {
    try {
      await this.#recorder.start();
      if (this.#recorder.stream) this.#meter = new LevelMeter(this.#recorder.stream);
      this.#send.disabled = false;
      this.#send.focus();
    } catch (error) {
      troubled(error);
      this.done(null);
    }
  }

  async #finish() {
    const voice = await this.#recorder.stop();
    this.done(voice.size > 0 ? voice : null);
  }

  build() {
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", t("voice.recording"));
    this.#send = h("button", { type: "button", class: "primary round", disabled: true, "aria-label": t("chat.send"), title: t("chat.send"), "data-testid": "voice-send", onclick: () => void this.#finish() }, icon("send"));
    fill(this, h("button", { type: "button", class: "plain round", "aria-label": t("voice.discard"), title: t("voice.discard"), "data-testid": "voice-discard", onclick: () => this.done(null) }, icon("close")),
      h("span", { class: "dot recording-dot" }), this.#time, this.#level, h("span", { class: "spoken", role: "status" }, t("voice.recording")), this.#send);
  }

  update() {
    fill(this.#time, timer(this.#recorder.elapsed / 1000));
    this.#level.style.setProperty("--level", String(this.#meter?.level ?? 0));
  }
}

customElements.define("parley-voice", VoiceBar);
