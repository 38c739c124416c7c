/**
 * What stays of an interview, looked at from outside: the files by ffprobe and ffmpeg, the bundle by parley-verify, a
 * server killed in the middle, and the logs and metrics of all that searched for anything of a person.
 */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { artifacts, missing, person, startBrowser, startParley, until } from "./harness.mjs";
import { heard, hears, meet, patience, say, seesFramesGrow, sit } from "./people.mjs";
import { bundleFromThePage, hangUp, lacksVerifier, Proof, readsAll, recordOn, sayMuch } from "./proof.mjs";

const why = missing() || lacksVerifier();

/** Words that nobody but the two may ever read: a number, a message, a name, as they are typed and shown. */
const secrets = ["13800138000", "只有我们知道的一句话", "李晓明", "晓明"];

describe("what stays of an interview", { skip: why }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {any} */
  let server;
  /** @type {import("./people.mjs").Person} */
  let recruiter;
  /** @type {import("./people.mjs").Person} */
  let candidate;
  /** @type {string} */
  let folder;

  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "parley-evidence-"));
    server = await startParley({ logLevel: "debug" });
    [recruiter, candidate] = await Promise.all([person(browser, server.http), person(browser, server.http)]);
    await Promise.all([sit(recruiter, "recruiter"), sit(candidate, "candidate")]);
  });
  afterEach(async (/** @type {any} */ t) => {
    await candidate.page.screenshot({ path: join(artifacts, `evidence-${t.name.replaceAll(/\W+/g, "-")}.png`) }).catch(() => {});
    await Promise.all([recruiter.context.close(), candidate.context.close()]);
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("both sides' files hold sound and picture of the right length, and the bundle verifies", async () => {
    await meet(recruiter, candidate);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate)]);
    await recordOn(candidate, 10);
    const receipt = await hangUp(recruiter, candidate);
    const proof = new Proof(server.http, server.users.candidate.token, folder);
    const [part] = await proof.sealed(candidate, 1);
    assert.equal(part.state, "sealed");
    assert.equal(part.sides.length, 2);
    assert.ok(part.duration_ms > 9000, `the recording lasts ${part.duration_ms} ms`);
    for (const side of part.sides) await proof.side(part, side);
    await proof.verifies(part, await bundleFromThePage(candidate), receipt);
  });

  test("a server killed in the middle loses nothing acknowledged and at most 250 ms of the recording", async (t) => {
    await say(candidate, secrets[1]);
    await say(recruiter, `请打 ${secrets[0]}`);
    await recruiter.at("confirm-send").click(patience); // a number wants a second thought
    await heard(candidate, secrets[0]);
    await meet(recruiter, candidate);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(candidate)]);
    await sayMuch(recruiter, 20, "通话中的第");
    const killed = Date.now();
    await server.kill();
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign:not(.on)").waitFor(patience)));
    const before = server;
    server = await startParley({ data: before.data, http: new URL(before.http).host, logLevel: "debug" });
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign.on").waitFor({ timeout: 60_000 })));
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(recruiter)]);
    await recordOn(candidate, 4);
    await hangUp(recruiter, candidate);
    const proof = new Proof(server.http, server.users.candidate.token, folder);
    const [first, second] = await proof.sealed(candidate, 2);
    assert.equal(first.state, "recovered");
    assert.equal(second.state, "sealed");
    for (const side of first.sides) {
      const lost = killed - (Date.parse(first.started) + side.start_ms + side.duration_ms);
      assert.ok(lost <= 250, `${lost} ms are lost of a side`);
      assert.ok(lost >= -150, `a side ends ${-lost} ms after the kill`); // clocks are read apart, a packet lasts a while
      t.diagnostic(`lost of a side: ${lost} ms`);
      await proof.side(first, side);
    }
    for (const part of [first, second]) await proof.verifies(part, await proof.bundle(part));
    await candidate.at("summary-chat").click();
    await readsAll(candidate, 20, "通话中的第");
    await playsOnBehindTheGap();
    await leaksNothing([before.log(), server.log()]);
  });

  /** The candidate plays from just before the interruption into the second part. */
  async function playsOnBehindTheGap() {
    await candidate.at("interview-play").last().click();
    await candidate.at("gaps").waitFor({ timeout: 30_000 });
    await candidate.at("gaps").locator("button").first().click();
    await candidate.at("play-toggle").click();
    const videos = candidate.at("play-video");
    assert.equal(await videos.count(), 2);
    const range = candidate.at("play-range");
    const start = Number(await range.inputValue());
    await until("the second part plays", async () => Number(await range.inputValue()) > start + 3, 25_000);
    const widths = await videos.evaluateAll((all) => all.map((v) => /** @type {HTMLVideoElement} */ (v).videoWidth));
    assert.ok(widths.every((width) => width > 0), "both sides have a picture");
  }

  /** @param {string[]} logs */
  async function leaksNothing(logs) {
    const metrics = await (await fetch(`${server.admin}/metrics`)).text();
    const tokens = Object.values(server.users).map((u) => /** @type {any} */ (u).token);
    const hidden = [...secrets, "通话中", ...tokens, ...tokens.map((t) => t.split(".")[2]), server.service.token];
    const all = [...logs, metrics];
    for (const text of all) {
      assert.ok(text.length > 200, "there is something to search");
      assert.deepEqual(leaks(text, hidden), []);
    }
    assert.deepEqual(leaks(`${logs[0]}\nlevel=INFO user=${secrets[2]} said=${secrets[1]}`, hidden).sort(), [secrets[1], secrets[2], secrets[3]].sort(), "a planted leak is found");
  }
});

/** @param {string} text @param {string[]} hidden @returns {string[]} those of the hidden words that stand in the text, escaped or not */
function leaks(text, hidden) {
  return hidden.filter((word) => [word, JSON.stringify(word).slice(1, -1), encodeURIComponent(word), Buffer.from(word).toString("base64").replace(/=+$/, "")]
    .some((form) => text.includes(form)));
}
