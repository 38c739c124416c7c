import { client } from "./app.js";
import { tell } from "./dialog.js";
import { h } from "./dom.js";
import { t } from "./strings.js";
import { troubled } from "./thread.js";

/** Saves the signed heads of an interview's recording as a file that parley-verify takes. @param {string} interview */
export async function saveReceipt(interview) {
  const { interviews } = client();
  try {
    const receipt = interviews.receipt(interview) ?? (await interviews.fetchReceipt(interview));
    if (receipt) download(receipt);
    else tell(t("summary.receipt.none"));
  } catch (error) {
    troubled(error);
  }
}

/** @param {import("../client/interview.js").Receipt} receipt */
function download(receipt) {
  const file = new Blob([JSON.stringify(receipt, null, 2), "\n"], { type: "application/json" });
  const url = URL.createObjectURL(file);
  h("a", { href: url, download: `parley-receipt-${receipt.interview}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
