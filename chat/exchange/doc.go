// Package exchange is how two sides of a conversation give each other what the log never shows: a virtual number, their
// WeChat ids, a resume. One side asks, the other accepts or declines, and either may take it back.
//
//	           ┌─ declined, expired, withdrawn, unavailable     final
//	requested ─┤
//	           └─ (agreed ─▶) accepted ─▶ (withdrawing ─▶) withdrawn
//
// An exchange is a [chat.Thing]: each step is one transaction with the entry that tells of it, so the log is its history, a
// step is taken once, and whoever comes second finds another state. Table [steps] says which step who may take. "agreed"
// and "withdrawing" exist for resumes, whose entry appears and is hidden by an entry of its own beside the step's: a crash
// between the two leaves one of them, and [Service.Run] takes it further.
//
// What is given lies sealed beside the thing, under the key of the member who gave it, and goes with the last step: a
// declined, expired or withdrawn exchange holds nothing. A number is not kept at all, [Numbers] is asked each time. So
// nothing is readable before both have agreed nor after one of them has not any more (R3), and the real phone is never
// known here (T5). Where a headhunter is a member, there is no WeChat exchange and no resume's file (T6).
//
// It knows nothing of numbers, files and people but what it is handed.
package exchange
