/** What recruiting adds to the client library, without a browser or a server: revisions, reactions, files, exchanges, times to meet. */

import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { FakeSession, conversationOf, outboxOf, settled } from "./fake.mjs";

const { ParleyError } = await import("../client/errors.js");
const { MemoryKeep } = await import("../client/keep.js");
const { insist } = await import("../client/insist.js");

/** @type {any} */
let session;
/** @type {any} */
let outbox;

beforeEach(() => {
  session = new FakeSession();
  outbox = outboxOf(session);
  session.emit("welcome", { user: "me" });
});

/** The entries of the log as they come live, on a page that was there from the start. @param {any} [more] */
function live(more) {
  const all = session.log.splice(0);
  const c = conversationOf(session, outbox, more);
  for (const e of all) {
    session.log.push(e);
    c.push({ ...e });
  }
  return c;
}
const shown = (/** @type {any} */ c) => c.messages().map((/** @type {any} */ m) => m.content.recalled ? "–" : m.content.text);

describe("edits and recalls", () => {
  test("stand in what they change and are no messages of their own", () => {
    session.write("you", "helo");
    session.add("you", "edit", { target: 1, text: "hello" });
    session.write("you", "wrong window");
    session.add("you", "recall", { target: 3 });
    const c = live();
    assert.deepEqual(shown(c), ["hello", "–"]);
    assert.deepEqual(c.messages().map((/** @type {any} */ m) => m.revised), ["edit", "recall"]);
    assert.equal(c.unread, 2, "a change is not unread news");
  });

  test("of others touch nothing", () => {
    session.write("you", "mine to keep");
    session.add("me", "edit", { target: 1, text: "forged" });
    session.add("me", "recall", { target: 1 });
    assert.deepEqual(shown(live()), ["mine to keep"]);
  });

  test("come in order: the latest edit holds, and a recall is final", () => {
    session.write("you", "a");
    session.add("you", "edit", { target: 1, text: "b" });
    session.add("you", "edit", { target: 1, text: "c" });
    const c = live();
    assert.deepEqual(shown(c), ["c"]);
    c.push(session.add("you", "recall", { target: 1 }));
    c.push(session.add("you", "edit", { target: 1, text: "d" }));
    assert.deepEqual(shown(c), ["–"]);
  });

  test("that came before the page of the past they are about still reach it", async () => {
    session.write("you", "old");
    for (let i = 0; i < 3; i++) session.write("you", "x");
    const c = conversationOf(session, outbox);
    c.push(session.add("you", "recall", { target: 1 }));
    await c.older();
    assert.deepEqual(shown(c), ["–", "x", "x", "x"]);
  });

  test("of one's own are seen at once, before the server has them", () => {
    session.write("me", "a");
    const c = live();
    session.state = "away";
    c.edit(1, "b");
    assert.deepEqual(shown(c), ["b"]);
    assert.equal(c.latest?.content.text, "a", "the list waits for the log");
    c.recall(1);
    assert.deepEqual(shown(c), ["–"]);
    assert.equal(c.recalled(1), "a");
  });

  test("that the server refuses are taken back and told", async () => {
    session.write("me", "a");
    const c = live();
    session.answers["chat.send"] = () => {
      throw new ParleyError("gone", { retry: false });
    };
    /** @type {any[]} */
    const refused = [];
    outbox.on("refused", (/** @type {any} */ r) => refused.push(r.error.id));
    c.recall(1);
    await settled();
    assert.deepEqual([shown(c), refused, outbox.of("c")], [["a"], ["gone"], []]);
  });

  test("may be made only of what is one's own, said, and young enough", () => {
    session.clockOffset = Date.parse("2026-03-09T09:31:00Z") - Date.now();
    session.write("me", "a");
    session.write("you", "b");
    session.add("me", "resume", { card: { title: "t" } });
    const c = live();
    const may = () => c.messages().map((/** @type {any} */ m) => Object.entries(c.may(m)).filter(([, yes]) => yes).map(([what]) => what).join());
    assert.deepEqual(may(), ["reply,react,edit,recall", "reply,react,report", "reply,react,recall"]);
    session.clockOffset += 3 * 60_000;
    assert.deepEqual(may(), ["reply,react,edit", "reply,react,report", "reply,react"]);
    session.clockOffset += 24 * 3_600_000;
    assert.deepEqual(may(), ["reply,react", "reply,react,report", "reply,react"]);
  });
});

test("reactions are counted by person and taken off again", async () => {
  session.write("you", "a");
  session.add("me", "reaction", { target: 1, emoji: "👍" });
  session.add("you", "reaction", { target: 1, emoji: "👍" });
  session.add("me", "reaction", { target: 1, emoji: "👍" });
  session.add("you", "reaction", { target: 1, emoji: "👍", off: true });
  const c = live();
  assert.deepEqual([...c.messages()[0].reactions], [["👍", ["me"]]]);
  assert.equal(c.messages().length, 1);
  session.state = "away";
  c.react(1, "👍", false);
  assert.equal(c.messages()[0].reactions.size, 0, "one's own is seen at once");
});

describe("a file", () => {
  /** Uploads that the test ends. @type {{ task: any, done: (id: string) => void, fail: (error: any) => void }[]} */
  let uploads;
  const upload = (/** @type {any} */ task) => new Promise((done, fail) => uploads.push({ task, done, fail }));
  const picture = new File(["bytes"], "a.png", { type: "image/png" });

  beforeEach(() => {
    uploads = [];
    session = new FakeSession();
    outbox = outboxOf(session, new MemoryKeep(), upload);
    session.emit("welcome", { user: "me" });
  });

  test("is uploaded with its progress, and texts behind it do not wait", async () => {
    const c = conversationOf(session, outbox);
    c.sendFile(picture, { text: "look", reply: 3 });
    c.send("hello");
    await settled();
    uploads[0].task.progress(0.5);
    assert.deepEqual([session.log.length, c.messages().find((/** @type {any} */ m) => m.type === "picture")?.progress], [1, 0.5]);
    uploads[0].done("att-1");
    await settled();
    const { type, content } = session.log[1];
    assert.deepEqual([type, content], ["picture", { text: "look", reply: 3, attachment: "att-1" }]);
  });

  test("goes on where it was after a reload", async () => {
    const keep = new MemoryKeep();
    const first = outboxOf(session, keep, upload);
    session.emit("welcome", { user: "me" });
    const { cid } = first.put("c", "file", {}, { file: picture, name: "a.png" });
    await settled();
    uploads[0].task.begun("up-1");
    await settled();
    const later = new FakeSession();
    outboxOf(later, keep, upload);
    later.emit("welcome", { user: "me" });
    await settled();
    assert.equal(uploads[1].task.upload, "up-1");
    assert.equal(await uploads[1].task.file.text(), "bytes");
    uploads[1].done("att-1");
    await settled();
    assert.equal(later.log[0].cid, cid);
  });

  test("that is refused can be tried again or given up, and giving up stops the upload", async () => {
    const c = conversationOf(session, outbox);
    const { cid } = c.sendFile(picture);
    await settled();
    uploads[0].fail(new ParleyError("too_large", { retry: false }));
    await settled();
    assert.deepEqual([c.messages()[0].state, c.messages()[0].error?.id], ["failed", "too_large"]);
    outbox.retry(cid);
    await settled();
    assert.equal(uploads.length, 2);
    outbox.discard(cid);
    assert.equal(uploads[1].task.signal.aborted, true);
    assert.equal(c.messages().length, 0);
  });

  test("is not asked for over and over while the network is away", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const c = conversationOf(session, outbox);
    c.sendFile(picture);
    await settled();
    uploads[0].fail(new ParleyError("away"));
    await settled();
    assert.equal(uploads.length, 1);
    mock.timers.tick(2000);
    await settled();
    assert.equal(uploads.length, 2);
    mock.timers.reset();
  });
});

describe("what the server changed", () => {
  test("is read from the log and not shown as it was written", async () => {
    session.answers["chat.send"] = ({ cid, content }) => {
      const { seq, time } = session.write("me", content.text.replace(/\d{11}/, "***"), cid);
      return { cid, seq, time, changed: true };
    };
    const c = conversationOf(session, outbox);
    outbox.on("sent", ({ seq }) => c.behind(seq));
    c.send("call 13800138000");
    await settled();
    assert.deepEqual(shown(c), ["call ***"]);
    assert.deepEqual(outbox.of("c"), []);
  });

  test("and wants confirmed is sent under the same id once the person agrees", async () => {
    const send = session.answers["chat.send"];
    session.answers["chat.send"] = (/** @type {any} */ body) => {
      if (!body.confirmed) throw new ParleyError("confirm_needed", { retry: false });
      return send(body);
    };
    const c = conversationOf(session, outbox);
    const { cid } = c.send("add me");
    await settled();
    assert.equal(c.messages()[0].error?.id, "confirm_needed");
    outbox.retry(cid, { confirmed: true });
    await settled();
    assert.deepEqual([session.log[0].cid, session.asked.filter(([kind]) => kind === "chat.send").length], [cid, 2]);
  });
});

describe("what two sides agree on", () => {
  const step = (/** @type {string} */ by, /** @type {any} */ content) => session.add(by, "exchange", { exchange: "e", what: "wechat", by, ...content });

  test("an exchange stands where its last step left it", () => {
    step("you", { step: "requested" });
    const c = live();
    assert.equal(c.exchanges.pending("wechat")?.asker, "you");
    c.push(step("me", { step: "accepted" }));
    assert.deepEqual([c.exchanges.pending("wechat"), c.exchanges.held("wechat")?.asker, c.exchanged], [undefined, "you", true]);
    c.push(step("me", { step: "withdrawn" }));
    assert.deepEqual([c.exchanges.held("wechat"), c.exchanged], [undefined, false]);
  });

  test("a lost connection repeats the very same request", async () => {
    const c = conversationOf(session, outbox);
    /** @type {string[]} */
    const cids = [];
    session.answers["exchange.request"] = (/** @type {any} */ { cid }) => {
      cids.push(cid);
      if (cids.length === 1) throw new ParleyError("away");
      return { exchange: "e", state: "requested" };
    };
    assert.equal((await c.exchanges.request("wechat", { value: "me_123" })).state, "requested");
    assert.deepEqual([cids.length, cids[0]], [2, cids[1]]);
  });

  test("a refusal is not repeated", async () => {
    let asked = 0;
    session.answers["exchange.read"] = () => {
      asked++;
      throw new ParleyError("not_found");
    };
    await assert.rejects(insist(session, "exchange.read", { conversation: "c", exchange: "e" }), { id: "not_found" });
    assert.equal(asked, 1);
  });

  test("an appointment tells whose turn it is and what time allows", () => {
    session.clockOffset = 0;
    const hour = 3_600_000;
    const may = (/** @type {string} */ by, /** @type {string} */ step, /** @type {number} */ inMs) => {
      session.log = [];
      session.add(by, "appointment", { appointment: "a", step, by, at: new Date(Date.now() + inMs).toISOString(), minutes: 30 });
      const c = live();
      const [a] = c.appointments.list;
      return Object.entries(c.appointments.may(a)).filter(([, yes]) => yes).map(([what]) => what).join();
    };
    assert.equal(may("you", "invited", hour), "accept,decline,reschedule");
    assert.equal(may("me", "rescheduled", hour), "cancel");
    assert.equal(may("you", "invited", -hour), "decline,reschedule", "too late to accept");
    assert.equal(may("me", "accepted", hour), "reschedule,cancel");
    assert.equal(may("me", "accepted", -hour), "reschedule,noShow");
    assert.equal(may("me", "accepted", -25 * hour), "");
    assert.equal(may("me", "declined", hour), "");
  });
});

test("who types is told every three seconds at most, and forgotten after six", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const c = conversationOf(session, outbox);
  mock.timers.tick(10_000);
  for (let i = 0; i < 5; i++) c.company.type();
  assert.equal(session.asked.filter(([kind]) => kind === "chat.typing").length, 1);
  c.company.typed({ conversation: "c", user: "you" });
  assert.deepEqual(c.company.writing, ["you"]);
  mock.timers.tick(6000);
  assert.deepEqual(c.company.writing, []);
  c.company.typed({ conversation: "c", user: "you" });
  c.push(session.write("you", "done"));
  assert.deepEqual(c.company.writing, [], "who has sent it writes no more");
  mock.timers.reset();
});
