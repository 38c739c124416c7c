/**
 * How an interview's evidence is checked from outside: what the pages and the API hand out, by ffprobe, ffmpeg and
 * parley-verify.
 *
 * @typedef {import("./people.mjs").Person} Person
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { until } from "./harness.mjs";
import { acknowledged, patience, say } from "./people.mjs";

const verifier = resolve(process.env.PARLEY_VERIFY_BIN ?? join(import.meta.dirname, "../../bin/parley-verify"));

/** @returns {string | false} why nothing can be verified here */
export function lacksVerifier() {
  if (existsSync(verifier)) return false;
  if (process.env.CI === "true") throw new Error(`missing: ${verifier}`);
  return `missing: parley-verify (PARLEY_VERIFY_BIN) at ${verifier}`;
}

/** Waits until the sign of the recording has counted on by some seconds. @param {Person} who @param {number} more */
export async function recordOn(who, more) {
  const shown = async () => seconds(await who.page.locator(".recording-sign.on").innerText());
  const from = await shown();
  await until(`${more} s of recording`, async () => (await shown()) >= from + more, 1000 * more + 15_000);
}

/** Messages typed during the call, each acknowledged before the next. @param {Person} who @param {number} count @param {string} mark */
export async function sayMuch(who, count, mark) {
  await who.at("chat").click();
  await who.at("composer").waitFor(patience);
  for (let n = 1; n <= count; n++) {
    await say(who, `${mark} ${n} 条`);
    await acknowledged(who);
  }
}

/** Each of them stands once before the reader. @param {Person} who @param {number} count @param {string} mark */
export async function readsAll(who, count, mark) {
  for (let n = 1; n <= count; n++) {
    const message = who.at("message").filter({ hasText: new RegExp(`${mark} ${n} 条`) });
    await message.first().waitFor(patience);
    assert.equal(await message.count(), 1, `message ${n} stands once`);
  }
}

/** Ends the interview and returns the receipt that the candidate's page saves. @param {Person} recruiter @param {Person} candidate */
export async function hangUp(recruiter, candidate) {
  await recruiter.at("hangup").click();
  await recruiter.at("confirm-end").click();
  await candidate.at("summary").waitFor(patience);
  const saving = candidate.page.waitForEvent("download");
  await candidate.at("summary-receipt").click({ timeout: 40_000 });
  return (await saving).path();
}

/** What the candidate saves from the page of the play-back. @param {Person} candidate @returns {Promise<string>} */
export async function bundleFromThePage(candidate) {
  await candidate.at("summary-play").click();
  const saving = candidate.page.waitForEvent("download");
  await candidate.at("bundle").click({ timeout: 30_000 });
  return (await saving).path();
}

/** The checks of one server's recordings, as the candidate. */
export class Proof {
  /** @param {string} base where the server answers @param {string} token the candidate's @param {string} folder for files */
  constructor(base, token, folder) {
    this.base = base;
    this.token = token;
    this.folder = folder;
  }

  /** @param {string} path */
  async api(path) {
    const answer = await fetch(this.base + path, { headers: { Authorization: `Bearer ${this.token}` } });
    assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  }

  /** The parts of the interview that the candidate's page shows, once all are sealed. @param {Person} candidate @param {number} parts @param {number} [timeout] */
  async sealed(candidate, parts, timeout = 30_000) {
    const interview = new URLSearchParams(new URL(candidate.page.url()).hash.slice(1)).get("interview");
    /** @type {any} */
    let recording;
    await until(`${parts} sealed parts`, async () => {
      recording = await this.api(`/v1/interviews/${interview}/recording`);
      return recording.parts.length === parts && recording.parts.every((/** @type {any} */ p) => p.head && p.sides.every((/** @type {any} */ s) => s.url));
    }, timeout).catch((error) => assert.fail(`${error}: ${JSON.stringify(recording)}`));
    return recording.parts;
  }

  /** A side's file holds sound and picture and ends with the side. @param {any} part @param {any} side */
  async side(part, side) {
    const file = join(this.folder, `${part.recording}-${side.user}.webm`);
    const answer = await fetch(this.base + side.url);
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

  /** @param {any} part */
  async bundle(part) {
    const answer = await fetch(`${this.base}/v1/recordings/${part.recording}/bundle`, { headers: { Authorization: `Bearer ${this.token}` } });
    assert.equal(answer.status, 200);
    const zip = join(this.folder, `${part.recording}.zip`);
    await writeFile(zip, Buffer.from(await answer.arrayBuffer()));
    return zip;
  }

  /** The bundle verifies, and one flipped byte is found. @param {any} part @param {string} zip @param {string} [receipt] */
  async verifies(part, zip, receipt) {
    const key = await this.publicKey(part.head.key);
    const held = receipt ? ["--head", receipt] : [];
    const good = await run(verifier, ["--key", key, ...held, zip]);
    assert.equal(good.code, 0, good.out);
    await this.findsOneFlippedByte(zip, key, held);
  }

  /** @param {string} id */
  async publicKey(id) {
    const { keys } = await (await fetch(`${this.base}/v1/keys`)).json();
    const key = keys.find((/** @type {any} */ k) => k.id === id) ?? assert.fail(`no key ${id}`);
    return Buffer.from(key.public, "base64").toString("hex");
  }

  /** @param {string} zip @param {string} key @param {string[]} held */
  async findsOneFlippedByte(zip, key, held) {
    const open = join(this.folder, "open");
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
