// Package people keeps what a person sets for themselves and against others: settings, who they hide from (T4), whom they
// block, notices (T10) and talent insight (T11), how many first contacts they have left today (T1), and whether their account
// is closed (R4).
//
//	conversation to be opened ─▶ MayOpen ─ does anybody refuse? ─▶ not_found
//	                                └ is the day's quota used up? ─▶ quota_exhausted
//	something to be sent ─▶ Admit ─ does the other side refuse? ─▶ closed
//
// A [Service] stands beside the log as its gate, its opener and its preferences. Hiding, blocking and a closed account come to
// the same refusal by the same steps, so that whoever is refused can't tell which it was.
//
// All that a person sets is one document, sealed with the key "people/<user>"; the [Store] sees keyed hashes and ciphertext
// (A4). A node remembers a document for [Fresh]: what is changed on another node holds here after that at the latest, what is
// changed here at once. What must never be late (opening a conversation, talent insight) is read anew each time.
//
// It sends nothing by itself, decides nothing about roles (package chat does, T1), and erases no names and no words.
package people
