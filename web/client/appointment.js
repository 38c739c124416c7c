import { uuidv7 } from "./ids.js";
import { Standing } from "./standing.js";

/**
 * Interviews that are being arranged. Either side may propose another time until both agree; whose turn it is follows
 * from who took the last step.
 *
 *   invited ⇄ rescheduled ──▶ accepted ──▶ no_show
 *       └──▶ declined, cancelled
 */

/** @typedef {import("./wire.js").AppointmentContent & { seq: number, asker: string }} Appointment where it stands; asker invited */

const noShowWithin = 24 * 3_600_000;

/** @typedef {{ at: Date, minutes: number, note?: string, confirmed?: boolean }} When */

/** @extends {Standing<Appointment>} */
export class AppointmentsOf extends Standing {
  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    super(conversation, "appointment", (entry, before) => ({
      ...before, ...entry.content, seq: entry.seq, asker: before?.asker ?? entry.content.by ?? entry.sender ?? "",
    }));
  }

  /** The one that is arranged or being arranged. @returns {Appointment | undefined} */
  get current() {
    return this.list.findLast((a) => waits.has(a.step) || a.step === "accepted");
  }

  /** What the user may do with it now. @param {Appointment} a */
  may(a) {
    const mine = a.by === this.conversation.session.welcome?.user;
    const open = waits.has(a.step);
    const since = Date.now() + this.conversation.session.clockOffset - Date.parse(a.at);
    const agreed = a.step === "accepted";
    return {
      accept: open && !mine && since < 0,
      decline: open && !mine,
      reschedule: (open && !mine) || (agreed && since < noShowWithin),
      cancel: (open && mine) || (agreed && since < 0),
      noShow: agreed && since > 0 && since < noShowWithin,
    };
  }

  /** @param {When & { cid?: string }} when cid of an invitation that is repeated */
  invite({ at, minutes, note, confirmed, cid = uuidv7() }) {
    return this.ask("appointment.invite", { cid, at: at.toISOString(), minutes, ...(note && { note }), ...(confirmed && { confirmed }) });
  }

  /** Accepts the time that was seen: when another one stands by then, it is refused. @param {Appointment} a */
  accept({ appointment, at }) {
    return this.ask("appointment.act", { appointment, act: "accept", at });
  }

  /** @param {string} appointment @param {"decline" | "cancel" | "no_show"} act */
  act(appointment, act) {
    return this.ask("appointment.act", { appointment, act });
  }

  /** @param {string} appointment @param {When} when */
  reschedule(appointment, { at, minutes, note, confirmed }) {
    return this.ask("appointment.act", { appointment, act: "reschedule", at: at.toISOString(), minutes, ...(note && { note }), ...(confirmed && { confirmed }) });
  }
}

const waits = new Set(["invited", "rescheduled"]);
