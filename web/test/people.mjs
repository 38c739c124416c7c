/**
 * What people do at the pages of the demo, for the tests that tell a story.
 *
 * @typedef {Awaited<ReturnType<typeof import("./harness.mjs").person>>} Person
 */

import assert from "node:assert/strict";
import { until } from "./harness.mjs";

export const patience = { timeout: 20_000 };

/** @param {Person} who @param {string} seat @param {string} [other] the role of whom to talk with */
export async function sit(who, seat, other = seat === "candidate" ? "recruiter" : "candidate") {
  await who.page.goto(`/chat.html#seat=${seat}`);
  await openWith(who, other);
}

/** Opens the conversation with somebody from the list; on a phone that comes back to it, it is open. @param {Person} who @param {string} role */
export async function openWith(who, role) {
  const row = who.at("conversation").filter({ has: who.page.locator(`.avatar.${role}`) }).first();
  await until("the list or the conversation is there", async () => (await row.isVisible()) || who.at("composer").isVisible(), patience.timeout);
  if (await row.isVisible()) await row.click();
  await who.at("composer").waitFor();
}

/** @param {Person} who @param {string} text */
export async function say(who, text) {
  await who.at("composer").fill(text);
  await who.at("composer").press("Enter");
}

/** @param {Person} who @param {string} text */
export async function heard(who, text) {
  await who.at("message").filter({ hasText: text }).waitFor(patience);
}

/** The state of the last own message. @param {Person} who @param {string} wanted */
export async function state(who, wanted) {
  await who.page.locator(`.message.mine[data-state="${wanted}"]`).last().waitFor(patience);
}

/** The server has the last own message, whatever became of it since. @param {Person} who */
export async function acknowledged(who) {
  await who.page.locator(".message.mine").last().and(who.page.locator(["sent", "delivered", "read"].map((s) => `[data-state="${s}"]`).join(", "))).waitFor(patience);
}

/** @param {Person} recruiter @param {Person} candidate */
export async function startInterview(recruiter, candidate) {
  await recruiter.at("start-interview").click();
  await recruiter.at("consent").waitFor(patience);
  await candidate.at("interview-enter").waitFor(patience);
}

/** Both agree and join. @param {Person} recruiter @param {Person} candidate */
export async function meet(recruiter, candidate) {
  await startInterview(recruiter, candidate);
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

/** @param {Person} who */
export async function seesFramesGrow(who) {
  const frames = () => who.at("remote-video").evaluate((/** @type {HTMLVideoElement} */ v) => v.getVideoPlaybackQuality().totalVideoFrames);
  await until("a first picture", async () => (await frames()) > 0, 25_000);
  const first = await frames();
  await until("ten more pictures", async () => (await frames()) > first + 10);
}

/** Chromium's fake microphone beeps once a second. @param {Person} who */
export async function hears(who) {
  await until("sound of the other side", async () => (await loudness(who)) > 0.01, 20_000);
}

/** @param {Person} who @returns {Promise<number>} the loudest sample of 1.5 s */
export function loudness(who) {
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

/** @param {Person} who @returns {Promise<boolean>} whether the page shows a live device of its own */
export function capturing(who) {
  return who.page.evaluate(() => [...document.querySelectorAll("video.mirror")].some((v) =>
    /** @type {MediaStream | null} */ (/** @type {HTMLVideoElement} */ (v).srcObject)?.getTracks().some((track) => track.readyState === "live")));
}

/** @param {Person} who @returns {Promise<string | null | undefined>} what holds the keyboard */
export function focused(who) {
  return who.page.evaluate(() => document.activeElement?.getAttribute("data-testid"));
}

/** Goes to a control by Tab and presses Enter, no pointer. @param {Person} who @param {string} id */
export async function withKeys(who, id) {
  await who.at(id).and(who.page.locator(":enabled")).first().waitFor(patience);
  for (let tabs = 0; (await focused(who)) !== id; tabs++) {
    assert.ok(tabs < 60, `Tab does not lead to ${id}`);
    await who.page.keyboard.press("Tab");
  }
  await who.page.keyboard.press("Enter");
}

/** Whether a thing is seen and nothing lies over it. @param {Person} who @param {string} id */
export function onTop(who, id) {
  return who.at(id).evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
  });
}
