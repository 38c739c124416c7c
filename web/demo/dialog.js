import { h } from "./dom.js";
import { t } from "./strings.js";

/**
 * Asks before something that can't be taken back.
 *
 * @template {string} A
 * @param {object} what
 * @param {string} what.title
 * @param {string} what.text
 * @param {{ id: A, label: string, kind?: "primary" | "danger" | "plain" }[]} what.actions
 * @returns {Promise<A | "">} what was chosen, "" for none
 */
export function ask({ title, text, actions }) {
  const buttons = actions.map(({ id, label, kind = "plain" }) => h("button", { class: kind, value: id, "data-testid": `confirm-${id}` }, label));
  const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title", "aria-describedby": "ask-text", "data-testid": "dialog" },
    h("form", { method: "dialog" },
      h("h2", { id: "ask-title" }, title), h("p", { id: "ask-text" }, text),
      h("div", { class: "actions" }, h("button", { class: "plain", value: "", autofocus: true }, t("app.cancel")), buttons)));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(/** @type {A | ""} */ (dialog.returnValue));
    });
  });
}

/** Shows a short word that goes by itself. @param {string} text @param {"plain" | "alarm"} [kind] */
export function tell(text, kind = "plain") {
  const box = document.querySelector(".tells") ?? document.body.appendChild(h("div", { class: "tells", role: "status", "aria-live": "polite" }));
  const word = h("p", { class: `tell ${kind}` }, text);
  box.append(word);
  setTimeout(() => word.remove(), 5000);
}
