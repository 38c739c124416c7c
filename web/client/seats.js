/**
 * What the browser keeps of interviews: for this tab the seat it holds, so that a reload takes it again; for good the
 * receipts, the signed heads that let anybody check later that a recording was not changed (E6).
 */

/** @typedef {{ camera: boolean, muted: import("./wire.js").Label[] }} Held how the seat was taken */
/** @typedef {import("./interview.js").Receipt} Receipt */

export class SeatStore {
  /**
   * @param {Storage} tab lives as long as the tab
   * @param {Storage} durable
   */
  constructor(tab, durable) {
    this.tab = tab;
    this.durable = durable;
  }

  /** @param {string} user @param {string} interview @param {Held} held */
  hold(user, interview, held) {
    this.tab.setItem(`parley.seat.${user}`, JSON.stringify({ interview, ...held }));
  }

  /** @param {string} user @returns {(Held & { interview: string }) | null} */
  held(user) {
    return parse(this.tab.getItem(`parley.seat.${user}`));
  }

  /** @param {string} user @param {string} interview */
  release(user, interview) {
    if (this.held(user)?.interview === interview) this.tab.removeItem(`parley.seat.${user}`);
  }

  /** @param {string} user @param {Receipt} receipt */
  keep(user, receipt) {
    this.durable.setItem(`parley.receipt.${user}.${receipt.interview}`, JSON.stringify(receipt));
  }

  /** @param {string} user @param {string} interview @returns {Receipt | null} */
  receipt(user, interview) {
    return parse(this.durable.getItem(`parley.receipt.${user}.${interview}`));
  }
}

/** @param {string | null} json */
function parse(json) {
  try {
    return JSON.parse(json ?? "null");
  } catch {
    return null;
  }
}
