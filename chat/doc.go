// Package chat keeps conversations: who is in one, the log of what was said, how far each member has read it, and under
// which name each member is shown to the others.
//
// A [Service] holds the rules: who may do what, what a message may contain, that bodies and names are sealed before they
// are stored (A4), that a candidate's full name is masked until it was disclosed (T2). A [Store] holds rows and sees
// ciphertext only. Between them stand a few lanes, each a goroutine that owns the appends of its share of the
// conversations: it commits in one transaction all that queued while its last commit ran, answers the senders after the
// commit, and tells the [Hub] in the order of the log.
//
//	Send ─ Allow ─ member? ─ valid? ─ seal ─▶ lane ─▶ Store.Append (≤ 128 rows, one transaction)
//	                                           │ after the commit
//	                                 Ack ◀─────┴────▶ Hub.Committed
//
// Where a webhook is configured, each entry brings an event of ids (package outbox), in the same transaction: neither exists
// without the other.
//
// The log is the truth: an entry is durable before it is acknowledged, its seq is dense from 1 in its conversation, and
// (conversation, sender, client id) names it once, for ever. The hub is a hint and may lose everything.
//
// Package chat is not a transport (signal/gateway), not a policy on who may be introduced to whom (the platform's backend
// opens conversations), and makes no SQL (storage/db).
package chat
