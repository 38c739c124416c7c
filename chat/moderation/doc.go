// Package moderation decides what people may write: words and patterns of an operator's rules file, contacts by the role of
// who receives them, mutes and bans, a webhook that may veto. It also takes what people report.
//
//	Attempt ─ muted? ─▶ texts of the content ─▶ fold ─▶ findings ─▶ action by role ─▶ veto? ─▶ the log
//	                                             │                      │
//	                     one form for Ⅰ②３ and 一二三      allow < confirm < mask < refuse
//
// A [Service] is a [chat.Gate] and knows no other way into the log. Its [Rules] are immutable and replaced as a whole when
// the file changes; a file that can't be read keeps the old ones. RULES.md beside this file is for who writes them.
//
// Contacts are numbers, ids of other messengers, addresses of mail and of the web, however they are spelt. Where a headhunter takes
// part they are masked at least, whatever the rules say (T6). What may as well be an amount, a date or the number of an order is let through, but not
// where a headhunter takes part.
//
// A report fixes which entries it is about by their digests in the conversation's chain (E1, E6); it holds no message. Package moderation reads no
// pictures and no sound, and it doesn't join what somebody spreads over several messages.
package moderation
