// Package attach keeps what people send beside words: pictures, voice, video, files and resumes. All of it passes through the
// server both ways, so that nobody gets more than the sender meant to give, and the store never sees more than ciphertext.
//
//	Put (≤ 8 MiB) ───────────────────────────────┐
//	Begin ─ Append ─ Append ─ … (sealed parts) ──┴▶ examine ─ strip ─ thumbnail ─ seal in blocks ─▶ Bucket
//	                                                                                                │
//	chat.send names it ─▶ Describe          attach.open ─ member? T6 ─ T9 ─▶ grant ─▶ Content ◀─────┘
//
// What a file is, its first bytes say, not its name; what is not on the list is refused with words that help. Pictures and films
// lose what tells where they were made (package strip). Everything is sealed with a key drawn from that of (conversation, sender),
// so that erasing one side's words takes its files (R2), in blocks, so that a range is read without the rest.
//
// Each object stands in the [Store] before it is put, so a crash leaves nothing that [Service.Run] does not find. An upload that is
// not finished within [Life], and an attachment that nobody has sent by then, go.
//
// The package knows no HTTP (internal/admin) and decides nothing about who may talk to whom (package chat).
package attach
