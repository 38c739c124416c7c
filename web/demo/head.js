import { client, go, otherName } from "./app.js";
import { ask } from "./dialog.js";
import { View, fill, h, icon, onFrame, refill } from "./dom.js";
import { insightButton } from "./insight.js";
import { avatar } from "./avatar.js";
import { openMenu } from "./menu.js";
import { saveHead } from "./receipt.js";
import { block, report } from "./safety.js";
import { roleName, t } from "./strings.js";
import { troubled } from "./trouble.js";

/** The head of a conversation: who the other side is, whether they are here or write, and what can be done with them. */

/** @typedef {import("../client/index.js").Conversation} Conversation */

export class ThreadHead extends View {
  #insight = h("span", { class: "insight-place" });

  /** @param {Conversation} conversation */
  constructor(conversation) {
    super();
    this.conversation = conversation;
  }

  enter() {
    const { interviews, session } = client();
    const later = onFrame(() => this.update());
    const { signal } = this;
    this.conversation.on("change", later, { signal });
    interviews.on("change", later, { signal });
    session.on("state", later, { signal });
    void this.#learn();
  }

  async #learn() {
    if (client().role !== "recruiter") return;
    const insight = await this.conversation.insight().catch(() => null);
    fill(this.#insight, insight && insightButton(this.conversation, insight));
  }

  build() {
    void this.#learn();
  }

  update() {
    const c = this.conversation;
    const running = client().interviews.of(c.id);
    const here = c.others.some((m) => c.company.here.has(m.user));
    const writing = c.company.writing.length > 0;
    refill(this, [c.members.map((m) => [m.name, m.masked]), c.disclosed, running?.id, running?.seat, client().session.state, here, writing], () => this.#parts(here, writing));
  }

  /** @param {boolean} here @param {boolean} writing */
  #parts(here, writing) {
    const c = this.conversation;
    const other = c.others[0];
    const about = [roleName(other?.role ?? ""), other?.company, c.title].filter(Boolean).join(" · ");
    return [
      h("button", { type: "button", class: "quiet back", "aria-label": t("app.back"), "data-testid": "back", onclick: () => go({ conversation: "" }) }, icon("back")),
      h("span", { class: "avatar-place" }, avatar(other), here && h("span", { class: "here", title: t("presence.here"), "data-testid": "here" }, h("span", { class: "spoken" }, t("presence.here")))),
      h("div", { class: "who" },
        h("h2", { "data-testid": "other-name" }, h("span", {}, otherName(c)), other?.masked && maskedHint()),
        h("p", { class: "muted cut" }, writing ? h("span", { class: "writing", role: "status", "data-testid": "typing" }, t("presence.writing")) : [here && h("span", { class: "here-word" }, t("presence.here")), here && " · ", about])),
      h("div", { class: "head-actions" }, this.#insight, this.#discloseButton(), this.#interviewButton(), this.#moreButton()),
    ];
  }

  #discloseButton() {
    const c = this.conversation;
    if (c.self?.role !== "candidate") return null;
    if (c.disclosed) return h("span", { class: "pill", "data-testid": "disclosed" }, icon("check"), h("span", {}, t("disclose.done")));
    return h("button", { type: "button", class: "plain", "data-testid": "disclose", onclick: () => void this.#disclose() }, icon("eye"), h("span", {}, t("disclose.action")));
  }

  async #disclose() {
    const c = this.conversation;
    const answer = await ask({
      title: t("disclose.title"), text: t("disclose.text", { name: otherName(c) }),
      actions: [{ id: "disclose", label: t("disclose.confirm"), kind: "primary" }],
    });
    if (answer === "disclose") await c.disclose().catch(troubled);
  }

  #interviewButton() {
    const c = this.conversation;
    const { interviews, role } = client();
    const running = interviews.of(c.id);
    if (running) {
      const word = running.seat === "out" ? t("interview.enter") : t("interview.return");
      return h("button", { type: "button", class: "primary", "data-testid": "head-interview", onclick: () => go({ view: "interview", interview: running.id }) }, icon("video"), h("span", {}, word));
    }
    if (role !== "recruiter" && role !== "headhunter") return null;
    return h("button", { type: "button", class: "plain", "data-testid": "start-interview", disabled: client().session.state !== "open", onclick: () => void this.#start() }, icon("video"), h("span", {}, t("interview.start")));
  }

  async #start() {
    try {
      const interview = await client().interviews.open(this.conversation.id);
      go({ view: "interview", interview: interview.id });
    } catch (error) {
      troubled(error);
    }
  }

  #moreButton() {
    const c = this.conversation;
    const company = c.others[0]?.company;
    const button = h("button", { type: "button", class: "round quiet", "aria-label": t("chat.more"), title: t("chat.more"), "aria-haspopup": "menu", "data-testid": "more", onclick: () => openMenu(button, t("chat.more"), [
      { id: "receipt", label: t("chat.receipt"), icon: "save", act: () => void saveHead(c.id) },
      { id: "report", label: t("report.action"), icon: "flag", act: () => void report(c) },
      { id: "block", label: t("block.person", { name: otherName(c) }), icon: "block", danger: true, act: () => void block(c) },
      company ? { id: "block-company", label: t("block.company", { name: company }), icon: "block", danger: true, act: () => void block(c, { company: true }) } : null,
    ]) }, icon("more"));
    return button;
  }
}

/** A mark beside a masked name that says why. */
function maskedHint() {
  return [
    h("button", { type: "button", class: "masked", popovertarget: "masked-why", "aria-label": `${t("masked.badge")}：${t("masked.why")}`, "data-testid": "masked" }, h("span", {}, t("masked.badge")), icon("info")),
    h("div", { id: "masked-why", class: "hint", popover: "auto" }, h("strong", {}, t("masked.why")), h("p", {}, t("masked.text"))),
  ];
}

customElements.define("parley-thread-head", ThreadHead);
