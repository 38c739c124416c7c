/**
 * The main job on two nodes: the recruiter is connected to one, the candidate to the other. Told once as it should go, and
 * again while an engine or a node is killed: nothing acknowledged is lost or doubled, and the recordings verify.
 */

import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { lacksEngines, startBalancer, startEngines, startNodes } from "./cluster.mjs";
import { artifacts, missing, person, startBrowser, until } from "./harness.mjs";
import { heard, hears, meet, patience, say, seesFramesGrow, sit, state } from "./people.mjs";
import { hangUp, lacksVerifier, Proof, readsAll, recordOn, sayMuch } from "./proof.mjs";

const why = missing() || lacksVerifier() || lacksEngines();
const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

describe("on two nodes", { skip: why }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {any} */
  let engines;
  /** @type {Awaited<ReturnType<typeof startNodes>>} */
  let cluster;
  /** @type {any} */
  let one;
  /** @type {any} */
  let two;
  /** @type {Awaited<ReturnType<typeof startBalancer>>[]} */
  let balancers;
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
    folder = await mkdtemp(join(tmpdir(), "parley-nodes-"));
    engines = await startEngines();
    cluster = await startNodes(engines);
    [one, two] = cluster.nodes;
    balancers = await Promise.all([startBalancer(), startBalancer()]);
    balancers[0].to(one);
    balancers[1].to(two);
    [recruiter, candidate] = await Promise.all([person(browser, balancers[0].url), person(browser, balancers[1].url)]);
    await Promise.all([sit(recruiter, "recruiter"), sit(candidate, "candidate")]);
  });
  afterEach(async (/** @type {any} */ t) => {
    for (const [name, who] of Object.entries({ recruiter, candidate })) {
      await who.page.screenshot({ path: join(artifacts, `nodes-${t.name.replaceAll(/\W+/g, "-")}-${name}.png`) }).catch(() => {});
    }
    await Promise.all([recruiter.context.close(), candidate.context.close()]);
    await Promise.all(cluster.nodes.map((node) => node.stop()));
    for (const balancer of balancers) balancer.stop();
    await engines.stop();
    cluster.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("they chat, meet and play back across the nodes, and the bundle verifies", async () => {
    await say(recruiter, "你好，我在第一个节点");
    await heard(candidate, "你好，我在第一个节点");
    await say(candidate, "我在第二个");
    await heard(recruiter, "我在第二个");
    await state(candidate, "read");
    await goOn();
    await recordOn(candidate, 5);
    const receipt = await hangUp(recruiter, candidate);
    const proof = new Proof(two.http, two.users.candidate.token, folder);
    const [part] = await proof.sealed(candidate, 1);
    assert.equal(part.state, "sealed");
    for (const side of part.sides) {
      await proof.side(part, side);
      const elsewhere = await fetch(one.http + side.url, { headers: { Range: "bytes=0-99" } });
      assert.equal(elsewhere.status, 206, "the address is good on the other node, too");
    }
    await proof.verifies(part, await proof.bundle(part), receipt);
    await until("the disks are free of what the store has", () => recordingsOf([one, two]).length === 0, 30_000);
  });

  test("Redis is killed and comes back empty: nothing said is lost, and the interview goes on", async () => {
    await goOn();
    await engines.kill("redis");
    await sayMuch(recruiter, 5, "没有 Redis 的第");
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate)]);
    await candidate.at("chat").click();
    await readsAll(candidate, 5, "没有 Redis 的第");
    await engines.start("redis");
    await until("a message crosses at once again", () => crosses(candidate, recruiter), 60_000);
    await recordOn(candidate, 2);
    const receipt = await hangUp(recruiter, candidate);
    await theyVerify(1, receipt);
  });

  test("the store is gone for a minute: the interview and its recording don't notice", async (t) => {
    await goOn();
    await engines.kill("minio");
    await sayMuch(recruiter, 5, "没有仓库的第");
    await pause(60_000);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(candidate)]);
    assert.equal(await candidate.page.locator(".recording-sign.on").count(), 1, "it is still being recorded");
    const receipt = await hangUp(recruiter, candidate);
    assert.notEqual(recordingsOf([one, two]).length, 0, "what the store has not got is on a disk");
    await engines.start("minio");
    const [part] = await theyVerify(1, receipt);
    t.diagnostic(`${part.duration_ms} ms recorded over the gap`);
    assert.ok(part.duration_ms > 60_000, `the recording lasts ${part.duration_ms} ms`);
    await until("the disks are free of what the store has", () => recordingsOf([one, two]).length === 0, 90_000);
  });

  test("a node is killed and its disk is gone: the other takes over, and at most 5 s of the recording are missing", async (t) => {
    await goOn();
    await sayMuch(recruiter, 10, "通话中的第");
    const dead = await ownerOf([one, two]);
    const alive = dead === one ? two : one;
    await recordOn(candidate, 8);
    const killed = Date.now();
    await dead.kill();
    rmSync(dead.data, { recursive: true, force: true });
    for (const balancer of balancers) balancer.to(alive);
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign:not(.on)").waitFor(patience)));
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign.on").waitFor({ timeout: 60_000 })));
    t.diagnostic(`recorded again after ${Date.now() - killed} ms`);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(recruiter)]);
    await recordOn(candidate, 4);
    await hangUp(recruiter, candidate);
    const proof = new Proof(alive.http, alive.users.candidate.token, folder);
    const [first, second] = await proof.sealed(candidate, 2, 120_000);
    assert.equal(second.state, "sealed");
    for (const side of first.sides) {
      assert.ok(first.gaps.some((/** @type {any} */ gap) => gap.user === side.user && gap.reason === "node"), `the gap is written: ${JSON.stringify(first.gaps)}`);
      const lost = killed - (Date.parse(first.started) + side.start_ms + side.duration_ms);
      t.diagnostic(`lost of a side: ${lost} ms`);
      assert.ok(lost <= 5000 && lost > -150, `${lost} ms are lost of a side`);
    }
    for (const part of [first, second]) {
      for (const side of part.sides) await proof.side(part, side);
      await proof.verifies(part, await proof.bundle(part));
    }
    await candidate.at("summary-chat").click();
    await readsAll(candidate, 10, "通话中的第");
  });

  test("a node is stopped in order: the interview goes on at the other, and what the first one recorded is not lost", async (t) => {
    await goOn();
    await recordOn(candidate, 3);
    const stopped = await ownerOf([one, two]);
    const other = stopped === one ? two : one;
    for (const balancer of balancers) balancer.to(other);
    const since = Date.now();
    await stopped.end("SIGTERM");
    t.diagnostic(`stopped in ${Date.now() - since} ms`);
    await Promise.all([recruiter, candidate].map((who) => who.page.locator(".recording-sign.on").waitFor({ timeout: 60_000 })));
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(recruiter)]);
    await sayMuch(recruiter, 3, "换了节点的第");
    cluster.nodes[cluster.nodes.indexOf(stopped)] = await cluster.start(cluster.nodes.indexOf(stopped));
    await recordOn(candidate, 3);
    const receipt = await hangUp(recruiter, candidate);
    const proof = new Proof(other.http, other.users.candidate.token, folder);
    const parts = await proof.sealed(candidate, 2, 60_000);
    for (const part of parts) {
      assert.equal(part.state, "sealed");
      for (const side of part.sides) await proof.side(part, side);
      await proof.verifies(part, await proof.bundle(part));
    }
    await candidate.at("summary-chat").click();
    await readsAll(candidate, 3, "换了节点的第");
    assert.ok(receipt);
  });

  /** They meet, see and hear each other. */
  async function goOn() {
    await meet(recruiter, candidate);
    await Promise.all([seesFramesGrow(recruiter), seesFramesGrow(candidate), hears(candidate)]);
  }

  /** @param {number} parts @param {string} receipt @returns {Promise<any[]>} */
  async function theyVerify(parts, receipt) {
    const proof = new Proof(one.http, one.users.candidate.token, folder);
    const all = await proof.sealed(candidate, parts, 120_000);
    for (const part of all) {
      for (const side of part.sides) await proof.side(part, side);
      await proof.verifies(part, await proof.bundle(part), receipt);
    }
    return all;
  }
});

/** A message that is heard within a second. @param {import("./people.mjs").Person} from @param {import("./people.mjs").Person} to */
async function crosses(from, to) {
  const text = `现在 ${Date.now()}`;
  await say(from, text);
  return to.at("message").filter({ hasText: text }).waitFor({ timeout: 1000 }).then(() => true, () => false);
}

/** The folders of recordings on the nodes' disks. @param {{ data: string }[]} nodes */
function recordingsOf(nodes) {
  return nodes.flatMap((node) => readdirSync(join(node.data, "recordings")).filter((name) => !name.startsWith(".")));
}

/** The node on which the interview runs. @param {any[]} nodes */
async function ownerOf(nodes) {
  for (const node of nodes) {
    const metrics = await (await fetch(`${node.admin}/metrics`)).text();
    if (/^parley_interview_active 1$/m.test(metrics)) return node;
  }
  return assert.fail("no node has the interview");
}
