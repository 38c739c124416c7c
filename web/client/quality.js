/**
 * What getStats says, put as a person would: how good a line is (0 nothing comes, 1 poor, 2 fair, 3 good), how loud it
 * is, and since when nothing came.
 */

/**
 * @typedef {object} LineQuality
 * @property {0 | 1 | 2 | 3} bars
 * @property {number} lossPercent of the last interval
 * @property {number} rttMilliseconds NaN while unknown
 * @property {number} kbps
 * @property {number} level 0 to 1, of the sound
 * @property {number} frames pictures shown or sent so far
 * @property {number} stalledSince when bytes last grew, in milliseconds of Date.now(); 0 while they grow
 */

/** A line is called stalled when nothing came for this long; audio with DTX still sends every 400 ms. */
const stallAfter = 1500;

/** Follows one RTCPeerConnection's lines, one key (a mid) a line. */
export class Gauge {
  /** @type {Map<string, { bytes: number, packets: number, lost: number, at: number, grew: number }>} */
  #before = new Map();

  /**
   * @param {RTCPeerConnection} pc
   * @param {"inbound-rtp" | "outbound-rtp"} direction
   * @returns {Promise<Map<string, LineQuality>>} by mid
   */
  async read(pc, direction) {
    const reports = [...(await pc.getStats()).values()];
    const rtt = roundTrip(reports);
    const lines = reports.filter((r) => r.type === direction && r.mid != null);
    return new Map(lines.map((r) => [r.mid, this.#line(r, rtt, remoteLoss(reports, r))]));
  }

  /**
   * @param {any} report
   * @param {number} rtt
   * @param {number} lost packets lost so far
   * @returns {LineQuality}
   */
  #line(report, rtt, lost) {
    const now = Date.now();
    const bytes = report.bytesReceived ?? report.bytesSent ?? 0;
    const packets = report.packetsReceived ?? report.packetsSent ?? 0;
    const before = this.#before.get(report.mid) ?? { bytes: 0, packets: 0, lost: 0, at: now - 1000, grew: now };
    const grew = bytes > before.bytes ? now : before.grew;
    this.#before.set(report.mid, { bytes, packets, lost, at: now, grew });
    const stalled = now - grew > stallAfter;
    const lossPercent = share(lost - before.lost, packets - before.packets);
    return {
      bars: stalled ? 0 : bars(lossPercent, rtt),
      lossPercent,
      rttMilliseconds: rtt,
      kbps: (8 * (bytes - before.bytes)) / Math.max(1, now - before.at),
      level: report.audioLevel ?? 0,
      frames: report.framesDecoded ?? report.framesEncoded ?? 0,
      stalledSince: stalled ? grew : 0,
    };
  }
}

/** @param {any[]} reports @returns {number} */
function roundTrip(reports) {
  const pair = reports.find((r) => r.type === "candidate-pair" && r.nominated && r.state === "succeeded");
  return pair?.currentRoundTripTime === undefined ? NaN : pair.currentRoundTripTime * 1000;
}

/** Packets of a line that got lost: counted here for what comes in, reported back for what goes out. @param {any[]} reports @param {any} line */
function remoteLoss(reports, line) {
  if (line.type === "inbound-rtp") return line.packetsLost ?? 0;
  return reports.find((r) => r.id === line.remoteId)?.packetsLost ?? 0;
}

/** @param {number} lost @param {number} arrived */
function share(lost, arrived) {
  return lost <= 0 ? 0 : (100 * lost) / Math.max(1, lost + arrived);
}

/** @param {number} loss in percent @param {number} rtt in milliseconds @returns {1 | 2 | 3} */
function bars(loss, rtt) {
  if (loss > 8 || rtt > 600) return 1;
  return loss > 2 || rtt > 250 ? 2 : 3;
}
