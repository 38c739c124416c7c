import { client, go } from "./app.js";
import { ParleyError, Player, Timeline } from "../client/index.js";
import { View, fill, h, icon, refill } from "./dom.js";
import { saveBundle } from "./receipt.js";
import { lang, moment, t, tOr, timer } from "./strings.js";

/** Play-back: the sides of an interview beside each other on one time line, with its gaps and what they are. */

/** @typedef {import("../client/wire.js").RecordingSet} RecordingSet */

const speeds = [0.5, 1, 1.5, 2];
const tryAgainEvery = 3000;
const tries = 20;

export class PlayView extends View {
  /** @type {RecordingSet | null} */
  #set = null;
  /** @type {ParleyError | null} */
  #problem = null;
  /** @type {Player | null} */
  #player = null;
  /** @type {Map<string, HTMLVideoElement>} */
  #videos = new Map();
  #stage = h("div", { class: "play-stage" });
  #controls = h("div", { class: "play-controls" });
  #clock = h("span", { class: "clock", "data-testid": "play-time" });
  #range = h("input", { type: "range" });
  #head = h("div", { class: "playhead" });
  #wait = h("p", { class: "play-wait", role: "status", hidden: true });
  #retry = 0;

  /** @param {string} interview */
  constructor(interview) {
    super();
    this.interview = interview;
  }

  enter() {
    addEventListener("keydown", (event) => this.#key(event), { signal: this.signal });
    void this.#fetch(tries);
  }

  leave() {
    clearTimeout(this.#retry);
    this.#player?.close();
    this.#player = null;
  }

  /** A recording is sealed a moment after the interview's end. @param {number} left */
  async #fetch(left) {
    try {
      this.#set = await client().recordings.of(this.interview);
      this.#problem = null;
      if ((this.#sealing || this.#storing) && left > 0) this.#retry = setTimeout(() => void this.#fetch(left - 1), tryAgainEvery);
    } catch (error) {
      this.#problem = ParleyError.of(error);
    }
    if (!this.signal.aborted) this.build();
  }

  #now() {
    clearTimeout(this.#retry);
    void this.#fetch(tries);
  }

  get #sealing() {
    return Boolean(this.#set?.parts.some((p) => p.state === "recording"));
  }

  /** Nothing can be played yet, since what was sealed is not stored. */
  get #storing() {
    const timeline = this.#set && new Timeline(this.#set);
    return Boolean(timeline && timeline.parts.length === 0 && timeline.storing.length > 0);
  }

  build() {
    const at = this.#player?.time ?? 0;
    this.#player?.close();
    this.#player = null;
    const empty = !this.#set || new Timeline(this.#set).parts.length === 0;
    fill(this, h("section", { class: "play", "data-testid": "play", "aria-labelledby": "play-title" },
      h("div", { class: "play-head" },
        h("button", { type: "button", class: "quiet back", "aria-label": t("app.back"), "data-testid": "play-close", onclick: () => go({ view: "chat", interview: "" }) }, icon("back")),
        h("h1", { id: "play-title" }, t("play.title"))),
      !this.#set || empty || this.#sealing ? this.#instead() : this.#parts(this.#set)));
    if (at > 0) /** @type {Player | null} */ (this.#player)?.seek(at);
  }

  #instead() {
    if (this.#problem) {
      return h("div", { class: "empty", role: "alert" }, h("p", {}, this.#problem.in(lang())),
        h("button", { type: "button", class: "plain", onclick: () => this.#now() }, t("app.retry")));
    }
    if (!this.#set) return h("p", { class: "empty muted", role: "status" }, t("app.loading"));
    if (this.#storing && !this.#sealing) {
      return h("div", { class: "empty muted", role: "status", "data-testid": "storing" }, h("p", {}, t("play.storing")),
        h("button", { type: "button", class: "plain", onclick: () => this.#now() }, t("app.retry")));
    }
    return h("p", { class: "empty muted", role: "status" }, t(this.#sealing ? "play.recording" : "play.empty"));
  }

  /** @param {RecordingSet} set */
  #parts(set) {
    this.#start(set);
    const { timeline } = /** @type {Player} */ (this.#player);
    fill(this.#stage, timeline.sides.map((side) => this.#side(side)));
    this.#range = h("input", {
      type: "range", min: 0, max: timeline.duration, step: 0.05, value: 0, "aria-label": t("play.position"), "data-testid": "play-range",
      oninput: () => this.#player?.seek(Number(this.#range.value)),
    });
    this.#update();
    return [this.#stage, this.#wait, this.#line(), this.#controls, this.#facts()];
  }

  /** @param {RecordingSet} set */
  #start(set) {
    const { sides } = new Timeline(set);
    this.#videos = new Map(sides.map(({ user }) => [user, h("video", { ".playsInline": true, preload: "auto", "data-testid": "play-video", "data-user": user })]));
    this.#player = new Player({ recordings: client().recordings, interview: this.interview, set, elements: this.#videos });
    this.#player.on("change", () => this.#update(), { signal: this.signal });
    this.#player.on("time", () => this.#tick(), { signal: this.signal });
  }

  /** @param {{ user: string, name: string }} side */
  #side({ user, name }) {
    const video = this.#videos.get(user) ?? h("video", {});
    video.setAttribute("aria-label", name);
    const sound = h("button", { type: "button", class: "quiet", onclick: () => toggleSound() });
    const label = () => {
      const word = t(video.muted ? "play.sound.on" : "play.sound.off", { name });
      sound.setAttribute("aria-label", word);
      sound.title = word;
      fill(sound, icon(video.muted ? "nosound" : "sound"));
    };
    const toggleSound = () => {
      video.muted = !video.muted;
      label();
    };
    label();
    const tracks = this.#set?.parts.flatMap((p) => p.sides.filter((s) => s.user === user).flatMap((s) => s.tracks ?? [])) ?? [];
    const seen = tracks.length === 0 || tracks.some((x) => x.kind === "video");
    return h("figure", { class: "play-side" }, h("div", { class: "play-picture" }, video, !seen && h("p", { class: "play-none" }, icon("mic"), t("play.side.sound"))),
      h("figcaption", {}, h("span", {}, user === client().user ? `${name}（${t("interview.you")}）` : name), sound));
  }

  /** A lane a side, gaps hatched, and the range over them. */
  #line() {
    const { timeline } = /** @type {Player} */ (this.#player);
    const lanes = timeline.sides.map(({ user, name }) => h("div", { class: "lane", title: name },
      timeline.parts.map((p) => span("held", p.from, p.info.sides.some((s) => s.user === user && s.url) ? p.to : p.from, timeline.duration)),
      timeline.gaps.filter((g) => g.user === user || g.user === "").map((g) => span("gap", g.from, g.to, timeline.duration, gapWords(g, timeline)))));
    return h("div", { class: "time-line" }, h("div", { class: "lanes", "aria-hidden": "true" }, lanes, this.#head), this.#range);
  }

  #facts() {
    const { timeline } = /** @type {Player} */ (this.#player);
    return h("div", { class: "play-facts" },
      h("div", {}, h("h2", {}, t("play.gaps")), timeline.gaps.length === 0 ? h("p", { class: "muted", "data-testid": "no-gaps" }, t("play.gaps.none")) :
        h("ul", { class: "gaps", "data-testid": "gaps" }, timeline.gaps.map((g) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => this.#player?.seek(g.from) },
          t("play.gap", { time: stretch(g), reason: gapWords(g, timeline) })))))),
      h("div", {}, h("h2", {}, t("play.parts")), h("ul", { class: "parts" }, timeline.parts.map((p, i) => h("li", {},
        [t("play.part", { n: i + 1 }), moment(new Date(p.info.started)), timer(p.to - p.from), tOr(`play.part.state.${p.info.state}`, "play.part.state.sealed")].join(" · "),
        bundleButton(p.info.recording)))),
        timeline.storing.length > 0 && h("p", { class: "muted", "data-testid": "storing" }, t("play.storing.some", { n: timeline.storing.length }))),
      h("p", { class: "muted keys" }, t("play.keys")));
  }

  #update() {
    const player = this.#player;
    if (!player) return;
    refill(this.#controls, [player.playing, player.rate], () => [
      button("back10", t("play.back"), "play-back", () => player.seek(player.time - 10)),
      h("button", { type: "button", class: "primary round", "aria-label": t(player.playing ? "play.pause" : "play.play"), "data-testid": "play-toggle", onclick: () => this.#press(player) }, icon(player.playing ? "pause" : "play")),
      button("forward10", t("play.forward"), "play-forward", () => player.seek(player.time + 10)),
      this.#clock,
      h("label", { class: "speed" }, h("span", { class: "spoken" }, t("play.speed")), h("select", { "data-testid": "play-speed", onchange: (/** @type {Event} */ e) => player.setRate(Number(/** @type {HTMLSelectElement} */ (e.target).value)) },
        speeds.map((s) => h("option", { value: s, selected: s === player.rate }, `${s}×`)))),
    ]);
    const trouble = player.problem ? player.problem.in(lang()) : player.waiting ? t("play.waiting") : "";
    fill(this.#wait, trouble);
    this.#wait.hidden = trouble === "";
    this.#tick();
  }

  /** @param {Player} player */
  #press(player) {
    player.toggle();
    /** @type {HTMLElement | null} */ (this.querySelector("[data-testid=play-toggle]"))?.focus();
  }

  #tick() {
    const player = this.#player;
    if (!player) return;
    const { duration } = player.timeline;
    const words = `${timer(player.time)} / ${timer(duration)}`;
    if (this.#clock.textContent !== words) fill(this.#clock, words);
    this.#range.value = String(player.time);
    this.#range.setAttribute("aria-valuetext", t("play.position.value", { at: timer(player.time), total: timer(duration) }));
    this.#head.style.setProperty("--at", String(duration ? player.time / duration : 0));
    this.dataset.skew = player.skew.toFixed(3);
    this.dataset.playing = String(player.playing && !player.waiting);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const player = this.#player;
    if (!player || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target instanceof HTMLElement && event.target.closest("select, textarea, dialog, button") && event.key === " ") return;
    const act = keys[event.key.toLowerCase()];
    if (!act || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    act(player);
  }
}

/** @type {Record<string, (player: Player) => void>} */
const keys = {
  " ": (p) => p.toggle(),
  "k": (p) => p.pause(),
  "l": (p) => (p.playing ? p.seek(p.time + 10) : p.play()),
  "j": (p) => p.seek(p.time - 10),
  "arrowleft": (p) => p.seek(p.time - 5),
  "arrowright": (p) => p.seek(p.time + 5),
};

/** @param {import("./dom.js").IconName} name @param {string} label @param {string} id @param {() => void} act */
function button(name, label, id, act) {
  return h("button", { type: "button", class: "quiet", "aria-label": label, title: label, "data-testid": id, onclick: act }, icon(name));
}

/** @param {string} recording */
function bundleButton(recording) {
  const b = h("button", { type: "button", class: "link", "data-testid": "bundle", onclick: async () => {
    b.disabled = true;
    fill(b, t("play.bundle.coming"));
    await saveBundle(recording);
    b.disabled = false;
    fill(b, t("play.bundle"));
  } }, t("play.bundle"));
  return b;
}

/** @param {string} kind @param {number} from @param {number} to @param {number} whole @param {string} [title] */
function span(kind, from, to, whole, title) {
  const element = h("span", { class: kind, title });
  element.style.setProperty("--from", String(whole ? from / whole : 0));
  element.style.setProperty("--to", String(whole ? to / whole : 0));
  return element;
}

/** @param {import("../client/playback.js").Gap} gap @param {import("../client/index.js").Timeline} timeline */
function gapWords(gap, timeline) {
  const reason = tOr(`play.gap.${gap.reason}`, "play.gap.other");
  const name = timeline.sides.find((s) => s.user === gap.user)?.name;
  return name ? t("play.gap.who", { name, reason }) : reason;
}

/** One time for what is shorter than a second can show. @param {import("../client/playback.js").Gap} gap */
function stretch({ from, to }) {
  return timer(from) === timer(to) ? timer(from) : `${timer(from)} – ${timer(to)}`;
}

customElements.define("parley-play", PlayView);
