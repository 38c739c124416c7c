import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";

/**
 * Recordings: where they are, and a player that keeps the sides of an interview on one time line. Each part of a
 * recording has one clock, shared by the files of its sides; between two parts lies a gap, which is shown and skipped.
 */

/** @typedef {import("./wire.js").RecordingSet} RecordingSet */
/** @typedef {import("./wire.js").RecordingSide} RecordingSide */

/**
 * @typedef {object} Part
 * @property {import("./wire.js").RecordingPart} info
 * @property {number} from seconds on the time line
 * @property {number} to
 */

/** @typedef {{ user: string, from: number, to: number, reason: string }} Gap user is "" for a gap of everybody */

/** The parts of a recording that can be played, on one time line, in seconds from the first one's start. */
export class Timeline {
  /** @type {Part[]} */
  parts;
  /** @type {Gap[]} */
  gaps;

  /** Parts that are sealed and on their way to the store; ask again. @type {import("./wire.js").RecordingPart[]} */
  storing;

  /** @param {RecordingSet} set */
  constructor({ parts }) {
    this.storing = parts.filter((p) => p.available === false && (p.state === "sealed" || p.state === "recovered"));
    const sorted = parts.filter((p) => p.sides?.some((s) => s.url)).sort((a, b) => Date.parse(a.started) - Date.parse(b.started));
    const zero = sorted.length ? Date.parse(sorted[0].started) : 0;
    this.started = new Date(zero);
    this.parts = sorted.map((info) => {
      const from = (Date.parse(info.started) - zero) / 1000;
      return { info, from, to: from + info.duration_ms / 1000 };
    });
    this.gaps = [...this.#between(), ...this.parts.flatMap(withinPart)];
  }

  get duration() {
    return this.parts.at(-1)?.to ?? 0;
  }

  /** Everybody who is heard or seen, in a stable order. @returns {{ user: string, name: string }[]} */
  get sides() {
    const all = this.parts.flatMap((p) => p.info.sides.map(({ user, name }) => ({ user, name })));
    return all.filter((side, i) => all.findIndex((s) => s.user === side.user) === i);
  }

  /** The part that plays at a time, or the next one. @param {number} time */
  partAt(time) {
    return this.parts.find((p) => time < p.to) ?? this.parts.at(-1);
  }

  /** @returns {Gap[]} */
  #between() {
    return this.parts.slice(1).map((part, i) => ({ user: "", from: this.parts[i].to, to: part.from, reason: "interrupted" }));
  }
}

/** @param {Part} part @returns {Gap[]} */
function withinPart({ info, from }) {
  return (info.gaps ?? []).map((g) => ({ user: g.user, from: from + g.from_ms / 1000, to: from + g.to_ms / 1000, reason: g.reason }));
}

/** Asks the server for recordings. */
export class Recordings {
  /**
   * @param {string} base URL of the server
   * @param {() => Promise<string>} token
   */
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  /**
   * @param {string} interview
   * @returns {Promise<RecordingSet>} with addresses that hold for a minute
   */
  async of(interview) {
    return (await this.#get(`/v1/interviews/${encodeURIComponent(interview)}/recording`)).json();
  }

  /**
   * What parley-verify checks: one part of a recording as a zip of ciphertext, manifest and signed head (E6, R1).
   *
   * @param {string} recording
   * @returns {Promise<Blob>}
   */
  async bundle(recording) {
    return (await this.#get(`/v1/recordings/${encodeURIComponent(recording)}/bundle`)).blob();
  }

  /** @param {string} path */
  async #get(path) {
    const headers = { Authorization: `Bearer ${await this.token()}` };
    const response = await fetch(new URL(path, this.base), { headers, cache: "no-store" }).catch((cause) => {
      throw new ParleyError("away", { cause });
    });
    if (response.ok) return response;
    throw ParleyError.ofAnswer(response.status, await response.json().catch(() => null));
  }
}

/** How far the sides may be apart before a follower is nudged, and before it is moved. */
const nudgeAfter = 0.02;
const jumpAfter = 0.35;
const nudge = 0.06;
const checkEvery = 100;

/** Fresh addresses that fail sooner than this, in milliseconds, are a problem to tell. */
const renewPause = 5000;

/**
 * @typedef {object} PlayerEvents
 * @property {void} change playing, speed, part, waiting or trouble changed
 * @property {number} time the time line's position in seconds
 */

/**
 * Plays the sides in media elements that the page lends it, one for each user of the time line. The first side of a part
 * leads; the others follow by small changes of speed. Waits until every side is ready, and stops all when one stalls.
 *
 * @extends {Emitter<PlayerEvents>}
 */
export class Player extends Emitter {
  playing = false;
  waiting = false;
  rate = 1;
  /** @type {ParleyError | null} */
  problem = null;
  /** @type {Part | undefined} */
  part;

  #elements;
  #recordings;
  #interview;
  #timer = 0;
  #at = 0;
  #renewing = false;
  #renewed = -Infinity;

  /**
   * @param {object} what
   * @param {Recordings} what.recordings to ask for fresh addresses
   * @param {string} what.interview
   * @param {RecordingSet} what.set
   * @param {Map<string, HTMLMediaElement>} what.elements by user
   */
  constructor({ recordings, interview, set, elements }) {
    super();
    this.timeline = new Timeline(set);
    this.#recordings = recordings;
    this.#interview = interview;
    this.#elements = elements;
    for (const element of elements.values()) {
      element.preservesPitch = true;
      element.addEventListener("error", () => element.getAttribute("src") && void this.#renew());
    }
    this.#load(this.timeline.parts[0], 0);
    this.#timer = setInterval(() => this.#tick(), checkEvery);
  }

  /** The position on the time line in seconds. */
  get time() {
    return this.#at;
  }

  /** How far apart the sides are this moment, in seconds. */
  get skew() {
    const [leader, ...rest] = this.#active();
    return leader ? Math.max(0, ...rest.map((e) => Math.abs(e.currentTime - leader.currentTime))) : 0;
  }

  play() {
    if (this.#at >= this.timeline.duration - 0.05) this.seek(0);
    this.playing = true;
    if (this.problem) void this.#again();
    this.#tick();
    this.#changed();
  }

  pause() {
    this.playing = false;
    this.#hold();
    this.#changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} rate */
  setRate(rate) {
    this.rate = rate;
    this.#tick();
    this.#changed();
  }

  /** @param {number} time in seconds on the time line */
  seek(time) {
    const bounded = Math.min(Math.max(0, time), this.timeline.duration);
    const part = this.timeline.partAt(bounded);
    if (!part) return;
    this.#at = Math.max(bounded, part.from);
    if (part !== this.part) this.#load(part, this.#at - part.from);
    else for (const element of this.#elements.values()) move(element, this.#at - part.from);
    this.emit("time", this.#at);
  }

  close() {
    clearInterval(this.#timer);
    for (const element of this.#elements.values()) {
      element.pause();
      element.removeAttribute("src");
      element.load();
    }
  }

  /** @param {Part | undefined} part @param {number} offset */
  #load(part, offset) {
    this.part = part;
    for (const [user, element] of this.#elements) {
      const side = part?.info.sides.find((s) => s.user === user);
      if (!side?.url) {
        element.removeAttribute("src");
        element.load();
        continue;
      }
      element.src = side.url;
      move(element, offset);
    }
    this.#changed();
  }

  /** Elements that have something to play at this moment, the leader first. @returns {HTMLMediaElement[]} */
  #active() {
    const loaded = [...this.#elements.values()].filter((e) => e.getAttribute("src") && !e.error);
    return loaded.filter((e) => !e.ended).sort((a, b) => (b.duration || 0) - (a.duration || 0));
  }

  #tick() {
    if (!this.part || this.#renewing) return;
    const active = this.#active();
    const ready = active.every((e) => e.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !e.seeking);
    this.#wait(this.playing && active.length > 0 && !ready);
    if (!this.playing || !ready) return void this.#hold();
    if (active.length === 0) return this.#next();
    for (const element of active) this.#follow(element, active[0]);
    this.#at = this.part.from + active[0].currentTime;
    this.emit("time", this.#at);
  }

  /** @param {HTMLMediaElement} element @param {HTMLMediaElement} leader */
  #follow(element, leader) {
    const apart = element.currentTime - leader.currentTime;
    if (Math.abs(apart) > jumpAfter) move(element, leader.currentTime);
    const correction = Math.abs(apart) > nudgeAfter ? -Math.sign(apart) * nudge : 0;
    const rate = this.rate * (1 + (element === leader ? 0 : correction));
    if (element.playbackRate !== rate) element.playbackRate = rate;
    if (element.paused) element.play().catch((error) => this.#refused(error));
  }

  /** @param {unknown} error of play() */
  #refused(error) {
    if (error instanceof DOMException && error.name === "NotAllowedError") this.pause();
  }

  #hold() {
    for (const element of this.#elements.values()) if (!element.paused) element.pause();
  }

  /** The part is over: the next one begins, or the recording ends. */
  #next() {
    const parts = this.timeline.parts;
    const next = parts[parts.indexOf(/** @type {Part} */ (this.part)) + 1];
    if (next) return this.seek(next.from);
    this.#at = this.timeline.duration;
    this.emit("time", this.#at);
    this.pause();
  }

  /** @param {boolean} waiting */
  #wait(waiting) {
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    this.#changed();
  }

  /** The addresses ran out (or the server went away): asks for fresh ones and goes on where it was. */
  async #renew() {
    if (this.#renewing) return;
    this.#renewing = true;
    try {
      const set = await this.#recordings.of(this.#interview);
      const failedAgain = this.problem !== null || performance.now() - this.#renewed < renewPause;
      this.#renewed = performance.now();
      this.problem = failedAgain ? new ParleyError("playback_failed") : null;
      if (failedAgain) return this.pause();
      const at = this.#at;
      const timeline = new Timeline(set);
      if (timeline.storing.length > this.timeline.storing.length) throw new ParleyError("storing");
      this.timeline = timeline;
      this.#load(this.timeline.partAt(at), at - (this.timeline.partAt(at)?.from ?? 0));
    } catch (error) {
      this.problem = ParleyError.of(error);
      this.pause();
    } finally {
      this.#renewing = false;
      this.#changed();
    }
  }

  /** Somebody wants to go on after a problem. */
  #again() {
    this.problem = null;
    this.#renewed = -Infinity;
    return this.#renew();
  }

  #changed() {
    this.emit("change", undefined);
  }
}

/** Sets the position now or as soon as the element knows its length. @param {HTMLMediaElement} element @param {number} time */
function move(element, time) {
  if (element.readyState >= HTMLMediaElement.HAVE_METADATA) element.currentTime = time;
  else element.addEventListener("loadedmetadata", () => (element.currentTime = time), { once: true });
}
