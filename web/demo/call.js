import { client, go } from "./app.js";
import { ask } from "./dialog.js";
import { View, fill, h, icon, onFrame, refill } from "./dom.js";
import { Thread } from "./thread.js";
import { troubled } from "./trouble.js";
import { Tile } from "./tile.js";
import { t, timer } from "./strings.js";

/** An interview while one sits in it: the other side, oneself, the sign of the recording, and the controls. */

/** @typedef {import("../client/index.js").Interview} Interview */
/** @typedef {import("../client/interview.js").Participant} Participant */
/** @typedef {import("./tile.js").TileState} TileState */

export class CallView extends View {
  #top = h("div", { class: "call-top" });
  #sign = h("p", { class: "recording-sign", "data-testid": "recording-sign" });
  #clock = h("span", { class: "clock" });
  #people = h("div", { class: "call-people" });
  #stage = h("div", { class: "stage" });
  #controls = h("div", {});
  #side = h("aside", { class: "call-chat", hidden: true, onkeydown: (/** @type {KeyboardEvent} */ e) => e.key === "Escape" && !e.isComposing && this.#toggleChat() });
  #unblock = h("button", { type: "button", class: "primary unblock", hidden: true });
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  #self = new Tile({ self: true });
  /** @type {Map<string, number>} since when a participant is away, by this browser's clock */
  #awaySince = new Map();

  /** @param {Interview} interview */
  constructor(interview) {
    super();
    this.interview = interview;
  }

  enter() {
    const later = onFrame(() => this.update());
    const { signal } = this;
    this.interview.on("change", later, { signal });
    this.interview.on("quality", later, { signal });
    client().chat.on("change", later, { signal });
    client().session.on("state", later, { signal });
    const tick = setInterval(later, 500);
    signal.addEventListener("abort", () => clearInterval(tick));
  }

  build() {
    this.#controls.setAttribute("role", "toolbar");
    this.#controls.setAttribute("aria-label", t("call.controls"));
    this.#controls.className = "controls";
    this.#unblock = h("button", { type: "button", class: "primary unblock", hidden: true, onclick: () => this.#soundOn() }, icon("sound"), t("call.sound.blocked"));
    fill(this.#top, this.#people, this.#sign);
    fill(this, h("div", { class: "call", "data-testid": "call" }, h("div", { class: "call-main" }, this.#top, this.#stage, this.#unblock, this.#controls), this.#side));
  }

  update() {
    const { interview } = this;
    if (interview.seat === "out") return;
    this.#noteAway();
    this.#showSign();
    const names = interview.others.map((p) => p.name).join("、");
    refill(this.#people, [names], () => [h("h1", {}, names), h("span", {}, t("interview.card"))]);
    this.#showTiles();
    refill(this.#controls, [interview.muted("microphone"), interview.muted("camera"), this.#hasMicrophone, interview.soundOnly, this.#hasCamera, this.#side.hidden, this.#unread > 0], () => this.#buttons());
  }

  /**
   * The sign says that it is recorded, or that nobody here can know while the server, or the node that has the interview, is
   * away; the clock beside it is not spoken every second.
   */
  #showSign() {
    const { recorded_since } = this.interview.info;
    const known = client().session.state === "open" && this.interview.seat !== "returning";
    const recording = known && this.interview.info.recording;
    this.#sign.classList.toggle("on", recording);
    const words = known ? (recording ? "call.recording" : "call.recording.off") : "call.recording.unknown";
    refill(this.#sign, [words], () => [h("span", { class: "dot", "aria-hidden": "true" }), h("span", { role: "status" }, t(words)), recording && this.#clock]);
    const elapsed = recorded_since ? timer((this.#now - Date.parse(recorded_since)) / 1000) : "";
    if (this.#clock.textContent !== elapsed) fill(this.#clock, elapsed);
    this.#sign.title = elapsed && recording ? t("call.elapsed", { duration: elapsed }) : "";
  }

  /** The server's clock, as far as the welcome told. */
  get #now() {
    return Date.now() + client().session.clockOffset;
  }

  get #hasMicrophone() {
    return Boolean(this.interview.local?.getAudioTracks().length);
  }

  get #hasCamera() {
    return Boolean(this.interview.local?.getVideoTracks().length);
  }

  get #unread() {
    return client().chat.get(this.interview.info.conversation)?.unread ?? 0;
  }

  #noteAway() {
    for (const p of this.interview.others) {
      if (!p.away) this.#awaySince.delete(p.user);
      else if (!this.#awaySince.has(p.user)) this.#awaySince.set(p.user, Date.now());
    }
  }

  #showTiles() {
    const { interview } = this;
    const tiles = interview.others.map((p) => {
      const tile = this.#tiles.get(p.user) ?? new Tile({ blocked: () => (this.#unblock.hidden = false) });
      this.#tiles.set(p.user, tile);
      tile.show(this.#remoteState(p));
      return tile.element;
    });
    this.#self.show(this.#selfState());
    const wanted = [...tiles, this.#self.element];
    if (wanted.some((element, i) => this.#stage.children[i] !== element)) this.#stage.replaceChildren(...wanted);
  }

  /** @param {Participant} p @returns {TileState} */
  #remoteState(p) {
    const { call } = this.interview;
    const stream = call?.remote.get(p.user) ?? null;
    const lines = call?.quality.get(p.user);
    const line = lines?.get("camera") ?? lines?.get("microphone") ?? null;
    const camera = p.media?.find((m) => m.label === "camera");
    const picture = Boolean(p.present && camera && !camera.muted && stream?.getVideoTracks().length);
    return {
      name: p.name, stream, picture, muted: Boolean(p.present && p.media?.find((m) => m.label === "microphone")?.muted),
      line: line && { ...line, level: lines?.get("microphone")?.level ?? 0 },
      trouble: this.#trouble(p, picture ? lines?.get("camera")?.stalledSince ?? 0 : 0), pictureWord: pictureWord(p),
    };
  }

  /** @param {Participant} p @param {number} stalledSince */
  #trouble(p, stalledSince) {
    const seconds = (/** @type {number} */ since) => Math.max(0, Math.round((Date.now() - since) / 1000));
    const away = this.#awaySince.get(p.user);
    if (this.interview.seat === "returning" && !this.#flows(p.user)) return t("call.reconnecting", { seconds: seconds(this.interview.awaySince) });
    if (this.interview.seat === "joining") return t("call.joining");
    if (away) return t("call.away", { name: p.name, seconds: seconds(away) });
    return stalledSince ? t("call.stalled", { seconds: seconds(stalledSince) }) : "";
  }

  /** Media may go on while the connection to the server is being restored. @param {string} user */
  #flows(user) {
    const lines = this.interview.call?.quality.get(user);
    return Boolean(lines?.size) && [...(lines?.values() ?? [])].some((line) => line.bars > 0);
  }

  /** @returns {TileState} */
  #selfState() {
    const { interview } = this;
    const lines = interview.call?.quality.get("");
    const line = lines?.get("camera") ?? lines?.get("microphone") ?? null;
    return {
      name: t("call.self"), stream: interview.local, picture: this.#hasCamera && !interview.muted("camera"), muted: interview.muted("microphone"),
      line: interview.seat === "in" ? line : null, trouble: "", pictureWord: interview.soundOnly ? t("call.sound_only") : t("call.muted.camera"),
    };
  }

  #buttons() {
    const { interview } = this;
    const micOff = interview.muted("microphone");
    const camOff = interview.muted("camera") || !this.#hasCamera;
    const never = interview.soundOnly ? t("call.camera.never") : "";
    return [
      control({ id: "mute", label: micOff ? t("call.unmute") : t("call.mute"), icon: micOff ? "nomic" : "mic", off: micOff, disabled: !this.#hasMicrophone, act: () => this.#toggle("microphone", !micOff) }),
      control({ id: "camera", word: t("call.word.camera"), label: never || (camOff ? t("call.camera.on") : t("call.camera.off")), icon: camOff ? "novideo" : "video", off: camOff, disabled: never !== "", act: () => this.#toggle("camera", !camOff) }),
      control({ id: "chat", label: t("call.chat"), icon: "chat", off: false, pressed: !this.#side.hidden, badge: this.#unread > 0 && Boolean(this.#side.hidden), act: () => this.#toggleChat() }),
      control({ id: "withdraw", word: t("call.word.withdraw"), label: t("call.withdraw"), icon: "shield", off: false, act: () => void this.#withdraw() }),
      control({ id: "hangup", label: t("call.hangup"), icon: "hangup", off: false, danger: true, act: () => void this.#hangup() }),
    ];
  }

  /** @param {"microphone" | "camera"} label @param {boolean} muted */
  #toggle(label, muted) {
    this.interview.mute(label, muted).catch(troubled).finally(() => {
      this.update();
      this.#focus(label === "camera" ? "camera" : "mute");
    });
  }

  /** The controls are drawn anew when one of them changes: the keyboard stays where it was. @param {string} id */
  #focus(id) {
    /** @type {HTMLElement | null} */ (this.#controls.querySelector(`[data-testid="${id}"]`))?.focus();
  }

  #toggleChat() {
    const conversation = client().chat.get(this.interview.info.conversation);
    if (!conversation) return;
    this.#side.hidden = !this.#side.hidden;
    const thread = this.#side.hidden ? null : new Thread(conversation, { compact: true });
    fill(this.#side, thread, thread && h("button", { type: "button", class: "quiet close-chat", "data-testid": "close-chat", "aria-label": t("app.close"), onclick: () => this.#toggleChat() }, icon("close")));
    thread?.composer.take();
    this.update();
    if (!thread) this.#focus("chat");
  }

  async #hangup() {
    const answer = await ask({
      title: t("call.hangup.title"), text: t("call.hangup.text"),
      actions: [{ id: "leave", label: t("call.hangup.leave") }, { id: "end", label: t("call.hangup.end"), kind: "danger" }],
    });
    if (answer === "end") await this.interview.end().catch(troubled);
    if (answer === "leave") await this.interview.leave().then(() => go({ view: "chat", conversation: this.interview.info.conversation, interview: "" })).catch(troubled);
  }

  async #withdraw() {
    const answer = await ask({ title: t("call.withdraw.title"), text: t("call.withdraw.text"), actions: [{ id: "withdraw", label: t("call.withdraw.confirm"), kind: "danger" }] });
    if (answer === "withdraw") await this.interview.withdraw().catch(troubled);
  }

  #soundOn() {
    this.#tiles.forEach((tile) => tile.unblock());
    this.#unblock.hidden = true;
  }
}

/** @param {Participant} p what stands in place of a picture */
function pictureWord(p) {
  if (p.consent === "declined") return t("call.declined", { name: p.name });
  if (!p.present && p.consent === "asked") return t("call.waiting.consent", { name: p.name });
  if (!p.present) return t("call.waiting", { name: p.name });
  return p.consent === "agreed_audio" ? t("call.sound_only") : t("call.muted.camera");
}

/**
 * @param {{ id: string, label: string, word?: string, icon: import("./dom.js").IconName, off: boolean, disabled?: boolean, pressed?: boolean, danger?: boolean, badge?: boolean, act: () => void }} what
 */
function control({ id, label, word = label, icon: name, off, disabled, pressed, danger, badge, act }) {
  return h("button", {
    type: "button", class: `control ${off ? "off" : ""} ${danger ? "danger" : ""} ${badge ? "badge" : ""}`, title: label, "aria-label": label, "data-testid": id,
    "aria-pressed": pressed === undefined ? false : String(pressed), disabled: Boolean(disabled), onclick: act,
  }, icon(name), h("span", { class: "control-word", "aria-hidden": "true" }, word));
}

customElements.define("parley-call", CallView);
