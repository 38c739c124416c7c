import { fill, h, icon } from "./dom.js";
import { t } from "./strings.js";

/** One participant's picture in a call, with the name, what is muted, how good the line is, and what is wrong in words. */

/** @typedef {import("../client/quality.js").LineQuality} LineQuality */

/**
 * @typedef {object} TileState
 * @property {string} name
 * @property {MediaStream | null} stream
 * @property {boolean} muted the microphone is off
 * @property {boolean} picture whether there is a picture to show
 * @property {string} trouble what to say over the picture, "" for nothing
 * @property {LineQuality | null} line
 * @property {string} [pictureWord] what to say when there is no picture
 */

export class Tile {
  #video;
  #cover = h("div", { class: "tile-cover" });
  #trouble = h("p", { class: "tile-trouble", role: "status", hidden: true });
  #foot = h("div", { class: "tile-foot" });
  #version = "";

  /** @param {{ self?: boolean, blocked?: () => void }} how blocked is called when the browser wants a click before sound */
  constructor({ self = false, blocked } = {}) {
    this.self = self;
    this.blocked = blocked;
    const testid = self ? "self-video" : "remote-video";
    this.#video = h("video", { class: self ? "mirror" : "", "data-testid": testid, ".muted": self, ".playsInline": true, ".autoplay": true });
    this.element = h("figure", { class: `tile ${self ? "self" : "remote"}`, "data-testid": self ? "tile-self" : "tile-remote" }, this.#video, this.#cover, this.#trouble, this.#foot);
  }

  /** @param {TileState} state */
  show(state) {
    this.#attach(state.stream);
    this.element.classList.toggle("speaking", !state.muted && (state.line?.level ?? 0) > 0.03);
    const bars = state.line?.bars ?? 0;
    const version = JSON.stringify([document.documentElement.lang, state.name, state.muted, state.picture, state.pictureWord, bars, Boolean(state.line)]);
    if (version !== this.#version) this.#draw(state, bars);
    this.#version = version;
    if (this.#trouble.textContent !== state.trouble) fill(this.#trouble, state.trouble);
    this.#trouble.hidden = state.trouble === "";
  }

  /** @param {TileState} state @param {0 | 1 | 2 | 3} bars */
  #draw(state, bars) {
    this.#cover.hidden = state.picture;
    this.#video.setAttribute("aria-label", state.name);
    this.#video.classList.toggle("covered", !state.picture);
    fill(this.#cover, h("span", { class: "avatar large", "aria-hidden": "true" }, state.name.slice(0, 1)), h("p", {}, state.pictureWord ?? t("call.muted.camera")));
    fill(this.#foot, h("span", { class: "tile-name" }, state.name), state.muted && h("span", { class: "tile-muted", title: t("call.muted.microphone"), "data-testid": "tile-muted" }, icon("nomic"), h("span", { class: "spoken" }, t("call.muted.microphone"))),
      state.line && qualityBars(bars, this.self ? t("call.quality.self", { words: t(`call.quality.${bars}`) }) : t("call.quality.other", { name: state.name, words: t(`call.quality.${bars}`) })));
  }

  /** @param {MediaStream | null} stream */
  #attach(stream) {
    if (this.#video.srcObject !== stream) this.#video.srcObject = stream;
    if (stream && this.#video.paused) this.#video.play().catch((error) => error.name === "NotAllowedError" && this.blocked?.());
  }

  /** Plays with sound after a click. */
  unblock() {
    void this.#video.play();
  }
}

/** @param {0 | 1 | 2 | 3} bars @param {string} words */
function qualityBars(bars, words) {
  return h("span", { class: `quality q${bars}`, title: words, role: "img", "aria-label": words, "data-testid": "quality" }, [1, 2, 3].map(() => h("i", {})));
}
