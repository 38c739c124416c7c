import { ask, tell } from "./dialog.js";
import { lang, t } from "./strings.js";
import { ParleyError } from "../client/index.js";

/** What a page does with an error: says it, or asks when the server wants a second thought. */

/** @param {unknown} error */
export function troubled(error) {
  tell(ParleyError.of(error).in(lang()), "alarm");
}

/**
 * Does something and says what went wrong.
 *
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T | undefined>}
 */
export async function trying(act) {
  try {
    return await act();
  } catch (error) {
    troubled(error);
  }
}

/**
 * Does something that the server may warn of first: then the person is asked, and it is done once more as confirmed.
 *
 * @template T
 * @param {(confirmed: boolean) => Promise<T>} act
 * @returns {Promise<T | undefined>} nothing when it went wrong or was given up
 */
export async function confirming(act) {
  try {
    return await act(false);
  } catch (error) {
    if (ParleyError.of(error).id !== "confirm_needed") return void troubled(error);
    return (await warned(ParleyError.of(error))) ? trying(() => act(true)) : undefined;
  }
}

/** @param {ParleyError} error @returns {Promise<boolean>} whether it is to be sent all the same */
export async function warned(error) {
  return (await ask({ title: t("confirm.title"), text: error.in(lang()), actions: [{ id: "send", label: t("confirm.send"), kind: "primary" }] })) === "send";
}
