import { h, icon } from "./dom.js";
import { lang, speak, t } from "./strings.js";

/** What stands on top of every page: the mark, and the switch of the language. */

/** @returns {HTMLElement} */
export function brand() {
  return h("a", { class: "brand", href: "/", "aria-label": `${t("app.name")} · ${t("app.home")}` },
    h("img", { src: "/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, t("app.name")));
}

/** @returns {HTMLElement} */
export function languageSwitch() {
  const other = lang() === "zh" ? "en" : "zh";
  return h("button", {
    class: "quiet language", type: "button", "aria-label": `${t("app.language")} · ${t("app.language.label")}`, "data-testid": "language",
    onclick: () => {
      speak(other);
      /** @type {HTMLElement | null} */ (document.querySelector("button.language"))?.focus();
    },
  }, icon("globe"), h("span", { lang: other === "zh" ? "zh-CN" : "en" }, t("app.language")));
}

/** A link for keyboards, past the header. @param {string} target id */
export function skipLink(target) {
  return h("a", {
    class: "skip", href: `#${target}`,
    onclick: (/** @type {Event} */ event) => {
      event.preventDefault();
      document.getElementById(target)?.focus();
    },
  }, t("app.skip"));
}
