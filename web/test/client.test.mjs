/** The client library without a browser or a server: gaps, retries, cursors, ids, the time line, and its words against the golden frames. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, mock, test } from "node:test";
import { FakeSession, outboxOf, settled } from "./fake.mjs";

const { Backoff } = await import("../client/backoff.js");
const { Conversation } = await import("../client/conversation.js");
const { ParleyError } = await import("../client/errors.js");
const { uuidv7 } = await import("../client/ids.js");
const { MemoryKeep } = await import("../client/keep.js");
const { Timeline } = await import("../client/playback.js");

describe("a conversation", () => {
  /** @type {FakeSession} */
  let session;
  /** @type {any} */
  let outbox;
  const open = (/** @type {any} */ more = {}) =>
    new Conversation({ id: "c", members: [{ user: "me", role: "candidate", name: "", delivered: 0, read: 0 }, { user: "you", role: "recruiter", name: "", delivered: 0, read: 0 }],
      head: session.log.length, last: session.log.at(-1), unread: 0, ...more }, /** @type {any} */ (session), outbox);
  const texts = (/** @type {any} */ c) => c.entries.map((/** @type {any} */ e) => e.content.text).join("");

  beforeEach(() => {
    session = new FakeSession();
    outbox = outboxOf(session);
    session.emit("welcome", { user: "me" });
    for (const letter of "abc") session.write("you", letter);
  });

  test("begins with the last entry and reads the past when asked", async () => {
    const c = open();
    assert.equal(texts(c), "c");
    await c.older();
    assert.equal(texts(c), "abc");
    assert.equal(c.complete, true);
  });

  test("reads what lies between when a push jumps", async () => {
    const c = open();
    session.write("you", "d");
    session.write("you", "e");
    c.push(session.log[4]);
    assert.equal(texts(c), "c", "an entry beyond a gap is not shown");
    await settled();
    assert.equal(texts(c), "cde");
    assert.equal(c.last, 5);
  });

  test("shows an entry once however often it is pushed", () => {
    const c = open();
    const d = session.write("you", "d");
    c.push(d);
    c.push(d);
    c.push(session.log[1]);
    assert.equal(texts(c), "cd");
    assert.equal(c.unread, 1);
  });

  test("finds a lost last push by the head of a ping", async () => {
    const c = open();
    session.write("you", "d");
    c.behind(4);
    await settled();
    assert.equal(texts(c), "cd");
  });

  test("begins anew above what was too much to send", async () => {
    const c = open();
    for (const letter of "defgh") session.write("you", letter);
    c.restart(6);
    c.push(session.log[6]);
    c.push(session.log[7]);
    await settled();
    await c.older();
    assert.equal(texts(c), "abcdefgh");
  });

  test("keeps its place when a read fails and goes on with the next push", async () => {
    const c = open();
    session.write("you", "d");
    session.write("you", "e");
    session.state = "away";
    c.push(session.log[4]);
    await settled();
    assert.equal(texts(c), "c");
    session.state = "open";
    c.push(session.write("you", "f"));
    await settled();
    assert.equal(texts(c), "cdef");
  });

  test("says read only while somebody looks", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const c = open();
    mock.timers.tick(1000);
    assert.deepEqual(session.asked.at(-1), ["chat.mark", { conversation: "c", delivered: 3, read: 0 }]);
    await settled();
    const leave = c.attend();
    mock.timers.tick(1000);
    assert.deepEqual(session.asked.at(-1), ["chat.mark", { conversation: "c", delivered: 3, read: 3 }]);
    leave();
    mock.timers.reset();
  });

  test("tells how far an own message got by the other side's cursors", () => {
    const c = open();
    assert.equal(c.stateOf(3), "sent");
    c.cursor({ conversation: "c", user: "you", delivered: 3, read: 2 });
    assert.equal(c.stateOf(3), "delivered");
    assert.equal(c.stateOf(2), "read");
    c.cursor({ conversation: "c", user: "you", delivered: 1, read: 1 });
    assert.equal(c.stateOf(2), "read", "cursors only move forward");
  });
});

describe("the outbox", () => {
  /** @type {FakeSession} */
  let session;
  /** @type {any} */
  let kept;
  /** @param {FakeSession} s */
  const sitDown = (s) => {
    const outbox = outboxOf(s, kept);
    s.emit("welcome", { user: "me" });
    return outbox;
  };

  beforeEach(() => {
    session = new FakeSession();
    kept = new MemoryKeep();
  });

  test("keeps a message over a reload and sends it under the same id", async () => {
    session.state = "away";
    const { cid } = sitDown(session).put("c", "text", { text: "a" });
    assert.equal(session.log.length, 0);
    const later = new FakeSession();
    const outbox = sitDown(later);
    await settled();
    assert.equal(later.log[0].cid, cid);
    assert.deepEqual([outbox.queued, (await kept.load("me")).length], [0, 0]);
  });

  test("repeats a message whose ack was lost without making a second entry", async () => {
    const send = session.answers["chat.send"];
    session.answers["chat.send"] = (body) => {
      send(body);
      session.state = "away";
      throw new ParleyError("away");
    };
    const outbox = sitDown(session);
    outbox.put("c", "text", { text: "a" });
    await settled();
    assert.equal(outbox.queued, 1);
    Object.assign(session, { state: "open" }).answers["chat.send"] = send;
    session.emit("welcome", { user: "me" });
    await settled();
    assert.deepEqual([session.log.length, outbox.queued], [1, 0]);
  });

  test("sends in the order of writing", async () => {
    const outbox = sitDown(session);
    for (const text of "abcd") outbox.put("c", "text", { text });
    for (let i = 0; i < 8; i++) await settled();
    assert.equal(session.log.map((e) => e.content.text).join(""), "abcd");
  });

  test("sets a refused message aside, lets the others pass, and tries it again when told", async () => {
    const send = session.answers["chat.send"];
    session.answers["chat.send"] = (body) => {
      if (body.content.text === "bad") throw new ParleyError("forbidden", { retry: false });
      return send(body);
    };
    const outbox = sitDown(session);
    const { cid } = outbox.put("c", "text", { text: "bad" });
    outbox.put("c", "text", { text: "good" });
    for (let i = 0; i < 4; i++) await settled();
    assert.equal(session.log.length, 1);
    assert.equal(outbox.of("c")[0].failed?.id, "forbidden");
    session.answers["chat.send"] = send;
    outbox.retry(cid);
    await settled();
    assert.deepEqual(session.log.map((e) => e.content.text), ["good", "bad"]);
  });

  test("waits as long as a busy server says", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    let refusals = 0;
    const send = session.answers["chat.send"];
    session.answers["chat.send"] = (body) => {
      if (refusals++ === 0) throw new ParleyError("rate_limited", { retry: true, retryAfter: 850 });
      return send(body);
    };
    sitDown(session).put("c", "text", { text: "a" });
    await settled();
    mock.timers.tick(849);
    await settled();
    assert.equal(session.log.length, 0);
    mock.timers.tick(1);
    await settled();
    assert.equal(session.log.length, 1);
    mock.timers.reset();
  });

  test("shows one user nothing of another's", () => {
    session.state = "away";
    sitDown(session).put("c", "text", { text: "a" });
    const outbox = outboxOf(session, kept);
    session.emit("welcome", { user: "somebody else" });
    assert.equal(outbox.queued, 0);
  });
});

test("ids ascend within a page and say that they are UUIDv7", () => {
  const ids = Array.from({ length: 5000 }, uuidv7);
  assert.deepEqual([...ids].sort(), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("delays grow to a bound, and the server's own wins", () => {
  const backoff = new Backoff({ first: 100, most: 1000 });
  const delays = Array.from({ length: 50 }, () => backoff.next());
  assert.ok(delays.every((d) => d >= 50 && d <= 1050));
  assert.equal(backoff.next(4200), 4200);
  backoff.reset();
  assert.ok(backoff.next() <= 150);
});

test("a time line puts parts after each other with the gap between them", () => {
  const side = (/** @type {string} */ user, url = "/v1/playback/x") => ({ user, name: user, url, duration_ms: 10_000, tracks: [] });
  const part = (/** @type {string} */ started, /** @type {any} */ more = {}) => ({ recording: started, state: "sealed", started, duration_ms: 10_000, sides: [side("a"), side("b")], gaps: [], ...more });
  const line = new Timeline({ interview: "i", parts: [
    part("2026-03-09T09:30:14Z", { gaps: [{ user: "b", from_ms: 1000, to_ms: 2500, reason: "loss" }] }),
    part("2026-03-09T09:30:00Z"),
    part("2026-03-09T09:31:00Z", { state: "failed", sides: [{ ...side("a"), url: undefined }] }),
  ] });
  assert.equal(line.duration, 24);
  assert.deepEqual(line.gaps, [{ user: "", from: 10, to: 14, reason: "interrupted" }, { user: "b", from: 15, to: 16.5, reason: "loss" }]);
  assert.deepEqual([line.partAt(9)?.from, line.partAt(12)?.from, line.partAt(99)?.from], [0, 14, 14]);
  assert.deepEqual(line.sides.map((s) => s.user), ["a", "b"]);
});

test("a part that is still being stored is told, and not played", () => {
  const part = (/** @type {string} */ state, /** @type {boolean} */ available, /** @type {any} */ sides = []) =>
    ({ recording: state, state, available, started: "2026-03-09T09:30:00Z", duration_ms: 1000, sides, gaps: [] });
  const side = { user: "a", name: "a", url: "/v1/playback/x", duration_ms: 1000, tracks: [] };
  const line = new Timeline({ interview: "i", parts: [
    part("sealed", false, [{ ...side, url: undefined }]), part("recovered", false), part("recovered", true, [side]), part("recording", false), part("failed", false),
  ] });
  assert.deepEqual(line.storing.map((p) => p.recording), ["sealed", "recovered"]);
  assert.equal(line.parts.length, 1);
});

test("an error speaks the user's language and keeps its id", () => {
  const error = ParleyError.ofFrame(golden("error").body);
  assert.deepEqual([error.id, error.retry, error.retryAfter], ["rate_limited", true, 850]);
  assert.notEqual(error.in("zh"), error.in("en"));
  assert.equal(ParleyError.of(new TypeError("x")).id, "internal");
});

/** What no page of a member needs: rooms of thousands have a library of their own. */
const notHere = /^crowd\./;
/** Answers without a push of their own stand with their requests. */
const answers = new Set(["welcome", "pong", "done", "error", "chat.ack", "chat.page", "chat.found", "chat.reported", "exchange.value", "attach.url", "people.blocked", "insight", "text", "interview.receipts"]);

test("the library knows the kinds of frames that the protocol has, and no others", () => {
  const known = readFileSync(join(import.meta.dirname, "../client/wire.d.ts"), "utf8").matchAll(/^ {2}"([a-z.]+)": [[{A-Z]/gm);
  const examples = readdirSync(frames).map((name) => name.replace(/\.json$/, "")).filter((kind) => !notHere.test(kind));
  const named = new Set([...known].map(([, kind]) => kind));
  assert.deepEqual([...named].filter((kind) => !examples.includes(kind)), []);
  assert.deepEqual(examples.filter((kind) => !named.has(kind) && !answers.has(kind)), []);
});

const frames = join(import.meta.dirname, "../../signal/wire/testdata");

/** @param {string} kind */
function golden(kind) {
  return JSON.parse(readFileSync(join(frames, `${kind}.json`), "utf8"));
}
