/**
 * What the browser tests stand on: the real server as a process with fresh data, and Chromium with its fake camera and
 * microphone. PARLEY_BIN names the server's binary (../bin/parley otherwise), CHROMIUM the browser. Where one is missing
 * the tests are skipped with a line that says so; with CI=true that is a failure.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const here = import.meta.dirname;
const binary = resolve(process.env.PARLEY_BIN ?? join(here, "../../bin/parley"));
const any = "127.0.0.1:0";
const browserPath = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Where pictures go; never into the repository. */
export const artifacts = resolve(here, "../../test-artifacts");

export const sizes = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
export const locales = { zh: "zh-CN", en: "en-US" };

/** @returns {string | false} why the tests can't run here */
export function missing() {
  const what = [[binary, "the server (PARLEY_BIN)"], [browserPath, "Chromium (CHROMIUM)"]].filter(([path]) => !existsSync(path));
  if (!what.length) return false;
  const why = `missing: ${what.map(([path, name]) => `${name} at ${path}`).join(", ")}`;
  if (process.env.CI === "true") throw new Error(why);
  return why;
}

/**
 * Starts `parley dev`, on ports of its own and with fresh data unless told otherwise.
 *
 * @param {{ data?: string, http?: string, logLevel?: string, more?: string[] }} [how] data and http for a server that comes back after a kill; more settings
 * @returns {Promise<any>} what it printed when ready, its log so far, and the ways to end it
 */
export async function startParley({ data = mkdtempSync(join(tmpdir(), "parley-web-")), http = any, logLevel = "info", more = [] } = {}) {
  const server = spawn(binary, ["dev", "--json", "--http", http, "--admin", any, "--udp", any, "--data", data, "--log-level", logLevel, ...more], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  server.stderr.on("data", (chunk) => (log += chunk));
  const gone = new Promise((done) => server.once("close", done));
  const ready = (await lines(server.stdout).next()).value;
  if (!ready) throw new Error(`the server ended with ${await gone}:\n${log}`);
  const end = (/** @type {NodeJS.Signals} */ signal) => {
    server.kill(signal);
    return gone;
  };
  return {
    ...JSON.parse(ready),
    data,
    log: () => log,
    end,
    kill: () => end("SIGKILL"),
    stop: async () => {
      await end("SIGTERM");
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** The lines of a stream, one by one. @param {import("node:stream").Readable} stream */
export function lines(stream) {
  return createInterface({ input: stream, crlfDelay: Infinity })[Symbol.asyncIterator]();
}

/** @param {string[]} [more] arguments for Chromium */
export function startBrowser(more = []) {
  mkdirSync(artifacts, { recursive: true });
  return chromium.launch({
    executablePath: browserPath,
    args: ["--no-sandbox", "--use-fake-device-for-media-stream=fps=15", "--use-fake-ui-for-media-stream", "--disable-background-networking",
      "--disable-component-update", "--disable-gpu", ...more],
  });
}

/**
 * A person at a browser: a context of its own and a page that remembers what went wrong in it.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {string} base
 * @param {{ lang?: "zh" | "en", size?: keyof typeof sizes, theme?: "light" | "dark", init?: string }} [how] init is a script that runs before each page's own
 */
export async function person(browser, base, { lang = "zh", size = "wide", theme = "light", init } = {}) {
  const context = await browser.newContext({ baseURL: base, viewport: sizes[size], locale: locales[lang], colorScheme: theme, acceptDownloads: true });
  if (init) await context.addInitScript({ path: init });
  let severed = false;
  /** @type {Set<import("playwright-core").WebSocketRoute>} */
  const sockets = new Set();
  await context.routeWebSocket(/\/v1\/ws$/, (socket) => {
    if (severed) return void socket.close({ code: 1011 });
    socket.connectToServer();
    sockets.add(socket);
  });
  /** Breaks the connection to the server and keeps it broken, or lets it come back. @param {boolean} cut */
  const sever = async (cut) => {
    severed = cut;
    if (cut) await Promise.all([...sockets].map((socket) => socket.close({ code: 1011 })));
    sockets.clear();
  };
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  watch(page, faults);
  return { context, page, faults, sever, at: (/** @type {string} */ id) => page.locator(`[data-testid="${id}"]`) };
}

/** @param {import("playwright-core").Page} page @param {string[]} faults */
export function watch(page, faults) {
  page.on("pageerror", (error) => faults.push(String(error.stack ?? error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
}

/**
 * Polls until a condition holds.
 *
 * @param {string} what for the error
 * @param {() => Promise<boolean> | boolean} holds
 * @param {number} [patience] milliseconds
 */
export async function until(what, holds, patience = 15_000) {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}
