import { client } from "./app.js";
import { tell } from "./dialog.js";
import { h } from "./dom.js";
import { t } from "./strings.js";
import { troubled } from "./trouble.js";

/** Saves the signed heads of an interview's recording as a file that parley-verify takes. @param {string} interview */
export async function saveReceipt(interview) {
  const { interviews } = client();
  try {
    const receipt = interviews.receipt(interview) ?? (await interviews.fetchReceipt(interview));
    if (receipt) download(new Blob([JSON.stringify(receipt, null, 2), "\n"], { type: "application/json" }), `parley-receipt-${receipt.interview}.json`);
    else tell(t("summary.receipt.none"));
  } catch (error) {
    troubled(error);
  }
}

/** Saves the signed head of a conversation, which holds for everything said until it. @param {string} conversation */
export async function saveHead(conversation) {
  const { heads } = client();
  try {
    const receipt = await heads.fetch(conversation).catch((error) => heads.kept(conversation)[0] ?? Promise.reject(error));
    download(new Blob([JSON.stringify(receipt, null, 2), "\n"], { type: "application/json" }), `parley-receipt-${conversation}.json`);
  } catch (error) {
    troubled(error);
  }
}

/** Saves the bundle of one part of a recording. @param {string} recording */
export async function saveBundle(recording) {
  try {
    download(await client().recordings.bundle(recording), `recording-${recording}.zip`);
  } catch (error) {
    troubled(error);
  }
}

/** @param {Blob} file @param {string} name */
function download(file, name) {
  const url = URL.createObjectURL(file);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
