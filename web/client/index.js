import { Chat } from "./chat.js";
import { deviceID } from "./ids.js";
import { Heads } from "./heads.js";
import { Interviews } from "./interviews.js";
import { browserKeep } from "./keep.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Recordings } from "./playback.js";
import { Session } from "./session.js";
import { Uploads } from "./uploads.js";

/**
 * The browser client of Parley. One Parley object is one signed-in user in one tab; README.md beside this file shows
 * how an application uses it.
 */

/**
 * @typedef {object} Options
 * @property {string} server the server's origin: https://parley.example.com
 * @property {() => Promise<string>} token gets a fresh user token from the application's own backend
 * @property {"zh" | "en"} [lang] in which the server should speak; Chinese when absent
 */

export class Parley {
  /** @param {Options} options */
  constructor({ server, token, lang = "zh" }) {
    this.session = new Session({
      url: socketURL(server), token, lang, device: deviceID(localStorage), resume: () => this.chat.resume(),
    });
    this.uploads = new Uploads(server, token);
    this.chat = new Chat(this.session, new Outbox(this.session, browserKeep(), (task) => this.uploads.put(task)));
    this.people = new People(this.session);
    this.heads = new Heads(this.session, this.chat, localStorage);
    this.interviews = new Interviews(this.session, { tab: sessionStorage, durable: localStorage });
    this.recordings = new Recordings(server, token);
  }

  /** Who is signed in, once welcomed. */
  get user() {
    return this.session.welcome?.user ?? "";
  }

  /** In which role, once welcomed. */
  get role() {
    return this.session.welcome?.role ?? "";
  }

  /** Connects, and stays connected. */
  open() {
    this.session.open();
  }

  /** Ends the session and lets everything go. Unsent messages stay for the next time. */
  close() {
    this.interviews.current?.stop();
    this.session.close();
  }
}

/** @param {string} server */
function socketURL(server) {
  const url = new URL("/v1/ws", server);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

export { Chat } from "./chat.js";
export { Conversation } from "./conversation.js";
export { ParleyError } from "./errors.js";
export { Interview } from "./interview.js";
export { Interviews } from "./interviews.js";
export { LevelMeter, devices, openCamera, openDevices, openMicrophone, stopDevices } from "./media.js";
export { Player, Recordings, Timeline } from "./playback.js";
export { People } from "./people.js";
export { Session } from "./session.js";
export { VoiceRecorder } from "./voice.js";
