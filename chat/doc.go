// Package chat keeps conversations: who is in one, the log of what was said, how far each member has read it, and under
// which name each member is shown to the others.
//
// A [Service] holds the rules: who may do what, what a message may contain, that bodies and names are sealed before they
// are stored (A4), that a candidate's full name is masked until it was disclosed (T2). A [Store] holds rows and sees
// ciphertext only. Between them stand a few lanes, each a goroutine that owns the appends of its share of the
// conversations: it commits in one transaction all that queued while its last commit ran, answers the senders after the
// commit, and tells the [Hub] in the order of the log.
//
//	Begin ─ Allow ─ member? ─ valid? ─ gates? ─ seal ─▶ lane ─▶ Store.Append (≤ 128 rows, one transaction)
//	                                                     │ after the commit
//	                                            wait ◀───┴────▶ Hub.Committed
//
// Everything that lasts is an entry of the same log, so whoever has read up to a seq has missed nothing. An edit or a recall
// is an entry that names its target: from then on the target is shown changed, and stays in the log as it was (E1). What
// goes from state to state, an exchange or an appointment, is a [Thing]: a step and the entry that tells of it are one
// transaction. Where members see less than somebody wrote, what was written is sealed behind it, as evidence.
//
// What people write passes the gates, and new conversations the openers: domains above this one that know who hides from
// whom and what may be said (see [Neighbours]). What the server writes passes none. Domains build on the log by
// [Service.Enter], [Service.Admit] and [Service.Put].
//
// Where a webhook is configured, each entry brings an event of ids (package outbox), in the same transaction: neither exists
// without the other.
//
// The log is the truth: an entry is durable before it is acknowledged, its seq is dense from 1 in its conversation, and
// (conversation, sender, client id) names it once, for ever. The hub is a hint and may lose everything.
//
// Package chat is not a transport (signal/gateway), not a policy on who may be introduced to whom or what may be said (its
// neighbours, below this folder), and makes no SQL (storage/db).
package chat
