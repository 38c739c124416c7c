import { client, go, route } from "./app.js";
import { CallView } from "./call.js";
import { View, fill, h, icon, keepKeyboard, onFrame } from "./dom.js";
import { brand, languageSwitch, skipLink } from "./header.js";
import { ConversationList } from "./list.js";
import { Lobby } from "./lobby.js";
import { PlayView } from "./play.js";
import { SettingsView } from "./settings.js";
import { lang, languages, roleName, t } from "./strings.js";
import { Summary } from "./summary.js";
import { Thread } from "./thread.js";
import { troubled, warned } from "./trouble.js";
import { changes } from "../client/outbox.js";

/** The page of one seat: signs in, shows the view that the address names, and says how the connection is. */

/** Views that bring a first heading of their own. */
const ownTitle = new Set(["lobby", "call", "summary", "play", "settings"]);

class ChatPage extends View {
  #bar = h("header", { class: "bar" });
  #banner = h("div", { class: "banner", role: "status", "data-testid": "banner", hidden: true });
  #main = h("main", { id: "main", tabindex: -1 });
  #list = new ConversationList();
  #shown = "";

  enter() {
    const parley = client(lang());
    const later = onFrame(() => this.update());
    const { signal } = this;
    parley.session.on("state", later, { signal });
    parley.session.on("welcome", later, { signal });
    parley.chat.on("change", later, { signal });
    parley.chat.on("refused", (refused) => void doubted(refused), { signal });
    parley.interviews.on("change", later, { signal });
    parley.interviews.on("returned", (i) => go({ view: "interview", interview: i.id, conversation: i.info.conversation }, { replace: true }), { signal });
    addEventListener("hashchange", later, { signal });
    const tick = setInterval(later, 1000);
    signal.addEventListener("abort", () => clearInterval(tick));
    parley.open();
  }

  /** The views keep their places when the language changes; each one builds itself again. */
  build() {
    if (this.#main.parentNode) this.firstElementChild?.replaceWith(skipLink("main"));
    else fill(this, skipLink("main"), this.#bar, this.#banner, this.#main);
    this.#drawBar();
  }

  #drawBar() {
    const parley = client();
    const self = parley.chat.list[0]?.self;
    fill(this.#bar, brand(), !ownTitle.has(this.dataset.view ?? "") && h("h1", { class: "spoken" }, t("chat.title")), h("span", { class: "spring" }),
      parley.role && h("span", { class: "me", "data-testid": "me" }, h("span", { class: `dot ${parley.session.state}`, title: t(parley.session.state === "open" ? "connection.open" : "connection.connecting") }), h("strong", {}, self?.name ?? ""), h("span", { class: "muted" }, roleName(parley.role))),
      languageSwitch());
  }

  update() {
    const { session, chat } = client();
    document.title = `${chat.unread > 0 ? `(${chat.unread}) ` : ""}${t("chat.title")} · ${t("app.name")}`;
    this.dataset.state = session.state;
    this.#bannerNow();
    this.#show();
    this.#barNow();
  }

  #barVersion = "";

  #barNow() {
    const { role, session, chat } = client();
    const version = [lang(), this.dataset.view, role, session.state, chat.list[0]?.self?.name].join();
    if (version !== this.#barVersion) this.#drawBar();
    this.#barVersion = version;
  }

  #bannerNow() {
    const { session, chat } = client();
    const seconds = session.awaySince ? Math.floor((Date.now() - session.awaySince) / 1000) : 0;
    const away = session.state === "away" || (session.state === "connecting" && session.awaySince > 0);
    const words = [navigator.onLine ? t("connection.away", { seconds }) : t("connection.offline"), chat.queued > 0 ? t("connection.away.queued", { n: chat.queued }) : ""];
    this.#banner.hidden = !away;
    if (away) fill(this.#banner, words.join(lang() === "en" ? " " : ""));
  }

  /** Changes the view when the address or what it names did. */
  #show() {
    const { view, key } = this.#wanted();
    if (key === this.#shown) return;
    this.#shown = key;
    this.dataset.view = key.split(":")[0];
    this.#main.className = `view-${this.dataset.view}`;
    this.#place(view());
    keepKeyboard(this.#main);
  }

  /** @param {import("./dom.js").Child} next */
  #place(next) {
    if (!Array.isArray(next) || this.#main.firstElementChild !== this.#list) return fill(this.#main, next);
    while (this.#list.nextSibling) this.#list.nextSibling.remove();
    this.#main.append(.../** @type {Node[]} */ (next.slice(1)));
  }

  /** @returns {{ key: string, view: () => import("./dom.js").Child }} */
  #wanted() {
    const { session, chat, interviews } = client();
    const at = route();
    if (session.state === "closed") return { key: `refused:${lang()}`, view: refused };
    if (!chat.ready) return { key: `loading:${session.state}:${lang()}`, view: () => loading() };
    if (at.view === "play" && at.interview) return { key: `play:${at.interview}`, view: () => new PlayView(at.interview) };
    if (at.view === "settings") return { key: "settings", view: () => new SettingsView() };
    if (at.view === "interview") return interviewView(interviews.get(at.interview));
    const conversation = chat.get(at.conversation);
    if (!conversation) return { key: `list:${lang()}`, view: () => [this.#list, pick()] };
    return { key: `thread:${conversation.id}`, view: () => [this.#list, new Thread(conversation)] };
  }
}

/** @param {import("../client/index.js").Interview | undefined} interview @returns {{ key: string, view: () => import("./dom.js").Child }} */
function interviewView(interview) {
  if (!interview) return { key: `missing:${lang()}`, view: missing };
  if (interview.state === "ended") return { key: `summary:${interview.id}`, view: () => new Summary(interview) };
  if (interview.seat !== "out") return { key: `call:${interview.id}`, view: () => new CallView(interview) };
  return { key: `lobby:${interview.id}`, view: () => new Lobby(interview) };
}

/**
 * The server wants a second thought, or refused what has no place of its own to say so.
 *
 * @param {import("../client/chat.js").Refused} refused
 */
async function doubted({ message, error }) {
  const { outbox } = client().chat;
  if (error.id !== "confirm_needed") return changes.has(message.type) ? troubled(error) : undefined;
  if (await warned(error)) return outbox.retry(message.cid, { confirmed: true });
  outbox.discard(message.cid);
  const thread = /** @type {Thread | null} */ (document.querySelector("parley-thread"));
  if (message.type === "text" && thread?.conversation.id === message.conversation) thread.composer.write(message.content.text);
}

function pick() {
  return h("div", { class: "pick empty" }, icon("chat"), h("p", {}, h("strong", {}, t("chat.pick"))), h("p", { class: "muted" }, t("chat.pick.hint")));
}

function loading() {
  return h("div", { class: "empty", role: "status" }, h("p", { class: "muted" }, t("connection.connecting")));
}

function missing() {
  return h("div", { class: "empty" }, h("p", {}, t("interview.missing")), h("button", { type: "button", class: "plain", onclick: () => go({ view: "chat", interview: "" }) }, t("summary.chat")));
}

function refused() {
  const { reason } = client().session;
  return h("div", { class: "empty", role: "alert", "data-testid": "refused" }, h("p", {}, h("strong", {}, t("connection.refused"))),
    h("p", {}, reason?.in(lang()) ?? ""), h("p", { class: "muted" }, t("connection.refused.hint")), h("a", { class: "button plain", href: "/" }, t("app.home")));
}

customElements.define("parley-chat", ChatPage);
languages.on("change", () => {
  document.title = t("app.name");
});
document.body.prepend(new ChatPage());
