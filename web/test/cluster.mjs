/**
 * Two nodes on one set of engines, as processes: PostgreSQL (two databases), Redis and MinIO by bin/engines, the nodes by
 * bin/parley, and before each browser a balancer that a test can point at either node.
 */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { lines, startParley } from "./harness.mjs";

const binary = resolve(process.env.PARLEY_ENGINES_BIN ?? join(import.meta.dirname, "../../bin/stand"));

/** @returns {string | false} why no engines can be started here */
export function lacksEngines() {
  if (existsSync(binary)) return false;
  const why = `missing: the engines' program (PARLEY_ENGINES_BIN) at ${binary}`;
  if (process.env.CI === "true") throw new Error(why);
  return why;
}

/**
 * Starts the engines. They end with this process.
 *
 * @returns {Promise<any>} settings (flags for parley), and kill and start by an engine's name
 */
export async function startEngines() {
  const child = spawn(binary, [], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = lines(child.stdout);
  const ready = JSON.parse((await answers.next()).value);
  const ask = async (/** @type {string} */ line) => {
    child.stdin.write(`${line}\n`);
    const { value } = await answers.next();
    assert.equal(value, "ok", line);
  };
  const folder = mkdtempSync(join(tmpdir(), "parley-secrets-"));
  return {
    settings: settings(ready, folder),
    kill: (/** @type {string} */ engine) => ask(`kill ${engine}`),
    start: (/** @type {string} */ engine) => ask(`start ${engine}`),
    stop: async () => {
      await new Promise((done) => (child.once("exit", done), child.stdin.end()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a node is told, with the secrets that it shares with the others. @param {any} at @param {string} folder */
function settings(at, folder) {
  execFileSync("sh", [join(import.meta.dirname, "../../deploy/certificates.sh"), folder], { stdio: "pipe" });
  const root = join(folder, "root.key");
  writeFileSync(root, `parley root key v1 ${randomBytes(32).toString("hex")}\n`, { mode: 0o600 });
  return ["--database", at.database, "--vault", at.vault, "--root-key", root, "--redis", at.redis, "--s3", at.s3, "--region", at.region,
    "--s3-writer", at.writer, "--s3-reader", at.reader, "--cluster", "127.0.0.1:0", "--cluster-tls", join(folder, "node")];
}

/** A way to one of the nodes, as a load balancer gives it. */
export async function startBalancer() {
  /** @type {number} */
  let target = 0;
  /** @type {Set<import("node:net").Socket>} */
  const open = new Set();
  const server = createServer((inner) => {
    const outer = connect(target, "127.0.0.1");
    for (const [one, other] of [[inner, outer], [outer, inner]]) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => (open.delete(one), other.destroy()));
      one.pipe(other);
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  return {
    url: `http://localhost:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`,
    /** Sends all that comes from here on to the node; what is open stays with its own. @param {{ http: string }} node */
    to: (node) => void (target = Number(new URL(node.http).port)),
    stop: () => {
      server.close();
      for (const one of open) one.destroy();
    },
  };
}

/**
 * Starts two nodes; the second one trusts the same demo key, so that a token of one is good at both.
 *
 * @param {any} engines
 */
export async function startNodes(engines) {
  const folders = [0, 1].map((n) => mkdtempSync(join(tmpdir(), `parley-node-${n}-`)));
  const start = (/** @type {number} */ n) => startParley({ data: folders[n], logLevel: "debug", more: engines.settings });
  const first = await start(0);
  copyFileSync(join(folders[0], "dev-key.json"), join(folders[1], "dev-key.json"));
  const second = await start(1);
  return { nodes: [first, second], start, remove: () => folders.forEach((f) => rmSync(f, { recursive: true, force: true })) };
}
