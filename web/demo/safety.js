import { nameOf } from "./app.js";
import { ask, tell } from "./dialog.js";
import { fillIn } from "./form.js";
import { clock, t } from "./strings.js";
import { trying } from "./trouble.js";
import { snippet } from "./words.js";

/** Blocking and reporting. */

/** @typedef {import("../client/index.js").Conversation} Conversation */
/** @typedef {import("../client/conversation.js").Message} Message */

const reasons = /** @type {const} */ (["harassment", "fraud", "fake_job", "fake_identity", "discrimination", "other"]);
const mostShown = 12;

/** @param {Conversation} c @param {{ company?: boolean }} [how] */
export async function block(c, { company = false } = {}) {
  const other = c.others[0];
  if (!other) return;
  const name = company ? (other.company ?? "") : other.name;
  const answer = await ask({ title: t("block.title", { name }), text: t(company ? "block.company.text" : "block.text"), actions: [{ id: "block", label: t("block.confirm"), kind: "danger" }] });
  if (answer !== "block") return;
  const done = await trying(() => c.block(other.user, { company }).then(() => true));
  if (done) tell(t("block.done", { name }));
}

/** Reports entries of the other side; they are attached as evidence. @param {Conversation} c @param {Message} [chosen] */
export async function report(c, chosen) {
  const theirs = c.messages().filter((m) => c.may(m).report);
  const shown = theirs.slice(-mostShown);
  if (chosen && !shown.some((m) => m.seq === chosen.seq)) shown.unshift(chosen);
  if (!shown.length) return tell(t("report.nothing"));
  const given = await fillIn({
    title: t("report.title"), text: t("report.text"), submit: t("report.submit"), kind: "danger",
    fields: [
      { name: "reason", label: t("report.reason"), type: "choice", required: true, options: reasons.map((value) => ({ value, label: t(`report.reason.${value}`) })) },
      { name: "seqs", label: t("report.evidence"), type: "checks", options: shown.map((m) => ({
        value: String(m.seq), checked: m.seq === (chosen ?? shown.at(-1))?.seq, label: `${clock(m.time)}  ${nameOf(c, m.sender)}：${snippet(c, m)}`,
      })) },
      { name: "note", label: t("report.note"), type: "long", most: 300 },
    ],
  });
  if (!given) return;
  const seqs = given.getAll("seqs").map(Number);
  if (!seqs.length) return tell(t("report.none"), "alarm");
  const reason = /** @type {typeof reasons[number]} */ (String(given.get("reason")));
  const done = await trying(() => c.report(seqs, reason, String(given.get("note") ?? "").trim()));
  if (done) tell(t("report.done"));
}
