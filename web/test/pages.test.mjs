/**
 * Every page in both languages, wide and on a phone, light and dark: nothing runs out of the screen, no sentence is
 * missing, and axe-core finds nothing that keeps somebody out. The pictures go to ../test-artifacts.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { artifacts, locales, missing, person, sizes, startBrowser, startParley } from "./harness.mjs";

const why = missing();
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const patience = { timeout: 20_000 };

/** @typedef {Awaited<ReturnType<typeof person>>} Person */

/** The pages and states to look at, each from where the one before ended. @type {[string, (recruiter: Person, candidate: Person) => Promise<Person>][]} */
const pages = [
  ["home", async (r) => {
    await r.page.goto("/");
    await r.at("seat-recruiter").waitFor(patience);
    await r.page.locator(".figure dd").first().filter({ hasText: /\d/ }).waitFor(patience);
    return r;
  }],
  ["refused", async (r) => {
    await r.page.goto("/chat.html#seat=nobody");
    await r.at("refused").waitFor(patience);
    return r;
  }],
  ["list", async (r) => {
    await r.page.goto("/");
    await r.page.goto("/chat.html#seat=recruiter");
    await r.at("conversation").first().waitFor(patience);
    return r;
  }],
  ["chat", async (r) => {
    await r.at("conversation").first().click();
    await r.at("message").last().waitFor(patience);
    return r;
  }],
  ["masked", async (r) => {
    await r.at("masked").click();
    await r.page.locator(".hint").waitFor();
    return r;
  }],
  ["disclose", async (r, c) => {
    await r.page.keyboard.press("Escape");
    await c.page.goto("/chat.html#seat=candidate");
    await c.at("conversation").first().click(patience);
    await c.at("disclose").click(patience);
    await c.at("dialog").waitFor();
    return c;
  }],
  ["consent", async (r, c) => {
    await c.page.keyboard.press("Escape");
    await r.at("head-interview").click(patience);
    await r.at("consent-agree").waitFor(patience);
    return r;
  }],
  ["devices", async (r, c) => {
    await c.at("head-interview").click(patience);
    await c.at("join").and(c.page.locator(":enabled")).waitFor(patience);
    return c;
  }],
  ["call", async (r, c) => {
    await c.at("join").click();
    await c.page.locator(".recording-sign.on").waitFor(patience);
    return c;
  }],
  ["hangup", async (r, c) => {
    await c.at("hangup").click();
    await c.at("dialog").waitFor();
    return c;
  }],
  ["away", async (r, c) => {
    await c.at("confirm-leave").click();
    await c.at("composer").waitFor(patience);
    await c.sever(true);
    await c.at("composer").fill("…");
    await c.at("composer").press("Enter");
    await c.at("banner").waitFor(patience);
    return c;
  }],
  ["play", async (r, c) => {
    await c.sever(false);
    await c.at("banner").waitFor({ state: "hidden", timeout: 30_000 });
    await c.at("interview-play").click(patience);
    await c.at("play-toggle").waitFor({ timeout: 30_000 });
    return c;
  }],
];

describe("the pages", { skip: why }, () => {
  /** @type {Awaited<ReturnType<typeof startParley>>} */
  let server;
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    [server, browser] = await Promise.all([startParley(), startBrowser()]);
    await live(browser, server.http);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const lang of /** @type {(keyof typeof locales)[]} */ (Object.keys(locales))) {
    for (const size of /** @type {(keyof typeof sizes)[]} */ (Object.keys(sizes))) {
      for (const theme of /** @type {("light" | "dark")[]} */ (["light", "dark"])) {
        test(`${lang}, ${size}, ${theme}`, async (t) => {
          const how = { lang, size, theme, init: axe };
          const both = await Promise.all([person(browser, server.http, how), person(browser, server.http, how)]);
          for (const [name, open] of pages) {
            await t.test(name, async () => {
              const { page } = await open(...both);
              await settle(page);
              await page.screenshot({ path: join(artifacts, `${name}-${lang}-${size}-${theme}.png`) });
              await looksRight(page, lang);
              await lets(page);
            });
          }
          await Promise.all(both.map((p) => p.context.close()));
        });
      }
    }
  }
});

/** What the pages have to show: some messages, an interview that ended with a recording, and one that is open. @param {import("playwright-core").Browser} browser @param {string} base */
async function live(browser, base) {
  const [r, c] = await Promise.all([person(browser, base), person(browser, base)]);
  for (const [who, seat] of /** @type {const} */ ([[r, "recruiter"], [c, "candidate"]])) {
    await who.page.goto(`/chat.html#seat=${seat}`);
    await who.at("conversation").first().click(patience);
  }
  await write(r, "您好，看到您的简历与我们的前端岗位很匹配，方便聊聊吗？");
  await write(c, "您好，方便的。想先了解一下团队和技术栈。");
  await write(r, "团队十二个人，负责候选人端与招聘端的网页。\n今天下午三点可以视频聊半小时吗？");
  await write(c, "可以，稍后见。");
  await r.at("start-interview").click(patience);
  await c.at("interview-enter").click(patience);
  for (const who of [r, c]) {
    await who.at("consent-agree").click(patience);
    await who.at("join").click(patience);
  }
  await r.page.waitForFunction(() => /** @type {HTMLVideoElement | null} */ (document.querySelector('[data-testid="remote-video"]'))?.currentTime > 2, null, patience);
  await r.at("hangup").click();
  await r.at("confirm-end").click();
  await Promise.all([r.at("summary-chat").click(patience), c.at("summary-chat").click(patience)]);
  await r.at("start-interview").click(patience);
  await c.at("interview-enter").last().click(patience);
  await c.at("consent-agree").click(patience);
  await Promise.all([r.context.close(), c.context.close()]);
}

/** @param {Person} who @param {string} text */
async function write(who, text) {
  await who.at("composer").fill(text);
  await who.at("composer").press("Enter");
  await who.at("message").filter({ hasText: text.split("\n")[0] }).and(who.page.locator('[data-seq]')).waitFor(patience);
}

/** Lets fonts, pictures and the last update come. @param {import("playwright-core").Page} page */
async function settle(page) {
  await page.evaluate(() => document.fonts.ready.then(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))));
}

/** @param {import("playwright-core").Page} page @param {keyof typeof locales} lang */
async function looksRight(page, lang) {
  const found = await page.evaluate(() => {
    const sticksOut = (/** @type {Element} */ e) => {
      const { left, right, width } = e.getBoundingClientRect();
      return width > 1 && (right > innerWidth + 1 || left < -1) && !e.closest(".skip, .spoken, video");
    };
    return {
      lang: document.documentElement.lang,
      wide: document.documentElement.scrollWidth - innerWidth,
      out: [...document.querySelectorAll("body *")].filter(sticksOut).map((e) => `${e.tagName}.${e.getAttribute("class")}`),
      text: document.body.innerText + document.title,
      unnamed: document.querySelectorAll("[aria-label='']").length,
    };
  });
  assert.equal(found.lang, { zh: "zh-CN", en: "en" }[lang]);
  assert.ok(found.wide <= 0, `the page is ${found.wide} px too wide`);
  assert.deepEqual(found.out, [], "what sticks out of the screen");
  assert.doesNotMatch(found.text, /\b(app|home|chat|state|masked|disclose|system|connection|interview|consent|devices|call|summary|play)\.[a-z]/, "a key in place of a sentence");
  assert.doesNotMatch(found.text, /undefined|\bNaN\b|\[object|\{\w+\}/, "a value in place of words");
  assert.equal(found.unnamed, 0);
}

/** @param {import("playwright-core").Page} page whom it lets in */
async function lets(page) {
  const violations = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map((/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => `${n.target} (${n.failureSummary})`).join("; ")}`);
  });
  assert.deepEqual(violations, []);
}
