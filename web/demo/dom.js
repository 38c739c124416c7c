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
  plus: "M12 5v14M5 12h14",
  more: "M4.5 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0M11.1 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0M17.7 12a.9.9 0 1 0 1.8 0 .9.9 0 1 0-1.8 0",
  reply: "M9.5 6L4 11l5.5 5M4.5 11H14a5.5 5.5 0 0 1 5.5 5.5V19",
  edit: "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19zM13.5 7l3.5 3.5",
  undo: "M8.5 5L4 9.5 8.5 14M4.5 9.5H14a5.5 5.5 0 0 1 0 11H8",
  copy: "M8.5 8.5h11v11h-11zM15.5 8.5v-4h-11v11h4",
  flag: "M5.5 21V4M5.5 4.5h12l-2.5 4 2.5 4h-12",
  block: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.8 5.8l12.4 12.4",
  gear: "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v2.5M12 18.5V21M3 12h2.5M18.5 12H21M5.6 5.6l1.8 1.8M16.6 16.6l1.8 1.8M5.6 18.4l1.8-1.8M16.6 7.4l1.8-1.8",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20.5 20.5",
  phone: "M5 4h3.5l2 5-2.5 1.8a12 12 0 0 0 5.2 5.2l1.8-2.5 5 2V19a1.5 1.5 0 0 1-1.5 1.5A14.5 14.5 0 0 1 3.5 5.5 1.5 1.5 0 0 1 5 4z",
  swap: "M7 4L3.5 7.5 7 11M4 7.5h14M17 13l3.5 3.5L17 20M20 16.5H6",
  wechat: "M9.5 4.5c-4 0-6.5 2.4-6.5 5.3 0 1.7.9 3.1 2.4 4.1L5 16.5l2.6-1.4a9 9 0 0 0 2 .2M21 14.4c0-2.6-2.5-4.7-5.6-4.7s-5.6 2.1-5.6 4.7 2.5 4.7 5.6 4.7c.7 0 1.3-.1 1.9-.3l2.2 1.2-.4-2.1c1.2-.9 1.9-2.1 1.9-3.5z",
  doc: "M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5h5M9 12.5h6.5M9 16h6.5",
  briefcase: "M3.5 8h17v11.5h-17zM8.5 8V4.5h7V8M3.5 13h17",
  calendar: "M4 6h16v14H4zM4 10.5h16M8.5 3.5v4M15.5 3.5v4",
  clip: "M19.5 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.2 17.2a1.7 1.7 0 0 1-2.4-2.4l7.7-7.7",
  phrases: "M5 5.5h14M5 10h14M5 14.5h9M5 19h6",
  chart: "M5 20V11M10 20V5M15 20v-6M20 20V9",
  file: "M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5h5",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17M15.5 9.5v.01",
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
