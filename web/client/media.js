import { ParleyError } from "./errors.js";

/**
 * Camera and microphone: opened one by one, so that a refused camera still leaves a voice (R7), and measured so that
 * a page can show that the microphone hears something.
 */

/**
 * @typedef {object} Choice
 * @property {boolean} [camera] default true
 * @property {string} [cameraID] a device id of devices()
 * @property {string} [microphoneID]
 */

/** @typedef {{ stream: MediaStream, problems: ParleyError[] }} Opened problems names each device that was wanted and did not open */

/** @type {MediaTrackConstraints} */
const picture = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
/** @type {MediaTrackConstraints} */
const voice = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * Opens what the choice asks for. Never rejects for a device: what is missing is told in `problems`.
 *
 * @param {Choice} choice
 * @returns {Promise<Opened>}
 */
export async function openDevices({ camera = true, cameraID, microphoneID } = {}) {
  const stream = new MediaStream();
  /** @type {ParleyError[]} */
  const problems = [];
  const wanted = [openMicrophone(microphoneID), camera ? openCamera(cameraID) : null];
  for (const result of await Promise.allSettled(wanted)) {
    if (result.status === "rejected") problems.push(result.reason);
    else if (result.value) stream.addTrack(result.value);
  }
  return { stream, problems };
}

/** @param {string} [id] */
export function openCamera(id) {
  return openTrack({ video: { ...picture, ...exactly(id) } }, "camera_denied");
}

/** @param {string} [id] */
export function openMicrophone(id) {
  return openTrack({ audio: { ...voice, ...exactly(id) } }, "microphone_denied");
}

/** @param {string} [id] @returns {MediaTrackConstraints} */
function exactly(id) {
  return id ? { deviceId: { exact: id } } : {};
}

/**
 * @param {MediaStreamConstraints} constraints
 * @param {string} denied the id of the error when the user or the browser said no
 * @returns {Promise<MediaStreamTrack>}
 */
async function openTrack(constraints, denied) {
  if (!navigator.mediaDevices) throw new ParleyError("media_unsupported");
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    const track = stream.getTracks()[0];
    track.contentHint = track.kind === "audio" ? "speech" : "motion";
    return track;
  } catch (error) {
    throw new ParleyError(reason(error, denied), { cause: error });
  }
}

/**
 * @param {unknown} error of getUserMedia
 * @param {string} denied
 */
function reason(error, denied) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "device_missing";
  if (name === "NotReadableError" || name === "AbortError") return "device_busy";
  return denied;
}

/** @returns {Promise<{ cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[] }>} with labels once a device was allowed */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return {
    cameras: all.filter((d) => d.kind === "videoinput" && d.deviceId),
    microphones: all.filter((d) => d.kind === "audioinput" && d.deviceId),
  };
}

/** @param {MediaStream | null | undefined} stream whose devices are let go */
export function stopDevices(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** How loud a stream is. Silent until the page may make sound, which a page that captures may. */
export class LevelMeter {
  #context = new AudioContext();
  #analyser = this.#context.createAnalyser();
  #samples;

  /** @param {MediaStream} stream with a sound track */
  constructor(stream) {
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    void this.#context.resume();
  }

  /** The level now, 0 (silence) to 1 (as loud as it gets), on a scale of decibels as ears have it. */
  get level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    return Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-10) + 60) / 54));
  }

  close() {
    void this.#context.close();
  }
}
