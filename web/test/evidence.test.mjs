/**
 * What stays of an interview, looked at from outside: the files by ffprobe and ffmpeg, the bundle by parley-verify, a
 * server killed in the middle, and the logs and metrics of all that searched for anything of a person.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { artifacts, missing, person, startBrowser, startParley, until } from "./harness.mjs";
import { heard, hears, meet, patience, say, seesFramesGrow, sit, state } from "./people.mjs";

const verifier = resolve(process.env.PARLEY_VERIFY_BIN ?? join(import.meta.dirname, "../../bin/parley-verify"));
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
    await recordOn(10);
    const receipt = await hangUp();
    const [part] = await sealed(1);
    assert.equal(part.state, "sealed");
    assert.equal(part.sides.length, 2);
    assert.ok(part.duration_ms > 9000, `the recording lasts ${part.duration_ms} ms`);
    for (const side of part.sides) await checkSide(part, side);
    await checkBundle(part, await bundleFromThePage(), receipt);
  });

  test("a server killed in the middle loses nothing acknowledged and at most 250 ms of the recording", async (t) => {
    await say(candidate, secrets[1]);
    await say(recruiter, `请打 ${secrets[0]}`);
    await heard(candidate, secrets[0]);
    await meet(recruiter, candidate);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(candidate)]);
    await sayMuch();
    const killed = Date.now();
    await server.kill();
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign:not(.on)").waitFor(patience)));
    const before = server;
    server = await startParley({ data: before.data, http: new URL(before.http).host, logLevel: "debug" });
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign.on").waitFor({ timeout: 60_000 })));
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(recruiter)]);
    await recordOn(4);
    await hangUp();
    const [first, second] = await sealed(2);
    assert.equal(first.state, "recovered");
    assert.equal(second.state, "sealed");
    for (const side of first.sides) {
      const lost = killed - (Date.parse(first.started) + side.start_ms + side.duration_ms);
      assert.ok(lost <= 250, `${lost} ms are lost of a side`);
      assert.ok(lost >= -150, `a side ends ${-lost} ms after the kill`); // clocks are read apart, a packet lasts a while
      t.diagnostic(`lost of a side: ${lost} ms`);
      await checkSide(first, side);
    }
    await checkBundle(first, await bundle(first));
    await checkBundle(second, await bundle(second));
    await nothingSaidIsMissing();
    await playsOnBehindTheGap();
    await leaksNothing([before.log(), server.log()]);
  });

  /** Waits until the sign has counted on by some seconds. @param {number} more */
  async function recordOn(more) {
    const shown = async () => seconds(await candidate.page.locator(".recording-sign.on").innerText());
    const from = await shown();
    await until(`${more} s of recording`, async () => (await shown()) >= from + more, 1000 * more + 15_000);
  }

  /** Messages typed during the call, each acknowledged before the next. */
  async function sayMuch() {
    await recruiter.at("chat").click();
    await recruiter.at("composer").waitFor(patience);
    for (let n = 1; n <= 20; n++) {
      await say(recruiter, `通话中的第 ${n} 条`);
      await state(recruiter, "sent").catch(() => state(recruiter, "read"));
    }
  }

  async function nothingSaidIsMissing() {
    await candidate.at("summary-chat").click();
    for (let n = 1; n <= 20; n++) {
      const message = candidate.at("message").filter({ hasText: new RegExp(`通话中的第 ${n} 条`) });
      await message.first().waitFor(patience);
      assert.equal(await message.count(), 1, `message ${n} stands once`);
    }
  }

  /** Ends the interview and returns the receipt that the candidate's page saves. */
  async function hangUp() {
    await recruiter.at("hangup").click();
    await recruiter.at("confirm-end").click();
    await candidate.at("summary").waitFor(patience);
    const saving = candidate.page.waitForEvent("download");
    await candidate.at("summary-receipt").click({ timeout: 40_000 });
    return (await saving).path();
  }

  /** The parts of the interview that the candidate's page shows, once all are sealed. @param {number} parts */
  async function sealed(parts) {
    const interview = new URLSearchParams(new URL(candidate.page.url()).hash.slice(1)).get("interview");
    /** @type {any} */
    let recording;
    await until(`${parts} sealed parts`, async () => {
      recording = await api(`/v1/interviews/${interview}/recording`);
      return recording.parts.length === parts && recording.parts.every((/** @type {any} */ p) => p.head && p.sides.every((/** @type {any} */ s) => s.url));
    }, 30_000);
    return recording.parts;
  }

  /** @param {string} path */
  async function api(path) {
    const answer = await fetch(server.http + path, { headers: { Authorization: `Bearer ${server.users.candidate.token}` } });
    assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  }

  /** @param {any} part @param {any} side */
  async function checkSide(part, side) {
    const file = join(folder, `${part.recording}-${side.user}.webm`);
    const answer = await fetch(server.http + side.url);
    assert.equal(answer.status, 200);
    await writeFile(file, Buffer.from(await answer.arrayBuffer()));
    const probe = JSON.parse(await output("ffprobe", ["-v", "error", "-show_streams", "-show_format", "-of", "json", file]));
    const codecs = probe.streams.map((/** @type {any} */ s) => s.codec_name).sort();
    assert.equal(codecs.length, 2, `streams: ${codecs}`);
    assert.ok(codecs.includes("opus") && (codecs.includes("vp8") || codecs.includes("vp9")), `codecs: ${codecs}`);
    const wanted = (side.start_ms + side.duration_ms) / 1000;
    const got = Number(probe.format.duration);
    assert.ok(Math.abs(got - wanted) <= 0.5, `the file lasts ${got} s, the side ends at ${wanted} s`);
    assert.ok(Math.abs(wanted - part.duration_ms / 1000) <= 1.5, `the side ends at ${wanted} s, the part at ${part.duration_ms} ms`);
    await soundAndPicture(file);
  }

  /** Decodes the whole file: the fake camera moves, the fake microphone beeps. @param {string} file */
  async function soundAndPicture(file) {
    const told = await errors("ffmpeg", ["-hide_banner", "-i", file, "-af", "volumedetect", "-vf", "mpdecimate", "-f", "null", "-"]);
    const loudest = Number(/max_volume: (-?[\d.]+) dB/.exec(told)?.[1] ?? -99);
    assert.ok(loudest > -40, `the loudest sound is ${loudest} dB`);
    const frames = [...told.matchAll(/frame=\s*(\d+)/g)].map((m) => Number(m[1]));
    assert.ok(Math.max(...frames) > 20, `${frames.at(-1)} different pictures`);
    assert.doesNotMatch(told, /Invalid data|corrupt|Error while decoding/i);
  }

  /** What the candidate saves from the page of the play-back. @returns {Promise<string>} */
  async function bundleFromThePage() {
    await candidate.at("summary-play").click();
    const saving = candidate.page.waitForEvent("download");
    await candidate.at("bundle").click({ timeout: 30_000 });
    return (await saving).path();
  }

  /** @param {any} part */
  async function bundle(part) {
    const answer = await fetch(`${server.http}/v1/recordings/${part.recording}/bundle`, { headers: { Authorization: `Bearer ${server.users.candidate.token}` } });
    assert.equal(answer.status, 200);
    const zip = join(folder, `${part.recording}.zip`);
    await writeFile(zip, Buffer.from(await answer.arrayBuffer()));
    return zip;
  }

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

  /** @param {any} part @param {string} zip @param {string} [receipt] */
  async function checkBundle(part, zip, receipt) {
    const key = await publicKey(part.head.key);
    const held = receipt ? ["--head", receipt] : [];
    const good = await run(verifier, ["--key", key, ...held, zip]);
    assert.equal(good.code, 0, good.out);
    await findsOneFlippedByte(zip, key, held);
  }

  /** @param {string} id */
  async function publicKey(id) {
    const { keys } = await (await fetch(`${server.http}/v1/keys`)).json();
    const key = keys.find((/** @type {any} */ k) => k.id === id) ?? assert.fail(`no key ${id}`);
    return Buffer.from(key.public, "base64").toString("hex");
  }

  /** @param {string} zip @param {string} key @param {string[]} held */
  async function findsOneFlippedByte(zip, key, held) {
    const open = join(folder, "open");
    rmSync(open, { recursive: true, force: true });
    await output("python3", ["-m", "zipfile", "-e", zip, open]);
    const journal = readdirSync(open, { recursive: true, withFileTypes: true }).filter((e) => e.isFile())
      .map((e) => join(e.parentPath, e.name)).sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
    const bytes = readFileSync(journal);
    const at = Math.floor(bytes.length / 2);
    bytes[at] ^= 1;
    writeFileSync(journal, bytes);
    const bad = await run(verifier, ["--json", "--key", key, ...held, open]);
    assert.equal(bad.code, 1, bad.out);
    const [finding] = JSON.parse(bad.out).findings;
    assert.equal(finding.file, journal.slice(open.length + 1), "the file is named");
    assert.ok(finding.from <= at && at < finding.to, `byte ${at} is not in ${finding.from}–${finding.to}`);
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

/** @param {string} shown "录制中 01:02" */
function seconds(shown) {
  const [, minutes, rest] = /(\d+):(\d+)/.exec(shown) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

/** @param {string} command @param {string[]} args @returns {Promise<{ code: number, out: string, err: string }>} */
function run(command, args) {
  return new Promise((done) => {
    execFile(command, args, { maxBuffer: 64 << 20 }, (error, out, err) => done({ code: error ? Number(error.code ?? -1) : 0, out, err }));
  });
}

/** @param {string} command @param {string[]} args */
async function output(command, args) {
  const { code, out, err } = await run(command, args);
  assert.equal(code, 0, `${command}: ${err}`);
  return out;
}

/** @param {string} command @param {string[]} args */
async function errors(command, args) {
  const { code, err } = await run(command, args);
  assert.equal(code, 0, `${command}: ${err}`);
  return err;
}

/** @returns {string | false} */
function lacksVerifier() {
  if (existsSync(verifier)) return false;
  if (process.env.CI === "true") throw new Error(`missing: ${verifier}`);
  return `missing: parley-verify (PARLEY_VERIFY_BIN) at ${verifier}`;
}
