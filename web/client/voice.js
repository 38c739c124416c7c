import { ParleyError } from "./errors.js";
import { Emitter } from "./events.js";
import { openMicrophone, stopDevices } from "./media.js";

/** Records a voice message. */

/** What browsers record, the one that every browser plays first. */
const formats = ["audio/mp4", "audio/webm;codecs=opus", "audio/ogg;codecs=opus"];
const bitsPerSecond = 32_000;

/** The longest message, in milliseconds. */
export const longestVoice = 120_000;

/** @extends {Emitter<{ full: void }>} full: the longest message is reached, and recording stopped */
export class VoiceRecorder extends Emitter {
  /** @type {MediaStream | null} what is heard, for a level meter */
  stream = null;

  /** @type {MediaRecorder | null} */
  #recorder = null;
  /** @type {Blob[]} */
  #parts = [];
  #started = 0;
  #limit = 0;

  /** How long it has recorded, in milliseconds. */
  get elapsed() {
    return this.#started ? Math.min(Date.now() - this.#started, longestVoice) : 0;
  }

  /** Opens the microphone and begins. @throws {ParleyError} "microphone_denied" and the like */
  async start() {
    const format = globalThis.MediaRecorder && formats.find((f) => MediaRecorder.isTypeSupported(f));
    if (!format) throw new ParleyError("media_unsupported");
    this.stream = new MediaStream([await openMicrophone()]);
    this.#recorder = new MediaRecorder(this.stream, { mimeType: format, audioBitsPerSecond: bitsPerSecond });
    this.#recorder.ondataavailable = ({ data }) => void this.#parts.push(data);
    this.#recorder.start();
    this.#started = Date.now();
    this.#limit = setTimeout(() => {
      this.#recorder?.stop();
      this.emit("full", undefined);
    }, longestVoice);
  }

  /** Ends it. @returns {Promise<Blob>} what was recorded */
  async stop() {
    const recorder = this.#recorder;
    if (recorder && recorder.state !== "inactive") {
      await new Promise((done) => {
        recorder.onstop = done;
        recorder.stop();
      });
    }
    this.#release();
    return new Blob(this.#parts, { type: recorder?.mimeType.split(";")[0] ?? "" });
  }

  /** Throws away what was recorded. */
  cancel() {
    if (this.#recorder) this.#recorder.ondataavailable = null;
    if (this.#recorder?.state === "recording") this.#recorder.stop();
    this.#release();
    this.#parts = [];
  }

  #release() {
    clearTimeout(this.#limit);
    if (this.stream) stopDevices(this.stream);
    this.stream = null;
  }
}
