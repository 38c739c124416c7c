/**
 * Errors as the library throws them: a stable id to act on, a text in Chinese and English to show, and whether
 * trying again helps. The server's errors come through unchanged; the table below holds those only a browser knows.
 */

/** @typedef {"zh" | "en"} Lang */

/** @type {Record<string, { zh: string, en: string, retry?: boolean }>} */
const local = {
  away: { zh: "连接已断开，正在重新连接。", en: "The connection is away; it is being restored.", retry: true },
  timeout: { zh: "服务器没有及时回应，请重试。", en: "The server did not answer in time; try again.", retry: true },
  closed: { zh: "会话已结束，请重新进入。", en: "The session has ended; please enter again." },
  replaced: { zh: "您已在别处进入这场面试。", en: "You entered this interview somewhere else." },
  too_long: { zh: "这条消息太长了，请分几条发送。", en: "This message is too long; send it in several parts." },
  internal: { zh: "出了点问题，请稍后重试。", en: "Something went wrong; try again shortly.", retry: true },
  unauthenticated: { zh: "无法确认您的身份，请重新登录。", en: "We could not confirm who you are; please sign in again." },
  not_found: { zh: "没有找到，或您无权查看。", en: "Not found, or not yours to see." },
  empty_file: { zh: "文件是空的。", en: "The file is empty." },
  camera_denied: { zh: "浏览器没有获准使用摄像头。", en: "The browser may not use the camera." },
  microphone_denied: { zh: "浏览器没有获准使用麦克风。", en: "The browser may not use the microphone." },
  device_missing: { zh: "没有找到摄像头或麦克风。", en: "No camera or microphone was found." },
  device_busy: { zh: "摄像头或麦克风正被其他程序占用。", en: "The camera or microphone is in use by another program." },
  media_unsupported: {
    zh: "当前页面无法使用摄像头和麦克风，请用 HTTPS 打开。",
    en: "This page can't use camera and microphone; open it over HTTPS.",
  },
  storing: { zh: "录制内容仍在存储中，请稍后再试。", en: "The recording is still being stored; try again shortly.", retry: true },
  playback_failed: { zh: "录制内容暂时无法播放，请重试。", en: "The recording can't be played just now; try again.", retry: true },
};

/** An error with a stable id and texts for people. `message` is for developers and never holds a person's data. */
export class ParleyError extends Error {
  /**
   * @param {string} id stable, listed in signal/PROTOCOL.md or in the table above
   * @param {{ text?: Record<string, string>, retry?: boolean, retryAfter?: number, cause?: unknown }} [more] retryAfter in milliseconds
   */
  constructor(id, { text, retry, retryAfter, cause } = {}) {
    const known = local[id];
    super(text?.en ?? known?.en ?? id, { cause });
    this.name = "ParleyError";
    this.id = id;
    /** @type {Record<string, string>} */
    this.text = text ?? { zh: (known ?? local.internal).zh, en: (known ?? local.internal).en };
    this.retry = retry ?? known?.retry ?? false;
    this.retryAfter = retryAfter ?? 0;
  }

  /**
   * @param {string} lang
   * @returns {string} the text in that language, in Chinese when there is none
   */
  in(lang) {
    return this.text[lang.slice(0, 2)] ?? this.text.zh ?? this.message;
  }

  /**
   * @param {import("./wire.js").Refusal} refusal the body of an error frame
   * @returns {ParleyError}
   */
  static ofFrame(refusal) {
    return new ParleyError(refusal.id, { text: refusal.text, retry: refusal.retry ?? false, retryAfter: refusal.retry_after });
  }

  /**
   * @param {number} status of an HTTP answer
   * @param {any} body its JSON, if it is any
   * @param {number} [after] its Retry-After in seconds
   * @returns {ParleyError}
   */
  static ofAnswer(status, body, after = 0) {
    const error = body?.error ?? body;
    if (typeof error?.id === "string" && error.text) return ParleyError.ofFrame({ ...error, retry_after: after * 1000 });
    if (status === 401) return new ParleyError("unauthenticated");
    return new ParleyError(status === 404 || status === 403 ? "not_found" : "internal");
  }

  /**
   * @param {unknown} error anything caught
   * @returns {ParleyError} itself when it is one already, an "internal" one around it otherwise
   */
  static of(error) {
    return error instanceof ParleyError ? error : new ParleyError("internal", { cause: error });
  }
}
