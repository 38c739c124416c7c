/**
 * An application on another origin does what client/README.md shows, word for word: only the server's address and the
 * user's own functions are put in.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { missing, startBrowser, startParley } from "./harness.mjs";

const why = missing();
const page = readFileSync(join(import.meta.dirname, "../client/README.md"), "utf8");
/** The examples under a heading. @param {string} title */
const examples = (title) => page.split(/^## /m).filter((part) => part.startsWith(`${title}\n`)).flatMap((part) => part.split("```js\n").slice(1).map((code) => code.split("```")[0]));
const [start] = page.split("```js\n").slice(1).map((part) => part.split("```")[0]);
const [chat, more, doubt] = examples("Chat");
const [ask, answer] = examples("What two sides agree on");
const [interview] = examples("Interviews");
const [recordings] = examples("Recordings");
const [people] = examples("People");

describe("an application of one's own", { skip: why }, () => {
  /** @type {Awaited<ReturnType<typeof startParley>>} */
  let server;
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {import("node:http").Server} */
  let application;
  let seat = "";

  before(async () => {
    application = createServer((request, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end(request.method === "POST" ? server.users[seat].token : "<!doctype html><title>jobs</title><video></video>");
    });
    await new Promise((ready) => application.listen(0, "127.0.0.1", () => ready(undefined)));
    [server, browser] = await Promise.all([startParley({ more: ["--origin", origin()] }), startBrowser()]);
  });
  after(async () => {
    application.close();
    await browser?.close();
    await server?.stop();
  });

  const origin = () => `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (application.address()).port}`;

  /** Code that waits until a change has made something true. @param {string} of @param {string} holds */
  const once = (of, holds) => `await new Promise((go) => { const look = () => ${holds} && go(); ${of}.on("change", look); look(); });\n`;

  /** Runs code of the page as a module of the application. @param {string} as @param {string} code @param {string} result */
  async function runs(as, code, result) {
    seat = as;
    const context = await browser.newContext({ permissions: ["camera", "microphone"] });
    try {
      const own = await context.newPage();
      await own.goto(origin());
      const ready = once("parley.chat", "parley.chat.ready");
      const given = `const id = ${JSON.stringify(server.conversation)}; const render = () => {}; const showConnection = render; const showList = render;`;
      const text = `${given}\n${start}\n${ready}\n${code}\nexport const result = ${result};`.replaceAll("https://parley.example.com", server.http);
      return await own.evaluate(async (source) => (await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })))).result, text);
    } finally {
      await context.close();
    }
  }

  test("chats", async () => {
    const mine = "conversation.messages().filter((m) => m.mine).at(-1)";
    const done = once("conversation", `${mine}?.seq && conversation.disclosed`);
    assert.equal(await runs("candidate", chat + done, `${mine}.content.text`), "你好");
  });

  test("changes what it said, answers, and sends files from its own origin", async () => {
    const sent = once("conversation", "conversation.messages().some((m) => m.mine && m.seq > 0)");
    const stored = once("conversation", "conversation.messages().some((m) => m.type === 'file' && m.seq > 0) && conversation.messages().some((m) => m.revised === 'edit' && m.reactions.size)");
    const shown = "conversation.messages().filter((m) => m.mine && m.seq > 0).map((m) => m.content.text ?? m.content.name)";
    const given = "const conversation = parley.chat.get(id);\nconversation.send('hello');\n";
    const [texts, searched] = await runs("recruiter", `${given}${sent}${more}${stored}`, `[${shown}, Array.isArray(entries)]`);
    assert.deepEqual([texts.slice(-3), searched], [["您好", "十二个人，分两个小组。", "notes.txt"], true]);
  });

  test("asks the person when the server does", async () => {
    const given = "const conversation = parley.chat.get(id);\nglobalThis.confirm = () => true;\n";
    const sends = `conversation.send("Call me: 13800138000");\n${once("conversation", "conversation.messages().at(-1)?.mine && conversation.messages().at(-1).seq > 0")}`;
    assert.match(await runs("candidate", `${given}${doubt}${sends}`, "conversation.messages().at(-1).content.text"), /13800138000/);
  });

  test("agrees with the other side", async () => {
    const given = "const conversation = parley.chat.get(id);\n";
    await runs("recruiter", `${given}${ask}`, "1");
    const told = once("conversation", "conversation.appointments.current && conversation.exchanges.pending('wechat')");
    const past = "await conversation.older();\n";
    assert.deepEqual(await runs("candidate", `${given}${past}${told}${answer}`, "[value, meeting.minutes]"), ["wang-min_88", 45]);
  });

  test("sets what others see", async () => {
    const given = "const conversation = parley.chat.get(id);\n";
    const done = once("parley.people", "parley.people.settings && !parley.people.settings.receipts");
    assert.deepEqual(await runs("recruiter", `${given}${people}${done}`, "[blocked, parley.people.quota.limit > 0]"), [[], true]);
  });

  test("holds an interview and plays it", async () => {
    const sends = `await new Promise((go) => interview.on("quality", () => [...(interview.call.quality.get("")?.values() ?? [])].some((line) => line.bars > 0) && go()));\n`;
    const said = interview.replace("await interview.mute(", `${sends}$&`);
    const over = once("interview", "interview.state === 'ended'");
    const play = recordings.replace("[[user, video], …]", "[[parley.user, document.querySelector('video')]]").replace("(seconds) => …", "() => {}");
    const [reason, parts] = await runs("recruiter", `const conversation = parley.chat.get(id);\n${said}\n${over}\n${play}`, "[interview.info.reason, player.timeline.parts.length]");
    assert.equal(reason, "hangup");
    assert.equal(parts, 1);
  });
});
