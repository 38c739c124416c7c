/**
 * Every page in both languages, wide and on a phone, light and dark: nothing runs out of the screen, no sentence is
 * missing, and axe-core finds nothing that keeps somebody out. The pictures go to ../test-artifacts.
 */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { png } from "./files.mjs";
import { artifacts, locales, missing, person, sizes, startBrowser, startParley } from "./harness.mjs";
import { openWith, sit } from "./people.mjs";

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
    await openWith(r, "candidate");
    await r.at("message").last().waitFor(patience);
    return r;
  }],
  ["cards", async (r) => {
    await r.at("job-card").scrollIntoViewIfNeeded(patience);
    return r;
  }],
  ["menu", async (r) => {
    const message = r.at("message").filter({ hasText: "稍后见" });
    await message.hover();
    await message.locator('[data-testid="message-menu"]').click();
    await r.at("menu-reply").waitFor();
    return r;
  }],
  ["reply", async (r) => {
    await r.at("menu-reply").click();
    await r.at("about-cancel").waitFor();
    return r;
  }],
  ["appoint", async (r) => {
    await r.at("about-cancel").click();
    await r.at("tool-appoint").click();
    await r.at("form").waitFor();
    return r;
  }],
  ["report", async (r) => {
    await r.page.keyboard.press("Escape");
    await r.at("more").click();
    await r.at("menu-report").click();
    await r.at("form").waitFor();
    return r;
  }],
  ["insight", async (r) => {
    await r.page.keyboard.press("Escape");
    await r.at("insight").click(patience);
    await r.page.locator(".hint.insight").waitFor();
    return r;
  }],
  ["masked", async (r) => {
    await r.page.keyboard.press("Escape");
    await r.at("masked").click();
    await r.page.locator("#masked-why").waitFor();
    return r;
  }],
  ["disclose", async (r, c) => {
    await r.page.keyboard.press("Escape");
    await sit(c, "candidate");
    await c.at("disclose").click(patience);
    await c.at("dialog").waitFor();
    return c;
  }],
  ["resume", async (r, c) => {
    await c.page.keyboard.press("Escape");
    await c.at("tool-resume").click();
    await c.at("form").waitFor();
    return c;
  }],
  ["voice", async (r, c) => {
    await c.page.keyboard.press("Escape");
    await c.at("voice-record").click();
    await c.at("voice-send").and(c.page.locator(":enabled")).waitFor(patience);
    return c;
  }],
  ["search", async (r, c) => {
    await c.at("voice-discard").click();
    if (await c.at("back").isVisible()) await c.at("back").click();
    await c.at("search").fill("团队");
    await c.at("result").first().waitFor(patience);
    return c;
  }],
  ["settings", async (r, c) => {
    await c.at("search").press("Escape");
    await c.at("settings").click();
    await c.at("set-insight").waitFor(patience);
    return c;
  }],
  ["consent", async (r, c) => {
    await c.at("settings-back").click();
    await openWith(c, "recruiter");
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
  ["headhunter", async (r) => {
    await r.page.goto("/");
    await sit(r, "headhunter");
    await r.at("resume-card").waitFor(patience);
    return r;
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
  await sit(r, "headhunter");
  await sit(c, "candidate", "headhunter");
  await c.at("tool-resume").click();
  await c.at("form-submit").click();
  await r.at("resume-card").waitFor(patience);
  await r.page.goto("/");
  await sit(r, "recruiter");
  await c.page.goto("/");
  await sit(c, "candidate");
  await write(r, "您好，看到您的简历与我们的前端岗位很匹配，方便聊聊吗？");
  await write(c, "您好，方便的。想先了解一下团队和技术栈。");
  await r.at("tool-job").click();
  await r.at("form-submit").click();
  await c.at("job-card").waitFor(patience);
  await c.at("files").setInputFiles([png("board.png", 640, 400)]);
  await r.at("picture").waitFor(patience);
  await r.at("tool-exchange").click();
  await r.at("menu-wechat").click();
  await r.at("field-value").fill("wang-min_88");
  await r.at("form-submit").click();
  await c.at("exchange-accept").click(patience);
  await c.at("field-value").fill("xiaoming-li");
  await c.at("form-submit").click();
  await r.at("exchange-show").click(patience);
  await r.at("tool-appoint").click();
  await r.at("form-submit").click();
  await c.at("appointment-accept").waitFor(patience);
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
  assert.doesNotMatch(found.text, /\b(app|home|chat|state|masked|disclose|system|connection|interview|consent|devices|call|summary|play|tab|search|quota|presence|insight|message|recalled|reaction|reply|edit|confirm|tool|phrases?|greetings|voice|media|resume|job|exchange|wechat|phone|appointment|blocks?|report|settings|channel|notice)\.[a-z]/, "a key in place of a sentence");
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
