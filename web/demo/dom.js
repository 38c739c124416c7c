/** Building blocks of the pages: elements by one call, icons, and a base for custom elements. No string becomes markup. */

import { languages } from "./strings.js";

/** @typedef {Node | string | number | null | undefined | false | Child[]} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [props] on… listens, true and false set and leave out, .name sets a property, else an attribute
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) put(element, name, value);
  fill(element, ...children);
  return element;
}

/** @param {Element} element @param {string} name @param {any} value */
function put(element, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (name.startsWith(".")) /** @type {any} */ (element)[name.slice(1)] = value;
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** Replaces what is in an element. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
}

/** @type {WeakMap<Element, string>} */
const versions = new WeakMap();

/**
 * Replaces what is in an element only when what it depends on changed, so that the keyboard and an open hint stay.
 *
 * @param {Element} element
 * @param {unknown[]} depends
 * @param {() => Child} make
 */
export function refill(element, depends, make) {
  const version = JSON.stringify([document.documentElement.lang, ...depends]);
  if (versions.get(element) === version) return;
  versions.set(element, version);
  fill(element, make());
}

/**
 * Takes the keyboard to where the new content begins when what held it is gone, so that Tab goes on there and not at the
 * top of the page. Until somebody has used the keyboard or the pointer nothing moves.
 *
 * @param {HTMLElement | null} place can be focused
 */
export function keepKeyboard(place) {
  if (document.activeElement === document.body && navigator.userActivation?.hasBeenActive) place?.focus({ preventScroll: true });
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function flat(children) {
  return children.flatMap((child) => {
    if (Array.isArray(child)) return flat(child);
    if (child === null || child === undefined || child === false) return [];
    return [typeof child === "number" ? String(child) : child];
  });
}

/** Outlines on a grid of 24, drawn with a stroke of 1.75. */
const outlines = {
  back: "M15 5l-7 7 7 7",
  send: "M4 12l16-8-6 16-3-7-7-1z",
  clock: "M12 7v5l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  checks: "M2.5 12.5L7 17l9.5-9.5M12 16l1 1 9-9.5",
  alert: "M12 8v5M12 16.5v.01M12 3.5l9.5 16.5h-19z",
  info: "M12 11v5M12 8v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  video: "M3.5 7.5a1.5 1.5 0 0 1 1.5-1.5h9a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5zM15.5 11l5-3.5v9l-5-3.5",
  novideo: "M3.5 7.5a1.5 1.5 0 0 1 1.5-1.5h9a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5zM15.5 11l5-3.5v9l-5-3.5M3 3l18 18",
  mic: "M12 3.5a2.5 2.5 0 0 0-2.5 2.5v5.5a2.5 2.5 0 0 0 5 0V6A2.5 2.5 0 0 0 12 3.5zM6 11.5a6 6 0 0 0 12 0M12 17.5V21",
  nomic: "M12 3.5a2.5 2.5 0 0 0-2.5 2.5v5.5a2.5 2.5 0 0 0 5 0V6A2.5 2.5 0 0 0 12 3.5zM6 11.5a6 6 0 0 0 12 0M12 17.5V21M3 3l18 18",
  hangup: "M3 14.5c0-2.5 4-5 9-5s9 2.5 9 5v1.8a1 1 0 0 1-1.2 1l-3.3-.7a1 1 0 0 1-.8-1v-2a11 11 0 0 0-7.4 0v2a1 1 0 0 1-.8 1l-3.3.7a1 1 0 0 1-1.2-1z",
  chat: "M4.5 5.5h15a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H11L6.5 20v-3.5h-2a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1z",
  shield: "M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 5.5v13M15.5 5.5v13",
  back10: "M4.5 5v4.5H9M5 9.3A8 8 0 1 1 4 13",
  forward10: "M19.5 5v4.5H15M19 9.3A8 8 0 1 0 20 13",
  save: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
  sound: "M4 9.5h3.5L12 5.5v13l-4.5-4H4zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11",
  nosound: "M4 9.5h3.5L12 5.5v13l-4.5-4H4zM16 9.5l5 5M21 9.5l-5 5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  open: "M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 10l6 6 6-6",
};

/** @typedef {keyof typeof outlines} IconName */

const svg = "http://www.w3.org/2000/svg";

/** A picture beside words, hidden from screen readers. @param {IconName} name @returns {SVGSVGElement} */
export function icon(name) {
  const picture = document.createElementNS(svg, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("class", `icon icon-${name}`);
  picture.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", outlines[name]);
  picture.append(path);
  return picture;
}

/**
 * A custom element that is built when it enters the page, built again when the language changes, and updated in between.
 * What listens with `signal` stops when it leaves.
 */
export class View extends HTMLElement {
  #life = new AbortController();

  /** Ends when the element leaves the page. */
  get signal() {
    return this.#life.signal;
  }

  connectedCallback() {
    this.#life = new AbortController();
    languages.on("change", () => this.#rebuild(), { signal: this.signal });
    this.enter();
    this.#rebuild();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.leave();
  }

  #rebuild() {
    this.build();
    this.update();
  }

  /** Starts listening. */
  enter() {}

  /** Makes the parts that stay. */
  build() {}

  /** Shows what changes. */
  update() {}

  /** Lets things go. */
  leave() {}
}

/** Calls at most once a frame, for updates that come in bursts. @param {() => void} work @returns {() => void} */
export function onFrame(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setTimeout(() => {
      asked = false;
      work();
    }, 16);
  };
}
