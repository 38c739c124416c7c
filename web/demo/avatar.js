import { h } from "./dom.js";

/** A coloured first letter in place of a picture. @param {{ name: string, role: string } | undefined} member */
export function avatar(member) {
  return h("span", { class: `avatar ${member?.role ?? ""}`, "aria-hidden": "true" }, (member?.name ?? "?").slice(0, 1));
}
