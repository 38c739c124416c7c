/**
 * The main job through two real browsers: chat, an interview with its recording, and the play-back; then the ways out of
 * it, for somebody who declines, mutes, withdraws or agrees to sound only.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { artifacts, missing, person, sizes, startBrowser, startParley, until } from "./harness.mjs";
import { capturing, focused, heard, hears, loudness, meet, onTop, openWith, patience, say, seesFramesGrow, sit, startInterview, state, withKeys } from "./people.mjs";

const why = missing();

describe("the story of two people", { skip: why }, () => {
  /** @type {Awaited<ReturnType<typeof startParley>>} */
  let server;
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof person>>} */
  let recruiter;
  /** @type {Awaited<ReturnType<typeof person>>} */
  let candidate;

  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  beforeEach(async () => {
    server = await startParley();
    [recruiter, candidate] = await Promise.all([person(browser, server.http), person(browser, server.http, { lang: "en" })]);
    await Promise.all([sit(recruiter, "recruiter"), sit(candidate, "candidate")]);
  });

  afterEach(async (/** @type {any} */ t) => {
    await pictures(t.name);
    const faults = [...recruiter.faults, ...candidate.faults];
    await Promise.all([recruiter.context.close(), candidate.context.close()]);
    await server.stop();
    assert.deepEqual(faults, [], "errors in the pages' consoles");
  });

  /** How both pages look at the end, or where a story broke off. @param {string} name */
  async function pictures(name) {
    const file = (/** @type {string} */ who) => join(artifacts, `story-${name.replaceAll(/\W+/g, "-")}-${who}.png`);
    await recruiter.page.screenshot({ path: file("recruiter") }).catch(() => {});
    await candidate.page.screenshot({ path: file("candidate") }).catch(() => {});
  }

  test("they chat, meet, are recorded, and the candidate plays both sides", async () => {
    await chatBothWays();
    await missNothing();
    await writeWhileAway();
    await disclose();
    await meet(recruiter, candidate);
    await seeAndHear(recruiter);
    await seeAndHear(candidate);
    await mute();
    await loseTheConnection();
    await reload();
    await hangUp();
    await playBack();
  });

  test("the keyboard alone leads through all of it", async () => {
    await withKeys(recruiter, "start-interview");
    await withKeys(candidate, "head-interview");
    for (const who of [recruiter, candidate]) {
      for (const step of ["consent-agree", "join"]) {
        await withKeys(who, step);
        await until("the keyboard is in the new view", () => who.page.evaluate(() => Boolean(document.activeElement?.closest("main"))));
      }
      await who.at("call").waitFor(patience);
    }
    await withKeys(recruiter, "chat");
    await recruiter.page.keyboard.type("写在通话中");
    await recruiter.page.keyboard.press("Enter");
    await recruiter.page.keyboard.press("Escape");
    await until("the keyboard is back at the control", async () => (await focused(recruiter)) === "chat");
    await withKeys(recruiter, "hangup");
    await withKeys(recruiter, "confirm-end");
    await withKeys(candidate, "summary-chat");
    await heard(candidate, "写在通话中");
    await withKeys(candidate, "interview-play");
    await withKeys(candidate, "play-toggle");
    await until("it plays", () => candidate.page.evaluate(() => [...document.querySelectorAll("video")].every((v) => v.currentTime > 0.3)));
  });

  test("on a phone the sign of the recording stays beside the open chat", async () => {
    await Promise.all([recruiter, candidate].map((who) => who.page.setViewportSize(sizes.phone)));
    await meet(recruiter, candidate);
    await recruiter.at("chat").click();
    await recruiter.at("close-chat").waitFor(patience);
    await recruiter.at("interview-enter").waitFor({ state: "hidden" });
    assert.ok(await onTop(recruiter, "recording-sign"), "whoever writes sees that it is recorded");
    await recruiter.page.screenshot({ path: join(artifacts, "call-chat-phone.png") });
    await recruiter.at("close-chat").click();
    assert.ok(await onTop(recruiter, "hangup"));
  });

  test("a candidate who declines the recording still chats", async () => {
    await startInterview(recruiter, candidate);
    await candidate.at("interview-enter").click();
    await candidate.at("consent-decline").click();
    await candidate.at("composer").waitFor();
    await candidate.page.locator('[data-testid="interview-card"][data-state="ended"]').waitFor(patience);
    await recruiter.at("summary").waitFor(patience);
    await say(candidate, "I would rather keep writing");
    await recruiter.page.goBack();
    await heard(recruiter, "I would rather keep writing");
    await state(candidate, "read");
  });

  test("a candidate who agrees to sound only is heard and not seen", async () => {
    await startInterview(recruiter, candidate);
    await recruiter.at("consent-agree").click();
    await recruiter.at("join").click();
    await candidate.at("interview-enter").click();
    await candidate.at("consent-audio").click();
    await candidate.at("join").click();
    await hears(recruiter);
    await seesFramesGrow(candidate);
    assert.equal(await candidate.at("camera").isDisabled(), true);
    assert.equal(await recruiter.at("remote-video").evaluate((/** @type {HTMLVideoElement} */ v) => v.videoWidth), 0);
  });

  test("a refused camera still leaves a voice", async () => {
    await candidate.page.addInitScript(() => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = (wanted) => (wanted?.video ? Promise.reject(new DOMException("refused", "NotAllowedError")) : open(wanted));
    });
    await candidate.page.reload();
    await startInterview(recruiter, candidate);
    await recruiter.at("consent-agree").click();
    await recruiter.at("join").click();
    await candidate.at("interview-enter").click();
    await candidate.at("consent-agree").click();
    await candidate.at("trouble-camera_denied").waitFor(patience);
    await candidate.page.screenshot({ path: join(artifacts, "camera-denied.png") });
    await candidate.at("join").click();
    await hears(recruiter);
    await seesFramesGrow(candidate);
  });

  test("with camera and microphone refused the way in stays shut, and no voice is promised", async () => {
    await recruiter.page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("refused", "NotAllowedError"));
    });
    await recruiter.page.reload();
    await recruiter.at("start-interview").click();
    await recruiter.at("consent-agree").click();
    await recruiter.at("trouble-microphone_denied").waitFor(patience);
    assert.ok(await recruiter.at("join").isDisabled());
    assert.doesNotMatch(await recruiter.page.locator(".preview").innerText(), /语音/);
  });

  test("entering in a second tab takes the seat from the first", async () => {
    await meet(recruiter, candidate);
    const second = await candidate.context.newPage();
    await second.goto(candidate.page.url());
    await second.locator('[data-testid="join"]').click(patience);
    await second.locator('[data-testid="call"]').waitFor(patience);
    await candidate.at("seat-lost").waitFor(patience);
    await seesFramesGrow(recruiter);
  });

  test("withdrawing the consent ends the interview for both within three seconds", async () => {
    await meet(recruiter, candidate);
    await candidate.at("withdraw").click();
    const start = Date.now();
    await candidate.at("confirm-withdraw").click();
    await Promise.all([recruiter.at("summary").waitFor({ timeout: 3000 }), candidate.at("summary").waitFor({ timeout: 3000 })]);
    assert.ok(Date.now() - start < 3000);
    assert.equal(await capturing(recruiter), false);
  });

  async function chatBothWays() {
    assert.match(await recruiter.at("other-name").innerText(), /李\*\*/, "the name is masked before it is disclosed");
    await say(recruiter, "您好，方便聊聊吗？");
    await heard(candidate, "您好，方便聊聊吗？");
    await state(recruiter, "read");
    await say(candidate, "Yes, gladly");
    await heard(recruiter, "Yes, gladly");
    await state(candidate, "read");
  }

  async function missNothing() {
    await candidate.page.close();
    for (const n of [1, 2, 3]) await say(recruiter, `错过的第 ${n} 条`);
    await recruiter.page.locator('.message.mine[data-state="sent"]').last().waitFor(patience);
    candidate.page = await candidate.context.newPage();
    candidate.at = (id) => candidate.page.locator(`[data-testid="${id}"]`);
    await candidate.page.goto("/chat.html#seat=candidate");
    await candidate.at("unread").filter({ hasText: "3" }).waitFor(patience);
    await openWith(candidate, "recruiter");
    for (const n of [1, 2, 3]) await heard(candidate, `错过的第 ${n} 条`);
    await heard(candidate, "Yes, gladly");
    assert.equal(await candidate.at("message").count(), 5, "each message stands once");
    await state(recruiter, "read");
  }

  async function writeWhileAway() {
    await candidate.sever(true);
    await candidate.at("banner").waitFor(patience);
    await say(candidate, "Written on the train");
    await say(candidate, "And kept");
    await candidate.page.locator('.message.mine[data-state="queued"]').nth(1).waitFor(patience);
    await candidate.page.reload();
    await candidate.sever(false);
    await openWith(candidate, "recruiter");
    for (const text of ["Written on the train", "And kept"]) await heard(recruiter, text);
    await state(candidate, "read");
    assert.equal(await recruiter.at("message").filter({ hasText: "And kept" }).count(), 1);
  }

  async function disclose() {
    await candidate.at("disclose").click();
    await candidate.at("confirm-disclose").click();
    await candidate.at("disclosed").waitFor(patience);
    await until("the full name at the recruiter's", async () => !/\*/.test(await recruiter.at("other-name").innerText()));
    await recruiter.at("system-line").filter({ hasText: "公开了姓名" }).waitFor();
  }

  /** @param {typeof recruiter} who */
  async function seeAndHear(who) {
    await seesFramesGrow(who);
    await hears(who);
    assert.ok(await who.page.locator(".recording-sign.on").isVisible());
  }

  async function mute() {
    await candidate.at("mute").click();
    await recruiter.page.locator('[data-testid="tile-remote"] [data-testid="tile-muted"]').waitFor(patience);
    await until("silence", async () => (await loudness(recruiter)) < 0.001);
    await candidate.at("mute").click();
    await recruiter.page.locator('[data-testid="tile-remote"] [data-testid="tile-muted"]').waitFor({ state: "detached", timeout: 20_000 });
    await hears(recruiter);
  }

  /** The media goes on while the connection to the server is restored. */
  async function loseTheConnection() {
    await candidate.sever(true);
    await candidate.at("banner").waitFor(patience);
    await candidate.sever(false);
    await candidate.at("banner").waitFor({ state: "hidden", timeout: 30_000 });
    await seeAndHear(candidate);
    await seesFramesGrow(recruiter);
  }

  async function reload() {
    await recruiter.page.reload();
    await recruiter.at("call").waitFor(patience);
    await seeAndHear(recruiter);
    await seesFramesGrow(candidate);
  }

  async function hangUp() {
    await recruiter.at("hangup").click();
    await recruiter.at("confirm-end").click();
    await Promise.all([recruiter.at("summary").waitFor(patience), candidate.at("summary").waitFor(patience)]);
    assert.equal(await capturing(candidate), false, "the devices are let go");
    await savesReceipt();
    await candidate.at("summary-chat").click();
    await candidate.page.locator('[data-testid="interview-card"][data-state="ended"]').waitFor(patience);
  }

  async function savesReceipt() {
    const saving = candidate.page.waitForEvent("download");
    await candidate.at("summary-receipt").click(patience);
    const receipt = JSON.parse(await readFile(await (await saving).path(), "utf8"));
    assert.ok(receipt.heads.length >= 1);
    assert.match(receipt.heads[0].head, /^[0-9a-f]{64}$/);
  }

  async function playBack() {
    await candidate.at("interview-play").click();
    await candidate.at("play-toggle").click({ timeout: 30_000 });
    const videos = candidate.at("play-video");
    assert.equal(await videos.count(), 2);
    const positions = () => videos.evaluateAll((all) => all.map((v) => /** @type {HTMLVideoElement} */ (v).currentTime));
    const pictures = () => videos.evaluateAll((all) => all.map((v) => /** @type {HTMLVideoElement} */ (v).videoWidth));
    await until("both sides play", async () => (await positions()).every((at) => at > 2), 25_000);
    const [a, b] = await positions();
    assert.ok(Math.abs(a - b) < 0.15, `the sides are ${Math.abs(a - b)} s apart`);
    await until("within 50 ms", async () => Number(await candidate.page.locator("parley-play").getAttribute("data-skew")) < 0.05);
    assert.ok((await pictures()).every((width) => width > 0), "both sides have a picture");
  }

});
