/**
 * The main job through two real browsers: chat, an interview with its recording, and the play-back; then the ways out of
 * it, for somebody who declines, mutes, withdraws or agrees to sound only.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { artifacts, missing, person, startBrowser, startParley, until } from "./harness.mjs";

const why = missing();
const patience = { timeout: 20_000 };

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
    await disclose();
    await meet();
    await seeAndHear(recruiter);
    await seeAndHear(candidate);
    await mute();
    await reload();
    await hangUp();
    await playBack();
  });

  test("a candidate who declines the recording still chats", async () => {
    await startInterview();
    await candidate.at("interview-enter").click();
    await candidate.at("consent-decline").click();
    await candidate.at("composer").waitFor();
    await say(candidate, "I would rather keep writing");
    await recruiter.page.goBack();
    await heard(recruiter, "I would rather keep writing");
    await state(candidate, "read");
  });

  test("a candidate who agrees to sound only is heard and not seen", async () => {
    await startInterview();
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

  test("withdrawing the consent ends the interview for both within three seconds", async () => {
    await meet();
    await candidate.at("withdraw").click();
    const start = Date.now();
    await candidate.at("confirm-withdraw").click();
    await Promise.all([recruiter.at("summary").waitFor({ timeout: 3000 }), candidate.at("summary").waitFor({ timeout: 3000 })]);
    assert.ok(Date.now() - start < 3000);
    assert.equal(await capturing(recruiter), false);
  });

  /** @param {typeof recruiter} who @param {string} seat */
  async function sit(who, seat) {
    await who.page.goto(`/chat.html#seat=${seat}`);
    await who.at("conversation").first().click(patience);
    await who.at("composer").waitFor();
  }

  /** @param {typeof recruiter} who @param {string} text */
  async function say(who, text) {
    await who.at("composer").fill(text);
    await who.at("composer").press("Enter");
  }

  /** @param {typeof recruiter} who @param {string} text */
  async function heard(who, text) {
    await who.at("message").filter({ hasText: text }).waitFor(patience);
  }

  /** The state of the last own message. @param {typeof recruiter} who @param {string} wanted */
  async function state(who, wanted) {
    await who.page.locator(`.message.mine[data-state="${wanted}"]`).last().waitFor(patience);
  }

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
    await candidate.at("conversation").first().click();
    for (const n of [1, 2, 3]) await heard(candidate, `错过的第 ${n} 条`);
    await heard(candidate, "Yes, gladly");
    assert.equal(await candidate.at("message").count(), 5, "each message stands once");
    await state(recruiter, "read");
  }

  async function disclose() {
    await candidate.at("disclose").click();
    await candidate.at("confirm-disclose").click();
    await candidate.at("disclosed").waitFor(patience);
    await until("the full name at the recruiter's", async () => !/\*/.test(await recruiter.at("other-name").innerText()));
    await recruiter.at("system-line").filter({ hasText: "公开了姓名" }).waitFor();
  }

  async function startInterview() {
    await recruiter.at("start-interview").click();
    await recruiter.at("consent").waitFor(patience);
    await candidate.at("interview-enter").waitFor(patience);
  }

  async function meet() {
    await startInterview();
    await candidate.at("interview-enter").click();
    for (const who of [recruiter, candidate]) {
      assert.ok((await who.at("consent-text").innerText()).length > 40, "the notice says what is recorded");
      assert.equal(await capturing(who), false, "no device is open before the consent");
      await who.at("consent-agree").click();
      await who.at("join").click(patience);
      await who.at("call").waitFor(patience);
    }
    await Promise.all([recruiter, candidate].map((who) => who.page.locator('.recording-sign.on').waitFor(patience)));
  }

  /** @param {typeof recruiter} who */
  async function seeAndHear(who) {
    await seesFramesGrow(who);
    await hears(who);
    assert.ok(await who.page.locator(".recording-sign.on").isVisible());
  }

  /** @param {typeof recruiter} who */
  async function seesFramesGrow(who) {
    const frames = () => who.at("remote-video").evaluate((/** @type {HTMLVideoElement} */ v) => v.getVideoPlaybackQuality().totalVideoFrames);
    await until("a first picture", async () => (await frames()) > 0, 25_000);
    const first = await frames();
    await until("ten more pictures", async () => (await frames()) > first + 10);
  }

  /** Chromium's fake microphone beeps once a second. @param {typeof recruiter} who */
  async function hears(who) {
    await until("sound of the other side", async () => (await loudness(who)) > 0.01, 20_000);
  }

  /** @param {typeof recruiter} who @returns {Promise<number>} the loudest sample of 1.5 s */
  function loudness(who) {
    return who.at("remote-video").evaluate(async (/** @type {HTMLVideoElement} */ video) => {
      const stream = /** @type {MediaStream | null} */ (video.srcObject);
      if (!stream?.getAudioTracks().length) return 0;
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(stream).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      let loudest = 0;
      for (const end = Date.now() + 1500; Date.now() < end; await new Promise(requestAnimationFrame)) {
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, ...samples.map(Math.abs));
      }
      await context.close();
      return loudest;
    });
  }

  async function mute() {
    await candidate.at("mute").click();
    await recruiter.page.locator('[data-testid="tile-remote"] [data-testid="tile-muted"]').waitFor(patience);
    await until("silence", async () => (await loudness(recruiter)) < 0.001);
    await candidate.at("mute").click();
    await recruiter.page.locator('[data-testid="tile-remote"] [data-testid="tile-muted"]').waitFor({ state: "detached", timeout: 20_000 });
    await hears(recruiter);
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

  /** @param {typeof recruiter} who @returns {Promise<boolean>} whether the page shows a live device of its own */
  function capturing(who) {
    return who.page.evaluate(() => [...document.querySelectorAll("video.mirror")].some((v) =>
      /** @type {MediaStream | null} */ (/** @type {HTMLVideoElement} */ (v).srcObject)?.getTracks().some((track) => track.readyState === "live")));
  }
});
