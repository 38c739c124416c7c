import { Emitter } from "./events.js";
import { Gauge } from "./quality.js";

/**
 * The media of one seat: two peer connections, so that offers never collide. On "pub" this side offers what it sends; on
 * "sub" the server offers what there is to see and hear, again whenever that changes. Candidates trickle both ways.
 */

/** @typedef {import("./wire.js").Label} Label */
/** @typedef {import("./wire.js").PC} PC */
/** @typedef {import("./quality.js").LineQuality} LineQuality */

/**
 * @typedef {object} CallEvents
 * @property {void} media the remote streams changed
 * @property {void} quality new figures, once a second
 * @property {void} lost restarting ICE did not help: the seat has to be taken again
 */

/** How long a broken path may repair itself before ICE restarts, and how long the restart may take. */
const restartAfter = 2000;
const lostAfter = 12_000;
const gaugeEvery = 1000;
const videoBitsPerSecond = 1_500_000;

/** One of the two peer connections; keeps candidates that come before the description they belong to. */
class Half {
  /** @type {RTCIceCandidateInit[]} */
  #early = [];
  /** @type {Promise<unknown>} negotiation steps run one after the other */
  #turn = Promise.resolve();

  /** @param {PC} name @param {Call} call */
  constructor(name, call) {
    this.name = name;
    this.call = call;
    this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc.onicecandidate = ({ candidate }) => call.trickle(name, candidate);
    this.pc.onconnectionstatechange = () => call.connection(this);
  }

  /** @template T @param {() => Promise<T>} step @returns {Promise<T>} */
  inTurn(step) {
    const next = this.#turn.then(step);
    this.#turn = next.catch(() => {});
    return next;
  }

  /** @param {RTCSessionDescriptionInit} description */
  async describe(description) {
    await this.pc.setRemoteDescription(description);
    for (const candidate of this.#early.splice(0)) await this.#add(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  candidate(candidate) {
    if (this.pc.remoteDescription) void this.inTurn(() => this.#add(candidate));
    else this.#early.push(candidate);
  }

  /** A candidate of an older generation is of no use and no harm. @param {RTCIceCandidateInit} candidate */
  async #add(candidate) {
    await this.pc.addIceCandidate(candidate).catch(() => {});
  }
}

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** What comes from each other participant. @type {Map<string, MediaStream>} */
  remote = new Map();
  /** Figures by participant and label; one's own under "". @type {Map<string, Map<Label, LineQuality>>} */
  quality = new Map();

  #session;
  #closed = new AbortController();
  /** @type {Map<string, { user: string, label: Label }>} what a media section of "sub" carries */
  #lines = new Map();
  #gauges = { pub: new Gauge(), sub: new Gauge() };
  #timers = { restart: 0, lost: 0, gauge: 0 };
  /** @type {Map<Label, RTCRtpTransceiver>} */
  #sending = new Map();

  /**
   * @param {import("./session.js").Session} session
   * @param {string} interview
   */
  constructor(session, interview) {
    super();
    this.#session = session;
    this.interview = interview;
    this.pub = new Half("pub", this);
    this.sub = new Half("sub", this);
    this.sub.pc.ontrack = (event) => this.#track(event);
    session.on("push", (frame) => this.#push(frame), this.#closed);
    this.#watchNetwork();
    this.#timers.gauge = setInterval(() => void this.#gauge(), gaugeEvery);
  }

  /** Offers the tracks of a stream; again with others to change them. @param {MediaStream} local */
  async publish(local) {
    for (const track of local.getTracks()) await this.replace(track.kind === "audio" ? "microphone" : "camera", track, local);
    await this.#offer();
  }

  /**
   * Puts a track on the line of its label, without negotiation where the line is there already.
   *
   * @param {Label} label
   * @param {MediaStreamTrack | null} track null sends nothing
   * @param {MediaStream} local
   * @returns {Promise<boolean>} whether publish() has to negotiate a new line
   */
  async replace(label, track, local) {
    const line = this.#sending.get(label);
    if (line) {
      await line.sender.replaceTrack(track);
      return false;
    }
    if (!track) return false;
    const sendEncodings = track.kind === "video" ? [{ maxBitrate: videoBitsPerSecond }] : undefined;
    this.#sending.set(label, this.pub.pc.addTransceiver(track, { direction: "sendonly", streams: [local], sendEncodings }));
    return true;
  }

  /** @param {RTCOfferOptions} [options] */
  async #offer(options) {
    const { pub } = this;
    await pub.inTurn(async () => {
      if (this.#over) return;
      const { sdp } = await pub.pc.createOffer(options);
      await pub.pc.setLocalDescription({ type: "offer", sdp: resendingSound(sdp ?? "") });
      const tracks = [...this.#sending].map(([label, line]) => ({ mid: line.mid ?? "", label }));
      const answer = await this.#session.request("rtc.offer", { interview: this.interview, pc: "pub", sdp: pub.pc.localDescription?.sdp ?? "", tracks });
      if ("sdp" in answer && typeof answer.sdp === "string") await this.#answered(answer.sdp);
    });
  }

  /** The answer comes as the answer of the request or as a push of its own. @param {string} sdp */
  async #answered(sdp) {
    if (this.pub.pc.signalingState === "have-local-offer") await this.pub.describe({ type: "answer", sdp });
  }

  /** @param {import("./session.js").SessionEvents["push"]} frame */
  #push({ kind, body }) {
    if (!("interview" in body) || body.interview !== this.interview) return;
    if (kind === "rtc.answer" && body.pc === "pub") void this.pub.inTurn(() => this.#answered(body.sdp)).catch(() => this.#lose());
    if (kind === "rtc.offer" && body.pc === "sub") void this.sub.inTurn(() => this.#answer(body)).catch(() => this.#lose());
    if (kind === "rtc.candidate") this.#half(body.pc).candidate({ candidate: body.candidate, sdpMid: body.mid ?? null, sdpMLineIndex: body.line ?? null });
  }

  /** @param {PC} name */
  #half(name) {
    return name === "pub" ? this.pub : this.sub;
  }

  /** @param {import("./wire.js").Pushes["rtc.offer"]} offer */
  async #answer({ sdp, tracks }) {
    if (this.#over) return;
    for (const { mid, user, label } of tracks ?? []) this.#lines.set(mid, { user: user ?? "", label });
    await this.sub.describe({ type: "offer", sdp });
    await this.sub.pc.setLocalDescription();
    await this.#session.request("rtc.answer", { interview: this.interview, pc: "sub", sdp: this.sub.pc.localDescription?.sdp ?? "" });
    this.#gather();
  }

  /** @param {RTCTrackEvent} event */
  #track({ track, transceiver }) {
    track.onended = track.onmute = track.onunmute = () => this.#gather();
    if (transceiver.mid !== null) this.#gather();
  }

  /** Puts every section that the server sends on into the stream of the participant it is from. */
  #gather() {
    if (this.#over) return;
    /** @type {Map<string, Set<MediaStreamTrack>>} */
    const now = new Map();
    for (const line of this.sub.pc.getTransceivers()) {
      const what = this.#lines.get(line.mid ?? "");
      if (!what || !["recvonly", "sendrecv"].includes(line.currentDirection ?? line.direction)) continue;
      now.set(what.user, (now.get(what.user) ?? new Set()).add(line.receiver.track));
    }
    for (const user of this.remote.keys()) if (!now.has(user)) this.remote.delete(user);
    for (const [user, tracks] of now) this.remote.set(user, sameTracks(this.remote.get(user) ?? new MediaStream(), tracks));
    this.emit("media", undefined);
  }

  /** @param {PC} pc @param {RTCIceCandidate | null} candidate */
  trickle(pc, candidate) {
    const { interview } = this;
    const body = { interview, pc, candidate: candidate?.candidate ?? "", mid: candidate?.sdpMid ?? undefined, line: candidate?.sdpMLineIndex ?? undefined };
    this.#session.request("rtc.candidate", body).catch(() => {});
  }

  /** @param {Half} half whose connection state changed */
  connection(half) {
    const state = half.pc.connectionState;
    if (state === "connected" && this.#healthy) this.#settle();
    if (state === "failed") this.restart();
    if (state === "disconnected" || state === "failed") this.#unsettle();
  }

  get #healthy() {
    return [this.pub, this.sub].every(({ pc }) => ["connected", "new"].includes(pc.connectionState));
  }

  #settle() {
    clearTimeout(this.#timers.restart);
    clearTimeout(this.#timers.lost);
    this.#timers.restart = this.#timers.lost = 0;
  }

  #unsettle() {
    this.#timers.restart ||= setTimeout(() => this.restart(), restartAfter);
    this.#timers.lost ||= setTimeout(() => this.#lose(), lostAfter);
  }

  /** Looks for a new path: "pub" with an offer of its own, "sub" by asking the server for one. */
  restart() {
    if (this.#over || this.#session.state !== "open") return;
    this.#offer({ iceRestart: true }).catch(() => {});
    this.#session.request("rtc.restart", { interview: this.interview }).catch(() => {});
  }

  /** The seat was taken back by a new session: the server offers "sub" anew, "pub" only needs it where it was unsettled. */
  resumed() {
    const { connectionState, signalingState } = this.pub.pc;
    if (connectionState !== "connected" || signalingState !== "stable") this.#offer({ iceRestart: true }).catch(() => this.#lose());
  }

  #watchNetwork() {
    const { signal } = this.#closed;
    addEventListener("online", () => this.restart(), { signal });
    /** @type {any} */ (navigator).connection?.addEventListener("change", () => this.#unsettleIfBroken(), { signal });
  }

  #unsettleIfBroken() {
    if (!this.#healthy) this.restart();
  }

  #lose() {
    if (!this.#over) this.emit("lost", undefined);
  }

  async #gauge() {
    const [out, come] = await Promise.all([this.#gauges.pub.read(this.pub.pc, "outbound-rtp"), this.#gauges.sub.read(this.sub.pc, "inbound-rtp")]);
    if (this.#over) return;
    this.quality = new Map([["", new Map()]]);
    for (const [label, line] of this.#sending) this.#note("", label, out.get(line.mid ?? ""));
    for (const [mid, { user, label }] of this.#lines) this.#note(user, label, come.get(mid));
    this.emit("quality", undefined);
  }

  /** @param {string} user @param {Label} label @param {LineQuality | undefined} line */
  #note(user, label, line) {
    if (line) this.quality.set(user, (this.quality.get(user) ?? new Map()).set(label, line));
  }

  get #over() {
    return this.#closed.signal.aborted;
  }

  /** Ends both connections; the devices stay with whoever opened them. */
  close() {
    this.#closed.abort();
    this.#settle();
    clearInterval(this.#timers.gauge);
    this.pub.pc.close();
    this.sub.pc.close();
  }
}

/** @param {MediaStream} stream @param {Set<MediaStreamTrack>} tracks */
function sameTracks(stream, tracks) {
  for (const track of stream.getTracks()) if (!tracks.has(track)) stream.removeTrack(track);
  for (const track of tracks) if (!stream.getTrackById(track.id)) stream.addTrack(track);
  return stream;
}

/**
 * Asks for NACKs of Opus, which browsers don't offer by themselves: without them a lost packet of sound is a gap in the
 * recording.
 *
 * @param {string} sdp
 */
function resendingSound(sdp) {
  return sdp.replace(/(a=rtpmap:(\d+) opus\/48000\/2\r\n)/g, "$1a=rtcp-fb:$2 nack\r\n");
}
