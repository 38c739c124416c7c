import { h, icon } from "./dom.js";
import { tell } from "./dialog.js";
import { bytes, lang, t, timer } from "./strings.js";
import { ParleyError } from "../client/index.js";

/**
 * Pictures, voice, video and files in a conversation. Their addresses hold for a minute, so each is asked for when it is
 * needed, and what was loaded stays with its element while the page lasts.
 */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

const mostKept = 300;

/** @type {Map<string, HTMLElement>} what was made, by message */
const made = new Map();

/** @param {Conversation} c @param {Message} m @returns {HTMLElement} the same one for the same message */
export function mediaOf(c, m) {
  const key = [c.id, m.key, lang(), m.content.duration_ms ?? ""].join(" ");
  const known = made.get(key);
  if (known) return known;
  const element = (makers[m.type] ?? fileLine)(c, m);
  made.set(key, element);
  if (made.size > mostKept) made.delete(made.keys().next().value ?? "");
  return element;
}

/** @type {Record<string, (c: Conversation, m: Message) => HTMLElement>} */
const makers = { picture, video, voice };

/** The seq may come after the element was made. @param {Conversation} c @param {Message} m */
function seqOf(c, m) {
  return m.seq || (c.messages().find((x) => x.key === m.key)?.seq ?? 0);
}

/** @param {Conversation} c @param {Message} m @param {{ thumb?: boolean, download?: boolean }} [how] */
async function addressOf(c, m, how) {
  const seq = seqOf(c, m);
  if (!seq && m.file) return URL.createObjectURL(m.file);
  return c.address(seq, how);
}

/** @param {Conversation} c @param {Message} m */
function picture(c, m) {
  const name = m.content.text || m.content.name || t("media.picture");
  const image = h("img", { alt: name, class: "picture-image", decoding: "async" });
  const { thumb } = m.content;
  shape(image, m.content);
  if (m.file) image.src = URL.createObjectURL(m.file);
  else whenSeen(image, () => void addressOf(c, m, { thumb }).then((url) => (image.src = url)).catch(() => image.classList.add("lost")));
  return h("button", { type: "button", class: "picture", "aria-label": t("media.picture.open", { name }), "data-testid": "picture", onclick: () => void enlarge(c, m) }, image);
}

/** Takes the room before the bytes come. @param {HTMLElement} image @param {{ width?: number, height?: number }} size */
function shape(image, { width = 0, height = 0 }) {
  if (!width || !height) return;
  image.style.aspectRatio = `${width} / ${height}`;
  image.style.width = `${Math.round(Math.max(96, Math.min(320, (300 * width) / height)))}px`;
}

/** @param {Conversation} c @param {Message} m */
function video(c, m) {
  const { thumb, duration_ms = 0 } = m.content;
  const image = h("img", { alt: "", class: "picture-image", decoding: "async" });
  shape(image, { width: m.content.width || 16, height: m.content.height || 9 });
  if (thumb) whenSeen(image, () => void addressOf(c, m, { thumb: true }).then((url) => (image.src = url)).catch(() => {}));
  return h("button", { type: "button", class: `picture video ${thumb ? "" : "bare"}`, "aria-label": t("media.video.play"), "data-testid": "video", onclick: () => void enlarge(c, m) },
    image, h("span", { class: "video-play" }, icon("play")), duration_ms > 0 && h("span", { class: "video-time" }, timer(duration_ms / 1000)));
}

/** @param {Conversation} c @param {Message} m */
function voice(c, m) {
  const audio = new Audio();
  const seconds = (m.content.duration_ms ?? 0) / 1000;
  const time = h("span", { class: "clock" }, seconds ? timer(Math.max(1, seconds)) : t("media.voice"));
  const bar = h("span", { class: "voice-bar" }, h("span", {}));
  const button = h("button", { type: "button", class: "voice", "data-testid": "voice", onclick: () => void toggle() }, h("span", { class: "voice-icon" }), bar, time);
  const show = () => {
    button.setAttribute("aria-label", t(audio.paused ? "media.voice.play" : "media.voice.pause", { duration: time.textContent ?? "" }));
    button.firstElementChild?.replaceChildren(icon(audio.paused ? "play" : "pause"));
  };
  const toggle = async () => {
    if (!audio.paused) return audio.pause();
    try {
      if (!audio.src) audio.src = m.file ? URL.createObjectURL(m.file) : await whole(await addressOf(c, m));
      await audio.play();
    } catch (error) {
      tell(ParleyError.of(error).in(lang()), "alarm");
    }
  };
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, show);
  audio.addEventListener("timeupdate", () => {
    const length = Number.isFinite(audio.duration) ? audio.duration : seconds;
    button.style.setProperty("--played", String(length ? Math.min(1, audio.currentTime / length) : 0));
  });
  audio.addEventListener("ended", () => button.style.setProperty("--played", "0"));
  button.style.setProperty("--length", String(Math.min(1, seconds / 60)));
  show();
  return button;
}

/** An address holds for a minute, a voice message may be listened to for longer. @param {string} url */
async function whole(url) {
  const response = await fetch(url);
  if (!response.ok) throw new ParleyError("not_found");
  return URL.createObjectURL(await response.blob());
}

/** @param {Conversation} c @param {Message} m */
function fileLine(c, m) {
  const name = m.content.name || m.name || t("media.file");
  return h("span", { class: "file" }, icon("file"),
    h("span", { class: "file-words" }, h("span", { class: "file-name" }, name), h("span", { class: "muted small" }, bytes(m.content.size ?? m.file?.size ?? 0))),
    h("button", { type: "button", class: "round quiet", "aria-label": t("media.download.name", { name }), title: t("media.download"), "data-testid": "download", onclick: () => void save(c, m) }, icon("save")));
}

/** Saves an attachment on the device. @param {Conversation} c @param {Message} m */
export async function save(c, m) {
  try {
    const url = await addressOf(c, m, { download: true });
    h("a", { href: url, download: m.content.name ?? m.name ?? "" }).click();
  } catch (error) {
    tell(ParleyError.of(error).in(lang()), "alarm");
  }
}

/** Opens an attachment in a tab of its own. @param {Conversation} c @param {Message} m */
export async function view(c, m) {
  try {
    h("a", { href: await addressOf(c, m), target: "_blank", rel: "noopener noreferrer" }).click();
  } catch (error) {
    tell(ParleyError.of(error).in(lang()), "alarm");
  }
}

/** @param {Conversation} c @param {Message} m */
async function enlarge(c, m) {
  const name = m.content.text || m.content.name || t(m.type === "video" ? "media.video" : "media.picture");
  const stage = h("div", { class: "viewer-stage" }, h("p", { class: "muted", role: "status" }, t("app.loading")));
  const dialog = h("dialog", { class: "viewer", "aria-label": name, "data-testid": "viewer", onclick: (/** @type {Event} */ e) => e.target === stage && dialog.close() },
    stage, h("form", { method: "dialog", class: "viewer-actions" },
      h("button", { type: "button", class: "control", onclick: () => void save(c, m) }, icon("save"), h("span", { class: "control-word" }, t("media.download"))),
      h("button", { class: "control", autofocus: true }, icon("close"), h("span", { class: "control-word" }, t("app.close")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  try {
    const url = await addressOf(c, m);
    stage.replaceChildren(m.type === "video" ? h("video", { src: url, controls: true, autoplay: true, playsinline: true }) : h("img", { src: url, alt: name }));
  } catch (error) {
    stage.replaceChildren(h("p", { role: "alert" }, ParleyError.of(error).in(lang())));
  }
}

/** @param {Element} element @param {() => void} act once, when it comes near the screen */
function whenSeen(element, act) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((e) => e.isIntersecting)) return;
    watch.disconnect();
    act();
  }, { rootMargin: "400px" });
  watch.observe(element);
}
