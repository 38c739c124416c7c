// The frames of subprotocol parley.v1 as TypeScript sees them; signal/PROTOCOL.md is the reference.
// Times are RFC 3339 strings, UTC. Only the library speaks in these words; pages see its classes.

export interface Conversation {
  id: string;
  title?: string;
  members: Member[];
  head: number;
  last?: Entry;
  unread: number;
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
  delivered: number;
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
  type: "text" | "interview" | "system" | (string & {});
  content: any;
}

export interface TextContent { text: string }
export interface InterviewContent { interview: string; state: string; reason?: string; duration_ms?: number }
export interface SystemContent { code: string; user?: string }

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
  "chat.send": [{ conversation: string; cid: string; type: string; content: unknown },
    { conversation: string; cid: string; seq: number; time: string; dup?: boolean }];
  "chat.read": [{ conversation: string; after?: number; before?: number; limit?: number },
    { conversation: string; entries: Entry[]; head: number }];
  "chat.mark": [{ conversation: string; delivered?: number; read?: number }, Done];
  "chat.disclose": [{ conversation: string }, Done];
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
