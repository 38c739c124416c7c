import { h } from "./dom.js";
import { t } from "./strings.js";

/** A dialog that asks for a few things at once. */

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "number" | "date" | "time" | "long" | "choice" | "file" | "checks"} [type] a line of text when absent
 * @property {string | number} [value]
 * @property {string} [hint] under the field
 * @property {boolean} [required]
 * @property {string} [pattern]
 * @property {number} [most] characters, or the greatest number
 * @property {number} [least] the smallest number
 * @property {string} [from] the earliest date
 * @property {string} [accept] kinds of files
 * @property {{ value: string, label: string, checked?: boolean }[]} [options] of a choice, or of checks
 */

/**
 * @param {{ title: string, text?: string, fields: Field[], submit: string, kind?: "primary" | "danger" }} what
 * @returns {Promise<FormData | null>} null when it was given up
 */
export function fillIn({ title, text, fields, submit, kind = "primary" }) {
  const send = h("button", { class: kind, value: "ok", "data-testid": "form-submit" }, submit);
  const form = h("form", { method: "dialog" },
    h("h2", { id: "form-title" }, title), text && h("p", { class: "muted" }, text),
    h("div", { class: "fields" }, fields.map(field)),
    h("div", { class: "actions" }, h("button", { class: "plain", value: "", formnovalidate: true }, t("app.cancel")), send));
  const dialog = h("dialog", { class: "ask form", "aria-labelledby": "form-title", "data-testid": "form" }, form);
  document.body.append(dialog);
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
    event.preventDefault(); // else the first button, which gives up, would be pressed
    form.requestSubmit(send);
  });
  dialog.showModal();
  /** @type {HTMLElement | null} */ (form.querySelector("input:not([type=file]), textarea, select"))?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? new FormData(form) : null);
    });
  });
}

/** @param {Field} f */
function field(f) {
  if (f.type === "checks" || (f.type === "choice" && (f.options?.length ?? 0) < 8)) return options(f);
  return h("label", { class: `field ${f.type === "number" || f.type === "date" || f.type === "time" ? "short" : ""}` },
    h("span", {}, f.label), f.hint ? h("span", { class: "field-hint muted" }, f.hint) : null, input(f));
}

/** @param {Field} f */
function input(f) {
  const shared = { name: f.name, required: f.required, "data-testid": `field-${f.name}` };
  if (f.type === "long") return h("textarea", { ...shared, rows: 4, maxlength: f.most, ".value": f.value ?? "" });
  if (f.type === "file") return h("input", { ...shared, type: "file", accept: f.accept });
  return h("input", {
    ...shared, type: f.type ?? "text", pattern: f.pattern, title: f.pattern && f.hint, autocomplete: "off",
    ...(f.type === "number" ? { min: f.least, max: f.most, inputmode: "numeric" } : { maxlength: f.most }), min: f.from ?? f.least, ".value": f.value ?? "",
  });
}

/** @param {Field} f */
function options({ name, label, type, options = [], required }) {
  const kind = type === "checks" ? "checkbox" : "radio";
  return h("fieldset", { class: `field options ${type}` }, h("legend", {}, label),
    options.map((o) => h("label", { class: "option" },
      h("input", { type: kind, name, value: o.value, required: kind === "radio" && required, ".checked": o.checked ?? false, "data-testid": `${name}-${o.value}` }), h("span", {}, o.label))));
}
