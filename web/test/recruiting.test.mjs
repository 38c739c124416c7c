/**
 * A recruiter, a candidate and a headhunter at work through real browsers: what they say and take back, send each other,
 * agree on, and keep from each other. Two browsers at a time, one in Chinese, one in English on a phone.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { pdf, png } from "./files.mjs";
import { artifacts, missing, person, startBrowser, startParley, until } from "./harness.mjs";
import { focused, heard, openWith, patience, say, sit, state, withKeys } from "./people.mjs";

const why = missing();

/** @typedef {import("./people.mjs").Person} Person */

describe("recruiting", { skip: why }, () => {
  /** @type {Awaited<ReturnType<typeof startParley>>} */
  let server;
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Person} the one who recruits */
  let recruiter;
  /** @type {Person} */
  let candidate;

  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  beforeEach(async () => {
    server = await startParley();
    [recruiter, candidate] = await Promise.all([person(browser, server.http), person(browser, server.http, { lang: "en", size: "phone" })]);
  });

  afterEach(async (/** @type {any} */ t) => {
    for (const [name, who] of Object.entries({ recruiter, candidate })) {
      await who.page.screenshot({ path: join(artifacts, `recruiting-${t.name.replaceAll(/\W+/g, "-")}-${name}.png`) }).catch(() => {});
    }
    const faults = [...recruiter.faults, ...candidate.faults];
    await Promise.all([recruiter.context.close(), candidate.context.close()]);
    await server.stop();
    assert.deepEqual(faults, [], "errors in the pages' consoles");
  });

  /** Both sit down to talk. @param {"recruiter" | "headhunter"} [seat] of the one who recruits */
  const sitDown = (seat = "recruiter") => Promise.all([sit(recruiter, seat), sit(candidate, "candidate", seat)]);

  test("they say, answer, change, take back and mark what was said", async () => {
    await sitDown();
    await recruiter.at("greeting").first().click();
    await recruiter.at("composer").press("Enter");
    await recruiter.at("greeting").first().waitFor({ state: "hidden" });
    await candidate.at("message").first().waitFor(patience);
    await candidate.at("here").waitFor(patience);
    await candidate.at("composer").pressSequentially("Gladly. What is the tema like?");
    await recruiter.at("typing").waitFor(patience);
    await candidate.at("composer").press("Enter");
    await heard(recruiter, "the tema like");

    await candidate.at("composer").press("ArrowUp");
    await candidate.at("composer").fill("Gladly. What is the team like?");
    await candidate.at("composer").press("Enter");
    await heard(recruiter, "the team like");
    assert.equal(await recruiter.at("message").filter({ hasText: "tema" }).count(), 0);
    await recruiter.at("edited").waitFor(patience);

    await choose(recruiter, "the team like", "menu-reply");
    await say(recruiter, "十二个人，分两个小组。");
    await candidate.at("quote").filter({ hasText: "the team like" }).waitFor(patience);
    await choose(candidate, "十二个人", "react-👍");
    await recruiter.at("reaction").filter({ hasText: "👍" }).waitFor(patience);
    await candidate.at("reaction").click();
    await recruiter.at("reaction").waitFor({ state: "hidden" });

    await say(recruiter, "发错地方的话");
    await heard(candidate, "发错地方的话");
    await choose(recruiter, "发错地方的话", "menu-recall");
    await candidate.at("recalled").waitFor(patience);
    assert.equal(await candidate.page.getByText("发错地方的话").count(), 0, "what was recalled is gone");
    await recruiter.at("rewrite").click();
    assert.equal(await recruiter.at("composer").inputValue(), "发错地方的话");
    await candidate.page.reload();
    await openWith(candidate, "recruiter");
    await candidate.at("recalled").waitFor(patience);
    assert.equal(await candidate.page.getByText("发错地方的话").count(), 0, "nor does a reload bring it back");
  });

  test("they send jobs, résumés, pictures, voice and long files, and the candidate learns who took the résumé", async () => {
    await sitDown();
    await recruiter.at("tool-job").click();
    await recruiter.at("form-submit").click();
    await candidate.at("job-card").waitFor(patience);

    assert.match(await recruiter.at("other-name").innerText(), /李\*\*/);
    await candidate.at("tool-resume").click();
    await candidate.at("field-summary").fill("Led a team of four.");
    await candidate.at("field-file").setInputFiles(pdf("resume.pdf"));
    await candidate.at("form-submit").click();
    await recruiter.at("resume-card").filter({ hasText: "Led a team of four." }).waitFor(patience);
    await recruiter.at("other-name").filter({ hasText: "李晓明" }).waitFor(patience);
    const [saved] = await Promise.all([recruiter.page.waitForEvent("download"), recruiter.at("resume-download").click()]);
    assert.deepEqual(await readFile(await saved.path()), pdf("resume.pdf").buffer);
    await candidate.page.locator('[data-code="resume_downloaded"]').filter({ hasText: "示例科技" }).waitFor(patience);

    await candidate.at("files").setInputFiles([png("board.png", 640, 400)]);
    await recruiter.at("picture").locator("img").waitFor(patience);
    await until("the thumbnail is there", () => recruiter.at("picture").locator("img").evaluate((/** @type {HTMLImageElement} */ i) => i.complete && i.naturalWidth > 0));
    await recruiter.at("picture").click();
    await until("the picture is there in full", () => recruiter.page.locator(".viewer img").evaluate((/** @type {HTMLImageElement} */ i) => i.naturalWidth === 640));
    await recruiter.page.keyboard.press("Escape");

    await candidate.at("voice-record").click();
    await candidate.at("voice-send").and(candidate.page.locator(":enabled")).waitFor(patience);
    await until("a second was recorded", async () => /0:0[1-9]/.test(await candidate.page.locator("parley-voice .clock").innerText()));
    await candidate.at("voice-send").click();
    await recruiter.at("voice").click(patience);
    await until("it is heard", () => recruiter.at("voice").evaluate((b) => Number(/** @type {HTMLElement} */ (b).style.getPropertyValue("--played")) > 0));

    const long = pdf("portfolio.pdf", 9 << 20);
    await candidate.at("files").setInputFiles([long]);
    const [whole] = await Promise.all([
      recruiter.page.waitForEvent("download", { timeout: 60_000 }),
      recruiter.at("download").click({ timeout: 60_000 }),
    ]);
    assert.equal(Buffer.compare(await readFile(await whole.path()), long.buffer), 0, "it came in pieces and is whole");
  });

  test("a picture chosen without a connection is sent after a reload", async () => {
    await sitDown();
    await candidate.sever(true);
    await candidate.at("banner").waitFor(patience);
    await candidate.at("files").setInputFiles([png("offline.png", 64, 64)]);
    await candidate.page.locator('.message.mine[data-type="picture"][data-state="queued"]').waitFor(patience);
    await candidate.page.reload();
    await candidate.sever(false);
    await openWith(candidate, "recruiter");
    await recruiter.at("picture").waitFor(patience);
    await state(candidate, "read");
    assert.equal(await recruiter.at("picture").count(), 1);
  });

  test("they exchange WeChat with two-sided consent, and a withdrawal takes it back", async () => {
    await sitDown();
    await recruiter.at("tool-exchange").click();
    await recruiter.at("menu-wechat").click();
    await recruiter.at("field-value").fill("13800138000");
    await recruiter.at("form-submit").click();
    assert.ok(await recruiter.at("form").isVisible(), "a phone number is no WeChat id");
    await recruiter.at("field-value").fill("wang-min_88");
    await recruiter.at("form-submit").click();
    await candidate.at("exchange-accept").click(patience);
    await candidate.at("field-value").fill("xiaoming-li");
    await candidate.at("form-submit").click();
    for (const [who, value] of /** @type {[Person, string][]} */ ([[recruiter, "xiaoming-li"], [candidate, "wang-min_88"]])) {
      await who.at("exchange-show").click(patience);
      await who.at("exchange-value").filter({ hasText: value }).waitFor(patience);
    }
    await recruiter.at("tab-exchanged").click();
    await recruiter.at("conversation").waitFor(patience);
    await candidate.at("exchange-withdraw").click();
    await candidate.at("confirm-withdraw").click();
    await recruiter.page.locator('[data-testid="exchange-line"][data-step="withdrawn"]').waitFor(patience);
    await recruiter.at("exchange-show").waitFor({ state: "hidden" });
    assert.equal(await recruiter.page.getByText("xiaoming-li").count(), 0, "what was withdrawn is not on the page");

    await recruiter.at("tool-exchange").click();
    await recruiter.at("menu-phone").click();
    await recruiter.at("confirm-ask").click();
    await recruiter.page.locator('[data-testid="exchange-line"][data-step="unavailable"]').waitFor(patience);
  });

  test("a recruiter invites, the candidate proposes another time, and both see when they meet", async () => {
    await sitDown();
    await recruiter.at("tool-appoint").click();
    await recruiter.at("field-note").fill("线上面试");
    await recruiter.at("form-submit").click();
    await candidate.at("appointment-reschedule").click(patience);
    const day = new Date(Date.now() + 3 * 86_400_000).toLocaleDateString("sv");
    await candidate.at("field-date").fill(day);
    await candidate.at("field-time").fill("15:30");
    await candidate.at("form-submit").click();
    await recruiter.page.locator('[data-testid="appointment-card"][data-step="rescheduled"]').filter({ hasText: "15:30" }).waitFor(patience);
    await recruiter.at("appointment-accept").click();
    await candidate.page.locator('[data-testid="appointment-card"][data-step="accepted"]').waitFor(patience);
    await recruiter.at("tab-interview").click();
    await recruiter.at("conversation").filter({ hasText: "已约定" }).waitFor(patience);
    assert.equal(await candidate.at("appointment-card").count(), 1, "the steps before are lines");
  });

  test("what was said is found again, and what offends is reported with its evidence", async () => {
    await sitDown();
    await say(candidate, "The first thing I said about WebRTC");
    for (let n = 0; n < 12; n++) await say(candidate, `Filler ${n}`);
    await state(candidate, "read");
    await recruiter.at("search").fill("webrtc");
    await recruiter.at("result").click(patience);
    await recruiter.page.locator(".message.found").filter({ hasText: "WebRTC" }).waitFor(patience);
    await recruiter.at("search").fill("没有这样的话");
    await recruiter.at("search-none").waitFor(patience);
    await recruiter.at("search").press("Escape");

    await choose(recruiter, "Filler 11", "menu-report");
    await recruiter.at("reason-fraud").check();
    await recruiter.at("form-submit").click();
    await recruiter.page.locator(".tell").filter({ hasText: "举报已提交" }).waitFor(patience);
  });

  test("what people switch off is gone for others: receipts, counters, themselves", async () => {
    await sitDown();
    await say(recruiter, "在吗？");
    await say(candidate, "Yes");
    await state(recruiter, "read");
    await recruiter.page.reload();
    await recruiter.at("insight").waitFor(patience);

    await set(candidate, "set-receipts");
    await set(candidate, "set-insight");
    await candidate.at("settings-back").click();
    await openWith(candidate, "recruiter");
    await recruiter.page.reload();
    await recruiter.at("composer").waitFor(patience);
    await say(recruiter, "收到了吗？");
    await heard(candidate, "收到了吗？");
    await state(recruiter, "delivered");
    assert.equal(await recruiter.at("insight").count(), 0, "no counters are left to see");

    await set(candidate, "set-hide.everybody");
    await say(recruiter, "还能聊吗？");
    await state(recruiter, "failed");
    await recruiter.at("discard").click();
  });

  test("whoever is blocked writes in vain until it is taken back", async () => {
    await sitDown();
    await say(recruiter, "您好");
    await heard(candidate, "您好");
    await candidate.at("more").click();
    await candidate.at("menu-block").click();
    await candidate.at("confirm-block").click();
    await candidate.page.locator(".tell").waitFor(patience);
    await say(recruiter, "为什么不回？");
    await state(recruiter, "failed");
    await candidate.at("back").click();
    await candidate.at("settings").click();
    await candidate.at("unblock").click(patience);
    await candidate.at("unblock").waitFor({ state: "hidden" });
    await recruiter.at("retry").click();
    await state(recruiter, "delivered");
  });

  test("a headhunter gets a card and no contact, whatever the candidate clicks", async () => {
    await sitDown("headhunter");
    await recruiter.at("tool-exchange").click();
    assert.equal(await recruiter.at("menu-wechat").count(), 0);
    await recruiter.page.keyboard.press("Escape");
    await recruiter.at("tool-resume").click();
    await recruiter.at("confirm-ask").click();
    await candidate.at("exchange-accept").click(patience);
    assert.equal(await candidate.at("field-file").count(), 0, "no file can be chosen for a headhunter");
    await candidate.at("form-submit").click();
    await recruiter.at("resume-card").waitFor(patience);
    assert.equal(await recruiter.at("resume-download").count(), 0);
    assert.match(await recruiter.at("other-name").innerText(), /李\*\*/, "the name stays masked");

    await say(candidate, "My number is 13800138000");
    await recruiter.at("message").filter({ hasText: "My number is" }).waitFor(patience);
    assert.equal(await recruiter.page.getByText("13800138000").count(), 0, "a number typed to a headhunter is masked");
    assert.equal(await candidate.page.getByText("13800138000").count(), 0, "and the candidate sees what was sent");

    await set(candidate, "set-hide.headhunters");
    await say(recruiter, "方便电话吗？");
    await state(recruiter, "failed");
  });

  test("a contact typed to a recruiter wants a second thought", async () => {
    await sitDown();
    await say(candidate, "Call me: 13800138000");
    await candidate.at("dialog").waitFor(patience);
    await candidate.at("confirm-send").click();
    await heard(recruiter, "13800138000");
    await say(candidate, "Or 13900139000");
    await candidate.at("dialog").waitFor(patience);
    await candidate.page.keyboard.press("Escape");
    await candidate.at("message").filter({ hasText: "13900139000" }).waitFor({ state: "hidden" });
    assert.equal(await candidate.at("composer").inputValue(), "Or 13900139000", "what was not sent can be changed");
  });

  test("the keyboard alone does all of it", async () => {
    await sitDown();
    await say(candidate, "By keys only");
    await heard(recruiter, "By keys only");
    const keys = recruiter.page.keyboard;
    await recruiter.page.locator(".thread-scroll").focus();
    await keys.press("ArrowUp");
    await keys.press("r");
    assert.equal(await focused(recruiter), "composer");
    await keys.type("用键盘回复");
    await keys.press("Enter");
    await candidate.at("quote").waitFor(patience);
    await recruiter.page.locator(".thread-scroll").focus();
    await keys.press("ArrowUp");
    await keys.press("ArrowUp");
    await keys.press("Enter");
    await recruiter.at("menu").waitFor();
    await keys.press("Enter");
    await recruiter.at("reaction").waitFor(patience);
    await withKeys(recruiter, "tool-appoint");
    await keys.press("Enter");
    await candidate.at("appointment-accept").waitFor(patience);
    await recruiter.at("tab-all").focus();
    for (const tab of ["unread", "progress"]) {
      await keys.press("ArrowRight");
      assert.equal(await focused(recruiter), `tab-${tab}`);
    }
    await recruiter.at("conversation").waitFor();
    await recruiter.at("settings").focus();
    await keys.press("Enter");
    await withKeys(recruiter, "add-greetings");
    await keys.type("您好，认识一下？");
    await keys.press("Enter");
    await recruiter.at("list-greetings").filter({ hasText: "您好，认识一下？" }).waitFor(patience);
  });
});

/** Opens the menu of a message and chooses. @param {Person} who @param {string} text @param {string} item */
async function choose(who, text, item) {
  const message = who.at("message").filter({ hasText: text }).last();
  await message.and(who.page.locator("[data-seq]")).waitFor(patience);
  await message.hover();
  await message.locator('[data-testid="message-menu"]').click();
  await who.at(item).click();
}

/** Turns a switch over in the settings. @param {Person} who @param {string} id */
async function set(who, id) {
  if (!(await who.at(id).isVisible())) {
    if (!(await who.at("settings").isVisible())) await who.at("back").click();
    await who.at("settings").click();
  }
  await who.at(id).click(patience);
  await who.at("saved").filter({ hasText: /\S/ }).waitFor(patience);
}
