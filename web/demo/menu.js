import { h, icon } from "./dom.js";

/** A menu that floats beside what opened it: arrows move, Enter chooses, Escape returns. */

/**
 * @typedef {object} Item
 * @property {string} id
 * @property {string} label
 * @property {import("./dom.js").IconName} [icon]
 * @property {boolean} [danger]
 * @property {() => void} act
 */

const gap = 6;

/**
 * @param {HTMLElement} anchor gets the keyboard back
 * @param {string} label names the menu
 * @param {(Item | false | null | undefined)[]} items
 * @param {{ top?: (close: () => void) => Node, empty?: string }} [more] top: what stands above the items; empty: said when there are none
 */
export function openMenu(anchor, label, items, { top, empty } = {}) {
  const close = () => menu.hidePopover();
  const rows = items.filter((i) => !!i).map((item) => h("button", {
    type: "button", role: "menuitem", class: `menu-item ${item.danger ? "alarming" : ""}`, "data-testid": `menu-${item.id}`,
    onclick: () => {
      close();
      item.act();
    },
  }, item.icon && icon(item.icon), h("span", {}, item.label)));
  const menu = h("div", { class: "menu", popover: "auto", role: "menu", "aria-label": label, "data-testid": "menu" }, top?.(close), rows, !rows.length && empty && h("p", { class: "muted" }, empty));
  (anchor.closest("dialog, main") ?? document.body).append(menu);
  menu.addEventListener("keydown", (event) => move(menu, event));
  menu.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    const inside = menu.contains(document.activeElement) || document.activeElement === document.body;
    menu.remove();
    if (inside && anchor.isConnected) anchor.focus();
  });
  menu.showPopover();
  place(menu, anchor);
  /** @type {HTMLElement | null} */ (menu.querySelector("button"))?.focus();
}

/** @param {HTMLElement} menu @param {KeyboardEvent} event */
function move(menu, event) {
  const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "Tab") return menu.hidePopover();
  if (!step) return;
  event.preventDefault();
  const all = [...menu.querySelectorAll("button")];
  const at = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  all[(at + step + all.length) % all.length]?.focus();
}

/** Below the anchor where there is room, else above; never out of the window. @param {HTMLElement} menu @param {HTMLElement} anchor */
function place(menu, anchor) {
  const a = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = a.bottom + gap + height <= innerHeight - gap;
  const top = below ? a.bottom + gap : Math.max(gap, a.top - gap - height);
  const left = a.left + a.width / 2 > innerWidth / 2 ? a.right - width : a.left;
  menu.style.top = `${top}px`;
  menu.style.left = `${Math.min(Math.max(gap, left), innerWidth - width - gap)}px`;
}
