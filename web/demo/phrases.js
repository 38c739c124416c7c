import { client } from "./app.js";
import { t } from "./strings.js";

/** Sentences to choose from: the person's own, or what the page suggests to a role that has none. */

/** @param {"greetings" | "replies"} what @returns {string[]} */
export function phrases(what) {
  const own = client().people.settings?.[what] ?? [];
  if (own.length) return own;
  if (what === "replies") return [t("phrase.later"), t("phrase.thanks"), t("phrase.when")];
  return client().role === "candidate" ? [t("phrase.hello.candidate"), t("phrase.hello.ask")] : [t("phrase.hello.match"), t("phrase.hello.team")];
}
