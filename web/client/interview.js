import { Backoff } from "./backoff.js";
import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";
import { openCamera, openDevices, stopDevices } from "./media.js";
import { Call } from "./rtc.js";

/**
 * One interview as its participant lives through it:
 *
 *   notice() → agree() or decline() → join(stream) → … → leave(), end() or withdraw() → ended, receipt kept
 *
 * Once joined, the seat is held through lost connections, restarted servers and reloads of the page: the library joins
 * again by itself as long as the interview goes on and the consent stands.
 */

/** @typedef {import("./wire.js").Interview} Info */
/** @typedef {import("./wire.js").Participant} Participant */
/** @typedef {import("./wire.js").Label} Label */
/** @typedef {"out" | "joining" | "in" | "returning"} Seat */

/**
 * @typedef {object} InterviewEvents
 * @property {Interview} change something about it changed: state, people, own seat, remote media
 * @property {void} quality new figures of the lines, once a second
 */

/**
 * @typedef {object} Receipt the signed heads of a recording, as parley-verify takes them
 * @property {string} interview
 * @property {import("./wire.js").ReceiptHead[]} heads
 */

/** @extends {Emitter<InterviewEvents>} */
export class Interview extends Emitter {
  /** @type {Call | null} */
  call = null;
  /** What one sends. @type {MediaStream | null} */
  local = null;
  /** @type {Seat} */
  seat = "out";
  /** Since when the seat is being taken again, in milliseconds of Date.now(); 0 while it is held. */
  awaySince = 0;
  /** Why the last try to take the seat failed, or why it was lost. @type {ParleyError | null} */
  problem = null;

  #backoff = new Backoff({ most: 4000 });
  /** The session that holds the seat. */
  #holder = "";
  #retry = 0;
  /** @type {Set<Label>} */
  #muted = new Set();

  /**
   * @param {Info} info
   * @param {import("./session.js").Session} session
   * @param {import("./seats.js").SeatStore} store
   */
  constructor(info, session, store) {
    super();
    this.info = info;
    this.session = session;
    this.store = store;
  }

  get id() {
    return this.info.id;
  }

  get state() {
    return this.info.state;
  }

  get #user() {
    return this.session.welcome?.user ?? "";
  }

  /** @returns {Participant | undefined} */
  get self() {
    return this.info.participants.find((p) => p.user === this.#user);
  }

  /** @returns {Participant[]} */
  get others() {
    return this.info.participants.filter((p) => p.user !== this.#user);
  }

  /** Whether one's own consent to the recording stands. */
  get agreed() {
    return ["agreed", "agreed_audio"].includes(this.self?.consent ?? "");
  }

  /** Whether one consented to sound only: then no camera is ever opened. */
  get soundOnly() {
    return this.self?.consent === "agreed_audio";
  }

  /** @param {Label} label @returns {boolean} whether one's own line is muted */
  muted(label) {
    return this.#muted.has(label);
  }

  /** The signed heads, once the interview ended. @returns {Receipt | null} */
  get receipt() {
    return this.store.receipt(this.#user, this.id);
  }

  /** The text that has to be shown before anybody agrees. @returns {Promise<import("./wire.js").Text>} */
  notice() {
    return this.session.request("text.get", { version: this.info.notice });
  }

  /** @param {{ audioOnly?: boolean }} [how] */
  async agree({ audioOnly = false } = {}) {
    await this.session.request("interview.consent", { interview: this.id, version: this.info.notice, agree: true, audio_only: audioOnly });
  }

  async decline() {
    await this.session.request("interview.consent", { interview: this.id, version: this.info.notice, agree: false });
  }

  /** Withdraws the consent: the recording stops and the interview ends for both within three seconds. */
  async withdraw() {
    await this.session.request("interview.withdraw", { interview: this.id });
    this.stop();
  }

  /**
   * Takes the seat. The stream is the interview's from here on and stops with it.
   *
   * @param {MediaStream} local
   */
  async join(local) {
    this.local = local;
    this.store.hold(this.#user, this.id, this.#choice());
    this.#move("joining");
    await this.#enter();
  }

  /** @returns {import("./seats.js").Held} what a reload needs to know */
  #choice() {
    return { camera: Boolean(this.local?.getVideoTracks().length), muted: [...this.#muted] };
  }

  async #enter() {
    this.call?.close();
    const call = new Call(this.session, this.id);
    this.call = call;
    call.on("media", () => this.#changed());
    call.on("quality", () => this.emit("quality", undefined));
    call.on("lost", () => this.#lost(new ParleyError("timeout")));
    try {
      this.take(await this.session.request("interview.join", { interview: this.id }));
      this.#holder = this.session.welcome?.session ?? "";
      await call.publish(/** @type {MediaStream} */ (this.local));
      for (const label of this.#muted) await this.#tellMuted(label, true);
      if (call === this.call) this.#entered();
    } catch (error) {
      if (call === this.call) this.#lost(ParleyError.of(error));
    }
  }

  #entered() {
    this.#backoff.reset();
    this.awaySince = 0;
    this.problem = null;
    this.#move("in");
  }

  /** The seat has to be taken again, at once when the connection is back, or after a while. @param {ParleyError} error */
  #lost(error) {
    if (this.seat === "out") return;
    this.problem = error;
    this.awaySince ||= Date.now();
    this.#move("returning");
    if (!error.retry) return this.stop();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#again(), this.#backoff.next(error.retryAfter));
  }

  #again() {
    if (this.seat === "returning" && this.session.state === "open") void this.#enter();
  }

  /** The connection to the server was lost: the media may go on, the seat is taken again with the next one. */
  away() {
    if (this.seat === "out") return;
    this.awaySince ||= Date.now();
    this.#move("returning");
  }

  /** The connection is back: the seat is taken back with its media as it is, or anew. */
  async back() {
    clearTimeout(this.#retry);
    if (this.seat === "returning" && !(await this.#takeBack())) await this.#enter();
  }

  /** @returns {Promise<boolean>} false when the seat is no more; when the connection went again, the next one decides */
  async #takeBack() {
    const { call } = this;
    if (!call || !this.#holder) return false;
    try {
      this.take(await this.session.request("interview.resume", { interview: this.id, session: this.#holder }));
    } catch (error) {
      return ParleyError.of(error).id === "away";
    }
    this.#holder = this.session.welcome?.session ?? "";
    this.#entered();
    call.resumed();
    return true;
  }

  /** Takes the seat that this page held before it was reloaded. @param {import("./seats.js").Held} held */
  async resume({ camera, muted }) {
    if (this.seat !== "out" || !this.agreed || this.state === "ended") return;
    this.awaySince = Date.now();
    this.#move("returning");
    const { stream } = await openDevices({ camera: camera && !this.soundOnly });
    this.local = stream;
    for (const label of muted) this.#apply(label, true);
    await this.#enter();
  }

  /**
   * Switches one's own microphone or camera off or on, and tells everybody. A camera that is off is let go, its light too.
   *
   * @param {"microphone" | "camera"} label
   * @param {boolean} muted
   */
  async mute(label, muted) {
    if (label === "camera") await this.#switchCamera(muted);
    this.#apply(label, muted);
    this.store.hold(this.#user, this.id, this.#choice());
    this.#changed();
    await this.#tellMuted(label, muted);
  }

  /** @param {Label} label @param {boolean} muted */
  #apply(label, muted) {
    if (muted) this.#muted.add(label);
    else this.#muted.delete(label);
    const tracks = label === "microphone" ? this.local?.getAudioTracks() : this.local?.getVideoTracks();
    tracks?.forEach((track) => (track.enabled = !muted));
  }

  /** @param {Label} label @param {boolean} muted */
  async #tellMuted(label, muted) {
    await this.session.request("interview.mute", { interview: this.id, label, muted }).catch(() => {});
  }

  /** @param {boolean} off */
  async #switchCamera(off) {
    const { local, call } = this;
    if (!local || !call) return;
    if (off) {
      await call.replace("camera", null, local);
      for (const track of local.getVideoTracks()) local.removeTrack(track), track.stop();
      return;
    }
    if (this.soundOnly) throw new ParleyError("camera_denied");
    const track = await openCamera();
    local.addTrack(track);
    if (await call.replace("camera", track, local)) await call.publish(local);
  }

  /** The server took the seat. @param {string} reason */
  dropped(reason) {
    if (this.seat === "out") return;
    if (reason === "failed" || reason === "consent") return this.#lost(new ParleyError("unavailable", { retry: true }));
    this.stop();
    this.problem = new ParleyError(reason);
    this.#changed();
  }

  /** Gives up the seat; the interview goes on. */
  async leave() {
    this.stop();
    await this.session.request("interview.leave", { interview: this.id });
  }

  /** Hangs up for both sides. */
  async end() {
    await this.session.request("interview.end", { interview: this.id });
    this.stop();
  }

  /** Lets devices and connections go. */
  stop() {
    clearTimeout(this.#retry);
    this.store.release(this.#user, this.id);
    this.#holder = "";
    this.call?.close();
    this.call = null;
    stopDevices(this.local);
    this.local = null;
    this.awaySince = 0;
    this.#muted.clear();
    this.#move("out");
  }

  /** Takes the server's newest word. @param {Info} info */
  take(info) {
    this.info = info;
    if (info.state === "ended" && this.seat !== "out") this.stop();
    this.#changed();
  }

  /** @param {Seat} seat */
  #move(seat) {
    this.seat = seat;
    this.#changed();
  }

  #changed() {
    this.emit("change", this);
  }
}
