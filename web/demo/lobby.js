import { client, go } from "./app.js";
import { View, fill, h, icon, keepKeyboard } from "./dom.js";
import { LevelMeter, ParleyError, devices, openDevices, stopDevices } from "../client/index.js";
import { consentSheet } from "./consent.js";
import { lang, t, tOr } from "./strings.js";
import { troubled } from "./trouble.js";

/**
 * Before an interview: first the notice and the consent, for no device is opened before it, then the devices: a preview,
 * the level of the microphone, the network in words, and the way in.
 */

/** @typedef {import("../client/index.js").Interview} Interview */

const levelEvery = 80;
const networkEvery = 3000;
const heard = 0.18;

export class Lobby extends View {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {ParleyError[]} */
  #problems = [];
  /** @type {LevelMeter | null} */
  #meter = null;
  /** @type {Awaited<ReturnType<typeof devices>>} */
  #devices = { cameras: [], microphones: [] };
  /** @type {{ cameraID?: string, microphoneID?: string }} */
  #choice = {};
  #opening = false;
  #joining = false;
  #joined = false;
  #heard = false;
  #ms = NaN;
  #stage = "";
  #bar = h("div", { class: "level-bar" });
  #levelWord = h("p", { class: "muted", role: "status" });
  #network = h("p", { class: "muted", role: "status", "data-testid": "network" });

  /** @param {Interview} interview */
  constructor(interview) {
    super();
    this.interview = interview;
  }

  enter() {
    this.interview.on("change", () => this.update(), { signal: this.signal });
    const timers = [setInterval(() => this.#level(), levelEvery), setInterval(() => void this.#measure(), networkEvery)];
    this.signal.addEventListener("abort", () => timers.forEach(clearInterval));
    void this.#measure();
  }

  leave() {
    this.#meter?.close();
    this.#meter = null;
    if (!this.#joined) stopDevices(this.#stream);
  }

  build() {
    this.#stage = "";
  }

  update() {
    const stage = this.interview.agreed ? "devices" : this.interview.info.notice;
    if (stage === this.#stage) return;
    this.#stage = stage;
    if (stage !== "devices") return void fill(this, consentSheet(this.interview));
    if (this.#stream) this.#showDevices();
    else void this.#open();
  }

  async #open() {
    if (this.#opening) return;
    this.#opening = true;
    stopDevices(this.#stream);
    this.#showDevices();
    const { stream, problems } = await openDevices({ camera: !this.interview.soundOnly, ...this.#choice });
    this.#opening = false;
    if (this.signal.aborted) return stopDevices(stream);
    this.#stream = stream;
    this.#problems = problems;
    this.#devices = await devices();
    this.#meter?.close();
    this.#meter = stream.getAudioTracks().length ? new LevelMeter(stream) : null;
    this.#heard = false;
    this.#showDevices();
  }

  #showDevices() {
    if (this.#stage !== "devices") return;
    fill(this, h("div", { class: "lobby", "data-testid": "device-check" },
      h("div", { class: "preview-side" }, this.#preview(), h("div", { class: "level" }, icon("mic"), h("div", { class: "level-track", "aria-hidden": "true" }, this.#bar)), this.#levelWord),
      h("div", { class: "sheet" },
        h("p", { class: "step" }, t("devices.step")), h("h1", {}, t("devices.title")),
        this.#opening && h("p", { class: "muted", role: "status" }, t("devices.opening")),
        this.interview.soundOnly && h("p", { class: "note" }, t("devices.sound_only")),
        h("div", { role: "status", class: "troubles" }, this.interview.problem && h("p", { class: "note alarm", "data-testid": "seat-lost" }, this.interview.problem.in(lang())), this.#troubles()),
        this.#select("microphone"), !this.interview.soundOnly && this.#select("camera"),
        h("div", { class: "row" }, h("span", { class: "label" }, t("devices.network")), this.#network),
        h("div", { class: "actions" },
          h("button", { type: "button", class: "primary", "data-testid": "join", disabled: this.#opening || this.#joining || !this.#stream?.getTracks().length, onclick: () => void this.#join() }, this.#joining ? t("devices.joining") : t("devices.join")),
          h("button", { type: "button", class: "plain", onclick: () => go({ view: "chat", interview: "" }) }, t("app.back"))))));
    keepKeyboard(this.closest("main"));
    this.#level();
  }

  #preview() {
    const picture = this.#stream?.getVideoTracks().length;
    const video = h("video", { class: "mirror", "aria-label": t("devices.preview"), "data-testid": "preview", ".muted": true, ".playsInline": true, ".autoplay": true, ".srcObject": picture ? this.#stream : null });
    return h("div", { class: "preview" }, picture ? video : h("p", {}, icon("novideo"), t(this.#opening ? "devices.opening" : this.#stream?.getTracks().length ? "devices.no_camera" : "devices.nothing")));
  }

  #troubles() {
    const ids = [...new Set(this.#problems.map((p) => p.id))];
    return ids.map((id) => h("div", { class: `note ${id === "microphone_denied" ? "alarm" : ""}`, "data-testid": `trouble-${id}` }, tOr(`devices.${id}`, "devices.device_missing"),
      " ", h("button", { type: "button", class: "link", onclick: () => void this.#open() }, t("app.retry"))));
  }

  /** @param {"microphone" | "camera"} kind */
  #select(kind) {
    const list = kind === "camera" ? this.#devices.cameras : this.#devices.microphones;
    if (!list.length) return null;
    const now = (kind === "camera" ? this.#stream?.getVideoTracks() : this.#stream?.getAudioTracks())?.[0]?.getSettings().deviceId;
    return h("label", { class: "row" }, h("span", { class: "label" }, t(`devices.${kind}`)),
      h("select", { onchange: (/** @type {Event} */ e) => this.#choose(kind, /** @type {HTMLSelectElement} */ (e.target).value) },
        list.map((d, i) => h("option", { value: d.deviceId, selected: d.deviceId === now }, d.label || `${t(`devices.${kind}`)} ${i + 1}`))));
  }

  /** @param {"microphone" | "camera"} kind @param {string} id */
  #choose(kind, id) {
    this.#choice = { ...this.#choice, [`${kind}ID`]: id };
    void this.#open();
  }

  #level() {
    const level = this.#meter?.level ?? 0;
    this.#bar.style.setProperty("--level", String(level));
    this.#heard ||= level > heard;
    const word = !this.#meter ? "" : t(this.#heard ? "devices.level.heard" : "devices.level.quiet");
    if (this.#levelWord.textContent !== word) fill(this.#levelWord, word);
  }

  async #measure() {
    this.#ms = await client().session.measure().catch(() => NaN);
    const grade = Number.isNaN(this.#ms) ? 0 : this.#ms < 150 ? 3 : this.#ms < 400 ? 2 : 1;
    const words = t(`devices.network.${/** @type {0 | 1 | 2 | 3} */ (grade)}`, { ms: Math.max(1, Math.round(this.#ms)) });
    if (this.#network.textContent !== words) fill(this.#network, words);
  }

  async #join() {
    const { current } = client().interviews;
    if (current && current !== this.interview) return troubled(new ParleyError("conflict", { text: { zh: t("devices.elsewhere"), en: t("devices.elsewhere") } }));
    this.#joining = this.#joined = true;
    this.#showDevices();
    await this.interview.join(/** @type {MediaStream} */ (this.#stream));
    if (this.interview.problem && this.interview.seat === "out") troubled(this.interview.problem);
  }
}

customElements.define("parley-lobby", Lobby);
