import { h } from "./dom.js";

/** Saves the signed heads of an interview's recording as a file that parley-verify takes. @param {import("../client/interview.js").Receipt} receipt */
export function saveReceipt(receipt) {
  const file = new Blob([JSON.stringify(receipt, null, 2), "\n"], { type: "application/json" });
  const url = URL.createObjectURL(file);
  h("a", { href: url, download: `parley-receipt-${receipt.interview}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
