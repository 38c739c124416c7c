/**
 * Identifiers made on the client: UUIDv7 (RFC 9562), ascending within one page, so that an outbox sorted by id is in
 * the order of writing.
 */

let lastTime = 0;
let counter = 0;

/** @returns {string} a UUIDv7, greater than every one this page made before */
export function uuidv7() {
  tick();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(lastTime / 2 ** 32));
  view.setUint32(2, lastTime >>> 0);
  view.setUint16(6, 0x7000 | counter);
  view.setUint8(8, 0x80 | (bytes[8] & 0x3f));
  return format(bytes);
}

/** Moves on (lastTime, counter), the part of an id that orders it; a clock set back doesn't move it back. */
function tick() {
  const now = Date.now();
  if (now > lastTime) {
    lastTime = now;
    counter = 0;
  } else if (++counter > 0xfff) {
    lastTime++;
    counter = 0;
  }
}

/** @param {Uint8Array} bytes */
function format(bytes) {
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * A stable id of this browser, so that the server can tell two devices of one person apart.
 *
 * @param {Storage} storage
 * @returns {string}
 */
export function deviceID(storage) {
  const key = "parley.device";
  const id = storage.getItem(key) ?? uuidv7();
  storage.setItem(key, id);
  return id;
}
