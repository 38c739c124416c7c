import { askPhone, askResume, askWechat, invite } from "./agree.js";
import { client, go } from "./app.js";
import { View, h, icon, refill } from "./dom.js";
import { openMenu } from "./menu.js";
import { phrases } from "./phrases.js";
import { jobForm } from "./resume.js";
import { t } from "./strings.js";

/** The tools above the composer: phrases, exchange, resume or job, a time to meet, files. */

/** @typedef {import("../client/index.js").Conversation} Conversation */

const mostPhrases = 12;
const mostGreetings = 3;

/**
 * @param {Conversation} c
 * @param {{ write: (text: string) => void, attach: (files: File[]) => void }} composer
 */
export function toolbar(c, { write, attach }) {
  const { role } = client();
  const recruits = role === "recruiter" || role === "headhunter";
  const hunter = role === "headhunter" || c.others.some((m) => m.role === "headhunter");
  const files = h("input", { type: "file", multiple: true, hidden: true, "data-testid": "files", onchange: () => {
    attach([...(files.files ?? [])]);
    files.value = "";
  } });
  const choose = tool("phrases", "phrases", t("tool.phrases"), () => phraseMenu(choose, write));
  const exchange = tool("exchange", "swap", t("tool.exchange"), () => openMenu(exchange, t("tool.exchange"), [
    { id: "phone", label: t("exchange.phone"), icon: "phone", act: () => void askPhone(c) },
    hunter ? null : { id: "wechat", label: t("exchange.wechat"), icon: "wechat", act: () => void askWechat(c) },
  ]));
  return h("div", { class: "tools", role: "toolbar", "aria-label": t("tool.label"), onkeydown: walk },
    choose, exchange,
    tool("resume", "doc", t(recruits ? "tool.resume.ask" : "tool.resume.send"), () => void askResume(c)),
    recruits && tool("job", "briefcase", t("tool.job"), () => void sendJob(c)),
    recruits && tool("appoint", "calendar", t("tool.appoint"), () => void invite(c)),
    tool("attach", "clip", t("tool.attach"), () => files.click()), files);
}

/** @param {string} id @param {import("./dom.js").IconName} picture @param {string} label @param {() => void} act */
function tool(id, picture, label, act) {
  return h("button", { type: "button", class: "tool", "aria-label": label, title: label, "data-testid": `tool-${id}`, onclick: act }, icon(picture), h("span", { "aria-hidden": "true" }, label));
}

/** @param {KeyboardEvent} event */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !(event.currentTarget instanceof HTMLElement)) return;
  const all = [...event.currentTarget.querySelectorAll("button")];
  const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  all[(at + step + all.length) % all.length]?.focus();
}

/** @param {HTMLElement} anchor @param {(text: string) => void} write */
function phraseMenu(anchor, write) {
  const replies = phrases("replies");
  openMenu(anchor, t("tool.phrases"), [
    ...replies.slice(0, mostPhrases).map((text, i) => ({ id: `phrase-${i}`, label: text, act: () => write(text) })),
    { id: "phrases-edit", label: t("phrases.edit"), icon: "edit", act: () => go({ view: "settings" }) },
  ]);
}

/** @param {Conversation} c */
async function sendJob(c) {
  const job = await jobForm();
  if (job) c.sendJob(job);
}

/** Templates for the first words, as long as the user has said nothing. */
export class Greetings extends View {
  /** @param {Conversation} conversation @param {(text: string) => void} write */
  constructor(conversation, write) {
    super();
    this.conversation = conversation;
    this.write = write;
  }

  enter() {
    const later = () => this.update();
    this.conversation.on("change", later, { signal: this.signal });
    client().people.on("change", later, { signal: this.signal });
  }

  update() {
    const c = this.conversation;
    const greetings = phrases("greetings").slice(0, mostGreetings);
    const wanted = !c.self?.spoke && c.complete && !c.messages().some((m) => m.mine);
    this.hidden = !wanted;
    refill(this, [wanted, greetings], () => wanted && [
      h("span", { class: "muted small" }, t("greetings.label")),
      h("div", { class: "chips" }, greetings.map((text) => h("button", { type: "button", class: "chip", "data-testid": "greeting", onclick: () => this.write(text) }, text))),
    ]);
  }
}

customElements.define("parley-greetings", Greetings);
