// The frames of subprotocol parley.v1 as TypeScript sees them; signal/PROTOCOL.md is the reference.
// Times are RFC 3339 strings, UTC. Only the library speaks in these words; pages see its classes.

export interface Conversation {
  id: string;
  title?: string;
  members: Member[];
  head: number;
  last?: Entry;
  unread: number;
  /** Something was exchanged here and holds. */
  exchanged?: boolean;
  /** The state of the last appointment. */
  appointment?: AppointmentStep;
}

export interface Member {
  user: string;
  role: Role;
  name: string;
  /** The server shows less than the full name (T2). */
  masked?: boolean;
  company?: string;
  /** The member let the others see the full name. */
  disclosed?: boolean;
  /** Has sent something. */
  spoke?: boolean;
  delivered: number;
  /** 0 of another who has switched receipts off. */
  read: number;
}

export type Role = "candidate" | "recruiter" | "headhunter" | "viewer" | "service" | (string & {});

export interface Entry {
  conversation: string;
  seq: number;
  /** Absent for the system. */
  sender?: string;
  cid?: string;
  time: string;
  type: keyof Contents | (string & {});
  /** One of Contents by type; {recalled: true} of an entry that was recalled, {erased: true} of one that was deleted. */
  content: any;
  /** Less than the sender wrote (T6). */
  masked?: boolean;
  /** A later entry changed this one: its content is that of the edit, or {recalled: true} (E1). */
  revised?: Revised;
}

export interface Revised { seq: number; kind: "edit" | "recall" | (string & {}) }

/** What an entry holds, by its type. */
export interface Contents {
  text: TextContent;
  picture: MediaContent;
  voice: MediaContent;
  video: MediaContent;
  file: MediaContent;
  resume: ResumeContent;
  job: JobContent;
  edit: { target: number; text: string };
  recall: { target: number };
  reaction: ReactionContent;
  exchange: ExchangeContent;
  appointment: AppointmentContent;
  call: CallContent;
  interview: InterviewContent;
  system: SystemContent;
}

/** reply is the seq of the entry that is answered. */
export interface TextContent { text: string; reply?: number }
/** A client sends attachment, text and reply; the rest is what the server found. */
export interface MediaContent {
  attachment: string;
  text?: string;
  reply?: number;
  name?: string;
  media?: string;
  size?: number;
  width?: number;
  height?: number;
  duration_ms?: number;
  thumb?: boolean;
}
/** The attachment is there for recruiters only (T6). */
export interface ResumeContent { card: ResumeCard; attachment?: string; name?: string; media?: string; size?: number }
/** No name and no contact. */
export interface ResumeCard {
  title: string;
  city?: string;
  years?: number;
  education?: string;
  salary?: string;
  skills?: string[];
  summary?: string;
}
export interface JobContent { job: string; title: string; company?: string; city?: string; salary?: string; tags?: string[] }
export interface ReactionContent { target: number; emoji: string; off?: boolean }

export type What = "phone" | "wechat" | "resume";
export type ExchangeStep = "requested" | "accepted" | "declined" | "expired" | "withdrawn" | "unavailable";
export interface ExchangeContent { exchange: string; what: What; step: ExchangeStep; by?: string }
export type AppointmentStep = "invited" | "accepted" | "declined" | "rescheduled" | "cancelled" | "no_show";
export interface AppointmentContent { appointment: string; step: AppointmentStep; by?: string; at: string; minutes: number; note?: string }
export interface CallContent { call: string; by: string; state: "answered" | "missed" | "failed"; duration_ms?: number; recorded?: boolean }
export interface InterviewContent { interview: string; state: string; reason?: string; duration_ms?: number }
export interface SystemContent { code: string; user?: string; company?: string; text?: Record<string, string> }

export interface ExchangeState { conversation: string; exchange: string; what: What; state: ExchangeStep; by: string; until?: string }
export interface ExchangeValue { exchange: string; what: What; value?: string; seq?: number }
export interface AppointmentState {
  conversation: string;
  appointment: string;
  state: AppointmentStep;
  at: string;
  minutes: number;
  turn?: "candidate" | "recruiter" | (string & {});
}

export interface Presence { conversation: string; here: string[] | null }
export interface Typing { conversation: string; user?: string }
export interface Found { entries: Entry[] | null; searched: string; more?: boolean }

/** The signed head of a conversation's log (E6); hashes are hexadecimal, the signature base64. */
export interface ChatReceipt {
  conversation: string;
  seal: number;
  prev: string;
  entries: number;
  head: string;
  tree: number;
  before: string;
  root: string;
  proof: string[] | null;
  leaf: number;
  leaves: number;
  time: string;
  key: string;
  signature: string;
}

/** What one sets for oneself. hide and insight are a candidate's (T4, T11). */
export interface Settings {
  receipts: boolean;
  presence: boolean;
  hide: Hide;
  insight: boolean;
  /** Channels by class; what is not there is off (T10). */
  notices: Record<string, Channel[]> | null;
  reminders: Channel[] | null;
  quiet: Quiet;
  greetings: string[] | null;
  replies: string[] | null;
}
export type Channel = "push" | "sms" | "mail";
export interface Hide { everybody?: boolean; headhunters?: boolean; companies?: string[] }
/** "22:00" to "08:00" in a zone of the IANA's database; both empty for none. */
export interface Quiet { from?: string; to?: string; zone?: string }

export interface Blocked { user?: string; company?: string; conversation: string; since: string }
export type ReportReason = "harassment" | "fraud" | "fake_job" | "fake_identity" | "discrimination" | "other";
export interface Quota { limit: number; left: number; warn?: boolean; resets: string }
/** Of the last 24 hours (T11); hours of the day in Asia/Shanghai. */
export interface Insight { conversation: string; user: string; started: number; received: number; replies: number; active_hours: number[] | null }

export interface Interview {
  id: string;
  conversation: string;
  state: "open" | "live" | "ended";
  reason?: string;
  participants: Participant[];
  notice: string;
  live?: string;
  ended?: string;
  recording: boolean;
  recorded_since?: string;
}

export interface Participant {
  user: string;
  role: Role;
  name: string;
  consent: "asked" | "agreed" | "agreed_audio" | "declined" | "withdrawn";
  present: boolean;
  away?: boolean;
  media?: MediaLine[];
}

export type Label = "microphone" | "camera" | "screen";
export interface MediaLine { track: number; label: Label; muted?: boolean }

export interface ReceiptHead {
  recording: string;
  head: string;
  entries: number;
  time: string;
  key: string;
  /** Base64. */
  signature: string;
}

export type PC = "pub" | "sub";
export interface RTCTrack { mid: string; user?: string; label: Label }
export interface Candidate { interview: string; pc: PC; candidate: string; mid?: string; line?: number }
export interface Description { interview: string; pc: PC; sdp: string }

export interface Text {
  version: string;
  purpose: string;
  title: Record<string, string>;
  body: Record<string, string>;
  retention_months: number;
}

export interface Welcome {
  session: string;
  user: string;
  role: Role;
  time: string;
  until: string;
  ping_seconds: number;
  conversations: Conversation[];
  interviews: Interview[];
}

export interface Refusal { id: string; text: Record<string, string>; retry?: boolean; retry_after?: number }

/** What the server sends without being asked. */
export interface Pushes {
  "ping": { time: string; heads?: Record<string, number> };
  "bye": { reason: "drain" | "expired" | "revoked" | "replaced" | (string & {}); retry_after?: number };
  "chat.entry": Entry;
  "chat.cursor": { conversation: string; user: string; delivered: number; read: number };
  "chat.dirty": { conversation: string; head: number };
  "chat.truncated": { conversation: string; from: number; head: number };
  "chat.conversation": Conversation;
  "chat.typing": Typing;
  "presence": Presence;
  "chat.receipt": ChatReceipt;
  "exchange.state": ExchangeState;
  "appointment.state": AppointmentState;
  "settings": Settings;
  "quota": Quota;
  "interview.state": Interview;
  "interview.dropped": { interview: string; reason: "replaced" | "failed" | "consent" | "revoked" | "token_expired" | (string & {}) };
  "interview.receipt": { interview: string; heads: ReceiptHead[] };
  "rtc.offer": Description & { tracks?: RTCTrack[] };
  "rtc.answer": Description;
  "rtc.candidate": Candidate;
}

type Done = Record<string, never>;
type Ref = { interview: string };

/** What a client asks, and what answers it. */
export interface Requests {
  "hello": [{ token: string; device?: string; client?: string; lang?: string; resume?: Record<string, number> }, Welcome];
  "renew": [{ token: string }, Done];
  "ping": [{ time: string }, { time: string }];
  "chat.send": [{ conversation: string; cid: string; type: string; content: unknown; confirmed?: boolean },
    { conversation: string; cid: string; seq: number; time: string; dup?: boolean; changed?: boolean }];
  "chat.read": [{ conversation: string; after?: number; before?: number; limit?: number },
    { conversation: string; entries: Entry[]; head: number }];
  "chat.mark": [{ conversation: string; delivered?: number; read?: number }, Done];
  "chat.disclose": [{ conversation: string }, Done];
  "chat.typing": [Typing, Done];
  "chat.presence": [{ conversation: string }, Presence];
  "chat.search": [{ query: string; conversation?: string; before?: string; limit?: number }, Found];
  "chat.receipt.get": [{ conversation: string }, ChatReceipt];
  "chat.report": [{ conversation: string; cid: string; seqs: number[]; reason: ReportReason; note?: string }, { report: string }];
  "exchange.request": [{ conversation: string; cid: string; what: What; value?: string; card?: ResumeCard; attachment?: string;
    confirmed?: boolean }, ExchangeState];
  "exchange.answer": [{ conversation: string; exchange: string; accept: boolean; value?: string; card?: ResumeCard; attachment?: string;
    confirmed?: boolean }, ExchangeState];
  "exchange.withdraw": [{ conversation: string; exchange: string }, ExchangeState];
  "exchange.read": [{ conversation: string; exchange: string }, ExchangeValue];
  "appointment.invite": [{ conversation: string; cid: string; at: string; minutes: number; note?: string; confirmed?: boolean }, AppointmentState];
  "appointment.act": [{ conversation: string; appointment: string; act: "accept" | "decline" | "reschedule" | "cancel" | "no_show";
    at?: string; minutes?: number; note?: string; confirmed?: boolean }, AppointmentState];
  "attach.open": [{ conversation: string; seq: number; thumb?: boolean; download?: boolean }, { url: string; until: string }];
  "settings.get": [Done, Settings];
  "settings.set": [Partial<Settings>, Settings];
  "people.block": [{ conversation: string; user: string; company?: boolean; off?: boolean }, Done];
  "people.blocks": [Done, { blocks: Blocked[] | null }];
  "quota.get": [Done, Quota];
  "insight.get": [{ conversation: string }, Insight];
  "interview.open": [{ conversation: string }, Interview];
  "interview.consent": [{ interview: string; version: string; agree: boolean; audio_only?: boolean }, Done];
  "interview.withdraw": [Ref, Done];
  "interview.join": [Ref, Interview];
  "interview.resume": [{ interview: string; session: string }, Interview];
  "interview.receipts": [Ref, { interview: string; heads: ReceiptHead[] | null }];
  "interview.leave": [Ref, Done];
  "interview.end": [Ref, Done];
  "interview.mute": [{ interview: string; label: Label; muted: boolean }, Done];
  "rtc.offer": [Description & { tracks: RTCTrack[] }, Done | Description];
  "rtc.answer": [Description, Done];
  "rtc.candidate": [Candidate, Done];
  "rtc.restart": [Ref, Done];
  "text.get": [{ version: string }, Text];
}

/** The answer of GET /v1/interviews/{id}/recording. */
export interface RecordingSet {
  interview: string;
  parts: RecordingPart[];
}

export interface RecordingPart {
  recording: string;
  state: "recording" | "sealed" | "recovered" | "failed" | (string & {});
  /** Can be played and downloaded. False of a sealed part while it is on its way to the store. */
  available: boolean;
  started: string;
  duration_ms: number;
  /** Once sealed. */
  head?: ReceiptHead;
  sides: RecordingSide[];
  gaps: RecordingGap[] | null;
}

export interface RecordingSide {
  user: string;
  name: string;
  /** Same origin, valid 60 s to start; asked again for a fresh one. Absent when there is nothing to play, or not yet. */
  url?: string;
  /** The first picture or sound, from the part's start. */
  start_ms?: number;
  duration_ms: number;
  tracks: { kind: "audio" | "video" | (string & {}); codec: string; label: Label }[] | null;
}

export interface RecordingGap { user: string; from_ms: number; to_ms: number; reason: string }
