import { client, go } from "./app.js";
import { View, fill, h, icon, refill } from "./dom.js";
import { phrases } from "./phrases.js";
import { date, t, tOr } from "./strings.js";
import { trying } from "./trouble.js";

/** What a person sets for themselves. Each change is stored at once and reaches the person's other devices. */

/** @typedef {import("../client/wire.js").Settings} Settings */

const classes = /** @type {const} */ (["recommendation", "marketing"]);
const channels = /** @type {const} */ (["push", "sms", "mail"]);
const mostTemplates = 20;
/** Bytes, as the server counts. */
const longest = 500;

export class SettingsView extends View {
  #parts = h("div", { class: "settings-parts" });
  #said = h("p", { class: "saved", role: "status", "data-testid": "saved" });
  #blocks = h("div", {});

  enter() {
    const { people } = client();
    people.on("change", () => this.update(), { signal: this.signal });
  }

  build() {
    fill(this, h("div", { class: "settings" },
      h("header", { class: "settings-head" },
        h("button", { type: "button", class: "quiet", "aria-label": t("app.back"), "data-testid": "settings-back", onclick: () => history.length > 1 ? history.back() : go({ view: "chat" }) }, icon("back")),
        h("h1", {}, t("settings.title")), this.#said),
      this.#parts, section(t("blocks.title"), this.#blocks)));
    void this.#showBlocks();
  }

  update() {
    const { settings } = client().people;
    refill(this.#parts, [settings], () => settings ? this.#sections(settings) : h("p", { class: "muted", role: "status" }, t("app.loading")));
  }

  /** @param {Settings} s */
  #sections(s) {
    const candidate = client().role === "candidate";
    return [
      section(t("settings.seen"),
        this.#toggle("receipts", s.receipts, (on) => ({ receipts: on })),
        this.#toggle("presence", s.presence, (on) => ({ presence: on })),
        candidate && this.#toggle("insight", s.insight, (on) => ({ insight: on }))),
      candidate && section(t("settings.hide"), this.#hide(s.hide)),
      section(t("settings.notices"), this.#notices(s), this.#reminders(s), this.#quiet(s.quiet)),
      section(t("settings.greetings"), this.#templates("greetings")),
      section(t("settings.replies"), this.#templates("replies")),
    ];
  }

  /** @param {Partial<Settings>} change */
  async #store(change) {
    fill(this.#said);
    const done = await trying(() => client().people.set(change).then(() => true));
    if (done) fill(this.#said, icon("check"), t("settings.saved"));
    else this.#again();
  }

  /** What was refused is shown as it stands. */
  #again() {
    const { settings } = client().people;
    if (settings) fill(this.#parts, this.#sections(settings));
  }

  /** @param {"receipts" | "presence" | "insight" | "hide.everybody" | "hide.headhunters"} name @param {boolean | undefined} on @param {(on: boolean) => Partial<Settings>} change */
  #toggle(name, on, change) {
    const box = h("input", { type: "checkbox", role: "switch", ".checked": on ?? false, "data-testid": `set-${name}`, onchange: () => void this.#store(change(box.checked)) });
    return h("label", { class: "toggle" }, h("span", {}, h("span", {}, t(`settings.${name}`)), h("span", { class: "muted small" }, t(`settings.${name}.about`))), box);
  }

  /** @param {import("../client/wire.js").Hide} hide */
  #hide(hide) {
    const companies = hide.companies ?? [];
    const put = (/** @type {string[]} */ list) => void this.#store({ hide: { ...hide, companies: list } });
    return [
      this.#toggle("hide.everybody", hide.everybody, (on) => ({ hide: { ...hide, everybody: on } })),
      this.#toggle("hide.headhunters", hide.headhunters, (on) => ({ hide: { ...hide, headhunters: on } })),
      h("p", { class: "muted small" }, t("settings.hide.companies")), this.#words("companies", companies, put, t("settings.hide.company")),
    ];
  }

  /** @param {Settings} s */
  #notices({ notices }) {
    const on = notices ?? {};
    return h("table", { class: "grid" },
      h("thead", {}, h("tr", {}, h("td", {}), channels.map((c) => h("th", { scope: "col" }, t(`channel.${c}`))))),
      h("tbody", {}, classes.map((k) => h("tr", {}, h("th", { scope: "row" }, t(`notice.${k}`)), channels.map((c) => {
        const chosen = new Set(on[k] ?? []);
        const box = h("input", { type: "checkbox", ".checked": chosen.has(c), "aria-label": `${t(`notice.${k}`)} · ${t(`channel.${c}`)}`, "data-testid": `notice-${k}-${c}`, onchange: () => {
          if (box.checked) chosen.add(c);
          else chosen.delete(c);
          void this.#store({ notices: { ...on, [k]: channels.filter((x) => chosen.has(x)) } });
        } });
        return h("td", {}, h("label", { class: "box" }, box));
      })))));
  }

  /** @param {Settings} s */
  #reminders({ reminders }) {
    const chosen = new Set(reminders ?? []);
    return h("fieldset", { class: "field options inline" }, h("legend", {}, t("settings.reminders")), channels.map((c) => {
      const box = h("input", { type: "checkbox", ".checked": chosen.has(c), "data-testid": `remind-${c}`, onchange: () => {
        if (box.checked) chosen.add(c);
        else chosen.delete(c);
        void this.#store({ reminders: channels.filter((x) => chosen.has(x)) });
      } });
      return h("label", { class: "option" }, box, h("span", {}, t(`channel.${c}`)));
    }));
  }

  /** @param {import("../client/wire.js").Quiet} quiet */
  #quiet(quiet) {
    const time = (/** @type {"from" | "to"} */ name) => h("input", { type: "time", name, ".value": quiet[name] ?? "", "aria-label": t(`settings.quiet.${name}`), "data-testid": `quiet-${name}` });
    const from = time("from");
    const to = time("to");
    const store = () => {
      if (Boolean(from.value) === Boolean(to.value)) void this.#store({ quiet: from.value ? { ...quiet, from: from.value, to: to.value } : { from: "", to: "" } });
    };
    from.addEventListener("change", store);
    to.addEventListener("change", store);
    return h("fieldset", { class: "field options inline" }, h("legend", {}, t("settings.quiet")), from, h("span", { class: "muted", "aria-hidden": "true" }, "–"), to,
      quiet.from && h("button", { type: "button", class: "link", onclick: () => void this.#store({ quiet: { from: "", to: "" } }) }, t("settings.quiet.none")));
  }

  /** @param {"greetings" | "replies"} name */
  #templates(name) {
    return [h("p", { class: "muted small" }, t(`settings.${name}.about`)), this.#words(name, phrases(name), (next) => void this.#store({ [name]: next }), t("settings.add.label"))];
  }

  /** A list of words that grows and shrinks. @param {string} name @param {string[]} list @param {(list: string[]) => void} put @param {string} label */
  #words(name, list, put, label) {
    const input = h("input", { type: "text", maxlength: Math.floor(longest / 3), autocomplete: "off", "aria-label": label, placeholder: label, "data-testid": `add-${name}` });
    const add = (/** @type {Event} */ event) => {
      event.preventDefault();
      const word = input.value.trim();
      if (word && !list.includes(word)) put([...list, word]);
    };
    return [
      h("ul", { class: "words", "data-testid": `list-${name}` }, list.map((word) => h("li", {}, h("span", {}, word),
        h("button", { type: "button", class: "round quiet", "aria-label": t("settings.remove", { word }), title: t("app.remove"), onclick: () => put(list.filter((w) => w !== word)) }, icon("close"))))),
      list.length < mostTemplates && h("form", { class: "add", onsubmit: add }, input, h("button", { class: "plain" }, icon("plus"), t("settings.add"))),
    ];
  }

  async #showBlocks() {
    const blocks = await trying(() => client().people.blocks());
    if (!blocks) return;
    if (!blocks.length) return fill(this.#blocks, h("p", { class: "muted" }, t("blocks.none")));
    fill(this.#blocks, h("ul", { class: "words", "data-testid": "list-blocks" }, blocks.map((b) => h("li", {},
      h("span", {}, blockedName(b), " ", h("span", { class: "muted small" }, t("blocks.since", { date: date(new Date(b.since)) }))),
      h("button", { type: "button", class: "plain small", "data-testid": "unblock", onclick: () => void trying(() => client().people.unblock(b)).then(() => this.#showBlocks()) }, t("blocks.off"))))));
  }
}

/** Names come from the conversation in which it was done. @param {import("../client/wire.js").Blocked} b */
function blockedName({ user, company, conversation }) {
  const c = client().chat.get(conversation);
  if (company) return t("blocks.company", { name: c?.others.find((m) => m.company)?.company ?? company });
  return c?.member(user ?? "")?.name ?? tOr("role.other", "role.other");
}

/** @param {string} title @param {...import("./dom.js").Child} parts */
function section(title, ...parts) {
  return h("section", { class: "sheet settings-section" }, h("h2", {}, title), parts);
}

customElements.define("parley-settings", SettingsView);
