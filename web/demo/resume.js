import { otherName } from "./app.js";
import { fillIn } from "./form.js";
import { lang, t } from "./strings.js";

/** The demo's own resume and job: an application has them in its platform, here they are filled in and kept in this browser. */

/** @typedef {import("../client/wire.js").ResumeCard} ResumeCard */
/** @typedef {import("../client/wire.js").JobContent} Job */

const keys = { resume: "parley.demo.resume", job: "parley.demo.job" };
const files = ".pdf,.doc,.docx,.png,.jpg,.jpeg";

/** @type {Record<"zh" | "en", { resume: ResumeCard, job: Job }>} */
const examples = {
  zh: {
    resume: { title: "高级前端工程师", city: "杭州", years: 6, education: "本科", salary: "28–35K", skills: ["TypeScript", "WebRTC", "性能优化"], summary: "做过两款在线协作产品的前端，带过四人小组。" },
    job: { job: "demo-job-1", title: "高级前端工程师", company: "示例科技", city: "杭州", salary: "30–40K · 15 薪", tags: ["双休", "弹性工作", "五险一金"] },
  },
  en: {
    resume: { title: "Senior frontend engineer", city: "Hangzhou", years: 6, education: "Bachelor", salary: "28–35K", skills: ["TypeScript", "WebRTC", "Performance"], summary: "Built the front end of two collaboration products and led a team of four." },
    job: { job: "demo-job-1", title: "Senior frontend engineer", company: "Example Tech", city: "Hangzhou", salary: "30–40K × 15", tags: ["Weekends off", "Flexible hours", "Insurance"] },
  },
};

/** @param {import("../client/index.js").Conversation} c @returns {Promise<{ card: ResumeCard, file: File | undefined } | null>} null when it was given up */
export async function resumeForm(c) {
  const was = kept("resume");
  const hunter = c.others.some((m) => m.role === "headhunter");
  const given = await fillIn({
    title: t("resume.send"), text: t(hunter ? "resume.send.headhunter" : "resume.send.text", { name: otherName(c) }), submit: t("resume.send"),
    fields: [
      { name: "title", label: t("resume.title"), value: was.title, required: true, most: 60 },
      { name: "city", label: t("resume.city"), value: was.city, most: 30 },
      { name: "years", label: t("resume.years.label"), type: "number", value: was.years, least: 0, most: 60 },
      { name: "education", label: t("resume.education"), value: was.education, most: 30 },
      { name: "salary", label: t("resume.salary"), value: was.salary, most: 30 },
      { name: "skills", label: t("resume.skills"), value: was.skills?.join("、"), hint: t("resume.skills.hint"), most: 120 },
      { name: "summary", label: t("resume.summary"), type: "long", value: was.summary, most: 300 },
      ...(hunter ? [] : [{ name: "file", label: t("resume.file"), type: /** @type {const} */ ("file"), accept: files, hint: t("resume.file.hint") }]),
    ],
  });
  if (!given) return null;
  const card = { title: word(given, "title"), city: word(given, "city"), years: Number(given.get("years")) || 0, education: word(given, "education"), salary: word(given, "salary"), skills: list(given, "skills"), summary: word(given, "summary") };
  keep("resume", card);
  const file = given.get("file");
  return { card, file: file instanceof File && file.size > 0 ? file : undefined };
}

/** @returns {Promise<Job | null>} null when it was given up */
export async function jobForm() {
  const was = kept("job");
  const given = await fillIn({
    title: t("job.send"), submit: t("job.send"),
    fields: [
      { name: "title", label: t("job.title"), value: was.title, required: true, most: 60 },
      { name: "company", label: t("job.company"), value: was.company, most: 60 },
      { name: "city", label: t("resume.city"), value: was.city, most: 30 },
      { name: "salary", label: t("job.salary"), value: was.salary, most: 30 },
      { name: "tags", label: t("job.tags"), value: was.tags?.join("、"), hint: t("resume.skills.hint"), most: 120 },
    ],
  });
  if (!given) return null;
  const job = { job: was.job, title: word(given, "title"), company: word(given, "company"), city: word(given, "city"), salary: word(given, "salary"), tags: list(given, "tags") };
  keep("job", job);
  return job;
}

/** @param {FormData} given @param {string} name */
function word(given, name) {
  return String(given.get(name) ?? "").trim();
}

/** @param {FormData} given @param {string} name */
function list(given, name) {
  return word(given, name).split(/[、,，;；]/).map((s) => s.trim()).filter(Boolean).slice(0, 8);
}

/** @template {"resume" | "job"} K @param {K} what @returns {typeof examples["zh"][K]} */
function kept(what) {
  try {
    const own = JSON.parse(localStorage.getItem(keys[what]) ?? "null");
    if (own?.title) return own;
  } catch {
    // What somebody else wrote there is no resume.
  }
  return examples[lang()][what];
}

/** @param {"resume" | "job"} what @param {unknown} value */
function keep(what, value) {
  localStorage.setItem(keys[what], JSON.stringify(value));
}
