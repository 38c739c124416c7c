import { Emitter } from "../client/events.js";
import { en } from "./en.js";
import { zh } from "./zh.js";

/** The words of the pages: which language, which sentence, and dates and durations as that language writes them. */

/** @typedef {keyof typeof zh} Key */
/** @typedef {"zh" | "en"} Lang */

const tables = { zh, en };

/** @type {Emitter<{ change: Lang }>} */
export const languages = new Emitter();

/** @type {Lang} */
let current = chosen();
document.documentElement.lang = tag();

/** What was chosen before, else the browser's first language that there is, else Chinese. @returns {Lang} */
function chosen() {
  const wanted = [localStorage.getItem("parley.lang") ?? "", ...navigator.languages].map((l) => l.slice(0, 2));
  return /** @type {Lang | undefined} */ (wanted.find((l) => l in tables)) ?? "zh";
}

/** @returns {Lang} */
export function lang() {
  return current;
}

function tag() {
  return current === "zh" ? "zh-CN" : "en";
}

/** @param {Lang} to */
export function speak(to) {
  current = to;
  localStorage.setItem("parley.lang", to);
  document.documentElement.lang = tag();
  languages.emit("change", to);
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values] for the {names} in the sentence; `n` chooses the form
 * @returns {string}
 */
export function t(key, values = {}) {
  const forms = tables[current][key].split(" | ");
  const form = "n" in values && forms.length > 1 ? forms[new Intl.PluralRules(tag()).select(Number(values.n)) === "one" ? 0 : 1] : forms[0];
  return form.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/**
 * @param {string} key that may have no sentence
 * @param {Key} otherwise
 * @param {Record<string, string | number>} [values]
 */
export function tOr(key, otherwise, values) {
  return t(key in zh ? /** @type {Key} */ (key) : otherwise, values);
}

/** @param {Date} time @returns {string} 14:05 */
export function clock(time) {
  return new Intl.DateTimeFormat(tag(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(time);
}

/** @param {Date} time @returns {string} today, yesterday, or the date */
export function day(time) {
  const days = Math.round((midnight(time) - midnight(new Date())) / 86_400_000);
  if (days === 0 || days === -1) return capital(new Intl.RelativeTimeFormat(tag(), { numeric: "auto" }).format(days, "day"));
  const year = time.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(tag(), { year, month: "long", day: "numeric", weekday: "short" }).format(time);
}

/** @param {Date} time @returns {string} the clock for today, else a short date */
export function recently(time) {
  if (midnight(time) === midnight(new Date())) return clock(time);
  return new Intl.DateTimeFormat(tag(), { month: "numeric", day: "numeric" }).format(time);
}

/** @param {Date} time @returns {string} */
export function date(time) {
  return new Intl.DateTimeFormat(tag(), { dateStyle: "long" }).format(time);
}

/** @param {Date} time @returns {string} */
export function moment(time) {
  return new Intl.DateTimeFormat(tag(), { dateStyle: "medium", timeStyle: "short" }).format(time);
}

/** @param {Date} time @returns {string} with the day of the week, for when people meet */
export function whenWords(time) {
  const year = time.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(tag(), { year, month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(time);
}

/** @param {number} n @returns {string} 1.2 MB */
export function bytes(n) {
  const large = n >= 1e6;
  const unit = new Intl.NumberFormat(tag(), { style: "unit", unit: large ? "megabyte" : "kilobyte", unitDisplay: "short", maximumFractionDigits: large ? 1 : 0 });
  return unit.format(large ? n / 1e6 : Math.max(1, n / 1000));
}

/** @param {number} part from 0 to 1 @returns {string} */
export function percent(part) {
  return new Intl.NumberFormat(tag(), { style: "percent" }).format(part);
}

/** @param {number} seconds @returns {string} 3 min 12 sec, in words */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = { hour: Math.floor(whole / 3600), minute: Math.floor(whole / 60) % 60, second: whole % 60 };
  const words = Object.entries(parts).filter(([unit, n]) => n > 0 || (unit === "second" && whole === 0));
  const unitWords = words.map(([unit, n]) => new Intl.NumberFormat(tag(), { style: "unit", unit, unitDisplay: "short" }).format(n));
  return unitWords.join(current === "zh" ? "" : " ");
}

/** @param {number} seconds @returns {string} 3:07 or 1:02:03, for a running clock */
export function timer(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : two(Math.floor(whole / 60))}:${two(whole % 60)}`;
}

/** @param {number} n @returns {string} */
export function number(n) {
  return new Intl.NumberFormat(tag(), { maximumFractionDigits: 1 }).format(n);
}

/** @param {string} role @returns {string} */
export function roleName(role) {
  return tOr(`role.${role}`, "role.other");
}

/** @param {Date} time */
function midnight(time) {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** @param {string} word */
function capital(word) {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
